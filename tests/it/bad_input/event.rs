//! Events, and the arguments beside them.

use std::io::Write as _;
use std::process::Stdio;

use super::*;

/// A run that takes this as its standard input.
fn fed(scene: &Scene, line: &str, input: &[u8]) -> Ran {
    let mut command = scene.command(line.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it has read all.
    child.stdin.take().unwrap().write_all(input).ok();
    Ran::of(child.wait_with_output().unwrap(), scene)
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
    ]), @"
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
    error: there is nothing to do, and nothing was left unfinished; give `--event FILE`, `--message TEXT` or `--input JSON`

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
