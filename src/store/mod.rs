//! Where instances are kept: a [`Store`] of many, and the [`Log`] of one, open for its one writer.
//!
//! Four backends keep the same lines, so an instance moves between any two to the byte: memory, a
//! directory of bundles, an SQLite file, a PostgreSQL database. What a line means, and which may
//! follow which, is decided here, once for all of them.
//!
//! | verb | does | who |
//! |---|---|---|
//! | `admit` | a run stands in the inbox, once for its id | anybody |
//! | `abort` | the wish that a run ends stands there | anybody |
//! | `claim` | the right to write: a new epoch, never given twice | one at a time |
//! | `append` | entries, under the fence of a claim | who has it |
//! | `settle` | the last entries and the outcome of a run; ends the claim | who has it |
//! | `release` | ends the claim without an outcome | who has it |
//! | `spent` | what the agent's model calls cost on a day, all instances together | anybody |
//! | `effect_claim` | an effect is about to be sent | who sends it |
//! | `effect_done` | what came of it | who sent it |
//!
//! Promises, kept by every backend and checked by `tests/it/contracts/store`:
//!
//! - Each verb is one transaction. What it acknowledged is there after a crash; of what it did not
//!   acknowledge all is there, or nothing.
//! - A holder whose claim is over can neither append nor settle.
//! - A run has one outcome, an effect one final state; the first one wins, for ever.
//! - Damage is noticed, never repaired by guessing, and never a panic.
//! - What a model call cost counts with the entry that tells of it, once: see `spending`.
//! - After a failed write every further verb refuses: the next opening reads what is really there.
//! - No secret that was known is stored: see [`Draft`].

pub mod bundle;
mod chain;
mod claim;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod compacted;
mod directory;
mod disk;
mod draft;
mod effects;
mod holder;
pub mod location;
mod log;
mod manifest;
mod medium;
mod memory;
mod outbox;
mod peek;
#[cfg(feature = "postgres")]
pub mod postgres;
mod process;
mod pulse;
mod read;
mod record;
mod rows;
mod runs;
mod spending;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transfer;

use std::path::PathBuf;

pub use directory::{Admitted, Listed, Store};
pub use draft::{Admission, Blob, Draft};
pub use effects::Effects;
pub use holder::Holder;
pub use log::Log;
pub use manifest::Manifest;
pub use peek::Peek;
pub use process::Process;
pub use pulse::{Beat, Pulse};
pub use spending::Bill;

use crate::domain::effect::{EffectKey, State};
use crate::domain::id::{Epoch, InstanceId, RunId, Seq};
use crate::domain::outcome::Outcome;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process writes to the instance.
    #[error("this instance is worked on by {by}; wait until it is done, or stop it")]
    Held {
        /// Who, for people.
        by: String,
    },
    /// What is stored is not what was written. Nothing was changed.
    #[error(
        "`{}` is damaged: line {line} (byte {offset}) {what}; it was left as it is: \
         put back a copy of the session, or remove it with `hob forget` to begin anew",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// Where that line begins.
        offset: u64,
        /// The rest of the sentence.
        what: String,
    },
    /// A later version wrote it in a way that cannot be known here.
    #[error("`{}` was written by a newer hob ({found}); use that version or a later one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What says so.
        found: String,
    },
    /// The directory holds another instance than its name says.
    #[error("`{}` holds {found}, not {asked}; move it away", path.display())]
    Foreign {
        /// The directory or file.
        path: PathBuf,
        /// Whose it is.
        found: Box<InstanceId>,
        /// Whose it should be.
        asked: Box<InstanceId>,
    },
    /// One of that name is there already.
    #[error("{instance} is there already; `hob forget` removes it")]
    Exists {
        /// Which.
        instance: Box<InstanceId>,
    },
    /// Somebody removed it.
    #[error("{instance} is not there any more")]
    Gone {
        /// Which.
        instance: Box<InstanceId>,
    },
    /// The operating system said no.
    #[error("cannot {doing} `{}`: {source}{}", path.display(), disk::next_move(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// A verb.
        doing: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// The database said no, or could not be asked.
    #[error("cannot {doing} in `{place}`: {said}")]
    Database {
        /// Which, without its password.
        place: String,
        /// A verb.
        doing: &'static str,
        /// What it said, and the next move.
        said: String,
    },
    /// An earlier write failed, so nobody knows what is on the disk.
    #[error("an earlier write to `{}` failed; run the same command again, it goes on from what is stored", path.display())]
    Broken {
        /// The bundle.
        path: PathBuf,
    },
    /// The claim is over: settled, or another one followed.
    #[error("epoch {given} may not write: its claim is over")]
    Fenced {
        /// The epoch of the claim.
        given: Epoch,
    },
    /// A run has an outcome already.
    #[error("{run} is settled: {outcome}")]
    Settled {
        /// Which.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
    },
    /// A run that stands in no inbox.
    #[error("{run} was never admitted")]
    NotAdmitted {
        /// Which.
        run: RunId,
    },
    /// An effect has a final state already.
    #[error("effect {key} of {run} is done: {state}")]
    Done {
        /// Which.
        key: EffectKey,
        /// Of which run.
        run: RunId,
        /// How it stands.
        state: State,
    },
    /// What came of an effect that nobody said would be sent.
    #[error("effect {key} of {run} was never claimed")]
    NotClaimed {
        /// Which.
        key: EffectKey,
        /// Of which run.
        run: RunId,
    },
    /// An entry names a parent that is not before it.
    #[error("entry {seq} cannot follow entry {parent}")]
    Parent {
        /// Where the entry would stand.
        seq: Seq,
        /// What it names.
        parent: Seq,
    },
    /// Above a bound of the format.
    #[error("{what} is larger than {most} bytes, the most that is stored")]
    TooLarge {
        /// Names it.
        what: String,
        /// The bound.
        most: u64,
    },
    /// It would not read back as it was written.
    #[error("a `{kind}` entry cannot be stored: {source} (JSON nested too deeply, or a secret that is a common word)")]
    Unstorable {
        /// Kind of the entry.
        kind: String,
        /// What the reader says.
        source: serde_json::Error,
    },
    /// An entry names content that is not there.
    #[error("blob `{digest}` {what}; put back a copy of the session that has it")]
    NoBlob {
        /// As named.
        digest: String,
        /// What is wrong with it.
        what: &'static str,
    },
}
