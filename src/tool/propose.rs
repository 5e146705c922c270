//! One tool for each kind of write that the agent file declares. The target is the thread that
//! triggered and never an argument; nothing is written here, only planned.
//!
//! The rules decide at once, so that the plan is what will be asked for and the model can read a
//! refusal. They decide again when the effect is applied, and that decision counts.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Nature, Reply, Scope, Tool, schema};
use crate::domain::effect::{Effect, EffectKey, Write};
use crate::domain::entry::{Body, EffectRefused};
use crate::domain::id::{InstanceId, RunId};
use crate::domain::message::ToolSpec;
use crate::domain::name::EffectKind;
use crate::rules::neutralise::{Change, Place, neutralise};
use crate::rules::policy::{self, Allowance};

/// What the tools of one run know.
#[derive(Clone)]
pub struct Proposals {
    /// Whose effects they are.
    pub instance: InstanceId,
    /// Which run proposes them.
    pub run: RunId,
    /// The operator's, for [`EffectKey::derive`].
    pub secret: Vec<u8>,
    /// What the agent file declares.
    pub allowances: Vec<Allowance>,
    /// Where texts will stand.
    pub place: Place,
    /// Proposed by this run before it was interrupted, in the order of the log.
    pub earlier: Vec<Effect>,
}

/// One tool for each declared kind: `propose_status`, `propose_comment`, `propose_label`.
pub fn tools(proposals: Proposals) -> Vec<Arc<dyn Tool>> {
    let mut kinds: Vec<EffectKind> = proposals.allowances.iter().map(|allowance| allowance.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let specs: Vec<_> = kinds.into_iter().map(|kind| (kind, spec(kind, &proposals.allowances))).collect();
    let plan = Arc::new(Plan { effects: Mutex::new(proposals.earlier.clone()), proposals });
    specs
        .into_iter()
        .map(|(kind, spec)| -> Arc<dyn Tool> { Arc::new(Propose { kind, spec, plan: Arc::clone(&plan) }) })
        .collect()
}

/// What this run has proposed so far, shared by its tools.
struct Plan {
    proposals: Proposals,
    effects: Mutex<Vec<Effect>>,
}

struct Propose {
    kind: EffectKind,
    spec: ToolSpec,
    plan: Arc<Plan>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Text {
    /// Markdown.
    #[schemars(length(min = 1))]
    body: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Labels {
    /// Names of labels to put on.
    add: Option<Vec<String>>,
    /// Names of labels to take off.
    remove: Option<Vec<String>>,
}

fn spec(kind: EffectKind, allowances: &[Allowance]) -> ToolSpec {
    let allowance = allowances.iter().find(|allowance| allowance.kind == kind);
    let max = allowance.map_or(0, |allowance| allowance.max);
    let times = if max == 1 { "once".to_owned() } else { format!("{max} times") };
    let name = format!("propose_{kind}");
    match kind {
        EffectKind::Status => schema::spec::<Text>(
            &name,
            "Proposes the text of this agent's one status comment on the thread, which is edited in place. A second \
             proposal in a run replaces the first. It is posted after the run.",
        ),
        EffectKind::Comment => schema::spec::<Text>(
            &name,
            format!("Proposes a new comment on the thread, at most {times} in a run. It is posted after the run."),
        ),
        EffectKind::Label => {
            let allowed: Vec<String> =
                allowance.into_iter().flat_map(|allowance| &allowance.allow).map(|name| format!("`{name}`")).collect();
            let allowed =
                if allowed.is_empty() { String::new() } else { format!(" The labels are {}.", allowed.join(", ")) };
            schema::spec::<Labels>(
                &name,
                format!("Proposes labels to put on or take off the thread, at most {times} in a run.{allowed}"),
            )
        }
    }
}

impl Tool for Propose {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        Nature::Contained
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match asked(self.kind, arguments) {
                Ok(write) => self.plan.propose(write),
                Err(reply) => reply,
            }
        })
    }
}

fn asked(kind: EffectKind, arguments: Map<String, Value>) -> Result<Write, Reply> {
    Ok(match kind {
        EffectKind::Status => Write::Status { body: schema::parse::<Text>(arguments)?.body },
        EffectKind::Comment => Write::Comment { body: schema::parse::<Text>(arguments)?.body },
        EffectKind::Label => {
            let Labels { add, remove } = schema::parse(arguments)?;
            Write::Label { add: once_each(add), remove: once_each(remove) }
        }
    })
}

