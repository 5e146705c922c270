//! The promises, each for any host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use hob::domain::event::ThreadKind::{Issue, Pull};
use hob::domain::name::Role;
use hob::forge::{Account, Error, Line};

use super::{Fault, Host, On, Token, ask, forge, quick};

/// Longer than any answer may be.
const ENDLESS: &str = concat!("[\"", include_str!("promises.rs"));

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Fault {
    Fault::Answer { status, headers: headers.to_vec(), body }
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|&label| label.to_owned()).collect()
}

pub(super) async fn a_comment_is_posted_found_and_edited<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    for kind in [Issue, Pull] {
        let thread = host.thread(kind);
        let body = "Hello `world` — 👋\r\n\n\"quoted\" \\ <!-- hidden -->";
        let posted = forge.post(thread, body).await.unwrap();
        assert_eq!(posted.body, body);
        assert!(posted.url.contains(&posted.id.to_string()), "{}", posted.url);
        assert_eq!(forge.comment(thread, posted.id).await.unwrap(), Some(posted.clone()));
        let own = forge.own().await.unwrap();
        assert_eq!(posted.author.login, own.login);
        assert!(own.id.is_none() || own.id == posted.author.id);

        let edited = forge.edit(thread, posted.id, "Changed").await.unwrap();
        assert_eq!((edited.id, edited.body.as_str()), (posted.id, "Changed"));
        assert_eq!(host.comments(thread), ["Changed"]);
    }
    assert_eq!((host.count(On::Post), host.count(On::Edit)), (2, 2));
}

pub(super) async fn a_comment_that_is_deleted_is_gone<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    for kind in [Issue, Pull] {
        let thread = host.thread(kind);
        forge.post(thread, "stays").await.unwrap();
        let id = forge.post(thread, "goes").await.unwrap().id;
        forge.delete(thread, id).await.unwrap();
        assert_eq!(forge.comment(thread, id).await.unwrap(), None);
        assert_eq!(host.comments(thread), ["stays"]);
        forge.delete(thread, id).await.unwrap();
        assert_eq!(host.comments(thread), ["stays"]);
    }
    assert_eq!(host.count(On::Delete), 4);
}

pub(super) async fn a_comment_of_another_thread_is_none<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    let (issue, pull) = (host.thread(Issue), host.thread(Pull));
    let id = host.say(issue, "here");
    assert!(forge.comment(issue, id).await.unwrap().is_some());
    assert_eq!(forge.comment(pull, id).await.unwrap(), None);
    assert_eq!(forge.comment(issue, id + 1000).await.unwrap(), None);
}

pub(super) async fn every_page_is_reached_and_since_leaves_out_the_older<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    let (thread, other) = (host.thread(Issue), host.thread(Pull));
    for n in 0..205 {
        host.say(if n % 41 == 40 { other } else { thread }, &format!("comment {n}"));
    }
    let (mut seen, mut pages, mut next) = (Vec::new(), 0, Some(1));
    while let Some(page) = next {
        let found = forge.comments(thread, None, page).await.unwrap();
        seen.extend(found.items.into_iter().map(|posted| posted.body));
        (pages, next) = (pages + 1, found.next);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), pages), (200, 2));
    assert!(!seen.contains(&"comment 40".to_owned()));

    let late = "2027-01-01T00:00:00.5Z".parse().unwrap();
    let found = forge.comments(thread, Some(late), 1).await.unwrap();
    assert!(found.items.len() < 100, "since was not looked at");
}

pub(super) async fn labels_are_set_whatever_they_are_called<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    let names = ["bug", "needs info", "area/ui", "50%", "a?b#c", "größe 👋", "x&y=z+1", "..."];
    for kind in [Issue, Pull] {
        let thread = host.thread(kind);
        forge.label(thread, &owned(&names), &[]).await.unwrap();
        assert_eq!(host.labels(thread), names);
        forge.label(thread, &owned(&["new"]), &owned(&names[1..])).await.unwrap();
        assert_eq!(host.labels(thread), ["bug", "new"]);
    }
}

