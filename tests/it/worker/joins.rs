//! What comes while a run is under way: comments that it answers too, and heads that make it old.

use hob::domain::event::{Event, EventKind, ThreadKind};
use hob::domain::name::Role;

use super::*;

every_store!(
    a_comment_joins_the_run_under_way_at_its_next_turn,
    what_the_run_may_not_answer_waits_for_its_own_turn,
    who_waits_keeps_those_behind_waiting,
    who_has_a_part_of_the_day_lets_nobody_else_pay_from_it,
    a_comment_that_comes_with_the_last_answer_is_a_run_of_its_own,
    a_run_that_goes_on_elsewhere_knows_who_joined,
    a_run_is_told_once_of_a_newer_head,
);

const ISSUE: &str = "issues/15.opened.json";
const PULL: &str = "pull_request/00.opened.json";
pub(super) const COMMENT: &str = "issue_comment/00.created.json";

pub(super) fn event(fixture: &str) -> Event {
    let payload = std::fs::read(crate::scene::fixture(&format!("github/webhooks-examples/{fixture}"))).unwrap();
    let delivery = hob::channel::Delivery { body: payload, event_name: None, host: None };
    match hob::channel::parse(&hob::channel::Verified::operator(delivery)).unwrap() {
        hob::channel::Heard::Event(event) => *event,
        heard => panic!("{heard:?}"),
    }
}

/// A run of `1/handy` that an event started.
fn heard(name: &str, event: Event) -> Run {
    let run = run("1/handy", name);
    Run { authority: Authority::Role(Role::Write), task: Task { event: Some(event), ..Task::default() }, ..run }
}

/// A run that takes two turns, each as soon as the test lets it.
fn host() -> Run {
    let mut opened = event(ISSUE);
    opened.thread.title = "script: walk 1 done".to_owned();
    heard("host", opened)
}

fn comment(words: &str) -> Run {
    let mut event = event(COMMENT);
    words.clone_into(&mut event.comment.as_mut().unwrap().body);
    heard(words, event)
}

/// Works on the host, lets `late` come while it works, and then on what is left.
async fn works_while_these_come(place: &Place, host: &Run, late: &[Run]) -> Arc<Scripted> {
    place.admit_run(host).await;
    let (desk, with) = (place.desk(), circumstances());
    let (model, worker) = (desk.model.clone(), place.worker("one", 1));
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Empty), async {
        model.waits(1).await;
        for run in late {
            place.admit_run(run).await;
        }
        model.gate.add_permits(9);
    });
    assert_eq!(left.unwrap(), []);
    model
}

fn times(model: &Scripted, words: &str) -> usize {
    model.heard.lock().unwrap().iter().filter(|text| text.contains(words)).count()
}

async fn a_comment_joins_the_run_under_way_at_its_next_turn(place: Place) {
    let (host, late) = (host(), [comment("also on Windows"), comment("and on a Mac")]);
    let model = works_while_these_come(&place, &host, &late).await;
    assert_eq!(place.outcome(&host).await, "completed");
    for run in &late {
        assert_eq!(place.outcome(run).await, format!("joined {}", host.id));
    }
    let joined = "run_joined message settled run_joined message settled";
    let expected = format!("attempt_started input prompt message message tool_result {joined} message settled");
    assert_eq!(place.kinds(&host).await, expected);
    let joined = "While you work, more was said on this thread. It is part of this run now: one answer for all of it";
    assert_eq!((times(&model, joined), times(&model, "also on Windows"), times(&model, "and on a Mac")), (2, 1, 1));
}

async fn what_the_run_may_not_answer_waits_for_its_own_turn(place: Place) {
    let about = |change: fn(&mut Event)| {
        let mut run = comment("about something else");
        change(run.task.event.as_mut().unwrap());
        run
    };
    for (n, late) in [
        Run { authority: Authority::Role(Role::Triage), ..comment("with fewer rights") },
        Run { authority: Authority::Operator, ..comment("with the operator's rights") },
        Run { attempt_tag: Some("2".to_owned()), ..comment("once more") },
        run("1/handy", "say what no event said"),
        about(|event| event.kind = EventKind::Issue),
        about(|event| event.comment.as_mut().unwrap().internal = true),
        // Its head may be another one: nobody named it.
        about(|event| event.thread.kind = ThreadKind::Pull),
    ]
    .into_iter()
    .enumerate()
    {
        let instance: InstanceId = format!("github.com/700100/issue/{n}/handy").parse().unwrap();
        let own =
            |run: Run| Run { id: RunId::derive(&instance, &run.event_key, None), instance: instance.clone(), ..run };
        let (host, late) = (own(host()), own(late));
        works_while_these_come(&place, &host, std::slice::from_ref(&late)).await;
        let outcomes = [place.outcome(&host).await, place.outcome(&late).await];
        assert_eq!(outcomes, ["completed", "completed"], "{late:?}");
    }
}

