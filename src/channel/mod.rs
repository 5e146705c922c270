//! How we hear: a delivery becomes an event.
//!
//! A forge's payload is read here and nowhere else. What comes out is one [`Event`] for every
//! channel, the reason why there is none, or what is wrong with the payload. All of it is pure.

pub mod ci;
mod command_line;
mod date;
mod delivery;
mod field;
mod github;
mod gitlab;
mod host;
mod json;
mod signature;

pub use command_line::{Asked, AskedWrong, Request};
pub use delivery::{DELIVERY_MAX, Delivery};
pub use signature::Verified;

use crate::domain::event::Event;
use json::Json;

/// What a delivery turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something an agent can start on.
    Event(Box<Event>),
    /// An authentic event that no agent starts on.
    Ignored {
        /// What the forge calls it, where the payload or a name tells.
        shape: Option<String>,
        /// A sentence for people.
        reason: String,
    },
}

/// What is wrong with a delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No bytes, or only white space.
    #[error("the event is empty; give the JSON body of one webhook delivery")]
    Empty,
    /// More than [`DELIVERY_MAX`].
    #[error(
        "the event has {bytes} bytes, more than the {DELIVERY_MAX} (25 MiB) a forge sends; give the body of one webhook delivery"
    )]
    TooLarge {
        /// How many were given.
        bytes: usize,
    },
    /// Not JSON, or JSON that two readers could read in two ways.
    #[error(
        "the event is not valid JSON: {what} at line {line}, column {column}; give the JSON body of one webhook delivery"
    )]
    NotJson {
        /// Why, in the words of the reader.
        what: String,
        /// From 1.
        line: usize,
        /// From 1, in bytes; 0 at a line's start.
        column: usize,
    },
    /// A list, a text, a number …
    #[error("the event is {found}, not an object; give the JSON body of one webhook delivery")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// No member that either forge's events have.
    #[error(
        "the JSON looks like neither a GitHub nor a GitLab event; \
         if it is one, name it with `--event-name` (`issues`, `note`, …)"
    )]
    Unrecognised,
    /// A name that no event has.
    #[error("there is no event named `{given}`; did you mean `{near}`?")]
    UnknownName {
        /// What was given.
        given: String,
        /// What was probably meant.
        near: &'static str,
    },
    /// The name says one thing, the payload another.
    #[error(
        "the event was named `{given}`, but it has the shape of `{shape}`; leave out `--event-name`, or give another file"
    )]
    Misnamed {
        /// What was given.
        given: String,
        /// What the payload is.
        shape: String,
    },
    /// A member that every such event has.
    #[error("`{path}` is missing: this is no complete `{shape}` event; give the body as the forge sent it")]
    Missing {
        /// From the top of the payload.
        path: String,
        /// What the event is.
        shape: &'static str,
    },
    /// A member of the wrong type or out of its range.
    #[error("`{path}` is {found}, but in `{shape}` events it is {expected}; give the body as the forge sent it")]
    Wrong {
        /// From the top of the payload.
        path: String,
        /// What the event is.
        shape: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// Two members that must agree do not. Which one is right cannot be known, so neither is used.
    #[error(
        "the event contradicts itself: `{path}` is {value}, but `{other_path}` is {other}; \
         give the body of the `{shape}` event as the forge sent it"
    )]
    Contradiction {
        /// What the event is.
        shape: &'static str,
        /// The first member.
        path: &'static str,
        /// Its value.
        value: u64,
        /// The second member.
        other_path: String,
        /// Its value.
        other: u64,
    },
    /// A host that cannot be one.
    #[error("`{given}` is no host; give a name with or without a port, such as `github.com` or `git.example:8443`")]
    Host {
        /// What was given.
        given: String,
    },
}

/// Reads a delivery. The host is the one the delivery came with, else the one of the repository's
/// address in the payload, else `github.com`: channels that verify always give theirs.
///
/// # Errors
/// Everything that is wrong with the payload, the first found.
pub fn parse(delivery: &Verified) -> Result<Heard, Error> {
    let Delivery { body, event_name, host } = delivery.delivery();
    let payload = Json::read(body)?;
    let host = host.as_deref().map(host::named).transpose()?;
    let name = event_name.as_deref();
    if gitlab::recognises(&payload) {
        gitlab::hear(&payload, name, host)
    } else if github::recognises(&payload) {
        github::hear(&payload, name, host)
    } else {
        // The payload does not tell; the name does, and then what the payload lacks can be named.
        match name {
            Some(name) if gitlab::names(name) => gitlab::hear(&payload, Some(name), host),
            Some(name) => github::hear(&payload, Some(name), host),
            None => Err(Error::Unrecognised),
        }
    }
}

/// An event that is neither issue, pull request nor comment. GitHub's payloads do not always tell
/// their name.
fn no_thread(shape: Option<&str>) -> Heard {
    Heard::Ignored { shape: shape.map(field::clipped), reason: why_no_thread(shape) }
}

fn why_no_thread(shape: Option<&str>) -> String {
    let what = shape.map_or("such events".to_owned(), |shape| format!("`{}` events", field::clipped(shape)));
    format!("{what} start no agent: agents start on issues, pull requests and their comments and reviews")
}
