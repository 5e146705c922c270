//! The environment: every variable hob reads, read once, before any thread is started.
//!
//! It does not stay. What a process was started with can be read in `/proc/<pid>/environ` for as
//! long as it lives, and removing a variable does not change that; and what else a CI job holds
//! there, hob cannot know. So a process that starts tools replaces itself with one that was started
//! with next to nothing (see [`Environment::take`]).

mod handover;
mod variables;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::domain::secret::{self, Secret};
use crate::provider::{Site, Sites, VENDORS, Vendor};
use crate::store::location;
use crate::telemetry::redact::SECRET_MIN;

pub use variables::{Use, VARIABLES, Variable, reference};

/// Longest secret, in bytes: room for a private key.
const SECRET_MAX: u64 = 64 << 10;

/// What the environment says, by its use. Empty variables count as unset, because a CI system
/// passes an absent secret as an empty one.
#[derive(Debug, Default)]
pub struct Environment {
    /// Addresses and keys of the vendors of models.
    pub sites: Sites,
    /// `HOB_MODEL`: the operator's default, `provider/model`.
    pub model: Option<String>,
    /// `HOB_STATE`: where sessions are kept, as `--store` has it.
    pub state: Option<PathBuf>,
    /// The password in it.
    state_password: Vec<Secret>,
    /// The user's state directory, by the XDG rules; `None` on a machine without a home.
    pub user_state: Option<PathBuf>,
    /// `SSL_CERT_FILE`: certificates trusted beside the built-in ones.
    pub certificates: Option<PathBuf>,
    /// What `hob ci` is told.
    pub ci: Ci,
    /// `HOB_FAILPOINT`; always `None` in a release build.
    pub failpoint: Option<String>,
    /// What commands of the local sandbox find in their environment, sorted by name.
    pub passed: BTreeMap<String, String>,
    /// What an agent's `env:` may name: `HOB_EXPOSE`, as far as it is set.
    pub exposed: BTreeMap<String, String>,
}

/// What `hob ci` finds in the environment of a job.
#[derive(Debug, Default)]
pub struct Ci {
    /// `HOB_AGENT`.
    pub agent: Option<String>,
    /// `HOB_MESSAGE`.
    pub message: Option<String>,
    /// `HOB_TIMEOUT`, as written.
    pub timeout: Option<String>,
    /// `HOB_RETENTION_DAYS`, as written.
    pub retention_days: Option<String>,
    /// `HOB_OWN_IDS`, as written.
    pub own_ids: Option<String>,
    /// `HOB_GITHUB_TOKEN`.
    pub github_token: Option<Secret>,
    /// `HOB_GITLAB_TOKEN`.
    pub gitlab_token: Option<Secret>,
    /// `CI_JOB_TOKEN`.
    pub job_token: Option<Secret>,
    /// `ACTIONS_RUNTIME_TOKEN`.
    pub runtime_token: Option<Secret>,
    /// The job's own variables, by name.
    job: BTreeMap<&'static str, String>,
}

impl Ci {
    /// One of the job's own variables, when it is set.
    pub fn job(&self, name: &str) -> Option<&str> {
        self.job.get(name).map(String::as_str)
    }
}

/// An environment hob cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two answers to one question.
    #[error("`{name}` and `{name}_FILE` are both set; unset one of them")]
    Twice {
        /// The secret.
        name: &'static str,
    },
    /// The file of a secret.
    #[error("cannot read the file that `{name}_FILE` names, `{}`: {reason}", .path.display())]
    File {
        /// The secret.
        name: &'static str,
        /// As the variable has it.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// A value no header or argument can carry.
    #[error("`{name}` is not valid UTF-8; set it to plain text")]
    NotText {
        /// The variable.
        name: String,
    },
    /// A list with something else in it.
    #[error("`HOB_EXPOSE` holds `{given}`, which is no variable's name; write names with commas between them")]
    NotAName {
        /// As written, cut.
        given: String,
    },
    /// A name that would hand a secret to an agent.
    #[error(
        "`HOB_EXPOSE` names `{name}`, which holds a secret of hob's own; no agent may see it, take it off the list"
    )]
    OwnSecret {
        /// As written.
        name: String,
    },
    /// Emptying it failed; going on would leave them where tools can read them.
    #[error("cannot empty the environment: {0}")]
    Handover(#[from] handover::Error),
}

impl Environment {
    /// Empties the environment and reads what was in it. To be called first of all by a command that
    /// starts tools, while the process has one thread.
    ///
    /// The process does not return from here the first time: it replaces itself by the same program
    /// with the same arguments and all variables in an anonymous file in memory, which the new image
    /// reads and empties. Only what libraries look up in the process itself stays (proxies and
    /// colours). Also makes the process unreadable to others of the same user (no core dump, no
    /// `/proc/<pid>/mem`), and keeps the descriptors it inherited from what it starts.
    ///
    /// # Errors
    /// See [`Error`]; exit code 2.
    pub fn take() -> Result<Self, Error> {
        Self::read(&handover::hide(process_variables())?)
    }

    /// Reads all but the secrets, for a command that neither asks a model nor starts a tool.
    ///
    /// # Errors
    /// See [`Error`]; exit code 2.
    pub fn look() -> Result<Self, Error> {
        let mut variables = process_variables();
        variables.retain(|name, _| !name.to_str().is_some_and(secret::is_behind));
        Self::read(&variables)
    }

