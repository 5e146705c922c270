//! Everything that is no answer, and what to do about it.

use std::sync::Arc;
use std::time::Duration;

use hob::provider::{Access, Error, ErrorKind, connect};

use super::{MODELS, ask_once, beginning, begun, connected, rich};
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};

const LATER: ErrorKind = ErrorKind::Transient { after: None };

async fn fault(model: &str, reply: Reply) -> Error {
    let server = ModelServer::start([reply]);
    ask_once(&*connected(model, &server)).await.unwrap_err()
}

#[tokio::test]
async fn every_fault_says_what_to_do_about_it() {
    for model in MODELS {
        let error = |kind: &str, message: &str| {
            serde_json::json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
        };
        let in_seven = ErrorKind::Transient { after: Some(Duration::from_secs(7)) };
        for (reply, expected) in [
            (Reply::status(401).body(error("authentication_error", "invalid key")), ErrorKind::Auth),
            (Reply::status(403), ErrorKind::Auth),
            (Reply::status(429).header("retry-after", "7").body(error("rate_limit_error", "slow down")), in_seven),
            (
                Reply::status(503)
                    .header("retry-after", "Sun, 06 Nov 1994 08:49:44 GMT")
                    .header("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                in_seven,
            ),
            (Reply::status(500), LATER),
            (Reply::status(529).body(error("overloaded_error", "Overloaded")), LATER),
            (Reply::status(400).body(error("invalid_request_error", "prompt is too long: 9 > 8")), ErrorKind::Overflow),
            (Reply::status(413), ErrorKind::Overflow),
            (Reply::status(400).body(error("invalid_request_error", "no")), ErrorKind::Fatal),
            (Reply::status(404), ErrorKind::Config),
            (Reply::status(400).body(vec![b'x'; 1 << 20]), ErrorKind::Fatal),
            (Reply::html(), ErrorKind::Config),
            (Reply::html().header("x", "y").body(error("overloaded_error", "Overloaded")), LATER),
            (Reply::stream("<!doctype html>"), LATER),
            (Reply::stream(""), LATER),
            (Reply::stream("data: {\n\n"), LATER),
            (answer().text("a").error("overloaded_error", "Overloaded").end(), LATER),
            (answer().text("a").error("invalid_request_error", "no").end(), ErrorKind::Fatal),
            (answer().text("a").call("1", "read", serde_json::json!({})).end_early(), LATER),
            (rich().cut_at(0), LATER),
        ] {
            let shown = format!("{reply:?}");
            let error = fault(model, reply).await;
            assert_eq!(error.kind, expected, "{model}: {error} for {}", &shown[..shown.len().min(200)]);
            assert!(error.message.starts_with(model.split('/').next().unwrap()), "{error}");
        }
    }
}

#[tokio::test]
async fn a_socket_cut_at_any_place_never_brings_an_answer() {
    for model in MODELS {
        let cuts = || (1..60).map(|n| n * 23);
        let server = ModelServer::start(cuts().map(|at| rich().cut_at(at)));
        let provider = connected(model, &server);
        for at in cuts() {
            let error = ask_once(&*provider).await.unwrap_err();
            assert_eq!(error.kind, LATER, "{model} cut at {at}: {error}");
        }
    }
}

#[tokio::test]
async fn silence_is_borne_for_so_long_and_no_longer() {
    for model in MODELS {
        for stalled in [rich().stall_at(0), rich().stall_at(300)] {
            let server = ModelServer::start([stalled]);
            let access = Access { idle: Duration::from_millis(100), ..server.access() };
            let error = ask_once(&*connect(model, &access, Arc::new(())).unwrap()).await.unwrap_err();
            assert_eq!(error.kind, LATER);
            assert!(error.message.ends_with("was silent for 0.1 s"), "{error}");
            server.wait_for_hang_up().await;
        }
    }
}

#[tokio::test]
async fn who_asks_no_longer_closes_the_connection() {
    for model in MODELS {
        let server = ModelServer::start([rich().stall_at(900)]);
        let mut conversation = begun(&*connected(model, &server));
        let (said, hear) = tokio::sync::oneshot::channel();
        let mut said = Some(said);
        let mut on = |_: hob::provider::Delta<'_>| {
            said.take().map(|said| said.send(()));
        };
        tokio::select! {
            answer = conversation.ask(beginning(), &mut on) => panic!("it was answered: {answer:?}"),
            heard = hear => heard.unwrap(),
        }
        server.wait_for_hang_up().await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_because_the_key_would_go_along() {
    for model in MODELS {
        let elsewhere = ModelServer::start([]);
        let server = ModelServer::start([Reply::status(307).header("location", &elsewhere.url)]);
        let error = ask_once(&*connected(model, &server)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config);
        assert!(error.message.contains("redirects are not followed"), "{error}");
        assert!(elsewhere.requests().is_empty());
    }
}

#[tokio::test]
async fn no_error_repeats_the_key() {
    for model in MODELS {
        for reply in [
            Reply::status(401).body(format!("{{\"error\":{{\"message\":\"bad key {KEY}\"}}}}")),
            Reply::status(500).body(KEY),
            answer().error(KEY, KEY).end(),
            Reply::status(200).header("content-type", KEY),
            Reply::stream(format!("data: {{\"type\":\"{KEY}\n\n")),
        ] {
            let error = fault(model, reply).await;
            assert!(!error.message.contains(KEY), "{error}");
            assert!(!format!("{error:?}").contains(KEY), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    for model in MODELS {
        let gone = ModelServer::start([]);
        let access = gone.access();
        drop(gone);
        let error = ask_once(&*connect(model, &access, Arc::new(())).unwrap()).await.unwrap_err();
        assert_eq!(error.kind, LATER);
        assert!(error.message.contains("could not be reached"), "{error}");
    }
}
