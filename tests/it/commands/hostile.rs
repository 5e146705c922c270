//! Labels that strangers choose cannot steer a terminal or a CI job.

use serde_json::Value;

use super::*;

#[test]
fn no_command_prints_a_label_as_it_came() {
    let kept = bundles();
    let id = "::error::night\u{202e}ly ##[group]y";
    let run = ["run", "triage", "--message", "hi", "--model", "replay/../tape.jsonl", "--id", id];
    let ran = kept.scene.hob(run);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let lines = [
        "sessions",
        "sessions --json",
        "runs",
        "export --all --to ../copies",
        "export --all --to ../copies",
        "forget --all --dry-run",
        "forget nightly",
        "abort --json x",
        "forget --all --yes --json",
        "import ../copies",
        "forget --all --yes",
    ];
    for line in lines {
        let ran = kept.hob(line);
        let shown = ran.transcript();
        let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!shown.contains(obeyed), "{line}: {shown:?}");
        assert!(!shown.contains("##[") && !shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        if line.ends_with("--json") {
            for line in ran.stdout().lines() {
                serde_json::from_str::<Value>(line).unwrap();
            }
        }
    }
    // One line each, whatever is in them.
    assert_eq!(kept.hob("sessions").stdout(), "");
}