    /// Every secret hob holds, for the redactor.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let Ci { github_token, gitlab_token, job_token, runtime_token, .. } = &self.ci;
        let tokens = [github_token, gitlab_token, job_token, runtime_token].into_iter().flatten();
        let keys = self.sites.values().filter_map(|site| site.key.as_ref());
        keys.chain(tokens).chain(&self.state_password)
    }

    /// Where temporary files go.
    pub fn temporary(&self) -> PathBuf {
        self.passed.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    fn read(variables: &BTreeMap<OsString, OsString>) -> Result<Self, Error> {
        let given = Given(variables);
        let mut environment = Self {
            sites: given.sites()?,
            model: given.text("HOB_MODEL")?,
            state: given.path("HOB_STATE"),
            state_password: given.path("HOB_STATE").map(|state| passwords(&state)).unwrap_or_default(),
            user_state: given
                .path("XDG_STATE_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| Some(given.path("HOME")?.join(".local/state"))),
            certificates: given.path("SSL_CERT_FILE"),
            ci: given.ci()?,
            failpoint: if cfg!(debug_assertions) { given.text("HOB_FAILPOINT")? } else { None },
            passed: given.passed(),
            exposed: BTreeMap::new(),
        };
        environment.exposed = given.exposed(environment.secrets())?;
        Ok(environment)
    }
}

fn passwords(state: &Path) -> Vec<Secret> {
    let passwords = state.to_str().map(location::passwords).unwrap_or_default();
    passwords.into_iter().map(Secret::new).collect()
}

#[expect(clippy::disallowed_methods, reason = "the one place where hob reads its environment")]
fn process_variables() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

/// The variables, asked by name.
struct Given<'a>(&'a BTreeMap<OsString, OsString>);

impl Given<'_> {
    fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(&OsString::from(name)).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let value = self.path(name).map(|value| value.into_os_string().into_string());
        value.transpose().map_err(|_| Error::NotText { name: name.to_owned() })
    }

    fn secret(&self, name: &'static str) -> Result<Option<Secret>, Error> {
        match (self.text(name)?, self.path(&format!("{name}_FILE"))) {
            (Some(_), Some(_)) => Err(Error::Twice { name }),
            (Some(value), None) => Ok(Some(Secret::new(value))),
            (None, Some(path)) => match secret_file(&path) {
                Ok(secret) => Ok(Some(secret)),
                Err(reason) => Err(Error::File { name, path, reason }),
            },
            (None, None) => Ok(None),
        }
    }

    fn sites(&self) -> Result<Sites, Error> {
        let site = |vendor: &'static Vendor| {
            Ok((vendor.word, Site { key: self.secret(vendor.key())?, base_url: self.text(vendor.base_url())? }))
        };
        VENDORS.iter().map(site).collect()
    }

    fn ci(&self) -> Result<Ci, Error> {
        let mut job = BTreeMap::new();
        for variable in VARIABLES.iter().filter(|variable| variable.purpose == Use::Job) {
            if let Some(value) = self.text(variable.name)? {
                job.insert(variable.name, value);
            }
        }
        Ok(Ci {
            agent: self.text("HOB_AGENT")?,
            message: self.text("HOB_MESSAGE")?,
            timeout: self.text("HOB_TIMEOUT")?,
            retention_days: self.text("HOB_RETENTION_DAYS")?,
            own_ids: self.text("HOB_OWN_IDS")?,
            github_token: self.secret(secret::GITHUB_TOKEN)?,
            gitlab_token: self.secret(secret::GITLAB_TOKEN)?,
            job_token: self.secret(secret::JOB_TOKEN)?,
            runtime_token: self.secret(secret::RUNTIME_TOKEN)?,
            job,
        })
    }

    fn passed(&self) -> BTreeMap<String, String> {
        let names = VARIABLES.iter().filter(|variable| variable.purpose == Use::Passed).map(|variable| variable.name);
        let passed = |name: &str| {
            names.clone().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            })
        };
        // A value that is no text is left out: no command line tool of today sets one.
        let text =
            |(name, value): (&OsString, &OsString)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()));
        self.0.iter().filter_map(text).filter(|(name, _)| passed(name)).collect()
    }

    fn exposed<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) -> Result<BTreeMap<String, String>, Error> {
        let list = self.text("HOB_EXPOSE")?.unwrap_or_default();
        let secrets: Vec<&Secret> = secrets.collect();
        let mut exposed = BTreeMap::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !is_name(name) {
                return Err(Error::NotAName { given: name.chars().take(80).collect() });
            }
            let Some(value) = self.text(name)? else { continue };
            // Also under another name: `LLM_KEY` with the same value is the same secret.
            if secret::is_behind(name) || secrets.iter().any(|secret| shows(&value, secret.expose().trim())) {
                return Err(Error::OwnSecret { name: name.to_owned() });
            }
            exposed.insert(name.to_owned(), value);
        }
        Ok(exposed)
    }
}

/// Whether the secret can be read off `value`. In a longer value a short one, like the placeholder
/// of a server that needs no key, is found by chance.
fn shows(value: &str, secret: &str) -> bool {
    value.trim() == secret || (secret.len() >= SECRET_MIN && value.contains(secret))
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn secret_file(path: &PathBuf) -> Result<Secret, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(SECRET_MAX + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err("it is empty".to_owned()),
        _ if text.len() as u64 > SECRET_MAX => Err(format!("it is longer than {SECRET_MAX} bytes")),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

#[cfg(test)]
mod tests;
