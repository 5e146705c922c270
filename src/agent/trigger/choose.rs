//! Which agent an event starts. Pure.

use std::fmt;

use super::{WhyNot, fires};
use crate::agent::{Agent, Trigger};
use crate::domain::event::Event;
use crate::domain::name::{Name, Who};

/// What an event starts.
#[derive(Clone, Debug)]
pub enum Choice<'a> {
    /// One agent.
    One(Chosen<'a>),
    /// Nobody: there is nothing to do.
    Nobody(Nobody),
    /// Several, by name, and which of them is meant cannot be known.
    Several(Vec<Name>),
}

/// The agent that an event starts.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// Who works.
    pub agent: &'a Agent,
    /// Which of its triggers the event meets; `None` for an agent without any that was named.
    pub trigger: Option<&'a Trigger>,
}

impl Chosen<'_> {
    /// Who may start it this way.
    pub fn who(&self) -> Who {
        self.trigger.and_then(|trigger| trigger.who).unwrap_or(self.agent.who)
    }
}

/// Why an event starts nobody: each agent's reason, in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nobody(pub Vec<(Name, WhyNot)>);

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(
                "there is no agent in `agents/`: add a file there, or name one that ships with hob, such as `triage`",
            );
        }
        f.write_str("no agent starts on this event: ")?;
        for (n, (name, why_not)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "; " };
            write!(f, "{comma}`{name}`: {why_not}")?;
        }
        Ok(())
    }
}

/// Chooses among agents by their triggers.
pub fn choose<'a>(agents: impl IntoIterator<Item = &'a Agent>, event: &Event) -> Choice<'a> {
    let (mut chosen, mut reasons) = (Vec::new(), Vec::new());
    for agent in agents {
        match fires(&agent.triggers, event) {
            Ok(trigger) => chosen.push(Chosen { agent, trigger: Some(trigger) }),
            Err(why_not) => reasons.push((agent.name.clone(), why_not)),
        }
    }
    match chosen.as_slice() {
        [] => Choice::Nobody(Nobody(reasons)),
        [one] => Choice::One(*one),
        several => Choice::Several(several.iter().map(|chosen| chosen.agent.name.clone()).collect()),
    }
}

/// The agent that the operator named. It still waits for what its `on:` says (else every comment
/// would start an agent that waits for a command); one without `on:` starts on every event that its
/// job starts on.
///
/// # Errors
/// What it waits for in vain.
pub fn named<'a>(agent: &'a Agent, event: &Event) -> Result<Chosen<'a>, Nobody> {
    match fires(&agent.triggers, event) {
        Ok(trigger) => Ok(Chosen { agent, trigger: Some(trigger) }),
        Err(WhyNot::NoTrigger) => Ok(Chosen { agent, trigger: None }),
        Err(why_not) => Err(Nobody(vec![(agent.name.clone(), why_not)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Known, check};
    use crate::domain::event::EventKind;

    fn agent(name: &str, head: &str) -> Agent {
        let source = format!("---\ndescription: x\n{head}---\nDo it.\n");
        check(name, &source, &Known::default()).agent.unwrap()
    }

    fn said(choice: &Choice<'_>) -> String {
        match choice {
            Choice::One(chosen) => format!("`{}`, for {}", chosen.agent.name, chosen.who()),
            Choice::Nobody(nobody) => nobody.to_string(),
            Choice::Several(names) => names.iter().map(Name::as_str).collect::<Vec<_>>().join(" and "),
        }
    }

    #[test]
    fn an_event_starts_one_agent_or_says_why_none() {
        let issues = "on: { github: { issues: { types: [opened], who: anyone } } }\nwho: triage\n";
        let triage = agent("triage", issues);
        let second = agent("second", "on: { github: { issues: {} } }\n");
        let assist = agent("assist", "on: { github: { issue_comment: { command: true } } }\nwho: maintain\n");
        let silent = agent("silent", "who: read\n");
        let opened = super::super::tests::event(EventKind::Issue, "opened");
        let comment = super::super::tests::event(EventKind::Comment, "created");
        let edited = super::super::tests::event(EventKind::Comment, "edited");
        let by_name = |agent, event| said(&named(agent, event).map_or_else(Choice::Nobody, Choice::One));
        let rows = [
            said(&choose([&triage, &assist, &silent], &opened)),
            said(&choose([&triage, &assist, &silent], &comment)),
            said(&choose([&triage, &second], &opened)),
            said(&choose([&triage, &assist, &silent], &edited)),
            said(&choose([], &opened)),
            by_name(&triage, &opened),
            by_name(&triage, &comment),
            by_name(&assist, &edited),
            by_name(&silent, &opened),
        ];
        insta::assert_snapshot!(rows.join("\n"), @"
        `triage`, for anyone
        `assist`, for maintain
        triage and second
        no agent starts on this event: `triage`: it starts on `issues`, this is `issue_comment`; `assist`: it waits for a command in new text, and `issue_comment` `edited` brings none; `silent`: it starts on no event, because its file has no `on:`
        there is no agent in `agents/`: add a file there, or name one that ships with hob, such as `triage`
        `triage`, for anyone
        no agent starts on this event: `triage`: it starts on `issues`, this is `issue_comment`
        no agent starts on this event: `assist`: it waits for a command in new text, and `issue_comment` `edited` brings none
        `silent`, for read
        ");
    }
}
