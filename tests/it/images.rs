//! Images from `read` to the model: on every protocol, in every sandbox, as whole runs of the real binary.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hob::domain::message::Usage;
use serde_json::{Value, json};

use crate::faults::assert_each_call_has_its_result;
use crate::prefix::kept;
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::png::{png, png_of};
use crate::scene::{Ran, Scene, fixture};

/// One that sees, of each protocol.
const SEEING: [&str; 3] = ["anthropic/claude-sonnet-5", "openai/gpt-5-mini", "openai-chat/gpt-5-mini"];

const OPENED: &str = "github/issues.opened.json";

const COMMENTED: &str = "github/issue_comment.created.json";

/// A checkout with these images, and an agent for each kind of sandbox.
fn scene(images: &[(&str, Vec<u8>)]) -> Scene {
    let agent = |keys: &str| format!("---\ndescription: x\n{keys}---\nLook.\n");
    let scene = Scene::new()
        .file("agents/virtual.md", &agent("sandbox: virtual\n"))
        .file("agents/local.md", &agent("sandbox: local\n"))
        .file("agents/narrow.md", &agent("compaction: { window: 6000 }\n"));
    for (name, bytes) in images {
        std::fs::write(scene.workspace().join(name), bytes).unwrap();
    }
    scene
}

fn command(scene: &Scene, server: &ModelServer, model: &str, agent: &str, event: &str) -> std::process::Command {
    let event = fixture(event).display().to_string();
    let mut command = scene.command(["run", agent, "--event", &event, "--model", model]);
    for vendor in ["ANTHROPIC", "OPENAI", "MISTRAL", "GEMINI"] {
        command.env(format!("{vendor}_API_KEY"), KEY).env(format!("{vendor}_BASE_URL"), &server.url);
    }
    command
}

fn run(scene: &Scene, server: &ModelServer, model: &str, agent: &str, event: &str) -> Ran {
    let ran = scene.end(command(scene, server, model, agent, event));
    assert_each_call_has_its_result(&server.bodies());
    ran
}

fn reads(calls: &[(&str, &str)]) -> Reply {
    let asks =
        calls.iter().fold(answer().text("I look."), |asks, (id, path)| asks.call(id, "read", json!({ "path": path })));
    asks.end_tools()
}

fn says(text: &str) -> Reply {
    answer().text(text).end()
}

/// How often an image stands in a request, in base64.
fn shown(body: &Value, image: &[u8]) -> usize {
    body.to_string().matches(&STANDARD.encode(image)).count()
}

/// The results of the log, what the model read of each.
fn results(scene: &Scene) -> Vec<Value> {
    let log = scene.log();
    log.iter().filter(|entry| entry["kind"] == "tool_result").map(|entry| entry["body"].clone()).collect()
}

#[test]
fn what_a_model_saw_stays_where_it_was_after_a_kill_and_in_the_next_run() {
    let (red, blue) = (png(30, 1), png(40, 2));
    for (model, agent) in SEEING.iter().flat_map(|model| [(*model, "virtual"), (*model, "local")]) {
        let scene = scene(&[("red.png", red.clone()), ("blue.png", blue.clone())]);
        let server = ModelServer::start([
            reads(&[("c1", "red.png")]),
            reads(&[("c2", "blue.png"), ("c3", "red.png")]),
            reads(&[("c4", "agents/local.md")]),
            says("Red and blue."),
            says("Still."),
        ]);
        let mut killed = command(&scene, &server, model, agent, OPENED);
        killed.env("HOB_FAILPOINT", "answered:3");
        assert_eq!(scene.end(killed).code(), None, "{model}");
        for event in [OPENED, COMMENTED] {
            let ran = run(&scene, &server, model, agent, event);
            assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        }
        let bodies = server.bodies();
        assert_eq!((bodies.len(), kept(&bodies)), (5, 4), "{model} {agent}");
        let seen: Vec<_> = bodies.iter().map(|body| (shown(body, &red), shown(body, &blue))).collect();
        assert_eq!(seen, [(0, 0), (1, 0), (2, 1), (2, 1), (2, 1)], "{model} {agent}");
    }
}

