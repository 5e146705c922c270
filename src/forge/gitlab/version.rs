//! The version of a package that holds a bundle, and which of several is the newest.

use std::cmp::Reverse;
use std::fmt;

/// `5.8123`: epoch 5, written by job 8123; `5.8123.1` where that was taken already; `5` outside of
/// a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) epoch: u64,
    pub(super) job: Option<u64>,
    pub(super) nth: u32,
}

impl Version {
    /// Reads what [`fmt::Display`] wrote, and nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let epoch = parts.next()?.parse().ok()?;
        let job = parts.next().map(|part| part.parse().map_err(|_| ())).transpose().ok()?;
        let nth = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        // A `0` in the job's place stands for none where a number follows.
        let version = Self { epoch, job: job.filter(|job| *job != 0), nth };
        (version.to_string() == text).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { epoch, job: None, nth: 0 } => write!(f, "{epoch}"),
            Self { epoch, job: Some(job), nth: 0 } => write!(f, "{epoch}.{job}"),
            Self { epoch, job, nth } => write!(f, "{epoch}.{}.{nth}", job.unwrap_or_default()),
        }
    }
}

/// Sorts packages, given by id and version, newest first: the higher epoch; of jobs that wrote the
/// same epoch, which only happens when two ran at once, the one that came first; of its uploads the
/// last.
pub(super) fn newest_first<T>(packages: &mut [T], of: impl Fn(&T) -> (u64, Version)) {
    let firsts: Vec<(Version, u64)> = packages.iter().map(&of).map(|(id, version)| (version, id)).collect();
    let first = |version: Version| {
        let same = |other: &&(Version, u64)| other.0.epoch == version.epoch && other.0.job == version.job;
        firsts.iter().filter(same).map(|(_, id)| *id).min()
    };
    packages.sort_by_cached_key(|package| {
        let (id, version) = of(package);
        (Reverse(version.epoch), first(version), Reverse(version.nth), Reverse(id))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written_and_no_other_way() {
        for (text, version) in [
            ("5", Version { epoch: 5, job: None, nth: 0 }),
            ("5.8123", Version { epoch: 5, job: Some(8123), nth: 0 }),
            ("5.8123.2", Version { epoch: 5, job: Some(8123), nth: 2 }),
            ("5.0.2", Version { epoch: 5, job: None, nth: 2 }),
        ] {
            assert_eq!(Version::parse(text), Some(version));
            assert_eq!(version.to_string(), text);
        }
        for text in ["", "1.0.0", "05", "5.", "5.8123.0", "5.0", "+5", "5.1.2.3", "latest", "99999999999999999999"] {
            assert_eq!(Version::parse(text), None, "`{text}`");
        }
    }

    #[test]
    fn the_newest_is_the_last_upload_of_the_first_job_of_the_highest_epoch() {
        let mut packages =
            vec![(10, "5.70"), (11, "5.70.1"), (12, "5.71"), (13, "5.71.1"), (14, "4.72"), (3, "4.60"), (9, "12.69")];
        newest_first(&mut packages, |(id, version)| (*id, Version::parse(version).unwrap()));
        let order: Vec<&str> = packages.iter().map(|(_, version)| *version).collect();
        assert_eq!(order, ["12.69", "5.70.1", "5.70", "5.71.1", "5.71", "4.60", "4.72"]);
    }
}
