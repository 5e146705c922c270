//! Keeps a claim alive while its run is worked on.

use tokio::time::{Instant, sleep, timeout_at};

use crate::domain::id::RunId;
use crate::store::{Beat, Pulse};

/// Beats in one lease: two may be missed.
const BEATS: u32 = 3;

/// Tries to beat in one lease while the store cannot be asked.
const TRIES: u32 = 15;

/// Renews a claim three times in each lease, and tells `on_abort` once who asked for the end of its
/// run. Returns when the claim is lost: somebody else may have the run then, and no more may be done
/// for it here.
pub async fn keep(pulse: &mut Pulse, run: &RunId, mut on_abort: impl FnMut(&str)) {
    let lease = pulse.lease();
    let (rhythm, again) = (lease / BEATS, lease / TRIES);
    let (mut wait, mut until) = (rhythm, Instant::now() + lease);
    let mut is_told = false;
    loop {
        sleep(wait).await;
        let asked = Instant::now();
        // A process that was stopped asks once more: nobody may have taken the claim meanwhile.
        match timeout_at(until.max(asked + rhythm), pulse.beat(run)).await {
            Err(_) | Ok(Ok(Beat::Lost)) => return,
            Ok(Ok(beat)) => {
                (wait, until) = (rhythm, asked + lease);
                if let Beat::AbortAsked { by } = beat
                    && !std::mem::replace(&mut is_told, true)
                {
                    on_abort(&by);
                }
            }
            Ok(Err(_)) if Instant::now() + again >= until => return,
            Ok(Err(_)) => wait = again,
        }
    }
}
