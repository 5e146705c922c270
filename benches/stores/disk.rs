//! What the disk and the processor of this machine take.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::place::Failed;

/// Processor time of this process so far, all its threads.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::from_nanos(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
}

/// How long one flush of 4 KiB takes, at the end of a file that grows; the middle one of so many.
pub(crate) fn fsync(dir: &Path, times: u64) -> Result<Duration, Failed> {
    let file = File::create(dir.join("fsync"))?;
    let mut each = Vec::new();
    for n in 0..times {
        let since = Instant::now();
        file.write_all_at(&[b'x'; 4096], n * 4096)?;
        file.sync_data()?;
        each.push(since.elapsed());
    }
    Ok(middle(each))
}

/// The one in the middle.
pub(crate) fn middle(mut each: Vec<Duration>) -> Duration {
    each.sort_unstable();
    each.get(each.len() / 2).copied().unwrap_or_default()
}
