//! How long a claim takes on PostgreSQL: it always waits for one flush to the disk.

use std::time::Instant;

use hob::queue;

use crate::place::{Failed, Stores, admit, instance, now, run};
use crate::{Figure, Goal, disk};

/// Claims, of which the middle one counts.
const CLAIMS: usize = 400;

pub(crate) fn all(stores: &Stores) -> Result<Vec<Figure>, Failed> {
    let Some(store) = stores.postgres()? else { return Ok(Vec::new()) };
    let instance = instance(1)?;
    stores.run(admit(&store, &run(&instance, 0)))?;
    let mut log = stores.open(&store, &instance)?;
    let mut each = Vec::new();
    for _ in 0..CLAIMS {
        let since = Instant::now();
        let (claim, _) = stores.run(queue::claim(&mut log, now()))?;
        each.push(since.elapsed());
        claim.ok_or("nothing to claim")?;
        stores.run(queue::release(&mut log))?;
    }
    let (claim, fsync) = (disk::middle(each), disk::fsync(stores.dir(), 300)?);
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new("claim on PostgreSQL, the middle one", milliseconds(claim), Goal::None, "ms"),
        Figure::new("  a flush of 4 KiB", milliseconds(fsync), Goal::None, "ms"),
        Figure::new("  without the flush", milliseconds(claim) - milliseconds(fsync), Goal::AtMost(1.0), "ms"),
    ])
}
