//! hob in a program of somebody else: what its library promises.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use hob::domain::budget::Limited;
use hob::domain::image::{Image, ImageKind};
use hob::domain::message::{ToolSpec, Usage};
use hob::domain::name::{SandboxKind, Thinking, ToolKind};
use hob::embed::{Access, Agent, Call, Error, Hob, Observer, Progress, Session, Store, function};
use hob::telemetry::failpoint::Failpoints;
use hob::tool::{Nature, Reply, Scope, Tool, schema};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::scene::model_server::{ModelServer, answer};
use crate::scene::png::png;

/// A program's own directory, and a model behind a socket.
struct Program {
    hob: Hob,
    server: ModelServer,
    _dir: tempfile::TempDir,
}

fn program(replies: Vec<crate::scene::model_server::Reply>) -> Program {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "Notes.\n").unwrap();
    let server = ModelServer::start(replies);
    let access: Access = server.access();
    Program { hob: Hob { access, ..Hob::new(dir.path()) }, server, _dir: dir }
}

fn agent() -> Agent {
    let name = "clerk".parse().unwrap();
    Agent { model: Some("anthropic/scripted".into()), ..Agent::new(name, "Be brief. {{ braces }} are only words.") }
}

#[tokio::test]
async fn prompts_go_on_where_the_last_one_ended_and_one_waits_for_the_other() {
    let program = program((0..3).map(|n| answer().text(&format!("Answer {n}.")).end()).collect());
    let session = program.hob.session(agent(), "one").unwrap();
    let (first, second) = tokio::join!(session.prompt("One."), session.prompt("Two."));
    let mut answers = [first.unwrap().text, second.unwrap().text];
    answers.sort();
    assert_eq!(answers, ["Answer 0.", "Answer 1."]);
    let other = program.hob.session(agent(), "one").unwrap();
    assert_eq!(other.prompt("Three.").await.unwrap().text, "Answer 2.");
    let last = program.server.bodies().pop().unwrap();
    assert_eq!(last["messages"].as_array().unwrap().len(), 5, "{last:#}");
    assert!(last["system"].to_string().contains("{{ braces }}"), "{last:#}");
}

#[tokio::test]
async fn a_value_that_does_not_fit_goes_back_until_it_does() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Count {
        lines: u32,
    }
    let finish = |id: &str, lines| answer().call(id, "finish", json!({ "lines": lines })).end_tools();
    let program = program(vec![finish("c1", json!("many")), finish("c2", json!(1))]);
    let session = program.hob.session(agent(), "one").unwrap();
    let Count { lines } = session.ask("How many lines?").await.unwrap();
    assert_eq!((lines, program.server.left()), (1, 0));
}

#[tokio::test]
async fn a_function_is_a_tool_and_its_refusal_can_be_read() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Order {
        /// How many.
        eggs: u32,
    }
    let order = function("order", "Orders eggs.", |order: Order| async move {
        if order.eggs > 12 { Err("At most a dozen.".to_owned()) } else { Ok(format!("{} ordered.", order.eggs)) }
    });
    let call = |id: &str, eggs| answer().call(id, "order", json!({ "eggs": eggs })).end_tools();
    let program = program(vec![
        call("c1", json!(13)),
        call("c2", json!("x")),
        call("c3", json!(4)),
        answer().text("Done.").end(),
    ]);
    let session = program.hob.session(agent(), "one").unwrap().with_tool(order);
    assert_eq!(session.prompt("Order eggs.").await.unwrap().text, "Done.");
    let said = program.server.bodies().pop().unwrap()["messages"].to_string();
    for part in ["At most a dozen.", "4 ordered.", "eggs"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Shows an image that no file holds.
struct Camera(ToolSpec);

impl Tool for Camera {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn nature(&self) -> Nature {
        Nature::ReadOnly
    }

    fn run<'a>(&'a self, _: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        let image = Image { name: "the `door`".into(), kind: ImageKind::Png, bytes: png(9, 9).into() };
        Box::pin(async { Reply { images: vec![image], ..Reply::ok("Taken.") } })
    }
}

#[tokio::test]
async fn a_tool_of_the_program_shows_images_and_so_does_read() {
    let program = program(vec![
        answer().call("c1", "camera", json!({})).call("c2", "read", json!({ "path": "red.png" })).end_tools(),
        answer().text("Both.").end(),
        answer().text("Still.").end(),
    ]);
    std::fs::write(program._dir.path().join("red.png"), png(8, 8)).unwrap();
    #[derive(schemars::JsonSchema)]
    struct Nothing {}
    let camera = Camera(schema::spec::<Nothing>("camera", "Takes a picture."));
    let agent = Agent { model: Some("anthropic/claude-sonnet-5".into()), ..agent() };
    let session = program.hob.session(agent, "one").unwrap().with_tool(Arc::new(camera));
    assert_eq!(session.prompt("Look.").await.unwrap().text, "Both.");
    assert_eq!(session.prompt("Again.").await.unwrap().text, "Still.");
    for body in &program.server.bodies()[1..] {
        let said = body["messages"][3]["content"].clone();
        assert_eq!(said[0]["text"], "The images, in their order, of the results above: `the 'door'`, `red.png`.");
        assert_eq!(said[1]["source"]["data"], STANDARD.encode(png(9, 9)));
        assert_eq!(said[2]["source"]["data"], STANDARD.encode(png(8, 8)));
    }
}

