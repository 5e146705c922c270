//! Many at once: nothing is lost, nothing is there twice, and order is kept.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use hob::store::Admitted;

use super::*;

every_store! {
    ten_who_admit_at_once_lose_nothing_and_keep_their_order,
    of_ten_who_admit_the_same_run_one_is_the_first,
    many_instances_are_made_at_once,
    of_those_who_claim_at_once_one_has_each_epoch,
    a_reader_beside_a_writer_sees_whole_batches_only,
    runs_are_admitted_and_ended_while_a_writer_works,
    of_those_who_ask_at_once_one_is_the_first,
    those_who_send_effects_at_once_lose_none,
    the_same_content_is_put_there_at_once,
    several_workers_share_several_lines,
}

/// Does something ten times at once, each as a process of its own would.
fn ten<T: Send>(place: &Place, verb: impl Fn(&Place, usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let verb = &verb;
        let each: Vec<_> = (0..10).map(|n| scope.spawn(move || verb(&place.beside(), n))).collect();
        each.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Says a verb until nobody else is in the way.
fn patiently<T>(mut verb: impl FnMut() -> Result<T, Error>) -> T {
    loop {
        match verb() {
            Err(Error::Held { .. }) => std::thread::yield_now(),
            done => return done.unwrap(),
        }
    }
}

fn ten_who_admit_at_once_lose_nothing_and_keep_their_order(place: &Place) {
    ten(place, |place, n| {
        for m in 0..6 {
            assert_eq!(place.admit(&format!("{n} {m}")), Admitted::New);
        }
    });
    let writer = place.open();
    let names: Vec<&str> = writer.runs().iter().filter_map(|run| run.task.message.as_deref()).collect();
    assert_eq!(names.len(), 60);
    for n in 0..10 {
        let own: Vec<&str> = names.iter().copied().filter(|name| name.starts_with(&format!("{n} "))).collect();
        assert_eq!(own, (0..6).map(|m| format!("{n} {m}")).collect::<Vec<_>>());
    }
}

fn of_ten_who_admit_the_same_run_one_is_the_first(place: &Place) {
    let admitted = ten(place, |place, _| place.admit("first"));
    assert_eq!(admitted.iter().filter(|admitted| **admitted == Admitted::New).count(), 1, "{admitted:?}");
    assert_eq!(place.open().runs(), [run("first")]);
}

fn many_instances_are_made_at_once(place: &Place) {
    ten(place, |place, n| {
        for m in 0..4 {
            // Each by two.
            let instance = InstanceId { key: format!("{} {m}", n / 2), ..instance() };
            place.admit_run(&run_of(&instance, &n.to_string()));
        }
    });
    assert_eq!(place.list().len(), 20);
    for listed in place.list() {
        assert_eq!(place.open_of(&listed.manifest.unwrap().instance).runs().len(), 2);
    }
}

fn of_those_who_claim_at_once_one_has_each_epoch(place: &Place) {
    let given = ten(place, |place, n| {
        let mut given = Vec::new();
        for m in 0..3 {
            patiently(|| {
                let (mut writer, _) = place.try_open()?;
                let (fence, _) = writer.try_claim()?;
                writer.append(fence, [note(&format!("{n} {m} a")), note(&format!("{n} {m} b"))])?;
                given.push(fence);
                writer.release();
                Ok(())
            });
        }
        given
    });
    let mut given = given.concat();
    given.sort_unstable();
    assert_eq!(given, (1..31).map(Epoch).collect::<Vec<_>>());
    let entries = place.peek().entries;
    assert_eq!(notes(&entries).iter().collect::<BTreeSet<_>>().len(), 60);
    assert!(entries.windows(2).all(|pair| pair[0].epoch <= pair[1].epoch));
}

fn a_reader_beside_a_writer_sees_whole_batches_only(place: &Place) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = place.open();
            for n in 0..20 {
                let fence = writer.claim();
                writer.append(fence, [note(&format!("{n}a")), note(&format!("{n}b")), note(&format!("{n}c"))]).unwrap();
            }
            writer.release();
            done.store(true, Ordering::Release);
        });
        let other = place.beside();
        let mut seen = 0;
        while !done.load(Ordering::Acquire) {
            let Some(peek) = other.try_peek().unwrap() else { continue };
            assert_eq!(notes(&peek.entries).len() % 3, 0, "half of a batch was seen");
            assert!(peek.entries.len() >= seen, "what was there is there");
            seen = peek.entries.len();
        }
    });
    assert_eq!(place.peek().entries.len(), 61);
}

