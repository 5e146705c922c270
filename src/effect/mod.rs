//! What is owed to the outside, and its one way there: own claim, look-up, call, record.
//!
//! [`owed()`] says what settled runs proposed and nobody did yet; [`apply()`] does it. The process may
//! die anywhere between: the next one finds the claim, looks up what became of it by the marker,
//! and goes on. One object for each effect.

mod apply;
mod look_up;
mod owed;
mod send;

pub use apply::{Came, apply};
pub use owed::{Finished, Owed, owed};

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::forge::{Account, Forge, Thread};
use crate::rules::neutralise::Place;
use crate::rules::policy::Allowance;
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::progress::Observer;
use crate::telemetry::redact::Redactor;

/// What stands along the way, given by the door.
#[derive(Clone, Copy)]
pub struct Corridor<'a> {
    /// The code host.
    pub forge: &'a dyn Forge,
    /// Where texts will stand: whose limits and rules hold, and what they may lead to.
    pub place: &'a Place,
    /// The thread that triggered: every effect is about it.
    pub thread: Thread,
    /// The account of the token.
    pub own: &'a Account,
    /// Ids of the accounts that hob wrote as before: what they wrote is ours too.
    pub own_ids: &'a [u64],
    /// The operator's, for markers: the one under which the keys were made.
    pub secret: &'a [u8],
    /// What the agent file declares today: the decision that counts.
    pub allowances: &'a [Allowance],
    /// How long all waits together may be.
    pub patience: Duration,
    /// Ends the work between two effects, never between a call and its row.
    pub cancel: &'a CancellationToken,
    /// Stamps the rows.
    pub clock: &'a Clock,
    /// Takes secrets out of what the forge said.
    pub redactor: &'a Redactor,
    /// Is told what a person should know beside the states.
    pub observer: &'a dyn Observer,
    /// Where a test kills the process.
    pub failpoints: &'a Failpoints,
}
