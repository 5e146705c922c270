//! Agents, models, keys and recordings.

use serde_json::json;

use super::*;
use crate::scene::model_server::{KEY, ModelServer, answer};

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
      = help: known keys: `description`, `name`, `model`, `fallback`, `compaction`, `thinking`, `on`, `who`, `instance`, `sandbox`, `tools`, `commands`, `effects`, `skills`, `subagents`, `limits`, `result`

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
    error: no model is named for `triage`: give `--model provider/NAME` (docs/models.md lists the providers) or `--model replay/FILE`, or set HOB_MODEL

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
    error: `openai/gpt-5` needs a key: set OPENAI_API_KEY, or replay a recorded conversation with `--model replay/FILE`

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
    insta::assert_snapshot!(shown(&scene, &[GOOD, GOOD]), @"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    authority: not asked, you are the operator
    [RUN]: attempt 1, replay/../tape.jsonl, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    turn 1: 1000 tokens in, 50 out
      glob: *
    error: replay file `../tape.jsonl` has no answer for run 0, turn 1 (it ends with run 0, turn 0); record one with a real model and `--record FILE`; what was done is kept, the same command goes on

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    authority: not asked, you are the operator
    [RUN]: attempt 2, resumed, replay/../tape.jsonl, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    error: replay file `../tape.jsonl` has no answer for run 0, turn 1 (it ends with run 0, turn 0); record one with a real model and `--record FILE`; what was done is kept, the same command goes on
    ");
    // Whoever has a longer recording goes on.
    Tape::new().calls([("glob", json!({ "pattern": "*" }))]).says("Now.").write(&scene.beside("tape.jsonl"));
    let longer = hob(&scene, GOOD);
    assert!(longer.stdout().starts_with("Now."), "{}", longer.transcript());
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
    insta::assert_snapshot!(run("two").transcript(), @"
    exit 2
    --- stdout
    --- stderr
    [RUN]: attempt 1, anthropic/m, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    error: recording `../r.jsonl` holds another conversation's answer for run 0, turn 0; record into a new file; what was done is kept, the same command goes on
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