#[test]
fn a_kill_anywhere_in_a_turn_of_images_changes_nothing_that_was_sent() {
    let (red, blue) = (png(30, 1), png(40, 2));
    for place in ["tool-ran:1", "within-batch:1", "batch-done:1", "streaming:2"] {
        let scene = scene(&[("red.png", red.clone()), ("blue.png", blue.clone())]);
        let script = [reads(&[("c1", "red.png"), ("c2", "blue.png")]), says("Both."), says("Still.")];
        let server = ModelServer::by_turn(script);
        let mut killed = command(&scene, &server, SEEING[0], "virtual", OPENED);
        killed.env("HOB_FAILPOINT", place);
        assert_eq!(scene.end(killed).code(), None, "{place}");
        for event in [OPENED, COMMENTED] {
            let ran = run(&scene, &server, SEEING[0], "virtual", event);
            assert_eq!(ran.code(), Some(0), "{place}: {}", ran.transcript());
        }
        let bodies = server.bodies();
        assert_eq!(kept(&bodies), bodies.len() - 1, "{place}");
        let last = bodies.last().unwrap();
        assert_eq!((shown(last, &red), shown(last, &blue), results(&scene).len()), (1, 1, 2), "{place}");
    }
}

#[test]
fn who_works_on_a_task_sees_and_goes_on_seeing_in_the_next_process() {
    let red = png(30, 1);
    let scene = scene(&[("red.png", red.clone())])
        .file("agents/lead.md", "---\ndescription: x\nsubagents: [finder]\n---\nLead.\n")
        .file("agents/finder.md", "---\ndescription: Looks\ntools: [read]\n---\nLook.\n");
    let task = json!({ "agent": "finder", "prompt": "Which colour?" });
    let server = ModelServer::start([
        answer().call("t1", "task", task).end_tools(),
        reads(&[("c1", "red.png")]),
        says("Red."),
        says("It is red."),
    ]);
    let mut killed = command(&scene, &server, SEEING[0], "lead", OPENED);
    killed.env("HOB_FAILPOINT", "batch-done:1");
    assert_eq!(scene.end(killed).code(), None);
    let ran = run(&scene, &server, SEEING[0], "lead", OPENED);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let bodies = server.bodies();
    assert_eq!(bodies.iter().map(|body| shown(body, &red)).collect::<Vec<_>>(), [0, 0, 1, 0]);
    assert_eq!(kept(&bodies[1..3]), 1);
}