#[tokio::test]
async fn a_call_may_be_other_than_usual() {
    let usage = Usage { input: 5, output: 2, ..Usage::default() };
    let program = program(vec![answer().text("Yes.").usage(usage).end()]);
    let session = program.hob.session(agent(), "one").unwrap();
    let call = Call {
        model: Some("openai/scripted".into()),
        thinking: Some(Thinking::Off),
        tools: Some(vec![ToolKind::Read]),
        role: Some("a strict judge".into()),
    };
    let answer = session.with(call).prompt("Is it right?").await.unwrap();
    assert_eq!((answer.text.as_str(), answer.usage.total(), answer.cost_nano_usd), ("Yes.", 7, None));
    let body = program.server.bodies().pop().unwrap();
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert!(body["input"].to_string().contains("For this you are a strict judge."), "{body:#}");
}

#[tokio::test]
async fn a_command_of_the_program_is_part_of_the_conversation() {
    let program = program(vec![answer().text("It says more.").end()]);
    let session = program.hob.session(agent(), "one").unwrap();
    assert_eq!(session.shell("echo More. >> notes.txt; cat notes.txt").await.unwrap(), "Notes.\nMore.");
    assert_eq!(session.prompt("What does it say?").await.unwrap().text, "It says more.");
    assert!(program.server.bodies()[0]["messages"].to_string().contains("Notes.\\nMore."));
    assert!(session.shell("exit 3").await.unwrap().contains('3'));
}

#[tokio::test]
async fn sessions_of_one_agent_share_its_money_of_a_day_and_a_command_of_the_program_needs_none() {
    let usage = Usage { input: 10_000, ..Usage::default() };
    let program = program(vec![answer().text("Dear words.").usage(usage).end()]);
    let mut thrifty = Agent { model: Some("anthropic/claude-sonnet-5".into()), ..agent() };
    thrifty.limits.per_day_nano_usd = 10_000_000;
    let [one, two] = ["one", "two"].map(|name| program.hob.session(thrifty.clone(), name).unwrap());
    let first = one.prompt("Go.").await.unwrap();
    assert_eq!((first.text.as_str(), first.limited, first.cost_nano_usd), ("Dear words.", None, Some(20_000_000)));
    let second = two.prompt("Go.").await.unwrap();
    assert_eq!(second.limited, Some(Limited::PerDay));
    assert!(
        second.text.starts_with("hob did not begin this run: the runs of this agent have cost 0.02 USD"),
        "{}",
        second.text
    );
    assert_eq!(two.shell("cat notes.txt").await.unwrap(), "Notes.");
}

/// Tells of the first words.
struct Ears(Notify);

impl Observer for Ears {
    fn see(&self, progress: Progress<'_>) {
        if matches!(progress, Progress::Text(_)) {
            self.0.notify_one();
        }
    }
}

/// A session whose prompt was dropped while its answer came.
async fn dropped(program: &Program, text: &str) -> Session {
    let ears = Arc::new(Ears(Notify::new()));
    let hob = Hob { observer: ears.clone(), ..program.hob.clone() };
    let session = hob.session(agent(), "one").unwrap();
    tokio::select! {
        _ = session.prompt(text) => panic!("it stalls"),
        () = ears.0.notified() => {}
    }
    session
}

#[tokio::test]
async fn a_prompt_that_was_dropped_is_carried_on_by_the_next_one() {
    let cut = answer().text("A long story").text(&"and on ".repeat(400)).end().stall_at(1500);
    let program = program(vec![cut, answer().text("First.").end(), answer().text("Second.").end()]);
    let session = dropped(&program, "One.").await;
    assert_eq!(session.prompt("Two.").await.unwrap().text, "Second.");
    let last = program.server.bodies().pop().unwrap();
    assert!(last["messages"].to_string().contains("First."), "{last:#}");
}

#[tokio::test]
async fn each_of_many_prompts_at_once_is_worked_on_as_it_was_given() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Count {
        lines: u32,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Name {
        name: String,
    }
    let finish = |id: &str, value| answer().call(id, "finish", value).end_tools();
    let program = program(vec![
        finish("c1", json!({ "lines": 1 })),
        finish("c2", json!({ "name": "Ada" })),
        answer().text("Words.").end(),
    ]);
    let session = program.hob.session(agent(), "one").unwrap();
    let (lines, name, shell, words) = tokio::join!(
        session.ask::<Count>("How many?"),
        session.ask::<Name>("Who?"),
        session.shell("cat notes.txt"),
        session.prompt("Say it."),
    );
    assert_eq!((lines.unwrap().lines, name.unwrap().name.as_str()), (1, "Ada"));
    assert_eq!((shell.unwrap().as_str(), words.unwrap().text.as_str()), ("Notes.", "Words."));
}