pub(super) async fn a_label_that_is_gone_already_is_right_as_it_is<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    let thread = host.thread(Issue);
    forge.label(thread, &owned(&["bug"]), &owned(&["gone"])).await.unwrap();
    forge.label(thread, &owned(&["bug"]), &owned(&["gone"])).await.unwrap();
    forge.label(thread, &[], &[]).await.unwrap();
    assert_eq!(host.labels(thread), ["bug"]);
}

pub(super) async fn a_label_that_would_take_off_every_label_is_refused<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    let thread = host.thread(Issue);
    forge.label(thread, &owned(&["bug", "ui"]), &[]).await.unwrap();
    for name in ["", ".", ".."] {
        let _ = forge.label(thread, &[], &owned(&[name])).await;
        assert_eq!(host.labels(thread), ["bug", "ui"], "after `{name}`");
    }
}

pub(super) async fn standing_is_the_effective_role_with_its_id<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    for role in [Role::Read, Role::Triage, Role::Write, Role::Maintain, Role::Admin] {
        let member = host.member(role);
        let by_both = forge.standing(&member).await.unwrap().unwrap();
        assert_eq!((Some(by_both.id), by_both.role), (member.id, role));
        let by_id = Account { login: String::new(), ..member };
        assert_eq!(forge.standing(&by_id).await.unwrap(), Some(by_both));
    }
}

pub(super) async fn who_has_no_standing_is_none<H: Host>() {
    let host = H::start();
    let forge = forge(&host);
    for login in ["nobody", "dependabot[bot]", "../../user", "..", ".", ""] {
        let nobody = Account { id: Some(987_654), login: login.to_owned() };
        assert_eq!(forge.standing(&nobody).await.unwrap(), None, "{login}");
    }
}

pub(super) async fn a_write_is_sent_once_and_an_unknown_end_is_told<H: Host>() {
    for on in On::WRITES {
        for (fault, is_done) in [
            (answer(502, &[], "<html>Bad gateway</html>"), false),
            (answer(500, &[], ""), false),
            (answer(200, &[("content-type", "text/html")], "<html>Sign in</html>"), false),
            (Fault::CutBefore, false),
            (Fault::CutAfter, true),
            (Fault::CutWithin, true),
        ] {
            let host = H::start();
            let forge = forge(&host);
            // The connection is one that was used before: clients are eager to try those twice.
            forge.own().await.unwrap();
            host.fault(on, fault.clone());
            let error = ask(&host, &*forge, on).await.unwrap_err();
            assert!(matches!(error, Error::Unknown { .. }), "{on:?} {fault:?}: {error}");
            assert_eq!(host.count(on), 1, "{on:?} {fault:?}");
            let thread = host.thread(Issue);
            let done = match on {
                On::Delete => host.comments(thread).is_empty(),
                On::Label => !host.labels(thread).is_empty(),
                _ => host.comments(thread).contains(&"Hello".to_owned()),
            };
            assert_eq!(done, is_done, "{on:?} {fault:?}");
        }
    }
}

pub(super) async fn a_read_is_asked_again_a_few_times<H: Host>() {
    for on in On::READS {
        for fault in [answer(503, &[], ""), answer(502, &[], "<html>"), Fault::CutBefore, Fault::CutWithin] {
            let host = H::start();
            let forge = forge(&host);
            host.fault(on, fault.clone());
            host.fault(on, fault.clone());
            ask(&host, &*forge, on).await.unwrap();
            assert_eq!(host.count(on), 3, "{on:?} {fault:?}");

            for _ in 0..3 {
                host.fault(on, fault.clone());
            }
            let error = ask(&host, &*forge, on).await.unwrap_err();
            assert!(matches!(error, Error::Later { .. }), "{on:?} {fault:?}: {error}");
            assert_eq!(host.count(on), 6, "{on:?} {fault:?}");
        }
    }
}