fn once_each(names: Option<Vec<String>>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for name in names.unwrap_or_default() {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

impl Plan {
    fn propose(&self, write: Write) -> Reply {
        let Proposals { instance, run, secret, allowances, place, .. } = &self.proposals;
        let mut effects = self.effects.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = write.kind();
        if let Err(refusal) = policy::decide(&write, &effects, allowances, place.forge) {
            return refused(run, kind, refusal.to_string());
        }
        let (write, changes) = neutral(write, place);
        // A text of invisible characters and comments alone says nothing once they are gone.
        if let Err(refusal) = policy::decide(&write, &effects, allowances, place.forge) {
            return refused(run, kind, refusal.to_string());
        }
        let before = effects.iter().filter(|effect| effect.write.kind() == kind).count();
        let replaces = kind == EffectKind::Status && before > 0;
        let ordinal = if replaces { 0 } else { u32::try_from(before).unwrap_or(u32::MAX) };
        let key = EffectKey::derive(secret, instance, run, kind, ordinal);
        let effect = Effect { key, run: run.clone(), ordinal, write };
        let content = told(&effect.write, replaces, &changes);
        if replaces {
            effects.retain(|effect| effect.write.kind() != EffectKind::Status);
        }
        effects.push(effect.clone());
        Reply { content, entries: vec![Body::EffectProposed(effect)], ..Reply::default() }
    }
}

fn refused(run: &RunId, kind: EffectKind, reason: String) -> Reply {
    let content = format!("Refused: {reason}.");
    let entry = Body::EffectRefused(EffectRefused { run: run.clone(), kind, reason });
    Reply { entries: vec![entry], ..Reply::error(content) }
}

fn neutral(write: Write, place: &Place) -> (Write, Vec<Change>) {
    let text = |body: &str| {
        let neutral = neutralise(body, place);
        (neutral.text, neutral.changes.into_iter().collect())
    };
    match write {
        Write::Status { body } => {
            let (body, changes) = text(&body);
            (Write::Status { body }, changes)
        }
        Write::Comment { body } => {
            let (body, changes) = text(&body);
            (Write::Comment { body }, changes)
        }
        label @ Write::Label { .. } => (label, Vec::new()),
    }
}

/// What the model reads of a proposal that passed.
fn told(write: &Write, replaces: bool, changes: &[Change]) -> String {
    let mut told = match write {
        Write::Status { .. } if replaces => "Proposed the status comment, in place of the one before.".to_owned(),
        Write::Status { .. } => "Proposed the status comment.".to_owned(),
        Write::Comment { .. } => "Proposed the comment.".to_owned(),
        Write::Label { add, remove } => {
            let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let parts: Vec<String> = [("to add ", add), ("to remove ", remove)]
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(word, names)| format!("{word}{}", list(names)))
                .collect();
            format!("Proposed {}.", parts.join(" and "))
        }
    };
    for change in changes {
        told.push_str(&format!("\nChanged: {change}."));
    }
    told
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::super::Toolbox;
    use super::super::dispatch::{self, Step};
    use super::*;
    use crate::domain::event::Forge;
    use crate::domain::id::{EventKey, InstanceKind};
    use crate::domain::message::Call;

    fn proposals(earlier: Vec<Effect>) -> Proposals {
        let instance = InstanceId {
            host: "github.com".into(),
            repo: 1,
            kind: InstanceKind::Issue,
            key: "4".into(),
            agent: "triage".parse().unwrap(),
        };
        let run = RunId::derive(&instance, &EventKey::from_parts(["opened"]), None);
        Proposals {
            instance,
            run,
            secret: b"secret".to_vec(),
            allowances: vec![
                Allowance { kind: EffectKind::Label, max: 1, allow: vec!["bug".into(), "docs".into()] },
                Allowance { kind: EffectKind::Status, max: 1, allow: vec![] },
                Allowance { kind: EffectKind::Comment, max: 2, allow: vec![] },
            ],
            place: Place {
                forge: Forge::Github,
                hosts: vec!["github.com".into()],
                people: vec!["ann".into()],
                closes: false,
            },
            earlier,
        }
    }

    async fn call(toolbox: &Toolbox, name: &str, arguments: Value) -> Reply {
        let call = Call { id: "1".into(), name: name.into(), arguments: arguments.to_string() };
        let deadline = Instant::now() + Duration::from_secs(9);
        dispatch::run(
            toolbox,
            Step { call: &call, repeated: false },
            &CancellationToken::new(),
            deadline,
            crate::domain::image::Sight::FULL,
        )
        .await
    }

    fn entry(reply: &Reply) -> String {
        match &reply.entries[..] {
            [] => "-".to_owned(),
            [Body::EffectProposed(effect)] => format!("+ {} {:?}", effect.ordinal, effect.write),
            [Body::EffectRefused(refused)] => format!("refused {}", refused.kind),
            _ => "?".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_the_model_reads_and_what_is_planned() {
        let toolbox = Toolbox::new(tools(proposals(Vec::new())));
        let mut said = String::new();
        for (name, arguments) in [
            ("propose_comment", json!({"body": "Hi @ann, ask @bob.\n/close"})),
            ("propose_comment", json!({"body": "<!-- nothing -->"})),
            ("propose_comment", json!({"body": "two"})),
            ("propose_comment", json!({"body": "three"})),
            ("propose_comment", json!({"body": "x", "number": 7})),
            ("propose_status", json!({"body": "Looking."})),
            ("propose_status", json!({"body": "Done."})),
            ("propose_label", json!({"add": ["wontfix"]})),
            ("propose_label", json!({"add": ["bug", "bug"], "remove": ["docs"]})),
            ("propose_label", json!({"add": ["docs"]})),
            ("propose_push", json!({})),
        ] {
            let reply = call(&toolbox, name, arguments).await;
            said.push_str(&format!("{}\n    {}\n", reply.content, entry(&reply)));
        }
        insta::assert_snapshot!(said, @r#"
        Proposed the comment.
        Changed: mentions of people who are not on the thread, or of more than 3, are shown as text.
        Changed: lines that would be commands are shown as text.
            + 0 Comment { body: "Hi @ann, ask `@bob`.\n\\/close" }
        Refused: the body is empty.
            refused comment
        Proposed the comment.
            + 1 Comment { body: "two" }
        Refused: this run has proposed 2 of kind comment already, which is all that its agent file allows.
            refused comment
        `propose_comment` did not run: Additional properties are not allowed ('number' was unexpected).
            -
        Proposed the status comment.
            + 0 Status { body: "Looking." }
        Proposed the status comment, in place of the one before.
            + 0 Status { body: "Done." }
        Refused: `wontfix` is not one of this agent's labels; they are `bug`, `docs`.
            refused label
        Proposed to add `bug` and to remove `docs`.
            + 0 Label { add: ["bug"], remove: ["docs"] }
        Refused: this run has proposed 1 of kind label already, which is all that its agent file allows.
            refused label
        There is no tool named `propose_push`. The tools are `propose_status`, `propose_comment`, `propose_label`.
            -
        "#);
    }

    #[tokio::test]
    async fn a_resumed_run_goes_on_counting() {
        let first = Toolbox::new(tools(proposals(Vec::new())));
        let key = |reply: &Reply| match &reply.entries[..] {
            [Body::EffectProposed(effect)] => Some(effect.clone()),
            _ => None,
        };
        let comment = key(&call(&first, "propose_comment", json!({"body": "one"})).await).unwrap();
        let status = key(&call(&first, "propose_status", json!({"body": "one"})).await).unwrap();
        let resumed = Toolbox::new(tools(proposals(vec![comment.clone(), status.clone()])));
        let next = key(&call(&resumed, "propose_comment", json!({"body": "two"})).await).unwrap();
        assert_eq!((comment.ordinal, next.ordinal), (0, 1));
        assert_ne!(comment.key, next.key);
        let again = key(&call(&resumed, "propose_status", json!({"body": "two"})).await).unwrap();
        assert_eq!((again.key, again.ordinal), (status.key, 0));
        assert_eq!(key(&call(&resumed, "propose_comment", json!({"body": "three"})).await), None);
    }
}
