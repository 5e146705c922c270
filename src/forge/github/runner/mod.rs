//! The artifact service of the runner that a job runs on.
//!
//! Its token goes to the process of a JavaScript action and to what that starts, and to no `run:`
//! step. It speaks Twirp, in JSON:
//!
//! ```text
//! POST …/CreateArtifact    -> an address to put the file at, once for a name in a workflow run
//! PUT  the file, in blocks, at that address
//! POST …/FinalizeArtifact  -> the artifact is there, for everybody who may read the repository
//! ```
//!
//! A file cannot be replaced under its name: it would have to be gone before the next one comes. So
//! two `names` take turns, and the one that was kept last stays until the next one is there.

mod service;
mod shapes;
mod token;

use bytes::Bytes;
use http::header::HeaderValue;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use url::Url;

use self::service::Service;
use self::shapes::{Artifact, Create, Created, Done, Finalize, Job, List, Listed, Named};
use super::blob::Blob;
use crate::domain::secret::Secret;
use crate::forge::foreign::harmless;
use crate::forge::{Error, Line, Unusable};

/// An artifact that is one zip file; those of later versions name their type.
const VERSION: u32 = 4;

/// What the runner tells an action.
#[derive(Clone, Debug)]
pub struct Options {
    /// `ACTIONS_RESULTS_URL`; a path in it says nothing.
    pub url: String,
    /// `ACTIONS_RUNTIME_TOKEN`.
    pub token: Secret,
    /// When artifacts may go; left to the repository's settings when none.
    pub expires_at: Option<Timestamp>,
    /// How the service is reached.
    pub line: Line,
}

/// Why there is no artifact service to speak to.
#[derive(Debug, thiserror::Error)]
pub enum NoRunner {
    /// A variable that holds something else than a runner puts there.
    #[error("{variable} {what}; start hob by its action (`uses:`), to whose process the runner gives it")]
    Variable {
        /// Which.
        variable: &'static str,
        /// The rest of the sentence.
        what: &'static str,
    },
    /// The way to it.
    #[error(transparent)]
    Line(#[from] Unusable),
}

/// The names that an archive may have in a workflow run: one is taken while the other one is kept.
pub(super) fn names(name: &str) -> [String; 2] {
    [name.to_owned(), format!("{name}-2")]
}

/// The artifact service, for one job.
pub struct Runner {
    service: Service,
    job: Job,
    expires_at: Option<Timestamp>,
}

impl Runner {
    /// Reads what the runner told. Nothing is sent yet.
    ///
    /// # Errors
    /// [`NoRunner`].
    pub fn new(options: Options) -> Result<Self, NoRunner> {
        let Options { url, token, expires_at, line } = options;
        let (variable, what) = ("ACTIONS_RESULTS_URL", "is not the address of an artifact service");
        let wrong = || NoRunner::Variable { variable, what };
        let mut base = Url::parse(url.trim()).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || !base.username().is_empty() || base.password().is_some() {
            return Err(wrong());
        }
        base.set_path("/");
        base.set_query(None);
        base.set_fragment(None);

        let (variable, what) = ("ACTIONS_RUNTIME_TOKEN", "is not a token for artifacts");
        let wrong = || NoRunner::Variable { variable, what };
        let token = token.expose().trim();
        let job = token::scope(token).ok_or_else(wrong)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| wrong())?;
        authorization.set_sensitive(true);
        let client = line.client(&base)?;
        Ok(Self { service: Service { base, authorization, client, line }, job, expires_at })
    }

    /// Keeps a zip archive as an artifact of this workflow run, under one of its `names`. What was
    /// kept last gives way once it is there, and not before.
    ///
    /// # Errors
    /// [`Error::Later`] when the service could not be spoken to, [`Error::Refused`] and
    /// [`Error::Unreadable`] as ever. What was kept last is there still; to keep it again does no harm.
    pub async fn keep(&self, name: &str, archive: &Bytes) -> Result<(), Error> {
        let doing = format!("keep the artifact `{}`", harmless(name));
        let names = names(name);
        let there = match self.list_all(&doing, &names).await {
            // The server of `act` breaks off where nothing was kept in the run before.
            Err(Error::Later { .. }) => None,
            there => Some(there?),
        };
        let (name, created) = self.create(&doing, &names, there.as_deref()).await?;
        let address = Url::parse(&created.signed_upload_url).ok().filter(|_| created.ok);
        let Some(address) = address else {
            let said = "the artifact service gave no address for the file".to_owned();
            return Err(Error::Unreadable { doing, said });
        };
        Blob::new(&doing, address, &self.service.base, &self.service.line)?.write(&doing, archive).await?;
        self.finalize(&doing, name, archive).await?;
        for old in there.iter().flatten().filter(|old| old.name != name) {
            self.delete(&doing, &old.job, &old.name).await;
        }
        Ok(())
    }