#[test]
fn the_log_names_an_image_and_people_read_a_line_of_it() {
    let scene = scene(&[("red.png", png(30, 1))]);
    let server = ModelServer::start([reads(&[("c1", "red.png")]), says("Red.")]);
    let ran = run(&scene, &server, SEEING[0], "virtual", OPENED);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let result = results(&scene).remove(0);
    assert_eq!(result["content"], "`red.png` is a PNG image of 30 x 30 pixels, 998 bytes.");
    let blob = result["images"][0]["blob"].as_str().unwrap();
    assert_eq!(std::fs::read(scene.bundle().join("blobs").join(blob)).unwrap(), png(30, 1));
    let said = server.bodies()[1]["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(said["content"][0]["text"], "The image of the results above: `red.png`.");
    assert_eq!(said["content"][1]["source"]["media_type"], "image/png");
    let listed = scene.hob(["show", &id(&scene)]).stdout();
    let line = listed.lines().find(|line| line.contains("  image    ")).unwrap_or_else(|| panic!("{listed}"));
    assert!(line.ends_with("red.png (image/png, 998 bytes)"), "{line}");
}

/// A name of the session: its first run.
fn id(scene: &Scene) -> String {
    scene.log().iter().find_map(|entry| Some(entry["body"]["run"].as_str()?.to_owned())).unwrap()
}

#[test]
fn a_model_that_is_not_known_to_see_is_told_what_the_file_is() {
    for model in ["anthropic/scripted", "openai/scripted", "openai-chat/scripted"] {
        let scene = scene(&[("red.png", png(30, 1))]);
        let server = ModelServer::start([reads(&[("c1", "red.png")]), says("No image.")]);
        assert_eq!(run(&scene, &server, model, "virtual", OPENED).code(), Some(0), "{model}");
        let result = results(&scene).remove(0);
        assert_eq!(result["content"], "`red.png` is a PNG image of 998 bytes and is not shown.", "{model}");
        assert_eq!((result["is_error"].as_bool(), result.get("images")), (Some(true), None), "{model}");
        assert_eq!(shown(&server.bodies()[1], &png(30, 1)), 0, "{model}");
    }
}

#[test]
fn what_cannot_be_shown_is_said_and_what_was_shown_stays() {
    let cut = png(30, 1)[..60].to_vec();
    let (large, wide) = ([png(30, 1), vec![0; 3_750_000]].concat(), png_of(8001, 2, 1));
    let half = |grey| png(1900, grey);
    let secret = [png(30, 9), KEY.as_bytes().to_vec()].concat();
    let names = ["cut.png", "large.png", "wide.png", "secret.png", "1.png", "2.png", "3.png", "4.png"];
    let files = [cut, large, wide, secret, half(1), half(2), half(3), half(4)];
    let scene = scene(&names.into_iter().zip(files).collect::<Vec<_>>());
    let calls: Vec<(&str, &str)> = names.iter().map(|name| (*name, *name)).collect();
    let server = ModelServer::start([reads(&calls), says("Three.")]);
    let ran = run(&scene, &server, SEEING[0], "virtual", OPENED);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let said: Vec<String> =
        results(&scene).iter().map(|result| result["content"].as_str().unwrap().to_owned()).collect();
    insta::assert_snapshot!(said.join("\n"));
    let body = &server.bodies()[1];
    assert_eq!([1, 2, 3, 4].map(|grey| shown(body, &half(grey))), [1, 1, 1, 0]);
}

#[test]
fn no_more_images_are_shown_than_the_vendor_takes() {
    let images: Vec<(String, Vec<u8>)> = (0..10).map(|n| (format!("{n}.png"), png(8, n))).collect();
    let scene = scene(&images.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect::<Vec<_>>());
    let calls: Vec<(&str, &str)> = images.iter().map(|(name, _)| (&name[..1], name.as_str())).collect();
    let server = ModelServer::start([reads(&calls), says("Eight.")]);
    let ran = run(&scene, &server, "mistral/mistral-medium-3-5", "virtual", OPENED);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let body = &server.bodies()[1];
    assert_eq!(images.iter().filter(|(_, image)| shown(body, image) == 1).count(), 8);
    let last = results(&scene).pop().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(
        last.ends_with("\n[`9.png` is not shown: no more than 8 images can be shown at once; say what you saw of the others, then read it again]"),
        "{last}"
    );
}

#[test]
fn those_that_were_read_make_room_for_others() {
    let images: Vec<(String, Vec<u8>)> = (0..9).map(|n| (format!("{n}.png"), png(8, n))).collect();
    let scene = scene(&images.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect::<Vec<_>>());
    let calls: Vec<(&str, &str)> = images.iter().map(|(name, _)| (&name[..1], name.as_str())).collect();
    let server = ModelServer::start([
        reads(&calls[..4]),
        reads(&calls[4..8]),
        says("Four were grey."),
        reads(&calls[8..]),
        says("All grey."),
    ]);
    let ran = run(&scene, &server, "mistral/mistral-medium-3-5", "virtual", OPENED);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let bodies = server.bodies();
    let seen: Vec<String> =
        bodies.iter().map(|body| images.iter().map(|(_, image)| shown(body, image).to_string()).collect()).collect();
    assert_eq!(seen, ["000000000", "111100000", "000000000", "000011110", "000011111"]);
    assert_eq!((kept(&bodies[..2]), kept(&bodies[3..])), (1, 1));
}

#[test]
fn an_image_that_the_vendor_refuses_does_not_end_the_conversation() {
    for model in SEEING {
        let (red, blue) = (png(30, 1), png(40, 2));
        let scene = scene(&[("red.png", red.clone()), ("blue.png", blue.clone())]);
        let error = json!({ "error": { "type": "invalid_request_error", "message": "Could not process image" } });
        let server = ModelServer::start([
            reads(&[("c1", "red.png")]),
            reads(&[("c2", "blue.png")]),
            Reply::status(400).body(error.to_string()),
            says("Red, then."),
            says("Still."),
        ]);
        for event in [OPENED, COMMENTED] {
            let ran = run(&scene, &server, model, "virtual", event);
            assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        }
        let bodies = server.bodies();
        let seen: Vec<_> = bodies.iter().map(|body| (shown(body, &red), shown(body, &blue))).collect();
        assert_eq!(seen, [(0, 0), (1, 0), (1, 1), (1, 0), (1, 0)], "{model}");
        assert!(bodies[4].to_string().contains("the model's service refused the request that held it"), "{model}");
        assert_eq!(kept(&bodies[3..]), 1, "{model}");
    }
}

#[test]
fn an_image_that_is_gone_or_damaged_is_named_and_nothing_is_sent() {
    let red = png(30, 1);
    for damage in ["gone", "damaged"] {
        let scene = scene(&[("red.png", red.clone())]);
        let server = ModelServer::start([reads(&[("c1", "red.png")]), says("Red.")]);
        assert_eq!(run(&scene, &server, SEEING[0], "virtual", OPENED).code(), Some(0));
        let digest = results(&scene)[0]["images"][0]["blob"].as_str().unwrap().to_owned();
        let blob = scene.bundle().join("blobs").join(&digest);
        match damage {
            "gone" => std::fs::remove_file(blob).unwrap(),
            _ => std::fs::write(blob, "x").unwrap(),
        }
        let ran = run(&scene, &server, SEEING[0], "virtual", COMMENTED);
        assert_ne!(ran.code(), Some(0), "{damage}: {}", ran.transcript());
        assert!(ran.stderr().contains(&digest), "{damage}: {}", ran.transcript());
        assert_eq!(server.bodies().len(), 2, "{damage}");
    }
}

#[test]
fn an_image_leaves_the_conversation_with_the_turn_that_a_summary_stands_for() {
    for model in SEEING {
        let red = png(30, 1);
        let scene = scene(&[("red.png", red.clone())]);
        let usage = Usage { input: 5900, output: 5, ..Usage::default() };
        let looks = answer().call("c2", "glob", json!({ "pattern": "*.png" })).usage(usage).end_tools();
        let server =
            ModelServer::start([reads(&[("c1", "red.png")]), looks, says("It is red."), says("Red."), says("Still.")]);
        for event in [OPENED, COMMENTED] {
            let ran = run(&scene, &server, model, "narrow", event);
            assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        }
        let bodies = server.bodies();
        let seen: Vec<_> = bodies.iter().map(|body| shown(body, &red)).collect();
        assert_eq!(seen, [0, 1, 0, 0, 0], "{model}");
        let asked = bodies[2].to_string();
        assert!(asked.contains("is a PNG image of 30 x 30 pixels"), "{model}: {asked}");
    }
}

#[test]
fn an_image_travels_with_its_session_and_goes_with_it() {
    let red = png(30, 1);
    let scene = scene(&[("red.png", red.clone())]);
    let server = ModelServer::start([reads(&[("c1", "red.png")]), says("Red."), says("Still.")]);
    assert_eq!(run(&scene, &server, SEEING[0], "virtual", OPENED).code(), Some(0));
    let id = id(&scene);
    #[cfg(feature = "sqlite")]
    let other = format!("sqlite:{}", scene.beside("other.db").display());
    #[cfg(not(feature = "sqlite"))]
    let other = scene.beside("other").display().to_string();
    let exported = scene.hob(["export", &id, "--to", &other]);
    assert_eq!(exported.code(), Some(0), "{}", exported.transcript());
    let forgotten = scene.hob(["forget", &id, "--yes"]);
    assert_eq!(forgotten.code(), Some(0), "{}", forgotten.transcript());
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&red));
    let left = walk(&scene.store()).into_iter().filter(|path| path.contains(&digest)).count();
    assert_eq!(left, 0);
    let imported = scene.hob(["import", &other]);
    assert_eq!(imported.code(), Some(0), "{}", imported.transcript());
    assert_eq!(run(&scene, &server, SEEING[0], "virtual", COMMENTED).code(), Some(0));
    let bodies = server.bodies();
    assert_eq!((kept(&bodies), shown(&bodies[2], &red)), (2, 1));
}

/// Every file below a directory.
fn walk(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] }).collect()
}

#[test]
fn a_recording_of_a_run_that_saw_plays_without_a_model() {
    let red = png(30, 1);
    let recorded = scene(&[("red.png", red.clone())]);
    let tape = recorded.beside("tape.jsonl");
    let server = ModelServer::start([reads(&[("c1", "red.png")]), says("Red.")]);
    let mut recording = command(&recorded, &server, SEEING[0], "virtual", OPENED);
    recording.arg("--record").arg(&tape);
    assert_eq!(recorded.end(recording).code(), Some(0));
    let replayed = scene(&[("red.png", red)]);
    let model = format!("replay/{}", tape.display());
    let ran = run(&replayed, &server, &model, "virtual", OPENED);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stdout().contains("Red.") && !ran.stderr().contains("not asked what it was"), "{}", ran.transcript());
    assert_eq!(results(&replayed)[0]["images"], results(&recorded)[0]["images"]);
}