pub(super) async fn a_limit_is_told_at_once_and_not_waited_out<H: Host>() {
    for on in On::READS.into_iter().chain(On::WRITES) {
        let host = H::start();
        let forge = forge(&host);
        host.fault(on, answer(429, &[("retry-after", "3600")], r#"{"message":"Too many requests"}"#));
        match ask(&host, &*forge, on).await.unwrap_err() {
            Error::Later { after, .. } => assert_eq!(after, Some(Duration::from_secs(3600))),
            error => panic!("{on:?}: {error}"),
        }
        assert_eq!(host.count(on), 1, "{on:?}");
    }
}

pub(super) async fn a_silence_ends<H: Host>() {
    for (on, is_write) in [(On::Own, false), (On::Post, true)] {
        let host = H::start();
        let line = Line { whole: Duration::from_millis(200), ..quick() };
        let forge = host.forge(Token::Good, line).unwrap();
        for _ in 0..3 {
            host.fault(on, Fault::Silence);
        }
        let error = ask(&host, &*forge, on).await.unwrap_err();
        assert_eq!(matches!(error, Error::Unknown { .. }), is_write, "{error}");
        assert_eq!(matches!(error, Error::Later { .. }), !is_write, "{error}");
        assert!(error.to_string().ends_with("no answer came within 0.2 s"), "{error}");
        assert_eq!(host.count(on), if is_write { 1 } else { 3 });
    }
}

pub(super) async fn where_nobody_listens_nothing_was_done<H: Host>() {
    let host = H::start();
    let forge = H::nowhere();
    for on in On::READS.into_iter().chain(On::WRITES) {
        let error = ask(&host, &*forge, on).await.unwrap_err();
        assert!(matches!(error, Error::Later { .. }), "{on:?}: {error}");
    }
}

pub(super) async fn a_foreign_answer_is_refused_and_bounded<H: Host>() {
    let endless: &'static str = Box::leak(ENDLESS.repeat(1 + (8 << 20) / ENDLESS.len()).into_boxed_str());
    for on in On::READS {
        for body in ["", "null", "[1]", "{}", "\"text\"", r#"{"id":"7","login":7}"#, "[{\"id\":-1}]", endless] {
            let host = H::start();
            let forge = forge(&host);
            host.fault(on, answer(200, &[], body));
            let error = ask(&host, &*forge, on).await.unwrap_err();
            assert!(matches!(error, Error::Unreadable { .. }), "{on:?}: {error}");
            assert_eq!(host.count(on), 1, "{on:?}");
            assert!(error.to_string().len() < 1000);
        }
    }
}

pub(super) async fn a_redirect_to_elsewhere_is_not_followed<H: Host>() {
    for on in On::READS.into_iter().chain(On::WRITES) {
        for status in [301, 302, 307, 308] {
            let host = H::start();
            let forge = forge(&host);
            host.fault(on, answer(status, &[("location", "http://localhost:1/user")], ""));
            let error = ask(&host, &*forge, on).await.unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{on:?} {status}: {error}");
            assert_eq!(host.count(on), 1);
        }
    }
}

pub(super) async fn a_token_is_never_repeated<H: Host>() {
    let host = H::start();
    let forge = host.forge(Token::Unknown, quick()).unwrap();
    for on in On::READS.into_iter().chain(On::WRITES) {
        let error = ask(&host, &*forge, on).await.unwrap_err();
        assert!(matches!(error, Error::Refused { status: 401, .. }), "{on:?}: {error}");
        assert_eq!(host.count(on), 1, "{on:?}");
        host.fault(on, answer(418, &[], r#"{"message":"no, not-the-token-1234567890\n::error::"}"#));
        let error = ask(&host, &*forge, on).await.unwrap_err().to_string();
        assert!(!error.contains("not-the-token") && !error.contains('\n'), "{error}");
    }
}

pub(super) async fn a_host_is_checked_before_it_is_asked<H: Host>() {
    let host = H::start();
    let line = Line { extra_ca: Some(b"none".to_vec()), ..quick() };
    assert!(host.forge(Token::Good, line).is_err());
}