async fn who_waits_keeps_those_behind_waiting(place: Place) {
    let (host, late) = (host(), [comment("first"), run("1/handy", "say second"), comment("third")]);
    works_while_these_come(&place, &host, &late).await;
    let mut outcomes = Vec::new();
    for run in &late {
        outcomes.push(place.outcome(run).await);
    }
    assert_eq!(outcomes, [format!("joined {}", host.id), "completed".to_owned(), "completed".to_owned()]);
}

async fn who_has_a_part_of_the_day_lets_nobody_else_pay_from_it(place: Place) {
    let of = |run: Run, actor: u64| {
        let instance: InstanceId = "github.com/700100/issue/1/thrifty".parse().unwrap();
        let mut run = Run { id: RunId::derive(&instance, &run.event_key, None), instance, ..run };
        run.task.event.as_mut().unwrap().actor.id = actor;
        run
    };
    let (host, late) = (of(host(), 7), [of(comment("the same person"), 7), of(comment("another one"), 8)]);
    works_while_these_come(&place, &host, &late).await;
    let outcomes = [place.outcome(&late[0]).await, place.outcome(&late[1]).await];
    assert_eq!(outcomes, [format!("joined {}", host.id), "completed".to_owned()]);
}

async fn a_comment_that_comes_with_the_last_answer_is_a_run_of_its_own(place: Place) {
    let mut opened = event(ISSUE);
    opened.thread.title = "script: wait done".to_owned();
    let (host, late) = (heard("host", opened), comment("too late"));
    works_while_these_come(&place, &host, std::slice::from_ref(&late)).await;
    assert_eq!((place.outcome(&host).await.as_str(), place.outcome(&late).await.as_str()), ("completed", "completed"));
}

async fn a_run_that_goes_on_elsewhere_knows_who_joined(place: Place) {
    let (host, late) = (host(), comment("also on Windows"));
    place.admit_run(&host).await;
    let (desk, with) = (place.desk(), circumstances());
    let (model, worker) = (desk.model.clone(), place.worker("one", 1));
    let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Told), async {
        model.waits(1).await;
        place.admit_run(&late).await;
        model.gate.add_permits(1);
        model.waited(2).await;
        with.cancel.cancel();
    });
    assert_eq!(left.unwrap(), []);
    assert_eq!(place.outcome(&host).await, "Running");
    let desk = place.desk();
    desk.model.gate.add_permits(9);
    let left = place.worker("two", 1).work(&desk, &circumstances(), Until::Empty).await.unwrap();
    assert_eq!((left, place.outcome(&host).await.as_str()), (vec![], "completed"));
    assert_eq!(place.outcome(&late).await, format!("joined {}", host.id));
    assert_eq!((times(&desk.model, "also on Windows"), count(&place.peek(&host).await.entries, "run_joined")), (1, 1));
}

async fn a_run_is_told_once_of_a_newer_head(place: Place) {
    let pushed = |sha: &str, script: &str| {
        let mut event = event(PULL);
        sha.clone_into(&mut event.change.as_mut().unwrap().head.sha);
        event.thread.title = format!("script: {script}");
        heard(sha, event)
    };
    let host = pushed("aaaa", "walk 2 done");
    let late = [pushed("bbbb", "say hello"), pushed("cccc", "say hello")];
    let model = works_while_these_come(&place, &host, &late).await;
    let mut outcomes = Vec::new();
    for run in [&host, &late[0], &late[1]] {
        outcomes.push(place.outcome(run).await);
    }
    let expected = ["completed".to_owned(), format!("superseded by {}", late[1].id), "completed".to_owned()];
    assert_eq!(outcomes, expected);
    assert_eq!(count(&place.peek(&host).await.entries, "note"), 1);
    assert!(times(&model, "the head of the pull request is `cccc` by now") > 0);
}
