//! Runs that are stopped: by a wish, by their time, with their worker, or because the claim is lost.

use std::time::Instant;

use super::*;

every_store!(
    a_run_whose_end_is_asked_for_stops_with_the_next_beat,
    a_queued_run_whose_end_was_asked_for_settles_without_an_attempt,
    a_run_that_a_dead_owner_left_settles_as_aborted,
    a_run_that_takes_too_long_fails_and_the_next_one_begins,
    a_worker_that_is_told_to_stop_is_out_at_once_and_another_one_goes_on,
    a_claim_outlives_its_lease_while_it_is_worked_on,
);

async fn a_run_whose_end_is_asked_for_stops_with_the_next_beat(place: Place) {
    let run = place.admit("1/ready", "wait for ever").await;
    let next = place.admit("1/ready", "say next").await;
    let (desk, worker, with) = (place.desk(), place.worker("one", 1), circumstances());
    let model = desk.model.clone();
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Empty), async {
        model.waits(1).await;
        let asked = queue::abort(&place.store, &run.instance, Some(&run.id), "ann", clock().now()).await.unwrap();
        assert_eq!(asked, std::slice::from_ref(&run.id));
    });
    assert_eq!(left.unwrap(), []);
    assert_eq!(
        (place.outcome(&run).await.as_str(), place.outcome(&next).await.as_str()),
        ("aborted by ann", "completed")
    );
    let kinds = place.kinds(&run).await;
    let expected = "attempt_started input prompt message message_interrupted abort_seen settled";
    assert!(kinds.starts_with(expected), "{kinds}");
}

async fn a_queued_run_whose_end_was_asked_for_settles_without_an_attempt(place: Place) {
    let first = place.admit("1/ready", "say first").await;
    let second = place.admit("1/ready", "say second").await;
    queue::abort(&place.store, &second.instance, Some(&second.id), "ann", clock().now()).await.unwrap();
    queue::abort(&place.store, &second.instance, Some(&second.id), "bob", clock().now()).await.unwrap();
    place.work().await;
    assert_eq!(
        (place.outcome(&first).await.as_str(), place.outcome(&second).await.as_str()),
        ("completed", "aborted by ann")
    );
    let peek = place.peek(&first).await;
    assert_eq!(count(&peek.entries, "attempt_started"), 1);
}

async fn a_run_that_a_dead_owner_left_settles_as_aborted(place: Place) {
    let run = place.admit("1/ready", "wait for ever").await;
    let (desk, worker, with) = (place.desk(), place.worker("one", 1), circumstances());
    // Dropped where it is: nothing of it says good-bye.
    tokio::select! {
        _ = worker.work(&desk, &with, Until::Empty) => unreachable!("it waits for ever"),
        () = desk.model.waits(1) => {}
    }
    queue::abort(&place.store, &run.instance, None, "ann", clock().now()).await.unwrap();
    let (worker, with) = (place.worker("two", 1), circumstances());
    let settled = async {
        while !matches!(place.state(&run).await, State::Settled(_)) {
            tokio::time::sleep(LEASE / 10).await;
        }
        with.cancel.cancel();
    };
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Told), settled);
    assert_eq!((left.unwrap(), place.outcome(&run).await.as_str()), (vec![], "aborted by ann"));
    assert_eq!(count(&place.peek(&run).await.entries, "attempt_started"), 1);
}

async fn a_run_that_takes_too_long_fails_and_the_next_one_begins(place: Place) {
    let run = place.admit("1/ready", "wait for ever").await;
    let next = place.admit("1/ready", "say next").await;
    let with = Circumstances { wall: Some(Duration::from_secs(1)), ..circumstances() };
    let left = place.worker("one", 1).work(&place.desk(), &with, Until::Empty).await.unwrap();
    assert_eq!(left, []);
    let reason = "failed: it was not done 1 seconds after its first attempt began";
    assert_eq!((place.outcome(&run).await.as_str(), place.outcome(&next).await.as_str()), (reason, "completed"));
}

async fn a_worker_that_is_told_to_stop_is_out_at_once_and_another_one_goes_on(place: Place) {
    let run = place.admit("1/ready", "wait done").await;
    let (desk, worker, with) = (place.desk(), place.worker("one", 1), circumstances());
    let model = desk.model.clone();
    let (left, told) = tokio::join!(worker.work(&desk, &with, Until::Told), async {
        model.waits(1).await;
        with.cancel.cancel();
        Instant::now()
    });
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
    assert_eq!((left.unwrap(), place.state(&run).await), (vec![], State::Running));
    assert_eq!(place.store.waiting(9).await.unwrap(), std::slice::from_ref(&run.instance), "the claim was given back");
    let (desk, worker) = (place.desk(), place.worker("two", 1));
    desk.model.gate.add_permits(1);
    assert_eq!(worker.work(&desk, &circumstances(), Until::Empty).await.unwrap(), []);
    assert_eq!(place.outcome(&run).await, "completed");
}

async fn a_claim_outlives_its_lease_while_it_is_worked_on(place: Place) {
    let run = place.admit("1/ready", "wait done").await;
    let (desk, with) = (place.desk(), circumstances());
    let (one, two) = (place.worker("one", 1), place.worker("two", 1));
    let model = desk.model.clone();
    let stop = CancellationToken::new();
    let other = Circumstances { cancel: stop.clone(), ..circumstances() };
    let (one, two, ()) = tokio::join!(
        one.work(&desk, &with, Until::Empty),
        async {
            model.waits(1).await;
            two.work(&desk, &other, Until::Told).await
        },
        async {
            model.waits(1).await;
            // Until after its end, and one look of the other.
            tokio::time::sleep(LEASE * 2).await;
            model.gate.add_permits(1);
            model.waits(0).await;
            stop.cancel();
        }
    );
    assert_eq!((one.unwrap(), two.unwrap()), (vec![], vec![]));
    assert_eq!((place.outcome(&run).await.as_str(), model.most()), ("completed", 1));
    assert_eq!(count(&place.peek(&run).await.entries, "attempt_started"), 1);
}