#[tokio::test]
async fn a_command_after_a_dropped_prompt_leaves_the_prompt_to_the_model() {
    let cut = answer().text("A long story").text(&"and on ".repeat(400)).end().stall_at(1500);
    let program = program(vec![cut, answer().text("First.").end()]);
    let session = dropped(&program, "One.").await;
    assert_eq!(session.shell("echo once >> log.txt; cat log.txt").await.unwrap(), "once");
    assert_eq!(program.server.left(), 0);
}

#[tokio::test]
async fn an_event_that_comes_twice_is_answered_once() {
    let program = program(vec![answer().text("Seen.").end()]);
    let body = std::fs::read(crate::scene::fixture("github/issues.opened.json")).unwrap();
    let delivery = hob::channel::Delivery { body, event_name: None, host: None };
    let heard = hob::channel::parse(&hob::channel::Verified::operator(delivery)).unwrap();
    let hob::channel::Heard::Event(event) = heard else { panic!("{heard:?}") };
    for _ in 0..2 {
        assert_eq!(program.hob.dispatch(agent(), (*event).clone()).await.unwrap().text, "Seen.");
    }
    assert_eq!(program.server.requests().len(), 1);
}

#[tokio::test]
async fn a_tool_with_a_name_of_hobs_own_is_refused() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let program = program(Vec::new());
    for name in ["finish", "propose_comment", "read"] {
        let tool = function(name, "", |_: Nothing| async { Ok(String::new()) });
        let session = program.hob.session(agent(), "one").unwrap().with_tool(tool);
        let error = session.prompt("Go.").await.map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Tool(_)), "{error}");
    }
    let none = Agent { sandbox: hob::agent::SandboxSpec { kind: SandboxKind::None, env: Vec::new() }, ..agent() };
    let error = program.hob.session(none, "one").unwrap().shell("true").await.unwrap_err();
    assert!(matches!(error, Error::NoSandbox(_)), "{error}");
}

#[tokio::test]
async fn what_cannot_be_done_says_what_to_do() {
    let program = program(Vec::new());
    let said = |error: Error| error.to_string();
    let session = |agent: Agent| program.hob.session(agent, "one").unwrap();
    let none = session(Agent { model: None, ..agent() }).prompt("Go.").await.map(|_| ()).unwrap_err();
    let nobody =
        session(Agent { model: Some("nobody/x".into()), ..agent() }).prompt("Go.").await.map(|_| ()).unwrap_err();
    let skill = session(agent()).skill("baking", "Go.").await.map(|_| ()).unwrap_err();
    let name = program.hob.session(agent(), "").map(|_| ()).unwrap_err();
    let file = program.hob.agent(std::path::Path::new("no/such.md")).map(|_| ()).unwrap_err();
    insta::assert_snapshot!([none, nobody, skill, name, file].map(said).join("
"), @r"
    agent `clerk` names no model: set its `model`, or the `provider` of `Hob`
    `nobody/x` names a provider that does not exist; there are `anthropic`, `openai`, `openai-chat`, `azure`, `azure-chat`, `openrouter`, `gemini`, `vertex`, `groq`, `mistral`, `deepseek`, `bedrock`, `ollama`, `vllm` and `replay`; `openai-chat` is every compatible server
    agent `clerk` has no skill `baking`: name it in its `skills`
    a session's name is a text of one line with at most 200 bytes
    `no/such.md` describes no agent: No such file or directory (os error 2)
    ");
}

#[tokio::test]
async fn a_session_outlives_its_program_and_can_be_ended_and_removed() {
    let program = program(vec![answer().text("Noted.").end(), answer().text("Ada.").end()]);
    let dir = tempfile::tempdir().unwrap();
    let hob = || Hob { store: Store::bundles(dir.path(), Failpoints::default()), ..program.hob.clone() };
    let agent = || Agent {
        sandbox: hob::agent::SandboxSpec { kind: SandboxKind::None, env: Vec::new() },
        tools: Vec::new(),
        ..agent()
    };
    assert_eq!(hob().session(agent(), "diary").unwrap().prompt("My cat is Ada.").await.unwrap().text, "Noted.");
    let session = hob().session(agent(), "diary").unwrap();
    assert_eq!(session.prompt("My cat?").await.unwrap().text, "Ada.");
    assert_eq!(session.abort("the program").await.unwrap(), []);
    assert!(session.delete().await.unwrap());
    assert!(!session.delete().await.unwrap());
}
