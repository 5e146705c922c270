//! What we hear as a step of a CI job: the job's own variables and the event behind it. Pure: the
//! door hands in what it read.
//!
//! The runner answers for the variables. On GitHub it answers for the payload too. On GitLab a
//! payload is whatever was posted to the trigger's address, so there it is a hint and no more.

pub mod github;
pub mod gitlab;

use url::Url;

use super::field::clipped;

/// Longest path, branch or login, in bytes.
const SHORT_MAX: usize = 1024;

/// Why a job is not one to work in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A variable that every such job has.
    #[error("`{variable}` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it")]
    Missing {
        /// Its name.
        variable: &'static str,
    },
    /// A variable with something else in it.
    #[error("`{variable}` is `{found}`, but it should be {expected}; do not set it yourself")]
    Wrong {
        /// Its name.
        variable: &'static str,
        /// What it holds, cut.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The payload.
    #[error(transparent)]
    Payload(#[from] super::Error),
    /// An answer of the forge that is not what it documents.
    #[error("GitLab's answer about {thing} cannot be read: {what}")]
    Answer {
        /// `note 5 of issue 3`.
        thing: String,
        /// What is wrong with it.
        what: String,
    },
    /// Two of our sources disagree, so neither is used.
    #[error("{one}, but {other}; nothing was done")]
    Contradiction {
        /// What the first one says: `the trigger payload says that note 5 is by account 7`.
        one: String,
        /// What the second one says.
        other: String,
    },
    /// Authentic, understood, and not safe to work on.
    #[error("{0}")]
    Refused(String),
}

/// A variable of the job with what it holds; empty counts as unset.
struct Given {
    variable: &'static str,
    value: Option<String>,
}

impl Given {
    fn new(variable: &'static str, value: &Option<String>) -> Self {
        Self { variable, value: value.clone().filter(|value| !value.is_empty()) }
    }

    fn required(self) -> Result<Set, Error> {
        let variable = self.variable;
        self.optional().ok_or(Error::Missing { variable })
    }

    fn optional(self) -> Option<Set> {
        self.value.map(|value| Set { variable: self.variable, value })
    }
}

/// A variable that is set.
struct Set {
    variable: &'static str,
    value: String,
}

impl Set {
    /// An id or a number of the forge.
    fn id(self) -> Result<u64, Error> {
        let is_plain = !self.value.starts_with(['0', '+']) && self.value.len() <= 16;
        let id = self.value.parse().ok().filter(|id| is_plain && (1..1 << 53).contains(id));
        id.ok_or_else(|| self.wrong("a number from 1 on"))
    }

    /// A name, path or branch.
    fn line(self) -> Result<String, Error> {
        let fits = self.value.len() <= SHORT_MAX && !self.value.contains(char::is_control);
        if fits { Ok(self.value) } else { Err(self.wrong("one short line")) }
    }

    /// A commit's full hash.
    fn sha(self) -> Result<String, Error> {
        let is_hex = self.value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let fits = is_hex && matches!(self.value.len(), 40 | 64);
        if fits { Ok(self.value) } else { Err(self.wrong("a commit's full hash")) }
    }

    /// A time of the forge's clock.
    fn time(self) -> Result<jiff::Timestamp, Error> {
        super::date::read(&self.value).ok_or_else(|| self.wrong("a time such as `2022-01-31T16:47:55Z`"))
    }

    /// The address of a server or its API.
    fn address(self) -> Result<Url, Error> {
        let fits = |url: &Url| {
            matches!(url.scheme(), "https" | "http")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = Url::parse(&self.value).ok().filter(fits);
        url.ok_or_else(|| {
            // A password may stand before it, and this is for the log.
            let after_login = self.value.rsplit_once('@').map(|(_, host)| format!("…@{host}"));
            let shown = Self { variable: self.variable, value: after_login.unwrap_or(self.value) };
            shown.wrong("a web address without a login, such as `https://git.example`")
        })
    }

    fn wrong(&self, expected: &'static str) -> Error {
        Error::Wrong { variable: self.variable, found: clipped(&self.value), expected }
    }
}
