//! A whole run against a model server that fails in every way a real one does.
//!
//! On both protocols; and whatever happened, every request stays one that a provider takes.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::{Ran, Scene, fixture};

pub(crate) const MODELS: [&str; 3] = ["anthropic/scripted", "openai/scripted", "openai-chat/scripted"];

/// A checkout with agents that need few words to go wrong.
fn scene() -> Scene {
    Scene::new()
        .file("agents/plain.md", "---\ndescription: x\n---\nWork.\n")
        .file(
            "agents/sorter.md",
            &agent("result: { type: object, required: [severity], properties: { severity: { enum: [low, high] } } }"),
        )
        .file("agents/hasty.md", &agent("limits: { turns: 2 }"))
        .file("agents/thrifty.md", &agent("limits: { tokens: 100 }"))
        .file("agents/late.md", &agent("sandbox: local\nlimits: { time: 1s }"))
}

fn agent(keys: &str) -> String {
    format!("---\ndescription: x\n{keys}\n---\nWork.\n")
}

const OPENED: &str = "github/issues.opened.json";

/// To run `agent` on an event of the thread.
fn command(scene: &Scene, server: &ModelServer, model: &str, agent: &str, event: &str) -> std::process::Command {
    let event = fixture(event).display().to_string();
    let mut command = scene.command(["run", agent, "--event", &event, "--model", model]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
    command
}

fn run_on(event: &str, scene: &Scene, server: &ModelServer, model: &str, agent: &str) -> Ran {
    let ran = scene.end(command(scene, server, model, agent, event));
    assert_each_call_has_its_result(&server.bodies());
    ran
}

fn run(scene: &Scene, server: &ModelServer, model: &str, agent: &str) -> Ran {
    run_on(OPENED, scene, server, model, agent)
}

/// The next event of the same thread.
fn next(scene: &Scene, server: &ModelServer, model: &str, agent: &str) -> Ran {
    run_on("github/issue_comment.created.json", scene, server, model, agent)
}

/// What every provider refuses a request for: a call without its result right behind it, a result
/// without its call, arguments that are no object.
pub(crate) fn assert_each_call_has_its_result(bodies: &[Value]) {
    for body in bodies {
        let messages = body["messages"].as_array().or(body["input"].as_array()).unwrap();
        let mut waiting: Vec<String> = Vec::new();
        for message in messages {
            let (calls, results) = calls_and_results(message);
            for result in results {
                let at = waiting.iter().position(|call| *call == result);
                waiting.remove(at.unwrap_or_else(|| panic!("a result of no call: {message}")));
            }
            // In Responses a call is an item beside the texts of its answer.
            let ends = if body["input"].is_array() { message["role"] == "user" } else { message["role"] != "tool" };
            if ends {
                assert!(waiting.is_empty(), "calls without results: {waiting:?} in {body:#}");
            }
            waiting.extend(calls);
        }
        assert!(waiting.is_empty(), "calls without results: {waiting:?} in {body:#}");
        assert!(!is_of_the_model(messages.last().unwrap()), "nothing is asked: {body:#}");
    }
}

fn is_of_the_model(message: &Value) -> bool {
    message["role"] == "assistant" || message["type"] == "function_call"
}

fn calls_and_results(message: &Value) -> (Vec<String>, Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for block in message["content"].as_array().into_iter().flatten() {
        match block["type"].as_str().unwrap() {
            "tool_use" => {
                assert!(block["input"].is_object(), "{block}");
                calls.push(text(&block["id"]));
            }
            "tool_result" => results.push(text(&block["tool_use_id"])),
            _ => {}
        }
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments.is_object(), "{call}");
        calls.push(text(&call["id"]));
    }
    if message["role"] == "tool" {
        results.push(text(&message["tool_call_id"]));
    }
    match message["type"].as_str() {
        Some("function_call") => {
            let arguments: Value = serde_json::from_str(message["arguments"].as_str().unwrap()).unwrap();
            assert!(arguments.is_object(), "{message}");
            calls.push(text(&message["call_id"]));
        }
        Some("function_call_output") => results.push(text(&message["call_id"])),
        _ => {}
    }
    (calls, results)
}

/// What the model reads of each call, in the order of the log.
fn results(scene: &Scene) -> Vec<String> {
    let log = scene.log();
    let results = log.iter().filter(|entry| entry["kind"] == "tool_result");
    results.map(|entry| entry["body"]["content"].as_str().unwrap().to_owned()).collect()
}

fn count(scene: &Scene, kind: &str) -> usize {
    scene.log().iter().filter(|entry| entry["kind"] == kind).count()
}

