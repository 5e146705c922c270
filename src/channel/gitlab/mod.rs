//! GitLab's dialect: which events there are, and how one is told from another.

mod event;

pub(super) use event::note_action;

use super::field::{Field, clipped};
use super::json::Json;
use super::{Error, Heard, no_thread};
use crate::domain::event::EventKind;

/// Events that agents start on, by `object_kind`.
const OURS: [&str; 3] = ["issue", "merge_request", "note"];

/// Whether the payload looks like one of GitLab's: they name themselves.
pub(super) fn recognises(payload: &Json<'_>) -> bool {
    let is_named = payload.text("object_kind").is_some() || payload.text("event_name").is_some();
    is_named && !payload.has_object("sender")
}

/// Whether `name` is an event that agents start on, as a header or as an `object_kind`.
pub(super) fn names(name: &str) -> bool {
    OURS.contains(&plain(name).as_str())
}

/// Reads a payload, which must be of the event called `name` if there is one.
pub(super) fn hear(payload: &Json<'_>, name: Option<&str>, host: Option<String>) -> Result<Heard, Error> {
    let kind = payload.text("object_kind").or_else(|| payload.text("event_name"));
    let named = name.map(plain);
    let shape = match (kind, &named) {
        (Some(kind), _) => kind,
        (None, Some(named)) => named,
        (None, None) => return Err(Error::Unrecognised),
    };
    let ours = OURS.into_iter().find(|ours| *ours == shape);
    if let Some(named) = &named
        && named != shape
        && (ours.is_some() || OURS.contains(&named.as_str()))
    {
        return Err(Error::Misnamed { given: clipped(name.unwrap_or_default()), shape: clipped(shape) });
    }
    let Some(ours) = ours else { return Ok(no_thread(Some(shape))) };
    let payload = Field::top(payload, ours);
    let kind = match ours {
        "issue" => EventKind::Issue,
        "merge_request" => EventKind::Pull,
        _ => match note(&payload)? {
            Note::For(kind) => kind,
            Note::NotForUs(reason) => return Ok(Heard::Ignored { shape: Some(shape.to_owned()), reason }),
        },
    };
    event::read(kind, &payload, host).map(|event| Heard::Event(Box::new(event)))
}

/// Whether a note is one that agents start on.
pub(super) enum Note {
    /// Yes, as an event of that kind.
    For(EventKind),
    /// No, with a sentence for people.
    NotForUs(String),
}

/// Tells a note on an issue or merge request from all others.
pub(super) fn note(payload: &Field<'_>) -> Result<Note, Error> {
    let note = payload.at("object_attributes");
    let is_system = note.at("system").optional().map(|system| system.flag()).transpose()?.unwrap_or_default();
    if is_system {
        return Ok(Note::NotForUs("GitLab wrote this note itself: agents start on what people write".to_owned()));
    }
    let on = note.at("noteable_type").short()?;
    if !matches!(on.as_str(), "Issue" | "MergeRequest") {
        let on = clipped(&on);
        let reason = format!("this note is on a {on}: agents start on notes on issues and merge requests");
        return Ok(Note::NotForUs(reason));
    }
    let is_on_diff = note.at("type").optional().map(|kind| kind.short()).transpose()?.as_deref() == Some("DiffNote");
    Ok(Note::For(if is_on_diff { EventKind::ReviewComment } else { EventKind::Comment }))
}

/// `Confidential Note Hook`, as the header says, and `note` are one name.
fn plain(name: &str) -> String {
    let name = name.strip_suffix(" Hook").unwrap_or(name).to_ascii_lowercase().replace(' ', "_");
    name.strip_prefix("confidential_").unwrap_or(&name).to_owned()
}
