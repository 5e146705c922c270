//! What the runs of an agent may cost together in a day, where the store counts it.

use std::sync::atomic::{AtomicI64, Ordering};

use hob::domain::entry::Body;
use jiff::SignedDuration;

use super::*;

every_store!(
    what_is_left_of_the_day_is_for_all_runs_of_the_agent,
    who_finds_nothing_left_is_not_begun_and_is_told_why,
    another_repository_has_a_day_of_its_own,
    one_actor_may_use_up_their_part_and_others_go_on,
    a_run_is_told_when_most_of_what_was_left_is_used,
    what_others_spend_meanwhile_ends_a_run,
    at_midnight_there_is_new_money,
    a_run_that_was_begun_and_stopped_ends_with_what_exists,
);

/// Ten in the evening.
const EVENING: &str = "2026-03-01T22:00:00Z";

/// A clock that stands, until a test sets it.
#[derive(Clone)]
struct Hours(Arc<AtomicI64>);

impl Hours {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(0)))
    }

    /// So many hours after that evening.
    fn set(&self, hours: i64) {
        self.0.store(hours, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        EVENING.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(self.0.load(Ordering::SeqCst))
    }

    fn circumstances(&self) -> Circumstances {
        let own = self.clone();
        Circumstances { clock: Clock::new(move || own.now()), wall: None, ..circumstances() }
    }
}

/// Works until nothing waits, by this clock.
async fn work(place: &Place, hours: &Hours) {
    let left = place.worker("one", 1).work(&place.desk(), &hours.circumstances(), Until::Empty).await.unwrap();
    assert_eq!(left, []);
}

/// Admits a run and works on it; how it ended.
async fn ends(place: &Place, hours: &Hours, run: &Run) -> String {
    place.admit_run(run).await;
    work(place, hours).await;
    place.outcome(run).await
}

async fn counts(place: &Place) -> bool {
    place.spent(&run("1/thrifty", "x"), EVENING.parse().unwrap()).await.is_some()
}

/// What an actor's comment asks for.
fn asked(thread: &str, words: &str, actor: u64) -> Run {
    let mut event = joins::event(joins::COMMENT);
    event.actor.id = actor;
    event.thread.title = format!("script: {words}");
    Run { task: Task { event: Some(event), ..Task::default() }, ..run(&format!("{thread}/thrifty"), words) }
}

/// What is said to the model beside its task.
async fn notes(place: &Place, run: &Run) -> Vec<String> {
    let note = |entry: &Entry| match &entry.body {
        Body::Note(note) => Some(note.text.clone()),
        Body::ToolResult(result) if result.is_error => Some(result.content.clone()),
        _ => None,
    };
    place.peek(run).await.entries.iter().filter_map(note).collect()
}

async fn what_is_left_of_the_day_is_for_all_runs_of_the_agent(place: Place) {
    let (hours, counts) = (Hours::new(), counts(&place).await);
    let (first, second) = (run("1/thrifty", "costs 3 1 first"), run("2/thrifty", "costs 3 3 second"));
    assert_eq!(ends(&place, &hours, &first).await, "completed");
    assert_eq!(place.spent(&second, hours.now()).await, counts.then_some((6, 0)));
    // Of four cents that are left it takes six: who is over knows it after the call.
    let expected = if counts { "completed, limited by per_day" } else { "completed" };
    assert_eq!(ends(&place, &hours, &second).await, expected);
    assert_eq!(place.spent(&first, hours.now()).await, counts.then_some((12, 0)));
    if counts {
        assert_eq!(
            notes(&place, &second).await,
            ["Not run: what was left of today's money for this agent is used up."]
        );
    }
}

async fn who_finds_nothing_left_is_not_begun_and_is_told_why(place: Place) {
    if !counts(&place).await {
        return;
    }
    let hours = Hours::new();
    assert_eq!(ends(&place, &hours, &run("1/thrifty", "costs 11 0 all")).await, "completed");
    let late = run("2/thrifty", "say more");
    assert_eq!(ends(&place, &hours, &late).await, "completed, limited by per_day");
    assert_eq!(place.kinds(&late).await, "settled");
    let peek = place.peek(&late).await;
    let Some(Body::Settled(settled)) = peek.entries.last().map(|entry| &entry.body) else { panic!("no outcome") };
    insta::allow_duplicates! {
        insta::assert_snapshot!(settled.message, @"hob did not begin this run: the runs of this agent have cost 0.11 USD in this repository today, and its `per_day` is 0.10 USD. The day ends at 00:00 UTC, in 2 h: start it again then, or raise `per_day` in the agent's `limits`.");
    }
}

async fn another_repository_has_a_day_of_its_own(place: Place) {
    let hours = Hours::new();
    assert_eq!(ends(&place, &hours, &run("1/thrifty", "costs 11 0 all")).await, "completed");
    let instance: InstanceId = "github.com/700101/issue/1/thrifty".parse().unwrap();
    let event_key = EventKey::from_parts(["local", "other"]);
    let id = RunId::derive(&instance, &event_key, None);
    let other = Run { id, instance, event_key, ..run("1/thrifty", "costs 1 0 other") };
    assert_eq!(ends(&place, &hours, &other).await, "completed");
    assert_eq!(ends(&place, &hours, &run("1/ready", "say other")).await, "completed");
}

