//! A run for the views to show, with everything in it that can be seen, some of it hostile.

use std::time::Duration;

use crate::domain::effect::{Effect, EffectKey, Write};
use crate::domain::id::{EventKey, InstanceId, InstanceKind, RunId};
use crate::domain::message::{Call, ToolResult, Usage};
use crate::domain::name::EffectKind;
use crate::telemetry::progress::{Observer, Progress};

pub(super) fn run() -> RunId {
    let instance = InstanceId {
        host: "github.com".into(),
        repo: 1,
        kind: InstanceKind::Issue,
        key: "42".into(),
        agent: "triage".parse().unwrap(),
    };
    RunId::derive(&instance, &EventKey::from_parts(["event"]), None)
}

pub(super) fn call(id: &str, name: &str, arguments: &str) -> Call {
    Call { id: id.into(), name: name.into(), arguments: arguments.into() }
}

pub(super) fn ended(to: &dyn Observer, call: &Call, content: &str, is_error: bool) {
    let result = ToolResult {
        call: call.id.clone(),
        name: call.name.clone(),
        content: content.into(),
        is_error,
        images: Vec::new(),
    };
    to.see(Progress::ToolEnded { call, result: &result, took: Duration::from_millis(412) });
}

/// The first turn, up to two tools under way.
pub(super) fn begin(to: &dyn Observer) -> [Call; 2] {
    let run = run();
    to.see(Progress::Started { run: &run, attempt: 1, model: "replay/demo", sandbox: "virtual", resumed: false });
    to.see(Progress::Asked { turn: 1 });
    to.see(Progress::Retrying { reason: "overloaded\u{1b}[2J", wait: Duration::from_millis(1500) });
    to.see(Progress::Reasoning("The user reports "));
    to.see(Progress::Text("Let me look.\nFirst at "));
    to.see(Progress::Text("the sources.\u{1b}]0;x\u{7}"));
    to.see(Progress::Answered { usage: Usage { input: 1200, output: 88, ..Usage::default() } });
    let calls = [
        call("a", "bash", r#"{"command":"grep -rn \"foo\" src"}"#),
        call("b", "read", r#"{"path":"missing\n\u001b[31m.txt"}"#),
    ];
    for call in &calls {
        to.see(Progress::ToolStarted(call));
    }
    calls
}

/// The whole run.
pub(super) fn play(to: &dyn Observer) {
    let [grep, read] = begin(to);
    ended(to, &read, "\nno such file: missing.txt\nlook with glob", true);
    ended(to, &grep, "src/a.rs:1:foo", false);
    to.see(Progress::Asked { turn: 2 });
    to.see(Progress::Answered { usage: Usage { input: 20_000, output: 31, ..Usage::default() } });
    let label = call("c", "label", r#"{"add":["bug"]}"#);
    to.see(Progress::ToolStarted(&label));
    let (instance, write) = (run(), Write::Label { add: vec!["bug\u{202e}".into()], remove: vec!["new".into()] });
    let id = InstanceId {
        host: "h".into(),
        repo: 1,
        kind: InstanceKind::Issue,
        key: "1".into(),
        agent: "a".parse().unwrap(),
    };
    let key = EffectKey::derive(b"secret", &id, &instance, EffectKind::Label, 0);
    to.see(Progress::Proposed(&Effect { key, run: instance, ordinal: 0, write }));
    to.see(Progress::Refused { kind: EffectKind::Label, reason: "`urgent` is not in `allow`" });
    ended(to, &label, "planned", false);
    ended(to, &call("d", "finish", ""), "done", false);
    to.see(Progress::Note("the event would not have started `triage`:\nits labels do not match"));
}
