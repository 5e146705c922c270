//! Would this event start this agent? Pure: the agent's `on:` against what the payload says.
//!
//! It does not ask who may start it; that needs an answer of the forge.

mod choose;
mod text;

pub use choose::{Choice, Chosen, Nobody, choose, named};

use crate::domain::event::{ActorKind, Event, EventKind, Forge};

use super::Trigger;

/// Why an event starts nothing: goes on after "the event would not have started `triage`: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// The agent has no `on:`.
    #[error("it starts on no event, because its file has no `on:`")]
    NoTrigger,
    /// It starts on events of the other forge only.
    #[error("it starts on nothing that {forge} sends")]
    Forge {
        /// Where the event was heard.
        forge: Forge,
    },
    /// It starts on other events.
    #[error("it starts on {}, this is `{this}`", list(starts_on))]
    Kind {
        /// The forge's words.
        starts_on: Vec<&'static str>,
        /// The forge's word.
        this: &'static str,
    },
    /// It starts on other actions of this event.
    #[error("it starts on `{event}` with action {}, this is `{event}` `{this}`", list(starts_on))]
    Action {
        /// The forge's word.
        event: &'static str,
        /// The trigger's `types`.
        starts_on: Vec<String>,
        /// The event's action.
        this: String,
    },
    /// The trigger's `ignore_authors` names whoever caused the event.
    #[error("it leaves out events by `{login}`")]
    Author {
        /// Whose event it is.
        login: String,
    },
    /// The trigger's `ignore_authors` has `bots`.
    #[error("it leaves out events by bots, and `{login}` is one")]
    Bot {
        /// Whose event it is.
        login: String,
    },
    /// The trigger has `draft: false`.
    #[error("it leaves out drafts, and this is one")]
    Draft,
    /// None of the trigger's `labels` is there.
    #[error("it starts on threads labelled {}, and this one has {}", list(starts_on), if has.is_empty() { "no label".to_owned() } else { list(has) })]
    Label {
        /// The trigger's `labels`.
        starts_on: Vec<String>,
        /// The thread's.
        has: Vec<String>,
    },
    /// A command or mention would count only in text that was just written.
    #[error("it waits for a {waits_for} in new text, and `{event}` `{this}` brings none")]
    NotNew {
        /// `command` or `mention`.
        waits_for: &'static str,
        /// The forge's word.
        event: &'static str,
        /// The event's action.
        this: String,
    },
    /// The text has no command.
    #[error("it waits for `/hob …` at the start of a line, outside code and quotes, and the text has none")]
    NoCommand,
    /// The text does not mention the login.
    #[error("it waits for a mention of `@{login}`, outside code and quotes, and the text has none")]
    NoMention {
        /// The trigger's `mention`.
        login: String,
    },
}

/// The first trigger that the event meets.
///
/// A payload does not name the files that changed, so `paths` counts as met; [`unasked`] says so.
///
/// # Errors
/// When there is none: the reason of the first trigger that hears such events, else what it starts on.
pub fn fires<'a>(triggers: &'a [Trigger], event: &Event) -> Result<&'a Trigger, WhyNot> {
    let mut why_not = None;
    for trigger in triggers.iter().filter(|trigger| hears(trigger, event)) {
        match meets(trigger, event) {
            Ok(()) => return Ok(trigger),
            Err(reason) => why_not = why_not.or(Some(reason)),
        }
    }
    Err(why_not.unwrap_or_else(|| unheard(triggers, event)))
}

/// The words behind `/hob` that an event which [`fires`] this trigger gives as a command; `None` for a
/// trigger that asks for none.
pub fn command<'a>(trigger: &Trigger, event: &'a Event) -> Option<&'a str> {
    trigger.command.then(|| text::command(event.text())).flatten()
}

/// What [`fires`] could not know about a trigger, as a sentence for people.
pub fn unasked(trigger: &Trigger) -> Option<String> {
    let paths = &trigger.paths;
    (!paths.is_empty())
        .then(|| format!("`paths` ({}) was not asked: the event does not name the changed files", list(paths)))
}

fn hears(trigger: &Trigger, event: &Event) -> bool {
    let same_kind = trigger.kind == event.kind
        // GitLab's `note` is one event, on a diff or not.
        || (event.forge == Forge::Gitlab
            && trigger.kind == EventKind::Comment
            && event.kind == EventKind::ReviewComment);
    trigger.forge == event.forge && same_kind
}

fn unheard(triggers: &[Trigger], event: &Event) -> WhyNot {
    let forge = event.forge;
    let mut starts_on: Vec<_> =
        triggers.iter().filter(|trigger| trigger.forge == forge).map(|trigger| trigger.kind.name_on(forge)).collect();
    starts_on.dedup();
    match (triggers, starts_on.as_slice()) {
        ([], _) => WhyNot::NoTrigger,
        (_, []) => WhyNot::Forge { forge },
        _ => WhyNot::Kind { starts_on, this: event.kind.name_on(forge) },
    }
}

fn meets(trigger: &Trigger, event: &Event) -> Result<(), WhyNot> {
    let name = event.kind.name_on(event.forge);
    let Event { action, actor, thread, .. } = event;

    if !trigger.types.is_empty() && !trigger.types.contains(action) {
        return Err(WhyNot::Action { event: name, starts_on: trigger.types.clone(), this: action.clone() });
    }
    if actor.kind == ActorKind::Bot && trigger.ignore_authors.iter().any(|ignored| ignored == "bots") {
        return Err(WhyNot::Bot { login: actor.login.clone() });
    }
    if trigger.ignore_authors.iter().any(|ignored| ignored.eq_ignore_ascii_case(&actor.login)) {
        return Err(WhyNot::Author { login: actor.login.clone() });
    }
    if trigger.draft == Some(false) && event.change.as_ref().is_some_and(|change| change.draft) {
        return Err(WhyNot::Draft);
    }
    let just_put_on = event.label.as_ref().filter(|_| action == "labeled");
    if !trigger.labels.is_empty()
        && !thread.labels.iter().chain(just_put_on).any(|label| trigger.labels.contains(label))
    {
        return Err(WhyNot::Label { starts_on: trigger.labels.clone(), has: thread.labels.clone() });
    }

    // Only text that was just written speaks: an edit would let its editor speak for the author,
    // and a label put on later would let an old text speak again.
    let is_new = matches!(action.as_str(), "opened" | "created" | "submitted" | "open" | "create");
    let not_new = |waits_for| WhyNot::NotNew { waits_for, event: name, this: action.clone() };
    if trigger.command {
        match text::command(event.text()) {
            _ if !is_new => return Err(not_new("command")),
            Some(_) => {}
            None => return Err(WhyNot::NoCommand),
        }
    }
    if let Some(login) = &trigger.mention {
        if !is_new {
            return Err(not_new("mention"));
        }
        if !text::mentions(event.text(), login) {
            return Err(WhyNot::NoMention { login: login.clone() });
        }
    }
    Ok(())
}

/// `a`, `b` or `c`.
fn list<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match quoted.as_slice() {
        [words @ .., last] if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        words => words.concat(),
    }
}

#[cfg(test)]
mod tests;