#[test]
fn what_the_operator_must_mend_settles_nothing_and_mended_the_same_command_goes_on() {
    let error = |kind: &str, message: &str| json!({ "error": { "type": kind, "message": message } }).to_string();
    for model in MODELS {
        for (refusal, advice) in [
            (
                Reply::status(401).body(error("authentication_error", "invalid key")),
                "check the key, and that it may use",
            ),
            (
                Reply::status(404).body(error("not_found_error", "model: scripted")),
                "check the model's name and the base",
            ),
            (
                Reply::status(402).body(error("billing_error", "credit balance is too low")),
                "check the account's credit",
            ),
            (Reply::html(), "answered 200 with `text/html` and no event stream; check the base URL"),
        ] {
            let scene = scene();
            let server = ModelServer::start([
                answer().call("c1", "glob", json!({ "pattern": "**" })).end_tools(),
                refusal,
                answer().text("Done.").end(),
            ]);
            let refused = run(&scene, &server, model, "plain");
            assert_eq!(refused.code(), Some(2), "{}", refused.transcript());
            assert_eq!(refused.stderr().matches(advice).count(), 1, "{}", refused.transcript());
            assert!(
                refused.stderr().ends_with("what was done is kept, the same command goes on\n"),
                "{}",
                refused.stderr()
            );
            assert_eq!(count(&scene, "settled"), 0);
            let resumed = run(&scene, &server, model, "plain");
            assert!(resumed.stdout().starts_with("Done."), "{}", resumed.transcript());
            assert_eq!(results(&scene).len(), 1, "a recorded call ran again");
        }
    }
}

#[test]
fn a_service_that_outlasts_the_retries_fails_the_command_and_not_the_run() {
    for model in MODELS {
        let scene = scene();
        let busy = |_| Reply::status(429).header("retry-after", "100");
        let server = ModelServer::start((1..=6).map(busy).chain([answer().text("Done.").end()]));
        // Nobody waits: an interrupted wait is over, and the failures are counted over all attempts.
        for failures in 1..6 {
            let waiting = scene.start(command(&scene, &server, model, "plain", OPENED));
            scene.wait_for_log("\"message_interrupted\"", failures);
            waiting.signal(Signal::INT);
            assert_eq!(waiting.wait().0.code(), Some(130));
        }
        let unanswered = run(&scene, &server, model, "plain");
        assert_eq!(unanswered.code(), Some(1), "{}", unanswered.transcript());
        assert!(
            unanswered.stderr().ends_with("what was done is kept, the same command goes on\n"),
            "{}",
            unanswered.stderr()
        );
        assert_eq!(count(&scene, "settled"), 0);
        let answered = run(&scene, &server, model, "plain");
        assert!(answered.stdout().starts_with("Done."), "{}", answered.transcript());
    }
}

#[test]
fn what_passes_is_waited_for() {
    let whole = || answer().text("A first answer.").call("c1", "glob", json!({ "pattern": "**" })).end_tools();
    let early = || answer().text("a").call("c1", "glob", json!({ "pattern": "**" })).end_early();
    // Side by side, because hob really waits.
    std::thread::scope(|scope| {
        for model in MODELS {
            for failures in [
                vec![Reply::status(429).header("retry-after", "1")],
                vec![Reply::status(500), Reply::status(529)],
                vec![whole().cut_at(0), whole().cut_at(1)],
                vec![whole().cut_at(300), whole().cut_at(700)],
                vec![whole().cut_at(1100), early()],
                vec![answer().text("a").error("overloaded_error", "Overloaded").end()],
            ] {
                scope.spawn(move || passes(model, failures));
            }
        }
    });
}

/// After these failures the model answers, and the run completes as if there had been none.
fn passes(model: &str, failures: Vec<Reply>) {
    let (scene, failed) = (scene(), failures.len());
    let server = ModelServer::start(failures.into_iter().chain([answer().text("Done.").end()]));
    let ran = run(&scene, &server, model, "plain");
    assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
    assert!(ran.stdout().starts_with("Done."), "{model}: {}", ran.transcript());
    assert_eq!(ran.stderr().matches("model is asked again").count(), failed, "{model}: {}", ran.transcript());
    assert_eq!(count(&scene, "message_interrupted"), failed);
    assert_eq!(results(&scene), [""; 0], "a call of an answer without its end ran");
    assert!(server.bodies().windows(2).all(|pair| pair[0] == pair[1]), "what is asked again is the same");
}

