//! From admission to outcome, with one worker and with several.

use super::*;

every_store!(
    runs_of_an_instance_settle_in_the_order_of_their_admission,
    as_many_instances_are_worked_on_at_once_as_the_worker_may,
    two_workers_share_what_there_is,
    a_panic_settles_its_run_and_nothing_else,
    a_run_without_an_agent_fails_with_the_reason,
    a_run_that_could_not_even_begin_fails_with_the_reason,
    a_model_that_is_not_there_leaves_the_run_and_says_so,
    a_worker_hears_of_what_is_admitted_while_it_waits,
    a_newer_head_makes_runs_pointless_that_nobody_began,
);

async fn runs_of_an_instance_settle_in_the_order_of_their_admission(place: Place) {
    let mut runs = Vec::new();
    for n in 0..3 {
        for instance in ["1/ready", "2/ready", "3/ready"] {
            runs.push(place.admit(instance, &format!("say answer {n}")).await);
        }
    }
    place.work().await;
    for instance in 0..3 {
        let own: Vec<&Run> = runs.iter().skip(instance).step_by(3).collect();
        let peek = place.peek(own[0]).await;
        let settled: Vec<String> = peek
            .entries
            .iter()
            .filter_map(|entry| match &entry.body {
                hob::domain::entry::Body::Settled(settled) => Some(settled.run.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(settled, own.iter().map(|run| run.id.to_string()).collect::<Vec<_>>());
        assert_eq!(count(&peek.entries, "attempt_started"), 3);
    }
}

async fn as_many_instances_are_worked_on_at_once_as_the_worker_may(place: Place) {
    let mut runs = Vec::new();
    for n in 0..5 {
        runs.push(place.admit(&format!("{n}/ready"), "wait done").await);
    }
    let (desk, worker, with) = (place.desk(), place.worker("one", 3), circumstances());
    let model = desk.model.clone();
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Empty), async {
        model.waits(3).await;
        model.gate.add_permits(runs.len());
    });
    assert_eq!((left.unwrap(), model.most()), (vec![], 3));
    for run in &runs {
        assert_eq!(place.outcome(run).await, "completed");
    }
}

async fn two_workers_share_what_there_is(place: Place) {
    let mut runs = Vec::new();
    for n in 0..3 {
        for instance in 0..6 {
            runs.push(place.admit(&format!("{instance}/ready"), &format!("say answer {n}")).await);
        }
    }
    let (desk, with) = (place.desk(), circumstances());
    let (one, two) = (place.worker("one", 2), place.worker("two", 2));
    let (one, two) = tokio::join!(one.work(&desk, &with, Until::Empty), two.work(&desk, &with, Until::Empty));
    assert_eq!((one.unwrap(), two.unwrap()), (vec![], vec![]));
    for run in &runs {
        let peek = place.peek(run).await;
        assert_eq!((count(&peek.entries, "attempt_started"), count(&peek.entries, "settled")), (3, 3));
        assert_eq!(place.outcome(run).await, "completed");
    }
}

async fn a_panic_settles_its_run_and_nothing_else(place: Place) {
    let first = place.admit("1/ready", "panic at the disco").await;
    let second = place.admit("1/ready", "say fine").await;
    place.work().await;
    let reason = "failed: bug: hob panicked: at the disco; please report it";
    assert_eq!((place.outcome(&first).await.as_str(), place.outcome(&second).await.as_str()), (reason, "completed"));
}

async fn a_run_without_an_agent_fails_with_the_reason(place: Place) {
    let missing = place.admit("1/nobody", "say hello").await;
    let broken = place.admit("1/broken", "say hello").await;
    place.work().await;
    let missing = place.outcome(&missing).await;
    assert!(missing.starts_with("failed: there is no agent `nobody`"), "{missing}");
    let broken = place.outcome(&broken).await;
    assert!(broken.contains("agents/broken.md` has errors; `hob check` lists them"), "{broken}");
}

async fn a_run_that_could_not_even_begin_fails_with_the_reason(place: Place) {
    let run = place.admit("1/skilled", "say hello").await;
    place.work().await;
    let outcome = place.outcome(&run).await;
    assert!(outcome.starts_with("failed: agent `skilled`:"), "{outcome}");
    assert_eq!(place.kinds(&run).await, "settled");
}

async fn a_model_that_is_not_there_leaves_the_run_and_says_so(place: Place) {
    let run = place.admit("1/ready", "down").await;
    let other = place.admit("2/ready", "say fine").await;
    let left = place.worker("one", 1).work(&place.desk(), &circumstances(), Until::Empty).await.unwrap();
    let reasons: Vec<_> = left.iter().map(|left| (&left.instance, left.reason.as_str())).collect();
    assert_eq!(reasons, [(&run.instance, "the model is not there")]);
    assert_eq!((place.state(&run).await, place.outcome(&other).await.as_str()), (State::Running, "completed"));
    assert_eq!(place.store.waiting(9).await.unwrap(), std::slice::from_ref(&run.instance));
}

async fn a_worker_hears_of_what_is_admitted_while_it_waits(place: Place) {
    let (desk, worker, with) = (place.desk(), place.worker("one", 2), circumstances());
    let model = desk.model.clone();
    let cancel = with.cancel.clone();
    let (left, run) = tokio::join!(worker.work(&desk, &with, Until::Told), async {
        tokio::task::yield_now().await;
        let run = place.admit("1/ready", "wait done").await;
        model.waits(1).await;
        model.gate.add_permits(1);
        model.waits(0).await;
        cancel.cancel();
        run
    });
    assert_eq!(left.unwrap(), []);
    place.work().await;
    assert_eq!(place.outcome(&run).await, "completed");
}

/// A push to a pull request.
fn pushed(sha: &str) -> Run {
    let payload = std::fs::read(crate::scene::fixture("github/webhooks-examples/pull_request/00.opened.json")).unwrap();
    let delivery = hob::channel::Delivery { body: payload, event_name: None, host: None };
    let heard = hob::channel::parse(&hob::channel::Verified::operator(delivery)).unwrap();
    let hob::channel::Heard::Event(mut event) = heard else { panic!("{heard:?}") };
    sha.clone_into(&mut event.change.as_mut().unwrap().head.sha);
    let run = run("1/ready", &format!("say {sha}"));
    Run { task: Task { event: Some(*event), ..Task::default() }, ..run }
}

async fn a_newer_head_makes_runs_pointless_that_nobody_began(place: Place) {
    let runs = [pushed("aaaa"), run("1/ready", "say hello"), pushed("bbbb"), pushed("cccc")];
    for run in &runs {
        place.admit_run(run).await;
    }
    // The newest one is about an agent that answers a push with nothing of use; it is not pointless.
    let left = place.worker("one", 1).work(&place.desk(), &circumstances(), Until::Empty).await.unwrap();
    let mut outcomes = Vec::new();
    for run in &runs {
        outcomes.push(place.outcome(run).await);
    }
    let superseded = format!("superseded by {}", runs[3].id);
    assert_eq!(outcomes[..3], [superseded.clone(), "completed".to_owned(), superseded], "{left:?}");
}
