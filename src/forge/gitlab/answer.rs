//! The parts of GitLab's answers that hob reads. Members that are not named are let be; those that
//! are must be there and fit.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::name::Role;

/// A comment on an issue or merge request, or a note of the system about it.
#[derive(Deserialize)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) body: String,
    pub(super) author: User,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Written by GitLab about a change, in the name of who changed something.
    #[serde(default)]
    pub(super) system: bool,
    pub(super) noteable_iid: Option<u64>,
}

/// An account.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
}

/// An issue or merge request that was changed.
#[derive(Deserialize)]
pub(super) struct Changed {
    #[serde(rename = "iid")]
    _iid: u64,
}

/// A member of a project, inherited or not.
#[derive(Deserialize)]
pub(super) struct Member {
    pub(super) id: u64,
    /// `active`, `blocked`, `awaiting`, `deactivated`, …
    pub(super) state: String,
    pub(super) access_level: u32,
    /// A day, or a day and a time.
    pub(super) expires_at: Option<String>,
    /// `active`, `awaiting`; newer GitLabs say it.
    pub(super) membership_state: Option<String>,
}

impl Member {
    /// What the member may do at `now`; `None` when that is nothing. An end that cannot be read, or
    /// not compared, counts as past.
    pub(super) fn role(&self, now: Option<Timestamp>) -> Option<Role> {
        if self.state != "active" || self.membership_state.as_deref().is_some_and(|state| state != "active") {
            return None;
        }
        if let Some(end) = &self.expires_at {
            // Rights end with the beginning of the day that is named.
            let day: jiff::civil::Date = end.get(..10)?.parse().ok()?;
            if day <= now?.to_zoned(jiff::tz::TimeZone::UTC).date() {
                return None;
            }
        }
        role(self.access_level)
    }
}

/// The role of an access level: a level between two known ones counts as the lower.
fn role(access_level: u32) -> Option<Role> {
    Some(match access_level {
        // None, and minimal access.
        0..=9 => return None,
        // Guest, planner.
        10..=19 => Role::Read,
        // Reporter.
        20..=29 => Role::Triage,
        // Developer.
        30..=39 => Role::Write,
        // Maintainer.
        40..=49 => Role::Maintain,
        // Owner.
        50.. => Role::Admin,
    })
}

/// A package of the registry.
#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) package_type: String,
    pub(super) created_at: Timestamp,
    /// The pipeline of its first file; newer servers show that of the last.
    pub(super) pipeline: Option<Pipeline>,
}

/// A file of a package.
#[derive(Clone, Deserialize)]
pub(super) struct File {
    pub(super) id: u64,
    pub(super) file_name: String,
    pub(super) size: u64,
    pub(super) file_sha256: Option<String>,
    /// Those whose jobs uploaded it: one, or none when a person did.
    #[serde(default)]
    pub(super) pipelines: Vec<Pipeline>,
}

/// A pipeline.
#[derive(Clone, Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    pub(super) project_id: Option<u64>,
    #[serde(rename = "ref")]
    pub(super) branch: String,
    /// `push`, `trigger`, `merge_request_event`, `schedule`, …
    pub(super) source: Option<String>,
    /// The commit it ran.
    pub(super) sha: Option<String>,
    /// Told of a pipeline by itself, and not of one among others.
    #[serde(default)]
    pub(super) tag: Option<bool>,
}

/// A merge request, as far as it tells where its commits come from.
#[derive(Deserialize)]
pub(super) struct MergeRequest {
    pub(super) source_project_id: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_what_the_level_says_as_long_as_the_membership_lives() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let member = |state: &str, access_level: u32, expires_at: Option<&str>| Member {
            id: 1,
            state: state.to_owned(),
            access_level,
            expires_at: expires_at.map(str::to_owned),
            membership_state: None,
        };
        for (level, expected) in [
            (0, None),
            (5, None),
            (10, Some(Role::Read)),
            (15, Some(Role::Read)),
            (20, Some(Role::Triage)),
            (25, Some(Role::Triage)),
            (30, Some(Role::Write)),
            (40, Some(Role::Maintain)),
            (50, Some(Role::Admin)),
        ] {
            assert_eq!(member("active", level, None).role(Some(now)), expected, "level {level}");
        }
        for (state, end, expected) in [
            ("blocked", None, None),
            ("deactivated", None, None),
            ("active", Some("2026-11-24"), Some(Role::Write)),
            ("active", Some("2026-11-24T00:00:00Z"), Some(Role::Write)),
            ("active", Some("2026-11-23"), None),
            ("active", Some("2012-10-22T14:13:35Z"), None),
            ("active", Some("soon"), None),
        ] {
            assert_eq!(member(state, 30, end).role(Some(now)), expected, "{state} until {end:?}");
        }
        assert_eq!(member("active", 30, Some("2026-11-24")).role(None), None);
        let waiting = Member { membership_state: Some("awaiting".to_owned()), ..member("active", 30, None) };
        assert_eq!(waiting.role(Some(now)), None);
    }
}
