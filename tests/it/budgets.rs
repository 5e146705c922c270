//! What a run may use, as a whole run of the real binary meets it.

use hob::domain::message::Usage;
use serde_json::{Value, json};

use crate::faults::assert_each_call_has_its_result;
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::{Ran, Scene};

fn scene(limits: &str) -> Scene {
    let agent = format!("---\ndescription: x\nlimits: {limits}\n---\nWork.\n");
    Scene::new().file("agents/frugal.md", &agent).file("notes.txt", "Notes.\n")
}

fn run(scene: &Scene, server: &ModelServer, model: &str) -> Ran {
    let mut command = scene.command(["run", "frugal", "--message", "Go.", "--model", model]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    let ran = scene.end(command);
    assert_each_call_has_its_result(&server.bodies());
    ran
}

fn reads(n: usize) -> Reply {
    answer().text("I look.").call(&format!("c{n}"), "read", json!({ "path": "notes.txt" })).end_tools()
}

/// What each result says, in order.
fn results(scene: &Scene) -> Vec<String> {
    let log = scene.log();
    let results = log.iter().filter(|entry| entry["kind"] == "tool_result");
    results.map(|entry| entry["body"]["content"].as_str().unwrap().to_owned()).collect()
}

fn notes(scene: &Scene) -> Vec<String> {
    let log = scene.log();
    let notes = log.iter().filter(|entry| entry["kind"] == "note");
    notes.map(|entry| entry["body"]["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn of_five_calls_in_one_message_three_run_where_three_may() {
    let scene = scene("{ calls: 3 }");
    let calls = (0..5).fold(answer().text("I look."), |answer, n| {
        answer.call(&format!("c{n}"), "read", json!({ "path": "notes.txt", "limit": n + 1 }))
    });
    let server = ModelServer::start([calls.end_tools()]);
    let ran = run(&scene, &server, "anthropic/scripted");
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert!(ran.transcript().contains("limited by calls"), "{}", ran.transcript());
    let refused = "Not run: this run's budget of calls is used up.";
    assert_eq!(results(&scene), ["Notes.\n", "Notes.\n", "Notes.\n", refused, refused]);
}

#[test]
fn money_is_counted_where_the_price_is_known() {
    let usage = Usage { input: 4000, output: 0, ..Usage::default() };
    let dear = |n| {
        answer()
            .text("I look.")
            .call(&format!("c{n}"), "read", json!({ "path": "notes.txt", "limit": n }))
            .usage(usage)
            .end_tools()
    };
    let scene = scene("{ cost: 0.02 USD }");
    // Two dollars for a million: 0.8 cents each.
    let server = ModelServer::start((1..=3).map(dear));
    let ran = run(&scene, &server, "anthropic/claude-sonnet-5");
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert!(ran.transcript().contains("limited by cost"), "{}", ran.transcript());
    insta::assert_snapshot!(notes(&scene).join("\n"), @"Budget: more than 80 % of this run's budget of cost is used. Bring it to an end now: propose what is ready and answer.");
    assert_eq!(results(&scene).last().map(String::as_str), Some("Not run: this run's budget of cost is used up."));
}

#[test]
#[cfg(feature = "sqlite")]
fn what_is_used_up_of_a_day_is_told_and_no_model_is_asked() {
    let scene = scene("{ per_day: 0.01 USD }");
    let place = format!("sqlite:{}", scene.beside("kept.db").display());
    let dear = answer().text("Done.").usage(Usage { input: 10_000, output: 0, ..Usage::default() }).end();
    let server = ModelServer::start([dear]);
    let run = || {
        let model = "anthropic/claude-sonnet-5";
        let mut command = scene.command(["run", "frugal", "--message", "Go.", "--model", model, "--store", &place]);
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
        scene.end(command)
    };
    let first = run();
    assert_eq!(first.code(), Some(0), "{}", first.transcript());
    assert!(!first.stderr().contains("not-counted"), "{}", first.transcript());
    let second = run();
    assert_eq!((second.code(), server.bodies().len()), (Some(4), 1), "{}", second.transcript());
    let told = "hob did not begin this run: the runs of this agent have cost 0.02 USD in this repository today, and its \
                `per_day` is 0.01 USD. The day ends at 00:00 UTC, in ";
    assert!(second.stdout().starts_with(told), "{}", second.transcript());
    assert!(
        second.stderr().contains("completed, limited by per_day; `--again` runs it anew"),
        "{}",
        second.transcript()
    );
}

#[test]
fn where_nobody_counts_days_who_asks_for_one_is_warned() {
    let scene = scene("{ per_day: 0.01 USD }");
    let server = ModelServer::start([answer().text("Done.").end()]);
    let ran = run(&scene, &server, "anthropic/claude-sonnet-5");
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    insta::assert_snapshot!(ran.stderr().split("\n\n").next().unwrap_or_default(), @"
    warning[not-counted]: `per_day` is not counted where sessions are kept in a directory or a CI job
     --> [SCENE]/work/agents/frugal.md:3:20
      |
    3 | limits: { per_day: 0.01 USD }
      |                    ^^^^^^^^
      |
      = help: keep them in a database (`--store`, HOB_STATE); else only `cost` bounds each run
    ");
}

#[test]
fn the_same_call_again_and_again_is_told_and_ends_the_run() {
    let scene = scene("{}");
    let server = ModelServer::start((0..10).map(reads));
    let ran = run(&scene, &server, "anthropic/scripted");
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert!(ran.transcript().contains("limited by loop"), "{}", ran.transcript());
    insta::assert_snapshot!(notes(&scene).join("\n"), @"Loop: your last 4 calls were the same, and so were their results. Another one will not differ: do something else, or say what is in the way. After 10 the run ends.");
}

#[test]
fn who_does_something_else_in_between_is_in_no_loop() {
    let scene = scene("{}");
    let other =
        |n: usize| answer().text("I look.").call(&format!("d{n}"), "glob", json!({ "pattern": "*" })).end_tools();
    let steps = (0..12).map(|n| if n % 3 == 2 { other(n) } else { reads(n) });
    let server = ModelServer::start(steps.chain([answer().text("Done.").end()]));
    let ran = run(&scene, &server, "anthropic/scripted");
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(notes(&scene), Vec::<String>::new());
    let last: &Value = &server.bodies()[12];
    assert!(last["messages"].as_array().unwrap().len() > 20);
}
