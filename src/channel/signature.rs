//! The gate: nothing is read from a delivery before somebody answered for it.

use super::delivery::Delivery;

/// A delivery somebody answered for. This file is its only maker.
#[derive(Clone, Debug)]
pub struct Verified(Delivery);

impl Verified {
    /// The person at the command line answers for the file they name. They act as themselves on
    /// their own machine, so there is nothing to check.
    pub fn operator(delivery: Delivery) -> Self {
        Self(delivery)
    }

    /// The CI runner answers for what it hands to a job: the event that started it, or a payload made
    /// from the forge's own answers (see [`ci::gitlab`](super::ci::gitlab)). A trigger's payload as it
    /// came is neither.
    pub fn job(delivery: Delivery) -> Self {
        Self(delivery)
    }

    /// What was answered for.
    pub fn delivery(&self) -> &Delivery {
        &self.0
    }
}
