//! What bad input gets: one clear message with the next move, the right exit code, nothing lost.

use std::io::Write as _;
use std::process::Stdio;

use insta::internals::SettingsBindDropGuard;
use serde_json::json;

use crate::scene::model_server::{KEY, ModelServer, answer};
use crate::scene::{Ran, Scene, fixture, tape::Tape};

/// A checkout with an event and a recorded conversation beside it.
fn scene() -> Scene {
    let scene = Scene::new();
    std::fs::copy(fixture("github/issues.opened.json"), scene.beside("issue.json")).unwrap();
    Tape::new().says("Seen.").write(&scene.beside("tape.jsonl"));
    scene
}

/// What is another one each time: points in time, and the ids of runs that nobody's event named.
const CHANGING: [(&str, &str); 4] = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[TIME]"),
    (r"run-[0-9a-f]{24}", "[RUN]"),
    (r"process \d+ on \S+ since \S+", "process [PID] on [HOST] since [TIME]"),
];

/// Leaves out of snapshots what is another one each time, until it is dropped.
fn filtered() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    CHANGING.iter().for_each(|(changing, shown)| settings.add_filter(changing, *shown));
    settings.bind_to_scope()
}

/// The main job, which nothing is wrong with.
const GOOD: &str = "run triage --event ../issue.json --model replay/../tape.jsonl";

fn hob(scene: &Scene, line: &str) -> Ran {
    scene.hob(line.split_whitespace())
}

/// What each command line shows, one below the other.
fn shown(scene: &Scene, lines: &[&str]) -> String {
    lines.iter().map(|line| format!("$ hob {line}\n{}\n", hob(scene, line).transcript())).collect()
}

/// The same for one command line in several environments.
fn shown_with(scene: &Scene, line: &str, environments: &[&[(&str, &str)]]) -> String {
    let ran = |variables: &&[(&str, &str)]| {
        let mut command = scene.command(line.split_whitespace());
        command.envs(variables.iter().copied());
        let given: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        format!("$ {}hob {line}\n{}\n", given.concat(), scene.end(command).transcript())
    };
    environments.iter().map(ran).collect()
}

