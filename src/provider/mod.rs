//! Model vendors' wire protocols, each in a file of its own behind two small traits.
//!
//! Promises that every implementation keeps, and `tests/it/contracts/provider` checks:
//!
//! - An [`Answer`] is returned only when the stream reached the protocol's end mark; everything
//!   else is an [`Error`] and nothing of it may run. Calls in an answer that did not stop with
//!   [`Stop::Tools`](crate::domain::message::Stop) are not to be run either; that is the caller's part.
//! - Blocks come back in the order they came, reasoning with its signature, and are sent again as
//!   they were, as far as the protocol has a place for them (`openai::chat` says what it lacks).
//!   Reasoning goes to the model that signed it only.
//! - All results of one turn travel in one message where the protocol allows it, in the order of
//!   the calls, errors marked.
//! - What was pushed is serialised once: a turn costs what is new. Request n's system, tools and
//!   messages are the head of request n + 1's, cache marks aside.
//! - Arguments that are not a JSON object are sent back as `{}`, and an id that another vendor gave,
//!   or that was sent before, as another one, in the call and its result alike.
//! - Memory stays bounded whatever the other side sends.
//! - Dropping the future of [`Conversation::ask`] closes the connection.

mod anthropic;
mod base_url;
mod blocks;
mod body;
mod call_ids;
pub mod catalog;
mod classify;
mod connect;
mod digest;
#[cfg(fuzzing)]
pub mod fuzz;
mod http;
mod image;
mod model;
mod openai;
mod record;
mod reference;
mod replay;
pub mod retry;
mod streamed;
#[cfg(test)]
mod streams;
mod tape;
mod vendor;

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::domain::id::SessionId;
use crate::domain::image::Sight;
use crate::domain::message::{Answer, ToolResult, ToolSpec};
use crate::domain::name::Thinking;

pub use base_url::InvalidBaseUrl;
pub use connect::{Access, ConnectError, Site, Sites, connect};
pub use image::Image;
pub use model::{InvalidModel, ModelName};
pub use record::{RecordError, record};
pub use reference::reference;
pub use tape::InvalidTape;
pub use vendor::{VENDORS, Vendor, WORDS};

/// A connection to one model.
pub trait Provider: Send + Sync {
    /// `provider/model`, as in the log.
    fn model(&self) -> &str;

    /// Tokens that fit into its context, where a source says it.
    fn window(&self) -> Option<u64> {
        catalog::find(self.model()).map(|row| row.window)
    }

    /// What of images it can be shown: nothing where no source says that it sees.
    fn sight(&self) -> Sight {
        catalog::sight(self.model())
    }

    /// Begins a conversation in the provider's own bytes.
    fn open(&self, opening: Opening<'_>) -> Box<dyn Conversation>;
}

/// What stands before the messages in every request of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Stable part of the system prompt.
    pub system: &'a str,
    /// Part of the system prompt that depends on where the run happens; sent after `system`.
    pub environment: &'a str,
    /// In the order they are sent.
    pub tools: &'a [ToolSpec],
    /// How hard the model thinks.
    pub thinking: Thinking,
}

/// A conversation in a provider's own bytes.
pub trait Conversation: Send {
    /// Appends what was said, serialising it once.
    fn push(&mut self, said: Said<'_>);

    /// Sends everything pushed so far and reads the whole answer, which is not pushed: the caller
    /// records it first. `on` sees its pieces as they come.
    fn ask<'a>(
        &'a mut self,
        place: Place,
        on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>>;
}

/// One turn of a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// By hob.
    User(&'a str),
    /// By hob, with images after the text. Those of tool results come behind all results: not every
    /// protocol has a place for an image in a result. A model that does not see is told so instead.
    Shown {
        /// What the images are.
        text: &'a str,
        /// In the order they are meant.
        images: &'a [Image<'a>],
    },
    /// By the model.
    Answer(&'a Answer),
    /// All results of the answer before it, in the order of its calls.
    Results(&'a [ToolResult]),
}

/// Which model call of an instance this is; recorded conversations are filed under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which run of the session, from 0.
    pub run: u32,
    /// Which conversation of the instance.
    pub session: SessionId,
    /// Which model call of that run in it, from 0.
    pub turn: u32,
    /// What for.
    pub purpose: Purpose,
}

/// What a model is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The next answer of the conversation.
    Turn,
    /// What stands for the head of the conversation, before that answer is asked for: a call without an
    /// outcome is none of the run's turns, so that several may have one number.
    Summary {
        /// Which of the cuts before that answer, from 0.
        cut: u32,
    },
}

impl Place {
    /// Of an answer in the first session, by its numbers from 0.
    pub fn turn(run: u32, turn: u32) -> Self {
        Self { run, session: SessionId::default(), turn, purpose: Purpose::Turn }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, session, turn, purpose } = self;
        match *session == SessionId::default() {
            true => write!(f, "run {run}, turn {turn}")?,
            false => write!(f, "{session}, turn {turn}")?,
        }
        match purpose {
            Purpose::Turn => Ok(()),
            Purpose::Summary { cut } => write!(f, ", summary {cut}"),
        }
    }
}

/// A piece of an answer under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// Said.
    Text(&'a str),
    /// Thought.
    Reasoning(&'a str),
    /// A call to this tool has begun.
    Call(&'a str),
}

/// A model call that brought no answer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What to do about it.
    pub kind: ErrorKind,
    /// Names the provider, what went wrong, and the next move. Holds no key.
    pub message: String,
}

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Rate limit, overload, 5xx, a cut stream, silence: ask again, not before this long.
    Transient {
        /// What `Retry-After` asked for.
        after: Option<Duration>,
    },
    /// The context is longer than the model's window.
    Overflow,
    /// No key, or one that is not accepted.
    Auth,
    /// The operator must mend it: the model's name, its address, a certificate, the account's credit,
    /// a recording. Nothing in the conversation is at fault.
    Config,
    /// The conversation itself causes it: asking the same again would bring the same.
    Fatal,
}
