//! Whether a write is one that the agent file allows. A refusal is written for the model.

use std::collections::BTreeSet;

use crate::domain::effect::{Effect, Write};
use crate::domain::event::Forge;
use crate::domain::name::EffectKind;

/// Longest body that is looked at, in bytes; what a forge takes is less.
pub const BODY_MAX: usize = 1 << 20;

/// Labels in one proposal.
pub const LABELS_MAX: usize = 20;

/// One kind of write that an agent file declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Which kind.
    pub kind: EffectKind,
    /// How many in a run.
    pub max: u32,
    /// For labels: the only ones that may be put on or taken off; empty means any.
    pub allow: Vec<String>,
}

/// Why a write is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The agent file does not declare the kind.
    #[error("this agent may not write a {0}: its file does not declare that effect")]
    NotDeclared(EffectKind),
    /// The run used up its number.
    #[error("this run has proposed {max} of kind {kind} already, which is all that its agent file allows")]
    UsedUp {
        /// Which kind.
        kind: EffectKind,
        /// The number.
        max: u32,
    },
    /// Nothing to say.
    #[error("the body is empty")]
    EmptyBody,
    /// Far beyond what a forge takes.
    #[error("the body is {0} bytes long, at most {BODY_MAX} are taken")]
    BodyTooLong(usize),
    /// Nothing to put on or take off.
    #[error("name at least one label to add or to remove")]
    NoLabels,
    /// More than anybody means.
    #[error("{0} labels are too many for one proposal, at most {LABELS_MAX} are taken")]
    TooManyLabels(usize),
    /// Not something a forge takes as a label.
    #[error("`{name}` is not a label: {reason}")]
    BadLabel {
        /// As asked for, on one line.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// In both lists.
    #[error("`{0}` is both added and removed")]
    Contradiction(String),
    /// The agent file lists others.
    #[error("`{name}` is not one of this agent's labels; they are {allowed}")]
    LabelNotAllowed {
        /// As asked for.
        name: String,
        /// Those that are, for people.
        allowed: String,
    },
}

/// Decides about one write, after those that the same run proposed before it.
///
/// # Errors
/// The first reason against it.
pub fn decide(write: &Write, earlier: &[Effect], allowances: &[Allowance], forge: Forge) -> Result<(), Refusal> {
    let kind = write.kind();
    let allowance = allowances.iter().find(|allowance| allowance.kind == kind).ok_or(Refusal::NotDeclared(kind))?;
    match write {
        Write::Status { body } | Write::Comment { body } => check_body(body)?,
        Write::Label { add, remove } => check_labels(add, remove, &allowance.allow, forge)?,
    }
    // A second status of a run takes the place of the first: it is no second write.
    let used = earlier.iter().filter(|effect| effect.write.kind() == kind).count();
    let replaces = kind == EffectKind::Status && used > 0;
    if !replaces && used >= usize::try_from(allowance.max).unwrap_or(usize::MAX) {
        return Err(Refusal::UsedUp { kind, max: allowance.max });
    }
    Ok(())
}

fn check_body(body: &str) -> Result<(), Refusal> {
    if body.trim().is_empty() {
        return Err(Refusal::EmptyBody);
    }
    if body.len() > BODY_MAX {
        return Err(Refusal::BodyTooLong(body.len()));
    }
    Ok(())
}

fn check_labels(add: &[String], remove: &[String], allow: &[String], forge: Forge) -> Result<(), Refusal> {
    let count = add.len() + remove.len();
    if count == 0 {
        return Err(Refusal::NoLabels);
    }
    if count > LABELS_MAX {
        return Err(Refusal::TooManyLabels(count));
    }
    for name in add.iter().chain(remove) {
        let shown = || name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect::<String>();
        if let Some(reason) = why_no_label(name, forge) {
            return Err(Refusal::BadLabel { name: shown(), reason });
        }
        if !allow.is_empty() && !allow.contains(name) {
            let allowed = allow.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Refusal::LabelNotAllowed { name: shown(), allowed });
        }
    }
    let added: BTreeSet<String> = add.iter().map(|name| name.to_lowercase()).collect();
    match remove.iter().find(|name| added.contains(&name.to_lowercase())) {
        Some(name) => Err(Refusal::Contradiction(name.clone())),
        None => Ok(()),
    }
}

