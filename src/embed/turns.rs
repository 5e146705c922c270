//! Who works on a session of this process now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::domain::id::InstanceId;

/// Prompts of one session take turns, each worked on as it was given. Clones are the same.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<InstanceId, Turn>>>);

type Turn = Arc<tokio::sync::Mutex<()>>;

impl Turns {
    /// Waits until those before are over.
    pub(super) async fn next(&self, instance: &InstanceId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Without those that nobody waits for.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(instance.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }
}