#[test]
fn what_is_wrong_with_a_call_is_told_to_the_model_and_the_run_goes_on() {
    for model in MODELS {
        let scene = scene();
        let write = json!({ "path": "never.txt", "content": "x" });
        let server = ModelServer::start([
            answer()
                .text("Several at once.")
                .call("c1", "raed", json!({ "path": "README.md" }))
                .text("And text between them.")
                .call("c2", "read", json!({ "file": "README.md" }))
                .raw_call("c3", "read", "[1, 2]")
                .raw_call("c4", "bash", "{\"command\": \"ls")
                .raw_call("c5", "glob", "")
                .end_tools(),
            answer().call("c6", "write", write.clone()).end_length(),
            answer().call("c7", "glob", json!({ "pattern": "never.txt" })).end_tools(),
            answer().text("Done.").end(),
        ]);
        let ran = run(&scene, &server, model, "plain");
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        if model.starts_with("anthropic") {
            insta::assert_snapshot!(results(&scene).join("\n"), @r#"
            There is no tool named `raed`. Did you mean `read`? The tools are `read`, `write`, `edit`, `bash`, `grep`, `glob`.
            `read` did not run: Additional properties are not allowed ('file' was unexpected); "path" is a required property.
            `read` did not run: the arguments are not a JSON object.
            `bash` did not run: the arguments are not valid JSON: EOF while parsing a string at line 1 column 15.
            `glob` did not run: "pattern" is a required property.
            Not run: your message did not end as a tool call does, so it may be incomplete. Ask again.
            No file matches `never.txt`. `*` stays within a directory; for every directory use `**/never.txt`.
            "#);
        } else {
            assert_eq!(results(&scene).len(), 7);
        }
        assert!(results(&scene)[6].starts_with("No "), "the call that was cut ran: {:?}", results(&scene));
        let files = scene.log().into_iter().filter(|entry| entry["kind"] == "workspace_delta").count();
        assert_eq!(files, 0);
    }
}

#[test]
fn a_result_that_is_never_right_fails_the_run() {
    for model in MODELS {
        let scene = scene();
        let wrong = |n: usize| answer().call(&format!("f{n}"), "finish", json!({ "severity": "medium" })).end_tools();
        let server = ModelServer::start((0..3).map(wrong).chain((0..3).map(|_| answer().text("It is medium.").end())));
        let ran = run(&scene, &server, model, "sorter");
        assert_eq!(ran.code(), Some(1), "{}", ran.transcript());
        assert!(
            ran.stderr().contains("the model did not end with a result that fits after 5 tries"),
            "{}",
            ran.transcript()
        );
        assert_eq!(server.left(), 0);
        assert_eq!(count(&scene, "note"), 2);
    }
}

#[test]
fn a_right_result_is_printed_and_a_reason_to_give_up_fails() {
    for model in MODELS {
        let scene = scene();
        let server = ModelServer::start([
            answer().call("f1", "finish", json!({ "severity": "high" })).end_tools(),
            answer().call("f2", "give_up", json!({ "reason": "the report is empty" })).end_tools(),
        ]);
        let ran = run(&scene, &server, model, "sorter");
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        assert!(ran.stdout().starts_with("result: {\n  \"severity\": \"high\"\n}"), "{}", ran.stdout());
        let ran = next(&scene, &server, model, "sorter");
        assert_eq!(ran.code(), Some(1), "{}", ran.transcript());
        assert!(ran.stderr().contains("failed: the agent gave up: the report is empty"), "{}", ran.stderr());
    }
}

#[test]
fn a_run_out_of_turns_leaves_a_session_that_goes_on() {
    for model in MODELS {
        let scene = scene();
        let look = |id: &str| answer().call(id, "glob", json!({ "pattern": "**" })).end_tools();
        let server = ModelServer::start([look("c1"), look("c2"), answer().text("Welcome back.").end()]);
        let ran = run(&scene, &server, model, "hasty");
        assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
        assert!(ran.stderr().contains("completed, limited by turns"), "{}", ran.stderr());
        let told = results(&scene);
        assert_eq!((told.len(), told[1].as_str()), (2, "Not run: this run's budget of turns is used up."));
        let ran = next(&scene, &server, model, "hasty");
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    }
}

#[test]
fn a_run_out_of_tokens_is_limited() {
    for model in MODELS {
        let scene = scene();
        let usage = hob::domain::message::Usage { input: 90, output: 20, ..Default::default() };
        let server = ModelServer::start([
            answer().text("So far.").call("c1", "glob", json!({ "pattern": "**" })).usage(usage).end_tools(),
            answer().text("Welcome back.").end(),
        ]);
        let ran = run(&scene, &server, model, "thrifty");
        assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
        assert!(ran.stdout().starts_with("So far."), "{}", ran.stdout());
        assert_eq!(next(&scene, &server, model, "thrifty").code(), Some(0));
    }
}

#[test]
fn a_command_that_runs_over_the_runs_time_is_killed() {
    for model in MODELS {
        let scene = scene();
        let gate = scene.gate("gate");
        // The group's leader says its number; its child holds the pipe.
        let command = json!({ "command": "sleep 100 & echo $$ > ../gate; wait" });
        let server = ModelServer::start([
            answer().call("c1", "bash", command).end_tools(),
            answer().text("Welcome back.").end(),
        ]);
        let listening = std::thread::spawn(move || crate::scene::running::passed(gate));
        let ran = run(&scene, &server, model, "late");
        assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
        assert!(ran.stderr().contains("limited by time"), "{}", ran.stderr());
        let group = listening.join().unwrap();
        assert!(!crate::scene::running::group_exists(&group), "the command outlived its run");
        assert!(
            results(&scene)[0].ends_with("[killed because the time of this run is used up]"),
            "{:?}",
            results(&scene)
        );
        let ran = next(&scene, &server, model, "late");
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    }
}
