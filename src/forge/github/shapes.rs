//! The part of GitHub's answers that is read. What is asked for here must be there; the rest is left.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::name::Role;
use crate::forge::{Account, Posted};

/// An account.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
}

/// A comment on an issue or pull request.
#[derive(Deserialize)]
pub(super) struct Comment {
    id: u64,
    /// Null once the account is deleted.
    user: Option<User>,
    body: Option<String>,
    #[serde(default)]
    html_url: String,
    /// The only place that names the thread: its last part is the number.
    issue_url: String,
    created_at: Timestamp,
}

/// A label of an issue or pull request.
#[derive(Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
}

/// What an account may do.
#[derive(Deserialize)]
pub(super) struct Permission {
    /// `admin`, `write`, `read`, `none`: what a custom role is based on; maintain counts as write,
    /// triage as read.
    permission: String,
    /// The same, finer, or the name of a custom role. Old servers do not tell it.
    #[serde(default)]
    role_name: String,
    pub(super) user: Option<User>,
}

impl Comment {
    /// Whether it is on the thread of this number.
    pub(super) fn is_on(&self, number: u64) -> bool {
        self.issue_url.rsplit_once("/issues/").is_some_and(|(_, last)| last.parse() == Ok(number))
    }
}

impl From<Comment> for Posted {
    fn from(comment: Comment) -> Self {
        let nobody = Account { id: None, login: String::new() };
        let author = comment.user.map_or(nobody, |user| Account { id: Some(user.id), login: user.login });
        let (body, at) = (comment.body.unwrap_or_default(), comment.created_at);
        Self { id: comment.id, author, body, url: comment.html_url, at }
    }
}

impl Permission {
    /// The effective role: the finer word where it agrees with the coarse one, else the coarse one.
    pub(super) fn role(&self) -> Role {
        let base = match self.permission.as_str() {
            "admin" => Role::Admin,
            "write" => Role::Write,
            "read" => Role::Read,
            _ => Role::None,
        };
        match (self.role_name.as_str(), base) {
            ("maintain", Role::Write) => Role::Maintain,
            ("triage", Role::Read) => Role::Triage,
            _ => base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_the_finer_word_or_the_base_of_a_custom_one() {
        for (permission, role_name, expected) in [
            ("admin", "admin", Role::Admin),
            ("write", "maintain", Role::Maintain),
            ("write", "write", Role::Write),
            ("read", "triage", Role::Triage),
            ("read", "read", Role::Read),
            ("none", "none", Role::None),
            ("write", "security-engineer", Role::Write),
            ("read", "bug-catcher", Role::Read),
            ("write", "", Role::Write),
            // Words that disagree, or that nobody knows: the weaker reading.
            ("read", "admin", Role::Read),
            ("none", "maintain", Role::None),
            ("read", "maintain", Role::Read),
            ("owner", "admin", Role::None),
            ("", "", Role::None),
        ] {
            let permission = Permission { permission: permission.into(), role_name: role_name.into(), user: None };
            assert_eq!(permission.role(), expected, "{} {}", permission.permission, permission.role_name);
        }
    }

    #[test]
    fn a_comment_knows_its_thread_by_the_last_part_of_an_address() {
        let on = |issue_url: &str| {
            let (html_url, issue_url, created_at) = (String::new(), issue_url.into(), Timestamp::UNIX_EPOCH);
            Comment { id: 1, user: None, body: None, html_url, issue_url, created_at }.is_on(4)
        };
        assert!(on("https://api.github.com/repos/acme/widgets/issues/4"));
        for other in [
            "",
            "4",
            "https://api.github.com/repos/acme/widgets/issues/14",
            "x/issues/4/",
            "x/issues/4?",
            "x/issues/+4/4",
        ] {
            assert!(!on(other), "{other}");
        }
    }
}