async fn one_actor_may_use_up_their_part_and_others_go_on(place: Place) {
    if !counts(&place).await {
        return;
    }
    let hours = Hours::new();
    assert_eq!(ends(&place, &hours, &asked("1", "costs 2 1 ann", 7)).await, "completed");
    assert_eq!(ends(&place, &hours, &asked("2", "costs 2 1 more", 7)).await, "completed, limited by per_actor_day");
    let late = asked("3", "costs 1 0 late", 7);
    assert_eq!(ends(&place, &hours, &late).await, "completed, limited by per_actor_day");
    assert_eq!(place.kinds(&late).await, "settled");
    assert_eq!(ends(&place, &hours, &asked("4", "costs 1 0 bob", 8)).await, "completed");
    // The operator is nobody's actor.
    assert_eq!(ends(&place, &hours, &run("5/thrifty", "costs 1 0 own")).await, "completed");
    assert_eq!(place.spent(&late, hours.now()).await, Some((8, 6)));
}

async fn a_run_is_told_when_most_of_what_was_left_is_used(place: Place) {
    if !counts(&place).await {
        return;
    }
    let hours = Hours::new();
    assert_eq!(ends(&place, &hours, &run("1/thrifty", "costs 5 0 half")).await, "completed");
    let second = run("2/thrifty", "costs 2 1 second");
    assert_eq!(ends(&place, &hours, &second).await, "completed");
    assert_eq!(notes(&place, &second).await, Vec::<String>::new(), "seven of ten, but two of five");
    // One cent is left, and no run that begins with it is told at once.
    let third = run("3/thrifty", "costs 0 1 third");
    assert_eq!(ends(&place, &hours, &third).await, "completed");
    assert_eq!(notes(&place, &third).await, Vec::<String>::new());
    hours.set(24);
    let told = run("4/thrifty", "costs 4 2 told");
    assert_eq!(ends(&place, &hours, &told).await, "completed");
    let notes = notes(&place, &told).await.join("\n");
    insta::allow_duplicates! {
        insta::assert_snapshot!(notes, @"Budget: more than 80 % of what was left of today's money for this agent is used. Bring it to an end now: propose what is ready and answer.");
    }
}

async fn what_others_spend_meanwhile_ends_a_run(place: Place) {
    if !counts(&place).await {
        return;
    }
    let (hours, desk, waits) = (Hours::new(), place.desk(), run("1/thrifty", "walk 2 waits"));
    let with = hours.circumstances();
    place.admit_run(&waits).await;
    let worker = place.worker("one", 1);
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Empty), async {
        desk.model.waits(1).await;
        assert_eq!(ends(&place, &hours, &run("2/thrifty", "costs 11 0 other")).await, "completed");
        desk.model.gate.add_permits(9);
    });
    assert_eq!(left.unwrap(), []);
    assert_eq!(place.outcome(&waits).await, "completed, limited by per_day");
    assert_eq!(place.kinds(&waits).await, "attempt_started input prompt message message tool_result settled");
}

async fn at_midnight_there_is_new_money(place: Place) {
    if !counts(&place).await {
        return;
    }
    let hours = Hours::new();
    assert_eq!(ends(&place, &hours, &run("1/thrifty", "costs 11 0 all")).await, "completed");
    assert_eq!(ends(&place, &hours, &run("1/thrifty", "say late")).await, "completed, limited by per_day");
    hours.set(2);
    assert_eq!(ends(&place, &hours, &run("1/thrifty", "say early")).await, "completed");
    assert_eq!(place.spent(&run("1/thrifty", "x"), hours.now()).await, Some((0, 0)));
    hours.set(1);
    assert_eq!(place.spent(&run("1/thrifty", "x"), hours.now()).await, Some((11, 0)));
}

async fn a_run_that_was_begun_and_stopped_ends_with_what_exists(place: Place) {
    if !counts(&place).await {
        return;
    }
    let (hours, desk, stopped) = (Hours::new(), place.desk(), run("1/thrifty", "walk 2 stopped"));
    let with = hours.circumstances();
    place.admit_run(&stopped).await;
    let worker = place.worker("one", 1);
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Empty), async {
        desk.model.waits(1).await;
        assert_eq!(ends(&place, &hours, &run("2/thrifty", "costs 11 0 other")).await, "completed");
        with.cancel.cancel();
    });
    assert_eq!(left.unwrap(), []);
    assert_eq!(place.state(&stopped).await, State::Running);
    work(&place, &hours).await;
    assert_eq!(place.outcome(&stopped).await, "completed, limited by per_day");
    assert!(place.kinds(&stopped).await.ends_with("attempt_started settled"));
}
