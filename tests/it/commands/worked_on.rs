//! Sessions that a process works on now.

use super::*;
use crate::scene::model_server::{KEY, ModelServer, answer};

#[test]
fn who_works_on_a_session_is_named_and_it_stays() {
    let _filters = filtered();
    for kept in every_store() {
        let server = ModelServer::start([answer().text("Slowly").end().stall_at(0)]);
        let mut command = kept.command("run triage --event ../issue.json --model anthropic/m");
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
        let mut running = kept.scene.start(command);
        server.wait_for_stall(1);
        insta::assert_snapshot!(
            "worked_on",
            kept.shown(&[
                "sessions",
                "forget --all --yes",
                "export --all --to ../copies",
                "sessions --store ../copies",
                "abort Codertocat/Hello-World#1",
            ])
        );
        // Heard at its next beat.
        assert!(running.ends_within(std::time::Duration::from_secs(30)), "it went on");
        let (ran, _) = running.wait();
        assert!(ran.stderr().contains("aborted by the operator on "), "{}", ran.transcript());
        assert_eq!(kept.hob("forget --all").code(), Some(2));
        assert_eq!(kept.hob("forget --all --yes").code(), Some(0));
    }
}