fn runs_are_admitted_and_ended_while_a_writer_works(place: &Place) {
    std::thread::scope(|scope| {
        for n in 0..3 {
            scope.spawn(move || {
                let place = place.beside();
                for m in 0..5 {
                    let run = run(&format!("{n} {m}"));
                    assert_eq!(place.admit_run(&run), Admitted::New);
                    place.abort(Some(&run), "octocat");
                }
            });
        }
        let mut writer = place.open();
        let mut worked = 0;
        while worked < 15 {
            let Some(claim) = writer.take() else {
                std::thread::yield_now();
                continue;
            };
            writer.append(claim.fence, [started(&claim.run, 1)]).unwrap();
            writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
            worked += 1;
        }
    });
    assert_eq!(place.states(), vec![COMPLETED; 15]);
    assert!(place.waiting().is_empty());
}

fn of_those_who_ask_at_once_one_is_the_first(place: &Place) {
    place.admit("first");
    let meant = ten(place, |place, n| place.abort(None, &format!("person {n}")));
    assert!(meant.iter().all(|meant| meant == &[run("first").id]));
    let first = place.open().abort_asked(&run("first").id).map(str::to_owned);
    assert!(first.as_ref().is_some_and(|by| by.starts_with("person ")), "{first:?}");
    assert_eq!(place.beside().open().abort_asked(&run("first").id), first.as_deref());
}

fn those_who_send_effects_at_once_lose_none(place: &Place) {
    let mut senders: Vec<Writer> = Vec::new();
    for _ in 0..4 {
        let mut writer = place.beside().open();
        writer.claim();
        writer.release();
        senders.push(writer);
    }
    std::thread::scope(|scope| {
        for (n, mut sender) in (0..).zip(senders) {
            scope.spawn(move || {
                for ordinal in 0..5 {
                    let effect = comment(&run(&n.to_string()), ordinal);
                    sender.effect_claim(&effect).unwrap();
                    sender.effect_done(&effect, applied(u64::from(ordinal))).unwrap();
                }
            });
        }
    });
    let effects = place.peek().effects;
    for n in 0..4 {
        for ordinal in 0..5 {
            let effect = comment(&run(&n.to_string()), ordinal);
            assert_eq!(effects.state(&effect), Some(&applied(u64::from(ordinal))));
        }
    }
}

fn the_same_content_is_put_there_at_once(place: &Place) {
    let mut idle: Vec<Writer> = Vec::new();
    for _ in 0..4 {
        let mut writer = place.beside().open();
        writer.claim();
        writer.release();
        idle.push(writer);
    }
    let content = vec![7; 300_000];
    let digests: BTreeSet<String> = std::thread::scope(|scope| {
        let content = &content;
        let put = |mut writer: Writer| {
            move || {
                let digest = writer.put_blob(content);
                let (fence, _) = patiently(|| writer.try_claim());
                writer.append(fence, [note(&digest)]).unwrap();
                writer.release();
                digest
            }
        };
        let each: Vec<_> = idle.into_iter().map(|writer| scope.spawn(put(writer))).collect();
        each.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(digests.len(), 1);
    assert!(place.open().blob(digests.first().unwrap()).unwrap() == content);
}

fn several_workers_share_several_lines(place: &Place) {
    let lines: Vec<InstanceId> = (0..4).map(|n: u32| InstanceId { key: n.to_string(), ..instance() }).collect();
    for n in 0..5 {
        for line in &lines {
            place.admit_run(&run_of(line, &n.to_string()));
        }
    }
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let place = place.beside();
                loop {
                    let waiting = place.waiting();
                    let Some(line) = waiting.first() else {
                        if lines.iter().all(|line| is_done(&place, line)) {
                            return;
                        }
                        continue;
                    };
                    // Somebody else may have been faster.
                    let Ok((mut writer, _)) = place.open_as(line, "x") else { continue };
                    let Ok((fence, _)) = writer.try_claim() else { continue };
                    let head = writer.runs().iter().find(|run| writer.state(&run.id) == Some(State::Queued)).cloned();
                    let last = head.iter().flat_map(|run| [started(run, 1), settled(run)]).collect::<Vec<_>>();
                    writer.settle(fence, last).unwrap();
                }
            });
        }
    });
    for line in &lines {
        let entries = place.peek_of(line).unwrap().unwrap().entries;
        let started = entries.iter().filter_map(|entry| match &entry.body {
            Body::AttemptStarted(started) => Some(started.run.clone()),
            _ => None,
        });
        assert_eq!(started.collect::<Vec<_>>(), (0..5).map(|n| run_of(line, &n.to_string()).id).collect::<Vec<_>>());
    }
}

fn is_done(place: &Place, line: &InstanceId) -> bool {
    let peek = place.peek_of(line).unwrap().unwrap();
    peek.runs().all(|(_, state)| matches!(state, State::Settled(_)))
}
