//! A day with sessions, whole, the same on every store.

use super::*;

#[test]
fn sessions_are_managed_alike_on_every_store() {
    let _filters = filtered();
    for kept in every_store() {
        let kept = kept.worked();
        insta::assert_snapshot!(
            "managed",
            kept.shown(&[
                "sessions",
                "sessions --json",
                "runs --session default",
                "show Codertocat/Hello-World#1",
                "abort Codertocat/Hello-World#1",
                "abort default",
                "abort default",
                "abort default --json",
                "runs",
                "forget --keep 30d",
                "forget Codertocat/Hello-World#1 --dry-run",
                "export --all --to ../copies",
                "export Codertocat/Hello-World#1 --to ../copies",
                "forget Codertocat/Hello-World#1",
                "show Codertocat/Hello-World#1",
                "import ../copies Codertocat/Hello-World#1",
                "import ../copies",
                "show Codertocat/Hello-World#1",
                "forget --all",
                "forget --all --yes --json",
                "forget --all --yes",
                "sessions",
                "runs --json",
            ])
        );
    }
}

#[test]
fn a_run_whose_end_was_asked_for_ends_aborted() {
    for kept in every_store() {
        let kept = kept.worked();
        assert_eq!(kept.hob("abort default").code(), Some(0));
        let again = kept.hob(HELLO);
        assert_eq!(again.code(), Some(1), "{}", again.transcript());
        assert!(again.stderr().contains("aborted by the operator on "), "{}", again.transcript());
        let runs = kept.hob("runs --session default --json").stdout();
        assert!(runs.contains("\"state\":\"aborted\"") && !runs.contains("abort_asked_by"), "{runs}");
        let after = kept.hob("abort default");
        assert_eq!((after.code(), after.stdout().as_str()), (Some(0), ""), "{}", after.transcript());
    }
}

#[test]
fn what_is_older_than_an_age_goes_unless_a_run_is_open() {
    for kept in every_store() {
        let kept = kept.worked();
        // A second later nothing is younger than that.
        std::thread::park_timeout(std::time::Duration::from_millis(1100));
        let forgot = kept.hob("forget --keep 1s");
        assert_eq!(forgot.code(), Some(0), "{}", forgot.transcript());
        assert!(forgot.stdout().starts_with("removed Codertocat/Hello-World#1 (triage) "), "{}", forgot.stdout());
        assert_eq!(forgot.stdout().lines().count(), 1, "{}", forgot.stdout());
        assert!(kept.hob("sessions").stdout().contains("1 waiting"));
    }
}
