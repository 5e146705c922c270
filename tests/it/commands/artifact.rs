//! What people download of a CI job: the archive with one session, or that archive unpacked.

use hob::store::bundle::archive;

use super::*;

#[test]
fn a_downloaded_session_is_imported_and_shown() {
    let job = bundles();
    assert_eq!(job.hob(ISSUE).code(), Some(0));
    let packed = archive::pack(&job.scene.bundle()).unwrap();
    for kept in every_store() {
        std::fs::write(kept.scene.beside("artifact.zip"), &packed).unwrap();
        std::os::unix::fs::symlink(job.scene.bundle(), kept.scene.beside("unpacked")).unwrap();
        for from in ["../artifact.zip", "../unpacked"] {
            let imported = kept.hob(&format!("import {from}"));
            assert_eq!(imported.code(), Some(0), "{}", imported.transcript());
            assert!(
                imported.stdout().starts_with("copied Codertocat/Hello-World#1 (triage) "),
                "{}",
                imported.stdout()
            );
            let show = "show Codertocat/Hello-World#1";
            assert_eq!(kept.hob(show).stdout(), job.hob(show).stdout());
            assert_eq!(kept.hob("forget --all --yes").code(), Some(0));
        }
    }
}

#[test]
fn what_is_no_session_is_refused() {
    let _filters = filtered();
    let kept = bundles();
    assert_eq!(kept.hob(ISSUE).code(), Some(0));
    let packed = archive::pack(&kept.scene.bundle()).unwrap();
    std::fs::write(kept.scene.beside("cut.zip"), &packed[..packed.len() / 2]).unwrap();
    std::fs::write(kept.scene.beside("text.zip"), "hello").unwrap();
    std::fs::create_dir(kept.scene.beside("other")).unwrap();
    std::fs::write(kept.scene.beside("other/manifest.json"), "{\"name\": \"an extension\"}").unwrap();
    std::fs::create_dir(kept.scene.beside("empty")).unwrap();
    insta::assert_snapshot!(kept.shown(&[
        "import ../cut.zip",
        "import ../text.zip",
        "import ../other",
        "import ../empty",
        "import ../nowhere",
        "import memory:",
    ]), @"
    $ hob import ../cut.zip
    exit 2
    --- stdout
    --- stderr
    error: `../cut.zip`: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found

    $ hob import ../text.zip
    exit 2
    --- stdout
    --- stderr
    error: `../text.zip` is no archive with a session; an SQLite file is named `sqlite:../text.zip`

    $ hob import ../other
    exit 2
    --- stdout
    --- stderr
    error: `../other/manifest.json` is damaged: line 1 (byte 0) is not a manifest: missing field `format` at line 1 column 24; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew

    $ hob import ../empty
    exit 0
    --- stdout
    --- stderr
    nothing is kept in `../empty`

    $ hob import ../nowhere
    exit 2
    --- stdout
    --- stderr
    error: there is no `../nowhere` to import from

    $ hob import memory:
    exit 2
    --- stdout
    --- stderr
    error: what is in `memory:` ends with the command that put it there; name another store with `--store` or HOB_STATE
    ");
}
