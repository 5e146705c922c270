//! What is sent, message by message.

use super::*;
use crate::domain::message::{Stop, Usage};
use crate::domain::name::Thinking;

const OPENING: Opening<'_> = Opening { system: "s", environment: "", tools: &[], thinking: Thinking::Off };

fn answer(model: &str, blocks: Vec<Block>) -> Answer {
    Answer { blocks, stop: Stop::Tools, model: model.into(), usage: Usage::default(), request: String::new() }
}

fn call(arguments: &str) -> Block {
    Block::Call(Call { id: "1".into(), name: "t".into(), arguments: arguments.into() })
}

fn messages(request: &Request) -> String {
    let body = request.body().concat();
    body.split_once("\"messages\":").unwrap().1.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn arguments_that_are_no_object_are_sent_back_as_an_empty_one() {
    for (written, sent) in [
        (r#"{"b": 1, "a" :2}"#, r#"{"b": 1, "a" :2}"#),
        (" {} ", "{}"),
        ("", "{}"),
        ("[1]", "{}"),
        (r#"{"a":"#, "{}"),
        (r#"{"a":"\ud800"}"#, "{}"),
        (&"[".repeat(5000), "{}"),
    ] {
        let mut request = Request::open(Asked { full: "anthropic/m", name: "m" }, OPENING);
        request.push(Said::Answer(&answer("anthropic/m", vec![call(written)])));
        let expected =
            format!(r#"[{{"role":"assistant","content":[{{"type":"tool_use","id":"1","name":"t","input":{sent}}}]}}]"#);
        assert_eq!(messages(&request), expected);
    }
}

#[test]
fn reasoning_goes_back_to_the_model_that_signed_it_and_to_no_other() {
    let reasoning = |signature: Option<&str>, redacted| Block::Reasoning {
        text: "hm".into(),
        signature: signature.map(str::to_owned),
        redacted,
    };
    let blocks =
        vec![reasoning(Some("sig"), false), reasoning(Some("cipher"), true), reasoning(None, false), call("{}")];
    let sent = |model: &str| {
        let mut request = Request::open(Asked { full: "anthropic/m", name: "m" }, OPENING);
        request.push(Said::Answer(&answer(model, blocks.clone())));
        messages(&request)
    };
    insta::assert_snapshot!(sent("anthropic/m"), @r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"redacted_thinking","data":"cipher"},{"type":"tool_use","id":"1","name":"t","input":{}}]}]"#);
    insta::assert_snapshot!(sent("anthropic/other"), @r#"[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{}}]}]"#);
}

#[test]
fn what_the_api_would_refuse_for_ever_after_is_left_out() {
    let mut request = Request::open(Asked { full: "anthropic/m", name: "m" }, OPENING);
    request.push(Said::User(" \n"));
    request.push(Said::Answer(&answer("anthropic/m", vec![Block::Text { text: " ".into() }])));
    request.push(Said::Results(&[]));
    // "The final block in an assistant message cannot be `thinking`."
    let thought = |redacted| Block::Reasoning { text: "hm".into(), signature: Some("sig".into()), redacted };
    let text = |text: &str| Block::Text { text: text.into() };
    request.push(Said::Answer(&answer("anthropic/m", vec![thought(false)])));
    request.push(Said::Answer(&answer("anthropic/m", vec![thought(false), thought(true), text("\n")])));
    assert_eq!(messages(&request), "[]");
    request.push(Said::User("go"));
    assert_eq!(
        messages(&request),
        r#"[{"role":"user","content":[{"type":"text","text":"go","cache_control":{"type":"ephemeral"}}]}]"#
    );
    request.push(Said::Answer(&answer("anthropic/m", vec![thought(false), text("a"), thought(true)])));
    let sent = messages(&request);
    assert!(
        sent.ends_with(r#"[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"text","text":"a"}]}]"#),
        "{sent}"
    );
}

fn called(id: &str) -> Block {
    Block::Call(Call { id: id.into(), name: "t".into(), arguments: "{}".into() })
}

fn resulted(id: &str) -> ToolResult {
    ToolResult { call: id.into(), name: "t".into(), content: "x".into(), is_error: false, images: Vec::new() }
}

#[test]
fn ids_that_the_api_would_refuse_are_replaced_in_call_and_result_alike() {
    let long = "x".repeat(65);
    let log = [
        ("openai-chat/o", "functions.read:0"),
        ("openai-chat/o", "call_0"),
        ("anthropic/m", "call_0"),
        ("openai-chat/o", long.as_str()),
        ("anthropic/m", long.as_str()),
        ("anthropic/m", ""),
        ("anthropic/m", "call_0"),
    ];
    let mut request = Request::open(Asked { full: "anthropic/m", name: "m" }, OPENING);
    let mut before = "[".to_owned();
    for (model, id) in log {
        request.push(Said::Answer(&answer(model, vec![called(id)])));
        request.push(Said::Results(&[resulted(id)]));
        let now = messages(&request).replace(r#","cache_control":{"type":"ephemeral"}"#, "");
        assert!(now.starts_with(&before), "what was sent is changed by `{id}`");
        before = now.trim_end_matches(']').to_owned();
    }
    let sent: serde_json::Value = serde_json::from_str(&messages(&request)).unwrap();
    let ids = |key: &str| -> Vec<String> {
        let parts = sent.as_array().unwrap().iter().filter_map(|message| message["content"][0].get(key));
        parts.map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let calls = ids("id");
    assert_eq!(calls, ids("tool_use_id"));
    assert_eq!(calls.len(), log.len());
    assert_eq!(calls.iter().collect::<std::collections::HashSet<_>>().len(), log.len(), "{calls:?}");
    assert!(calls.iter().all(|id| fits(id, true)), "{calls:?}");
    let kept: Vec<bool> = log.iter().zip(&calls).map(|((_, id), sent)| id == sent).collect();
    assert_eq!(kept, [false, true, false, false, true, false, false]);
}

#[test]
fn a_budget_is_not_sent_while_the_open_turn_began_without_a_thought() {
    const FULL: &str = "anthropic/claude-haiku-4-5";
    let thought = || Block::Reasoning { text: "hm".into(), signature: Some("s".into()), redacted: false };
    let told = |request: &mut Request| {
        let (body, digest) = request.send();
        let text = body.concat();
        assert_eq!(digest, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&text)));
        text.contains(r#""thinking":{"type":"enabled""#)
    };
    let opening = Opening { thinking: Thinking::High, ..OPENING };
    let mut request = Request::open(Asked { full: FULL, name: "claude-haiku-4-5" }, opening);
    request.push(Said::User("go"));
    assert!(told(&mut request));
    for (id, model, blocks, expected) in [
        ("1", FULL, vec![thought(), called("1")], true),
        ("2", FULL, vec![called("2")], true),
        ("3", "openai-chat/o", vec![thought(), called("3")], false),
        ("4", FULL, vec![called("4")], false),
    ] {
        request.push(Said::Answer(&answer(model, blocks)));
        request.push(Said::Results(&[resulted(id)]));
        assert_eq!(told(&mut request), expected, "after {id}");
        request.push(Said::User("A note."));
        assert_eq!(told(&mut request), expected, "after a note after {id}");
    }
    request.push(Said::Answer(&answer(FULL, vec![Block::Text { text: "done".into() }])));
    request.push(Said::User("more"));
    assert!(told(&mut request));

    let mut adaptive = Request::open(Asked { full: "anthropic/claude-sonnet-5", name: "claude-sonnet-5" }, opening);
    adaptive.push(Said::Answer(&answer("openai-chat/o", vec![called("1")])));
    adaptive.push(Said::Results(&[resulted("1")]));
    assert!(adaptive.body().concat().contains("adaptive"));
}