/// A run that takes this as its standard input.
fn fed(scene: &Scene, line: &str, input: &[u8]) -> Ran {
    let mut command = scene.command(line.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it has read all.
    child.stdin.take().unwrap().write_all(input).ok();
    Ran::of(child.wait_with_output().unwrap(), scene)
}

fn write(scene: &Scene, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(scene.beside(name), text).unwrap();
}

#[test]
fn an_event_that_is_none() {
    let _filters = filtered();
    let scene = scene();
    write(&scene, "empty", "");
    write(&scene, "blank", " \n\t\n");
    write(&scene, "prose", "The form does not save.\n");
    write(&scene, "cut", "{\"action\": \"opened\", \"issue\": {");
    write(&scene, "list", "[]");
    write(&scene, "other", "{\"hello\": \"world\"}");
    write(&scene, "twice", "{\"action\": \"opened\", \"action\": \"closed\"}");
    write(&scene, "deep", "[".repeat(100_000));
    write(&scene, "bytes", b"{\"action\": \"\xff\"}");
    write(&scene, "huge", vec![b' '; 26 << 20]);
    std::fs::copy(fixture("github/webhooks-examples/check_run/01.completed.json"), scene.beside("check")).unwrap();
    let lines: Vec<String> =
        ["missing", "", "empty", "blank", "prose", "cut", "list", "other", "twice", "deep", "bytes", "huge", "check"]
            .map(|name| format!("run triage --model replay/../tape.jsonl --event ../{name}"))
            .to_vec();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    insta::assert_snapshot!(shown(&scene, &lines), @r"
    $ hob run triage --model replay/../tape.jsonl --event ../missing
    exit 2
    --- stdout
    --- stderr
    error: `../missing`: the event cannot be read: No such file or directory (os error 2); give the file of one webhook delivery, or `-` for standard input

    $ hob run triage --model replay/../tape.jsonl --event ../
    exit 2
    --- stdout
    --- stderr
    error: `../`: the event cannot be read: Is a directory (os error 21); give the file of one webhook delivery, or `-` for standard input

    $ hob run triage --model replay/../tape.jsonl --event ../empty
    exit 2
    --- stdout
    --- stderr
    error: `../empty`: the event is empty; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../blank
    exit 2
    --- stdout
    --- stderr
    error: `../blank`: the event is empty; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../prose
    exit 2
    --- stdout
    --- stderr
    error: `../prose`: the event is not valid JSON: expected value at line 1, column 1; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../cut
    exit 2
    --- stdout
    --- stderr
    error: `../cut`: the event is not valid JSON: EOF while parsing an object at line 1, column 31; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../list
    exit 2
    --- stdout
    --- stderr
    error: `../list`: the event is a list, not an object; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../other
    exit 2
    --- stdout
    --- stderr
    error: `../other`: the JSON looks like neither a GitHub nor a GitLab event; if it is one, name it with `--event-name` (`issues`, `note`, …)

    $ hob run triage --model replay/../tape.jsonl --event ../twice
    exit 2
    --- stdout
    --- stderr
    error: `../twice`: the event is not valid JSON: duplicate key `action` at line 1, column 29; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../deep
    exit 2
    --- stdout
    --- stderr
    error: `../deep`: the event is not valid JSON: nested deeper than 64 at line 1, column 65; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../bytes
    exit 2
    --- stdout
    --- stderr
    error: `../bytes`: the event is not valid JSON: invalid unicode code point at line 1, column 13; give the JSON body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../huge
    exit 2
    --- stdout
    --- stderr
    error: `../huge`: the event has 26214401 bytes, more than the 26214400 (25 MiB) a forge sends; give the body of one webhook delivery

    $ hob run triage --model replay/../tape.jsonl --event ../check
    exit 2
    --- stdout
    --- stderr
    error: `../check`: `check_run` events start no agent: agents start on issues, pull requests and their comments and reviews
    ");
    assert!(!scene.store().exists(), "something was stored");
}

#[test]
fn an_event_that_is_called_what_it_is_not() {
    let _filters = filtered();
    let scene = scene();
    insta::assert_snapshot!(shown(&scene, &[
        "run triage --model replay/../tape.jsonl --event ../issue.json --event-name isues",
        "run triage --model replay/../tape.jsonl --event ../issue.json --event-name note",
        "run triage --model replay/../tape.jsonl --event ../issue.json --host ../etc",
    ]), @r"
    $ hob run triage --model replay/../tape.jsonl --event ../issue.json --event-name isues
    exit 2
    --- stdout
    --- stderr
    error: `../issue.json`: there is no event named `isues`; did you mean `issues`?

    $ hob run triage --model replay/../tape.jsonl --event ../issue.json --event-name note
    exit 2
    --- stdout
    --- stderr
    error: `../issue.json`: `note` events start no agent: agents start on issues, pull requests and their comments and reviews

    $ hob run triage --model replay/../tape.jsonl --event ../issue.json --host ../etc
    exit 2
    --- stdout
    --- stderr
    error: `../issue.json`: `../etc` is no host; give a name with or without a port, such as `github.com` or `git.example:8443`
    ");
    assert!(!scene.store().exists(), "something was stored");
}

#[test]
fn an_event_on_standard_input() {
    let _filters = filtered();
    let scene = scene();
    let line = "run triage --model replay/../tape.jsonl --event -";
    let issue = std::fs::read(scene.beside("issue.json")).unwrap();
    assert_eq!(fed(&scene, line, b"").code(), Some(2));
    assert_eq!(fed(&scene, line, &vec![b'x'; 26 << 20]).code(), Some(2));
    insta::assert_snapshot!(fed(&scene, line, b"nothing").transcript(), @r"
    exit 2
    --- stdout
    --- stderr
    error: standard input: the event is not valid JSON: expected ident at line 1, column 2; give the JSON body of one webhook delivery
    ");
    let ran = fed(&scene, line, &issue);
    assert_eq!((ran.code(), ran.stdout().starts_with("Seen.")), (Some(0), true), "{}", ran.transcript());
}

#[test]
fn an_agent_that_is_none() {
    let _filters = filtered();
    let scene = scene()
        .file("agents/faulty.md", "---\ndescription: x\ntolls: [read]\nlimits: { turns: many }\n---\nGo.\n")
        .file("agents/later.md", "---\ndescription: x\nschedule: \"0 6 * * 1\"\nmcp: {}\n---\nGo.\n")
        .file("agents/unskilled.md", "---\ndescription: x\nskills: [juggle]\n---\nGo.\n")
        .file("agents/bare.md", "Go.\n");
    insta::assert_snapshot!(shown(&scene, &[
        "run traige --event ../issue.json --model replay/../tape.jsonl",
        "run ../etc/passwd --event ../issue.json --model replay/../tape.jsonl",
        "run faulty --event ../issue.json --model replay/../tape.jsonl",
        "run later --event ../issue.json --model replay/../tape.jsonl",
        "run unskilled --event ../issue.json --model replay/../tape.jsonl",
        "run bare --event ../issue.json --model replay/../tape.jsonl",
    ]), @r#"
    $ hob run traige --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: there is no agent `traige`: did you mean `triage`?

    $ hob run ../etc/passwd --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: there is no agent `../etc/passwd`: known are assist, bare, faulty, later, triage, unskilled

    $ hob run faulty --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error[unknown-key]: an agent has no key `tolls`
     --> [SCENE]/work/agents/faulty.md:3:1
      |
    3 | tolls: [read]
      | ^^^^^
      |
      = help: did you mean `tools`?

    error[bad-unit]: `turns` wants a whole number
     --> [SCENE]/work/agents/faulty.md:4:18
      |
    4 | limits: { turns: many }
      |                  ^^^^
      |
      = help: write it plain, in thousands, or in millions: `900`, `400k`, `2M`


    $ hob run later --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error[unknown-key]: an agent has no key `schedule`
     --> [SCENE]/work/agents/later.md:3:1
      |
    3 | schedule: "0 6 * * 1"
      | ^^^^^^^^
      |
      = help: known keys: `description`, `name`, `model`, `thinking`, `on`, `who`, `instance`, `sandbox`, `tools`, `effects`, `skills`, `limits`, `result`

    error[not-yet]: `mcp` is not there yet (tools of MCP servers)
     --> [SCENE]/work/agents/later.md:4:1
      |
    4 | mcp: {}
      | ^^^
      |
      = help: remove it; the built-in `tools` work


    $ hob run unskilled --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error[unknown-skill]: there is no skill `juggle`
     --> [SCENE]/work/agents/unskilled.md:3:10
      |
    3 | skills: [juggle]
      |          ^^^^^^
      |
      = help: a skill is a file `skills/juggle/SKILL.md`


    $ hob run bare --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error[no-front-matter]: the file does not begin with a line `---`
     --> [SCENE]/work/agents/bare.md:1:1
      |
    1 | Go.
      | ^^^
      |
      = help: begin the file with `---`, the settings as YAML, and another `---`; the text follows
    "#);
    assert!(!scene.store().exists(), "something was stored");
}

#[test]
fn a_model_that_is_none() {
    let _filters = filtered();
    let scene = scene();
    write(&scene, "garbled.jsonl", "{\"hob_replay\":1,\"model\":\"anthropic/x\"}\nnot json\n");
    insta::assert_snapshot!(shown(&scene, &[
        "run triage --event ../issue.json",
        "run triage --event ../issue.json --model gpt-5",
        "run triage --event ../issue.json --model antropic/claude-sonnet-5",
        "run triage --event ../issue.json --model anthropic/",
        "run triage --event ../issue.json --model openai/gpt-5",
        "run triage --event ../issue.json --model anthropic/claude-sonnet-5",
        "run triage --event ../issue.json --model openai-chat/gpt-5",
        "run triage --event ../issue.json --model replay/../missing.jsonl",
        "run triage --event ../issue.json --model replay/../garbled.jsonl",
        "run triage --event ../issue.json --model replay/../tape.jsonl --record ../new.jsonl",
    ]), @r"
    $ hob run triage --event ../issue.json
    exit 2
    --- stdout
    --- stderr
    error: no model is named for `triage`: give `--model anthropic/NAME`, `openai-chat/NAME` or `replay/FILE`, or set HOB_MODEL

    $ hob run triage --event ../issue.json --model gpt-5
    exit 2
    --- stdout
    --- stderr
    error: `gpt-5` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`

    $ hob run triage --event ../issue.json --model antropic/claude-sonnet-5
    exit 2
    --- stdout
    --- stderr
    error: `antropic/claude-sonnet-5` names a provider that does not exist; did you mean `anthropic/claude-sonnet-5`?

    $ hob run triage --event ../issue.json --model anthropic/
    exit 2
    --- stdout
    --- stderr
    error: `anthropic/` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`

    $ hob run triage --event ../issue.json --model openai/gpt-5
    exit 2
    --- stdout
    --- stderr
    error: `openai/gpt-5`: the `openai` provider (Responses) is not there yet; `openai-chat/gpt-5` speaks Chat Completions

    $ hob run triage --event ../issue.json --model anthropic/claude-sonnet-5
    exit 2
    --- stdout
    --- stderr
    error: `anthropic/claude-sonnet-5` needs a key: set ANTHROPIC_API_KEY, or replay a recorded conversation with `--model replay/FILE`

    $ hob run triage --event ../issue.json --model openai-chat/gpt-5
    exit 2
    --- stdout
    --- stderr
    error: `openai-chat/gpt-5` needs a key: set OPENAI_API_KEY, or replay a recorded conversation with `--model replay/FILE`

    $ hob run triage --event ../issue.json --model replay/../missing.jsonl
    exit 2
    --- stdout
    --- stderr
    error: replay file `../missing.jsonl` cannot be read: No such file or directory (os error 2); give a file that `--record FILE` wrote

    $ hob run triage --event ../issue.json --model replay/../garbled.jsonl
    exit 2
    --- stdout
    --- stderr
    error: replay file `../garbled.jsonl`, line 2: not a recorded answer: expected ident at line 1 column 2

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --record ../new.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `replay/../tape.jsonl` is a recording already; record from a real model
    ");
    insta::assert_snapshot!(shown_with(&scene, "run triage --event ../issue.json --model anthropic/x", &[
        &[("ANTHROPIC_API_KEY", "k1234567"), ("ANTHROPIC_BASE_URL", "api.example")],
        &[("ANTHROPIC_API_KEY", "k1234567"), ("ANTHROPIC_BASE_URL", "ftp://api.example")],
        &[("ANTHROPIC_API_KEY", "k1234567"), ("ANTHROPIC_API_KEY_FILE", "/dev/null")],
        &[("ANTHROPIC_API_KEY_FILE", "/nowhere")],
        &[("ANTHROPIC_API_KEY", "k1234567"), ("SSL_CERT_FILE", "/nowhere")],
        &[("ANTHROPIC_API_KEY", "k1234567"), ("HOB_EXPOSE", "PATH,ANTHROPIC_API_KEY")],
        &[("ANTHROPIC_API_KEY", "k1234567"), ("HOB_EXPOSE", "OTHER"), ("OTHER", "k1234567")],
    ]), @r"
    $ ANTHROPIC_API_KEY=k1234567 ANTHROPIC_BASE_URL=api.example hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: ANTHROPIC_BASE_URL is not a usable base URL: relative URL without a base; it looks like `https://api.anthropic.com`

    $ ANTHROPIC_API_KEY=k1234567 ANTHROPIC_BASE_URL=ftp://api.example hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: ANTHROPIC_BASE_URL is not a usable base URL: its scheme is neither `https` nor `http`; it looks like `https://api.anthropic.com`

    $ ANTHROPIC_API_KEY=k1234567 ANTHROPIC_API_KEY_FILE=/dev/null hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: `ANTHROPIC_API_KEY` and `ANTHROPIC_API_KEY_FILE` are both set; unset one of them

    $ ANTHROPIC_API_KEY_FILE=/nowhere hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: cannot read the file that `ANTHROPIC_API_KEY_FILE` names, `/nowhere`: No such file or directory (os error 2)

    $ ANTHROPIC_API_KEY=k1234567 SSL_CERT_FILE=/nowhere hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: SSL_CERT_FILE names `/nowhere`, which cannot be read: No such file or directory (os error 2); give a PEM file, or unset it

    $ ANTHROPIC_API_KEY=k1234567 HOB_EXPOSE=PATH,ANTHROPIC_API_KEY hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: `HOB_EXPOSE` names `ANTHROPIC_API_KEY`, which holds a secret of hob's own; no agent may see it, take it off the list

    $ ANTHROPIC_API_KEY=k1234567 HOB_EXPOSE=OTHER OTHER=k1234567 hob run triage --event ../issue.json --model anthropic/x
    exit 2
    --- stdout
    --- stderr
    error: `HOB_EXPOSE` names `OTHER`, which holds a secret of hob's own; no agent may see it, take it off the list
    ");
    assert!(!scene.store().exists(), "something was stored");
}

#[test]
fn a_recording_that_has_run_out() {
    let _filters = filtered();
    let scene = scene();
    Tape::new().calls([("glob", json!({ "pattern": "*" }))]).write(&scene.beside("tape.jsonl"));
    insta::assert_snapshot!(shown(&scene, &[GOOD, GOOD]), @r"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 1
    --- stdout
    plan: no effects on Codertocat/Hello-World#1
    --- stderr
    authority: not asked, you are the operator
    [RUN]: attempt 1, replay/../tape.jsonl, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    turn 1: 1000 tokens in, 50 out
      glob: *
    failed: replay file `../tape.jsonl` has no answer for run 0, turn 1 (it ends with run 0, turn 0); record one with a real model and `--record FILE`; `--again` runs it anew

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 1
    --- stdout
    plan: no effects on Codertocat/Hello-World#1
    --- stderr
    authority: not asked, you are the operator
    failed: replay file `../tape.jsonl` has no answer for run 0, turn 1 (it ends with run 0, turn 0); record one with a real model and `--record FILE`; `--again` runs it anew
    ");
    // Whoever has a longer recording goes on.
    Tape::new().says("Unused.").next_run().says("Now.").write(&scene.beside("tape.jsonl"));
    let again = hob(&scene, &format!("{GOOD} --again"));
    assert!(again.stdout().starts_with("Now."), "{}", again.transcript());
}

#[test]
fn a_recording_of_another_conversation() {
    let _filters = filtered();
    let scene = scene();
    let server = ModelServer::start([answer().text("Hello.").end()]);
    let run = |message: &str| {
        let args = [
            "run",
            "triage",
            "--message",
            message,
            "--id",
            message,
            "--model",
            "anthropic/m",
            "--record",
            "../r.jsonl",
        ];
        let mut command = scene.command(args);
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
        scene.end(command)
    };
    assert_eq!(run("one").code(), Some(0));
    insta::assert_snapshot!(run("two").transcript(), @r"
    exit 1
    --- stdout
    plan: no effects on two
    --- stderr
    [RUN]: attempt 1, anthropic/m, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    failed: recording `../r.jsonl` holds another conversation's answer for run 0, turn 0; record into a new file; `--again` runs it anew
    ");
    insta::assert_snapshot!(shown_with(&scene, "run triage --message x --model openai-chat/m --record ../r.jsonl", &[
        &[("OPENAI_API_KEY", KEY), ("OPENAI_BASE_URL", "http://127.0.0.1:9")],
    ]), @r"
    $ OPENAI_API_KEY=sk-test-0123456789 OPENAI_BASE_URL=http://127.0.0.1:9 hob run triage --message x --model openai-chat/m --record ../r.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `../r.jsonl` records `anthropic/m`, not `openai-chat/m`; record into a new file
    ");
}

#[test]
fn arguments_that_ask_for_nothing_or_for_two_things() {
    let _filters = filtered();
    let scene = scene();
    insta::assert_snapshot!(shown(&scene, &[
        "run",
        "run triage --model replay/../tape.jsonl",
        "run triage --model replay/../tape.jsonl --input {not",
        "run triage --model replay/../tape.jsonl --event ../issue.json --id mine",
        "run triage --model replay/../tape.jsonl --message hi --host git.example",
        "rum triage",
        "show",
    ]), @r"
    $ hob run
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <AGENT>

    Usage: hob run <AGENT>

    For more information, try '--help'.

    $ hob run triage --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: there is nothing to do; give `--event FILE`, `--message TEXT` or `--input JSON`

    $ hob run triage --model replay/../tape.jsonl --input {not
    exit 2
    --- stdout
    --- stderr
    error: `--input` is not valid JSON: key must be a string at line 1 column 2

    $ hob run triage --model replay/../tape.jsonl --event ../issue.json --id mine
    exit 2
    --- stdout
    --- stderr
    error: the argument '--event <FILE>' cannot be used with '--id <ID>'

    Usage: hob run --model <MODEL> --event <FILE> <AGENT>

    For more information, try '--help'.

    $ hob run triage --model replay/../tape.jsonl --message hi --host git.example
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      --event <FILE>

    Usage: hob run --event <FILE> --model <MODEL> --message <TEXT> --host <HOST> <AGENT>

    For more information, try '--help'.

    $ hob rum triage
    exit 2
    --- stdout
    --- stderr
    error: unrecognized subcommand 'rum'

      tip: some similar subcommands exist: 'runs', 'run'

    Usage: hob <COMMAND>

    For more information, try '--help'.

    $ hob show
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <ID>

    Usage: hob show <ID>

    For more information, try '--help'.
    ");
    assert!(!scene.store().exists(), "something was stored");
}

#[test]
fn a_store_that_cannot_be_one() {
    let _filters = filtered();
    let scene = scene();
    std::os::unix::fs::symlink(scene.workspace(), scene.beside("link")).unwrap();
    write(&scene, "file", "");
    insta::assert_snapshot!(shown(&scene, &[
        &format!("{GOOD} --store ."),
        &format!("{GOOD} --store sessions"),
        &format!("{GOOD} --store ../link/sessions"),
        &format!("{GOOD} --store sqlite:hob.db"),
        &format!("{GOOD} --store ../file"),
        &format!("{GOOD} --store ../file/below"),
        "runs --store ../file",
        "show x --store ../file",
    ]), @r"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store .
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work` is inside the workspace `[SCENE]/work`, where the agent could read and change it; give a directory outside with `--store`, or unset HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store sessions
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work/sessions` is inside the workspace `[SCENE]/work`, where the agent could read and change it; give a directory outside with `--store`, or unset HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store ../link/sessions
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work/sessions` is inside the workspace `[SCENE]/work`, where the agent could read and change it; give a directory outside with `--store`, or unset HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store sqlite:hob.db
    exit 2
    --- stdout
    --- stderr
    error: `sqlite:` stores are not there yet; give a directory

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store ../file
    exit 2
    --- stdout
    --- stderr
    error: the store `../file` is not a directory; give one with `--store` or HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store ../file/below
    exit 2
    --- stdout
    --- stderr
    error: cannot find out where `../file/below` is: Not a directory (os error 20); give another directory with `--store` or HOB_STATE

    $ hob runs --store ../file
    exit 2
    --- stdout
    --- stderr
    error: the store `../file` is not a directory; give one with `--store` or HOB_STATE

    $ hob show x --store ../file
    exit 2
    --- stdout
    --- stderr
    error: the store `../file` is not a directory; give one with `--store` or HOB_STATE
    ");
    let left: Vec<_> = std::fs::read_dir(scene.workspace()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["tests"], "something was stored in the workspace");
    let mut homeless = scene.command(GOOD.split_whitespace());
    homeless.env_remove("HOME").env_remove("HOB_STATE");
    insta::assert_snapshot!(scene.end(homeless).transcript(), @r"
    exit 2
    --- stdout
    --- stderr
    error: there is no home directory to keep sessions in; name a directory with `--store` or HOB_STATE
    ");
}

#[test]
fn what_the_operator_did_not_expose() {
    let _filters = filtered();
    let scene = scene()
        .file("agents/builder.md", "---\ndescription: x\nsandbox: { kind: local, env: [CARGO_HOME] }\n---\nBuild.\n");
    insta::assert_snapshot!(shown_with(&scene, "run builder --message x --model replay/../tape.jsonl", &[
        &[],
        &[("CARGO_HOME", "/c")],
        &[("HOB_EXPOSE", "CARGO_HOME")],
        &[("HOB_EXPOSE", "CARGO_HOME,a b")],
        &[("HOB_EXPOSE", "CARGO_HOME"), ("CARGO_HOME", "/c")],
    ]), @r"
    $ hob run builder --message x --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: agent `builder` asks for the variable `CARGO_HOME`, which is not exposed: name it in HOB_EXPOSE and set it, or take it out of `env:`

    $ CARGO_HOME=/c hob run builder --message x --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: agent `builder` asks for the variable `CARGO_HOME`, which is not exposed: name it in HOB_EXPOSE and set it, or take it out of `env:`

    $ HOB_EXPOSE=CARGO_HOME hob run builder --message x --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: agent `builder` asks for the variable `CARGO_HOME`, which is not exposed: name it in HOB_EXPOSE and set it, or take it out of `env:`

    $ HOB_EXPOSE=CARGO_HOME,a b hob run builder --message x --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `HOB_EXPOSE` holds `a b`, which is no variable's name; write names with commas between them

    $ HOB_EXPOSE=CARGO_HOME CARGO_HOME=/c hob run builder --message x --model replay/../tape.jsonl
    exit 0
    --- stdout
    Seen.

    plan: no effects on default
    --- stderr
    [RUN]: attempt 1, replay/../tape.jsonl, sandbox local: file tools beneath the working directory; commands run unconfined as this user
    turn 1: 1000 tokens in, 50 out
    ");
}

/// A finished run whose log can then be damaged.
fn finished() -> Scene {
    let scene = scene();
    assert_eq!(hob(&scene, GOOD).code(), Some(0));
    scene
}

#[test]
fn a_torn_tail_is_cut_off_and_the_run_goes_on() {
    let _filters = filtered();
    let scene = finished();
    let log = scene.bundle().join("log.jsonl");
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, [&whole, &b"{\"seq\":9,\"epo"[..]].concat()).unwrap();
    insta::assert_snapshot!(shown(&scene, &["runs", GOOD]), @r"
    $ hob runs
    exit 0
    --- stdout
    admitted (UTC)    run                           state         tokens  what
    [TIME]  [RUN]  completed       1050  Codertocat/Hello-World#1 (triage)
    --- stderr

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 0
    --- stdout
    Seen.

    plan: no effects on Codertocat/Hello-World#1
    --- stderr
    `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` ended in the middle of a write: cut 13 bytes off after line 7
    authority: not asked, you are the operator
    ");
    assert_eq!(std::fs::read(&log).unwrap(), whole, "more was cut than was torn");
}

#[test]
fn a_damaged_record_is_refused_with_its_place_and_hides_no_other_session() {
    let _filters = filtered();
    let scene = finished();
    let log = scene.bundle().join("log.jsonl");
    let damaged = std::fs::read_to_string(&log).unwrap().replace("Seen.", "Sewn.");
    std::fs::write(&log, &damaged).unwrap();
    let other = hob(&scene, "run triage --message hi --model replay/../tape.jsonl");
    assert_eq!(other.code(), Some(0), "{}", other.transcript());
    insta::assert_snapshot!(shown(&scene, &[GOOD, "runs", "show Codertocat/Hello-World#1", "show default"]), @r"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` is damaged: line 6 (byte 10342) does not match its checksum; it was left as it is: put back a copy of its directory, or move that away to begin anew

    $ hob runs
    exit 2
    --- stdout
    admitted (UTC)    run                           state         tokens  what
    [TIME]  [RUN]  completed       1050  default (triage)
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` is damaged: line 6 (byte 10342) does not match its checksum; it was left as it is: put back a copy of its directory, or move that away to begin anew

    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` is damaged: line 6 (byte 10342) does not match its checksum; it was left as it is: put back a copy of its directory, or move that away to begin anew

    $ hob show default
    exit 0
    --- stdout
    default (triage)

    [TIME]     0  session   local/0/local/default/triage (log version 1, hob 0.1.0)
    [TIME]     1  attempt   1 of [RUN] with replay/../tape.jsonl; virtual: in memory, on a copy of the w…
    [TIME]     2  input     hi
    [TIME]     3  prompt    2939 bytes; tools read, grep, glob, bash, activate_skill, read_skill_resource, propose_status, prop…
    [TIME]     4  task      51 bytes
    [TIME]     5  model     Seen.  (1000 tokens in, 50 out)
    [TIME]     6  settled   [RUN]: completed (1000 tokens in, 50 out)
    --- stderr
    ");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), damaged, "what is damaged was changed");
}

#[test]
fn a_bundle_of_a_newer_version_is_left_alone() {
    let _filters = filtered();
    let scene = finished();
    let manifest = scene.bundle().join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
    newer["format"] = "bundle-v2".into();
    std::fs::write(&manifest, newer.to_string()).unwrap();
    insta::assert_snapshot!(shown(&scene, &[GOOD, "runs", "show Codertocat/Hello-World#1"]), @r"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/manifest.json` was written by a newer hob (format `bundle-v2`); use that version or a later one

    $ hob runs
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/manifest.json` was written by a newer hob (format `bundle-v2`); use that version or a later one

    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: nothing that can be read in `[SCENE]/state` is called `Codertocat/Hello-World#1`; `hob runs` lists what is, and says why the rest cannot be read
    ");
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), newer.to_string());
}

#[test]
fn a_second_process_is_told_who_works_on_the_instance() {
    let _filters = filtered();
    let scene = scene();
    let server = ModelServer::start([answer().text("Slowly").end().stall_at(0)]);
    let mut command = scene.command("run triage --event ../issue.json --model anthropic/m".split_whitespace());
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    let first = scene.start(command);
    server.wait_for_stall(1);
    let pid = format!("process {} on ", first.id());
    let second = hob(&scene, GOOD);
    assert!(second.stderr().contains(&pid), "{}", second.transcript());
    insta::assert_snapshot!(second.transcript(), @r"
    exit 1
    --- stdout
    --- stderr
    error: this instance is worked on by process [PID] on [HOST] since [TIME] (hob run triage); wait until it is done, or stop it
    ");
    // Looking is allowed meanwhile.
    let runs = hob(&scene, "runs");
    assert!(runs.stdout().contains("unfinished"), "{}", runs.transcript());
}

#[test]
fn looking_for_what_is_not_there() {
    let _filters = filtered();
    let scene = scene();
    insta::assert_snapshot!(shown(&scene, &["runs", "runs --json", "show Codertocat/Hello-World#1"]), @r"
    $ hob runs
    exit 0
    --- stdout
    --- stderr
    nothing is kept in `[SCENE]/state`

    $ hob runs --json
    exit 0
    --- stdout
    --- stderr

    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[SCENE]/state` is called `Codertocat/Hello-World#1`; `hob runs` lists what is
    ");
    assert!(!scene.store().exists(), "looking made a store");
    // Two agents on one thread.
    let scene = finished().file("agents/second.md", "---\ndescription: x\n---\nLook.\n");
    assert_eq!(hob(&scene, "run second --event ../issue.json --model replay/../tape.jsonl").code(), Some(0));
    insta::assert_snapshot!(shown(&scene, &["show Codertocat/Hello-World#1", "show run-0"]), @r"
    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: `Codertocat/Hello-World#1` could be `github.com/186853002/issue/1/second` or `github.com/186853002/issue/1/triage`; give one of these

    $ hob show run-0
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[SCENE]/state` is called `run-0`; `hob runs` lists what is
    ");
}
