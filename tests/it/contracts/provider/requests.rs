//! What is sent: golden bodies, and a head that never changes.

use hob::domain::image::ImageKind;
use hob::domain::message::Answer;
use hob::domain::name::Thinking;
use hob::provider::{Image, Opening, Place, Said};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{MODELS, beginning, begun, connected, opening, result, rich, tools};
use crate::scene::model_server::{ModelServer, Reply, answer};

const MARK: &str = r#","cache_control":{"type":"ephemeral"}"#;

/// A talk with everything in it: reasoning, a broken call, failed results, a note after results.
async fn golden(model: &str) -> String {
    let server = ModelServer::start([rich(), answer().text("Done.").end(), answer().text("Bye.").end()]);
    let mut conversation = begun(&*connected(model, &server));
    let first = conversation.ask(beginning(), &mut |_| {}).await.unwrap();
    conversation.push(Said::Answer(&first));
    let results = [result("c1", "# Hob\n", false), result("c2", "the arguments are not valid JSON", true)];
    conversation.push(Said::Results(&results));
    conversation.push(Said::User("You have used 80 % of your turns."));
    let second = conversation.ask(beginning(), &mut |_| {}).await.unwrap();
    conversation.push(Said::Answer(&second));
    conversation.push(Said::User("Thanks."));
    conversation.ask(beginning(), &mut |_| {}).await.unwrap();
    serde_json::to_string_pretty(&server.bodies()).unwrap()
}

#[tokio::test]
async fn golden_bodies_of_anthropic_messages() {
    insta::assert_snapshot!(golden("anthropic/claude-sonnet-5").await);
}

#[tokio::test]
async fn golden_bodies_of_openai_chat() {
    insta::assert_snapshot!(golden("openai-chat/gpt-5.1").await);
}

#[tokio::test]
async fn golden_bodies_of_openai_responses() {
    insta::assert_snapshot!(golden("openai/gpt-5.1").await);
}

#[tokio::test]
async fn a_model_that_nobody_knows_is_sent_nothing_it_might_refuse() {
    for (model, fields) in [
        ("anthropic/some-local-model", "max_tokens messages model stream system"),
        ("openai/some-local-model", "input instructions model store stream"),
        ("openai-chat/some-local-model", "messages model stream stream_options"),
    ] {
        let server = ModelServer::start([answer().text("Hi.").end()]);
        let opening = Opening { tools: &[], thinking: Thinking::High, ..opening(&[]) };
        let mut conversation = connected(model, &server).open(opening);
        conversation.push(Said::User("Hi."));
        conversation.ask(beginning(), &mut |_| {}).await.unwrap();
        let sent = server.bodies().remove(0);
        let names: Vec<&str> = sent.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.join(" "), fields);
    }
}

/// An image behind the results of a turn, for a model of each protocol that sees and for one that does not.
#[tokio::test]
async fn a_model_that_sees_is_shown_an_image_and_another_one_is_told_of_it() {
    let mut sent = String::new();
    for model in [
        "anthropic/claude-sonnet-5",
        "openai/gpt-5-mini",
        "gemini/gemini-3.8-flash",
        "anthropic/some-local-model",
        "openai/some-local-model",
        "groq/openai/gpt-oss-120b",
    ] {
        let server = ModelServer::start([rich(), answer().text("A cat.").end(), answer().end()]);
        let mut conversation = begun(&*connected(model, &server));
        let first = conversation.ask(beginning(), &mut |_| {}).await.unwrap();
        conversation.push(Said::Answer(&first));
        conversation.push(Said::Results(&[result("c1", "cat.png is shown below", false), result("c2", "x", false)]));
        let images = [Image { kind: ImageKind::Png, bytes: b"\x89PNG\r\n\x1a\n" }];
        conversation.push(Said::Shown { text: "cat.png:", images: &images });
        let second = conversation.ask(beginning(), &mut |_| {}).await.unwrap();
        let body = server.bodies().remove(1);
        let said = body["messages"].as_array().or(body["input"].as_array()).unwrap();
        sent.push_str(&format!("{model} {}\n", said.last().unwrap()));
        // What was shown stays where it is.
        conversation.push(Said::Answer(&second));
        conversation.push(Said::User("Thanks."));
        conversation.ask(beginning(), &mut |_| {}).await.unwrap();
        let requests = server.requests();
        assert!(head(&requests[2].body).starts_with(&head(&requests[1].body)), "{model}");
    }
    insta::assert_snapshot!(sent);
}

/// Everything before the end of the messages, cache marks taken out.
fn head(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).unwrap().replace(MARK, "");
    text.strip_suffix("]}").unwrap().to_owned()
}

#[tokio::test]
async fn each_request_begins_with_the_bytes_of_the_one_before() {
    for model in MODELS {
        let turns: u32 = 20;
        let reply = |turn: u32| -> Reply {
            answer()
                .reasoning("hm", "c2ln")
                .text("next")
                .call(&format!("a{turn}"), "read", json!({"path": turn}))
                .raw_call(&format!("b{turn}"), "bash", if turn.is_multiple_of(3) { "[" } else { "{}" })
                .end_tools()
        };
        let server = ModelServer::start((0..turns).map(reply));
        let mut conversation = begun(&*connected(model, &server));
        for turn in 0..turns {
            let answer: Answer = conversation.ask(Place::turn(0, turn), &mut |_| {}).await.unwrap();
            let sent = server.requests().remove(turn as usize).body;
            assert_eq!(answer.request, hex::encode(Sha256::digest(sent)));
            conversation.push(Said::Answer(&answer));
            let results =
                [result(&format!("a{turn}"), "\"quoted\" text }]}", false), result(&format!("b{turn}"), "no", true)];
            conversation.push(Said::Results(&results));
            if turn.is_multiple_of(4) {
                conversation.push(Said::User("A note }]}"));
            }
        }
        let requests = server.requests();
        assert_eq!(requests.len(), 20);
        for (n, pair) in requests.windows(2).enumerate() {
            let (one, next) = (head(&pair[0].body), head(&pair[1].body));
            assert!(next.starts_with(&one), "{model}: request {n} is not the head of request {}", n + 1);
            assert!(next.len() > one.len());
        }
        let marks = |body: &[u8]| std::str::from_utf8(body).unwrap().matches(MARK).count();
        let expected = if model.starts_with("anthropic") { 4 } else { 0 };
        assert!(requests.iter().skip(1).all(|request| marks(&request.body) == expected));
    }
}

#[tokio::test]
async fn a_resumed_conversation_sends_the_same_bytes() {
    for model in MODELS {
        let server = ModelServer::start([rich(), answer().end(), answer().end()]);
        let provider = connected(model, &server);
        let mut conversation = begun(&*provider);
        let first = conversation.ask(beginning(), &mut |_| {}).await.unwrap();
        // What comes back from the log is what was written to it.
        let logged: Answer = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
        let results = [result("c1", "x", false), result("c2", "y", true)];
        let mut resumed = begun(&*provider);
        for (conversation, answer) in [(&mut conversation, &first), (&mut resumed, &logged)] {
            conversation.push(Said::Answer(answer));
            conversation.push(Said::Results(&results));
            conversation.ask(beginning(), &mut |_| {}).await.unwrap();
        }
        let requests = server.requests();
        assert_eq!(requests[1].body, requests[2].body, "{model}");
        assert!(!tools().is_empty());
    }
}