    /// Takes the name that the newest of those that are there does not have. `None` for those: nobody
    /// could say.
    async fn create<'a>(
        &self,
        doing: &str,
        [first, second]: &'a [String; 2],
        there: Option<&[Artifact]>,
    ) -> Result<(&'a str, Created), Error> {
        let newest = there.unwrap_or_default().iter().max_by_key(|artifact| artifact.made());
        let is_newest = |name: &String| newest.is_some_and(|newest| newest.name == *name);
        let (name, other) = if is_newest(first) { (second, first) } else { (first, second) };
        // Of two that are there one was to go; the server of `act` would append to it.
        for old in there.unwrap_or_default().iter().filter(|old| old.name == *name) {
            self.delete(doing, &old.job, name).await;
        }
        let taken = match self.create_as(doing, name).await {
            Err(error @ Error::Refused { status: 409, .. }) => error,
            created => return Ok((name, created?)),
        };
        // What is in no list never ended, or was not seen yet: who knows of none takes the other name first.
        if newest.is_none() {
            match self.create_as(doing, other).await {
                Err(Error::Refused { status: 409, .. }) if there.is_some() => {}
                Err(Error::Refused { status: 409, .. }) => return Err(taken),
                created => return Ok((other, created?)),
            }
        }
        self.delete(doing, &self.job, name).await;
        Ok((name, self.create_as(doing, name).await?))
    }

    async fn create_as(&self, doing: &str, name: &str) -> Result<Created, Error> {
        let request = Create { of: Named { job: &self.job, name }, expires_at: self.expires_at, version: VERSION };
        self.service.call(doing, "CreateArtifact", &request).await
    }

    /// There may be none to delete: what comes of it, the next call tells.
    async fn delete(&self, doing: &str, job: &Job, name: &str) {
        let _ = self.service.call::<Done>(doing, "DeleteArtifact", &Named { job, name }).await;
    }

    async fn finalize(&self, doing: &str, name: &str, archive: &Bytes) -> Result<(), Error> {
        let (size, hash) = (archive.len().to_string(), format!("sha256:{}", hex::encode(Sha256::digest(archive))));
        let request = Finalize { of: Named { job: &self.job, name }, size, hash: &hash };
        let refused = match self.service.call::<Done>(doing, "FinalizeArtifact", &request).await {
            Ok(Done { ok: true }) => return Ok(()),
            Ok(Done { ok: false }) => {
                let said = "the artifact service does not say that it took the file".to_owned();
                Error::Unreadable { doing: doing.to_owned(), said }
            }
            Err(error @ Error::Refused { .. }) => error,
            Err(error) => return Err(error),
        };
        // Asked twice, it may say no to what it has already done.
        let there = |artifact: &Artifact| artifact.size == Some(archive.len() as u64);
        if self.list(doing, name).await?.iter().any(there) { Ok(()) } else { Err(refused) }
    }

    /// The artifacts of this workflow run that have the name.
    async fn list(&self, doing: &str, name: &str) -> Result<Vec<Artifact>, Error> {
        let listed: Listed =
            self.service.call(doing, "ListArtifacts", &List { job: &self.job, name_filter: name }).await?;
        Ok(listed.artifacts.into_iter().filter(|artifact| artifact.name == name).collect())
    }

    async fn list_all(&self, doing: &str, names: &[String]) -> Result<Vec<Artifact>, Error> {
        let mut all = Vec::new();
        for name in names {
            all.extend(self.list(doing, name).await?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::token::tests::token;
    use super::*;

    #[test]
    fn what_no_runner_said_is_told_and_not_repeated() {
        let good = token(r#"{"scp":"Actions.Results:1:2"}"#);
        let new = |url: &str, token: &str| {
            let token = Secret::new(token.to_owned());
            let options = Options { url: url.to_owned(), token, expires_at: None, line: Line::default() };
            Runner::new(options).map(|runner| runner.service.base.to_string())
        };
        assert_eq!(new("https://results.example/a/b/?c", &good).unwrap(), "https://results.example/");
        assert_eq!(new(" http://127.0.0.1:34567/\n", &format!("{good}\n")).unwrap(), "http://127.0.0.1:34567/");
        let said = [("", good.as_str()), ("ftp://x", &good), ("https://me:hunter2@x", &good), ("https://x", "hunter2")]
            .map(|(url, token)| new(url, token).unwrap_err().to_string())
            .join("\n");
        assert!(!said.contains("hunter2"));
        insta::assert_snapshot!(said, @r"
        ACTIONS_RESULTS_URL is not the address of an artifact service; start hob by its action (`uses:`), to whose process the runner gives it
        ACTIONS_RESULTS_URL is not the address of an artifact service; start hob by its action (`uses:`), to whose process the runner gives it
        ACTIONS_RESULTS_URL is not the address of an artifact service; start hob by its action (`uses:`), to whose process the runner gives it
        ACTIONS_RUNTIME_TOKEN is not a token for artifacts; start hob by its action (`uses:`), to whose process the runner gives it
        ");
    }
}
