//! One name, one instance; and what is said when it is none, or several.

use super::*;

#[test]
fn every_command_knows_a_session_by_every_name_it_has() {
    let kept = bundles();
    assert_eq!(kept.hob(ISSUE).code(), Some(0));
    let row: serde_json::Value = serde_json::from_str(kept.hob("runs --json").stdout().trim()).unwrap();
    let (run, id) = (row["run"].as_str().unwrap(), row["id"].as_str().unwrap());
    let external = kept.scene.bundle().file_name().unwrap().to_str().unwrap().to_owned();
    for name in [run, id, &external, "Codertocat/Hello-World#1"] {
        for command in ["show", "runs --session", "abort", "forget --dry-run", "export --to ../x-$"] {
            let ran = kept.hob(&format!("{} {name}", command.replace('$', &name.replace('/', "-"))));
            assert_eq!(ran.code(), Some(0), "{command} {name}: {}", ran.transcript());
        }
    }
    let label = kept.scene.hob(["show", "Codertocat/Hello-World#1 (triage)"]);
    assert_eq!(label.code(), Some(0), "{}", label.transcript());
}

#[test]
fn a_name_that_is_none_or_several_is_refused_with_those_it_could_be() {
    let _filters = filtered();
    let kept = bundles().worked();
    let second = kept.scene.workspace().join("agents");
    std::fs::create_dir(&second).unwrap();
    std::fs::write(second.join("second.md"), "---\ndescription: x\n---\nLook.\n").unwrap();
    assert_eq!(kept.hob(&ISSUE.replace("triage", "second")).code(), Some(0));
    insta::assert_snapshot!(kept.shown(&[
        "abort Codertocat/Hello-World#1",
        "forget defalt",
        "show run-000000000000000000000000",
        "runs --session Codertocat/Hello-World#2",
        "export somebody/else#7 --to ../x",
        "forget default Codertocat/Hello-World#1 nobody",
    ]), @"
    $ hob abort Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: `Codertocat/Hello-World#1` could be `github.com/186853002/issue/1/second` or `github.com/186853002/issue/1/triage`; give one of these

    $ hob forget defalt
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[STORE]` is called `defalt`; did you mean `default`?

    $ hob show [RUN]
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[STORE]` is called `[RUN]`; `hob sessions` lists what is

    $ hob runs --session Codertocat/Hello-World#2
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[STORE]` is called `Codertocat/Hello-World#2`; did you mean `Codertocat/Hello-World#1`?

    $ hob export somebody/else#7 --to ../x
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[STORE]` is called `somebody/else#7`; `hob sessions` lists what is

    $ hob forget default Codertocat/Hello-World#1 nobody
    exit 2
    --- stdout
    --- stderr
    error: `Codertocat/Hello-World#1` could be `github.com/186853002/issue/1/second` or `github.com/186853002/issue/1/triage`; give one of these
    ");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let _filters = filtered();
    let kept = bundles().worked();
    insta::assert_snapshot!(kept.shown(&[
        "sessions --store memory:",
        "export --all --to memory:",
        "sessions --store memory:x",
        "sessions --store s3://bucket",
        "sessions --store sqlite:",
        "forget",
        "forget --keep 30",
        "forget --keep 0d",
        "forget --all default",
        "export --to ../x",
        "export --all --to ../issue.json",
    ]), @"
    $ hob sessions --store memory:
    exit 2
    --- stdout
    --- stderr
    error: what is in `memory:` ends with the command that put it there; name another store with `--store` or HOB_STATE

    $ hob export --all --to memory:
    exit 2
    --- stdout
    --- stderr
    error: what is in `memory:` ends with the command that put it there; name another store with `--store` or HOB_STATE

    $ hob sessions --store memory:x
    exit 2
    --- stdout
    --- stderr
    error: `memory:` is a store without a name; leave out what follows it

    $ hob sessions --store s3://bucket
    exit 2
    --- stdout
    --- stderr
    error: there is no `s3:` store; give a directory, `sqlite:FILE` or `postgres://…`

    $ hob sessions --store sqlite:
    exit 2
    --- stdout
    --- stderr
    error: `sqlite:` names no file; give one: `sqlite:FILE`

    $ hob forget
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <ID|--keep <AGE>|--all>

    Usage: hob forget <ID|--keep <AGE>|--all>

    For more information, try '--help'.

    $ hob forget --keep 30
    exit 2
    --- stdout
    --- stderr
    error: invalid value '30' for '--keep <AGE>': it should be like `30d`, `12h` or `90m`

    For more information, try '--help'.

    $ hob forget --keep 0d
    exit 2
    --- stdout
    --- stderr
    error: invalid value '0d' for '--keep <AGE>': it should be like `30d`, `12h` or `90m`

    For more information, try '--help'.

    $ hob forget --all default
    exit 2
    --- stdout
    --- stderr
    error: the argument '--all' cannot be used with '[ID]...'

    Usage: hob forget <ID|--keep <AGE>|--all>

    For more information, try '--help'.

    $ hob export --to ../x
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <ID|--all>

    Usage: hob export --to <URL> <ID|--all>

    For more information, try '--help'.

    $ hob export --all --to ../issue.json
    exit 2
    --- stdout
    --- stderr
    error: the store `../issue.json` is not a directory; give one with `--store` or HOB_STATE, or `sqlite:FILE`
    ");
    let kept_in_memory = kept.hob(&format!("{HELLO} --store memory:"));
    assert_eq!(kept_in_memory.code(), Some(0), "{}", kept_in_memory.transcript());
}

#[cfg(feature = "sqlite")]
#[test]
fn a_store_file_inside_the_workspace_is_refused() {
    let kept = bundles();
    let ran = kept.hob(&format!("{ISSUE} --store sqlite:kept.db"));
    assert_eq!(ran.code(), Some(2), "{}", ran.transcript());
    assert!(ran.stderr().contains("is inside the workspace"), "{}", ran.stderr());
    assert!(!kept.scene.workspace().join("kept.db").exists());
}

#[cfg(feature = "postgres")]
#[test]
fn nobody_is_shown_the_password_of_a_store() {
    let kept = bundles();
    let url = "postgres://hob:s3cret-s3cret@127.0.0.1:1/agents";
    for line in ["sessions", "runs", "show x", "abort x", "forget --all --yes", "export --all --to ../x", ISSUE] {
        for ran in [kept.hob(&format!("{line} --store {url}")), {
            let mut command = kept.command(line);
            command.env("HOB_STATE", url);
            kept.scene.end(command)
        }] {
            assert_eq!(ran.code(), Some(1), "{line}: {}", ran.transcript());
            assert!(ran.stderr().contains("`postgres://127.0.0.1:1/agents`"), "{line}: {}", ran.transcript());
            assert!(!ran.transcript().contains("s3cret"), "{line}: {}", ran.transcript());
        }
    }
    let to = kept.hob(&format!("import ../x --store {url}"));
    assert!(!to.transcript().contains("s3cret"), "{}", to.transcript());
    // Nor an agent, by way of the operator's list.
    let mut command = kept.command(ISSUE);
    command.env("HOB_STATE", url).env("HOB_EXPOSE", "HOB_STATE");
    let exposed = kept.scene.end(command);
    assert_eq!(exposed.code(), Some(2), "{}", exposed.transcript());
    assert!(!exposed.transcript().contains("s3cret"), "{}", exposed.transcript());
}