/// GitHub takes 50 characters; GitLab 255, in a list joined by commas.
fn why_no_label(name: &str, forge: Forge) -> Option<&'static str> {
    let (longest, too_long) = match forge {
        Forge::Github => (50, "it is longer than 50 characters"),
        Forge::Gitlab => (255, "it is longer than 255 characters"),
    };
    if name.trim().is_empty() {
        Some("it is empty")
    } else if name.trim() != name {
        Some("it begins or ends with a space")
    } else if name.chars().count() > longest {
        Some(too_long)
    } else if name.chars().any(char::is_control) {
        Some("it has control characters in it")
    } else if forge == Forge::Gitlab && name.contains(',') {
        Some("it has a comma in it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::EffectKey;
    use crate::domain::id::{EventKey, InstanceId, InstanceKind, RunId};

    fn before(writes: &[Write]) -> Vec<Effect> {
        let instance = InstanceId {
            host: "h".into(),
            repo: 1,
            kind: InstanceKind::Issue,
            key: "4".into(),
            agent: "a".parse().unwrap(),
        };
        let run = RunId::derive(&instance, &EventKey::from_parts(["e"]), None);
        let key = EffectKey::derive(b"s", &instance, &run, EffectKind::Comment, 0);
        writes
            .iter()
            .map(|write| Effect { key: key.clone(), run: run.clone(), ordinal: 0, write: write.clone() })
            .collect()
    }

    fn label(add: &[&str], remove: &[&str]) -> Write {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Write::Label { add: owned(add), remove: owned(remove) }
    }

    #[test]
    fn a_refusal_says_why() {
        let comment = |body: &str| Write::Comment { body: body.into() };
        let status = |body: &str| Write::Status { body: body.into() };
        let allowances = [
            Allowance { kind: EffectKind::Status, max: 1, allow: vec![] },
            Allowance { kind: EffectKind::Label, max: 2, allow: vec!["bug".into(), "needs info".into()] },
        ];
        let any = [
            Allowance { kind: EffectKind::Comment, max: 1, allow: vec![] },
            Allowance { kind: EffectKind::Label, max: 9, allow: vec![] },
        ];
        let many: Vec<String> = (0..21).map(|n| format!("l{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let said: Vec<String> = [
            (status("hi"), vec![], &allowances[..]),
            (status("again"), vec![status("hi")], &allowances),
            (comment("hi"), vec![], &allowances),
            (comment(" \n"), vec![], &any),
            (comment(&"x".repeat(BODY_MAX + 1)), vec![], &any),
            (comment("two"), vec![comment("one")], &any),
            (label(&["bug"], &["needs info"]), vec![label(&["bug"], &[])], &allowances),
            (label(&["bug"], &[]), vec![label(&["bug"], &[]), label(&["bug"], &[])], &allowances),
            (label(&["Bug"], &[]), vec![], &allowances),
            (label(&["anything"], &[]), vec![], &any),
            (label(&[], &[]), vec![], &any),
            (label(&many, &[]), vec![], &any),
            (label(&["a\nb"], &[]), vec![], &any),
            (label(&["a,b"], &[]), vec![], &any),
            (label(&["x"], &["X"]), vec![], &any),
        ]
        .into_iter()
        .map(|(write, earlier, allowances)| match decide(&write, &before(&earlier), allowances, Forge::Gitlab) {
            Ok(()) => "yes".to_owned(),
            Err(refusal) => refusal.to_string(),
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        yes
        yes
        this agent may not write a comment: its file does not declare that effect
        the body is empty
        the body is 1048577 bytes long, at most 1048576 are taken
        this run has proposed 1 of kind comment already, which is all that its agent file allows
        yes
        this run has proposed 2 of kind label already, which is all that its agent file allows
        `Bug` is not one of this agent's labels; they are `bug`, `needs info`
        yes
        name at least one label to add or to remove
        21 labels are too many for one proposal, at most 20 are taken
        `a b` is not a label: it has control characters in it
        `a,b` is not a label: it has a comma in it
        `X` is both added and removed
        ");
    }
}
