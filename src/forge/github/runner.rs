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

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};
use url::Url;

use super::blob::Blob;
use crate::domain::secret::Secret;
use crate::forge::foreign::{causes, harmless};
use crate::forge::{Error, Line, Unusable};

const SERVICE: &str = "/twirp/github.actions.results.api.v1.ArtifactService/";
/// An artifact that is one zip file; those of later versions name their type.
const VERSION: u32 = 4;
/// Most bytes of an answer.
const ANSWER_MAX: usize = 1 << 20;
/// Longest id of a run or a job.
const ID_MAX: usize = 128;

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

/// The artifact service, for one job.
pub struct Runner {
    base: Url,
    authorization: HeaderValue,
    /// How the service calls this run and this job.
    job: Job,
    expires_at: Option<Timestamp>,
    client: reqwest::Client,
    line: Line,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    #[serde(rename = "workflow_run_backend_id", alias = "workflowRunBackendId")]
    run: String,
    #[serde(rename = "workflow_job_run_backend_id", alias = "workflowJobRunBackendId")]
    job: String,
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(flatten)]
    job: &'a Job,
    name: &'a str,
}

#[derive(Serialize)]
struct Create<'a> {
    #[serde(flatten)]
    of: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    version: u32,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    ok: bool,
    #[serde(default, alias = "signedUploadUrl")]
    signed_upload_url: String,
}

#[derive(Serialize)]
struct Finalize<'a> {
    #[serde(flatten)]
    of: Named<'a>,
    /// The service's JSON has its large numbers as text.
    size: String,
    hash: &'a str,
}

#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    ok: bool,
}

#[derive(Serialize)]
struct List<'a> {
    #[serde(flatten)]
    job: &'a Job,
    name_filter: &'a str,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(flatten)]
    job: Job,
    name: String,
    #[serde(default)]
    size: Value,
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
        let job = scope(token).ok_or_else(wrong)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| wrong())?;
        authorization.set_sensitive(true);
        let client = line.client(&base)?;
        Ok(Self { base, authorization, job, expires_at, client, line })
    }

    /// Keeps a zip archive as an artifact of this workflow run; one of the same name gives way.
    ///
    /// # Errors
    /// [`Error::Later`] when the service could not be spoken to, [`Error::Refused`] and
    /// [`Error::Unreadable`] as ever. Nobody knows then whether an artifact of the name is there; to
    /// keep it again does no harm.
    pub async fn keep(&self, name: &str, archive: &Bytes) -> Result<(), Error> {
        let doing = format!("keep the artifact `{}`", harmless(name));
        let created = self.create(&doing, name).await?;
        let address = Url::parse(&created.signed_upload_url).ok().filter(|_| created.ok);
        let unusable = |said: String| Error::Unreadable { doing: doing.clone(), said };
        let address =
            address.ok_or_else(|| unusable("the artifact service gave no address for the file".to_owned()))?;
        let blob = Blob::new(address, &self.base, &self.line).map_err(|error| unusable(error.to_string()))?;
        blob.write(&doing, archive).await?;
        self.finalize(&doing, name, archive).await
    }

    /// Takes the name. Whatever has it, from this job or an earlier attempt, is taken away: a name
    /// is given once in a workflow run, and the server of `act` would append to the file it has.
    async fn create(&self, doing: &str, name: &str) -> Result<Created, Error> {
        let request = || Create { of: self.named(name), expires_at: self.expires_at, version: VERSION };
        // There may be none to delete: what comes of it, the next call tells.
        let _ = self.call::<Done>(doing, "DeleteArtifact", &self.named(name)).await;
        match self.call(doing, "CreateArtifact", &request()).await {
            Err(Error::Refused { status: 409, .. }) => {}
            created => return created,
        }
        for Artifact { job, name: found, .. } in self.list(doing, name).await? {
            self.call::<Done>(doing, "DeleteArtifact", &Named { job: &job, name: &found }).await?;
        }
        self.call(doing, "CreateArtifact", &request()).await
    }

    async fn finalize(&self, doing: &str, name: &str, archive: &Bytes) -> Result<(), Error> {
        let (size, hash) = (archive.len().to_string(), format!("sha256:{}", hex::encode(Sha256::digest(archive))));
        let request = Finalize { of: self.named(name), size, hash: &hash };
        let refused = match self.call::<Done>(doing, "FinalizeArtifact", &request).await {
            Ok(Done { ok: true }) => return Ok(()),
            Ok(Done { ok: false }) => {
                let said = "the artifact service does not say that it took the file".to_owned();
                Error::Unreadable { doing: doing.to_owned(), said }
            }
            Err(error @ Error::Refused { .. }) => error,
            Err(error) => return Err(error),
        };
        // Asked twice, it may say no to what it has already done.
        let there = |artifact: &Artifact| match &artifact.size {
            Value::String(size) => *size == request.size,
            size => size.as_u64() == Some(archive.len() as u64),
        };
        if self.list(doing, name).await?.iter().any(there) { Ok(()) } else { Err(refused) }
    }

    /// The artifacts of this workflow run that have the name.
    async fn list(&self, doing: &str, name: &str) -> Result<Vec<Artifact>, Error> {
        let listed: Listed = self.call(doing, "ListArtifacts", &List { job: &self.job, name_filter: name }).await?;
        Ok(listed.artifacts.into_iter().filter(|artifact| artifact.name == name).collect())
    }

    fn named<'a>(&'a self, name: &'a str) -> Named<'a> {
        Named { job: &self.job, name }
    }

    /// One call, asked again while the service is overloaded or nothing comes.
    async fn call<T: DeserializeOwned>(&self, doing: &str, method: &str, body: &impl Serialize) -> Result<T, Error> {
        let unreadable = |said: String| Error::Unreadable { doing: doing.to_owned(), said };
        let address = self.base.join(&format!("{SERVICE}{method}")).map_err(|error| unreadable(error.to_string()))?;
        let body = Bytes::from(serde_json::to_vec(body).map_err(|error| unreadable(error.to_string()))?);
        let mut failures = 0;
        loop {
            let request = self
                .client
                .post(address.clone())
                .header(AUTHORIZATION, self.authorization.clone())
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .body(body.clone());
            let said = match timeout(self.line.whole, exchange(request)).await {
                Ok(Ok((200..=299, answer))) => {
                    return serde_json::from_slice(&answer)
                        .map_err(|error| unreadable(format!("{method}: {}", harmless(&error.to_string()))));
                }
                Ok(Ok((status @ (408 | 429 | 500..), answer))) => quoted(status, &answer),
                Ok(Ok((status, answer))) => return Err(refused(doing, status, &answer)),
                Ok(Err(error)) => causes(&error),
                Err(_) => format!("the artifact service did not answer within {} s", self.line.whole.as_secs_f64()),
            };
            failures += 1;
            let Some(wait) = self.line.wait(failures) else {
                return Err(Error::Later { doing: doing.to_owned(), after: None, said: format!("{method}: {said}") });
            };
            sleep(wait).await;
        }
    }
}

/// Status and the beginning of the body, which is all of an answer that can be read.
async fn exchange(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while body.len() < ANSWER_MAX {
        let Some(piece) = response.chunk().await? else { break };
        body.extend_from_slice(&piece);
    }
    Ok((response.status().as_u16(), body))
}

fn refused(doing: &str, status: u16, answer: &[u8]) -> Error {
    let advice = match status {
        401 | 403 => "the token of the runner ends with its job: run the job again",
        409 => "delete the artifact of this name, then run the job again",
        _ => "run the job again; if it stays so, report it with this message",
    };
    Error::Refused { doing: doing.to_owned(), status, said: format!("{}; {advice}", quoted(status, answer)) }
}

/// What the service says of a failure, in its own words.
fn quoted(status: u16, answer: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    struct Failure {
        #[serde(default)]
        msg: String,
    }
    let Failure { msg } = serde_json::from_slice(answer).unwrap_or_default();
    let words = if msg.is_empty() { String::new() } else { format!(", \"{}\"", harmless(&msg)) };
    format!("the artifact service answered {status}{words}")
}

/// The run and the job that a token is for: `Actions.Results:<run>:<job>` among the words of its
/// `scp`. Its signature is the service's to check.
fn scope(token: &str) -> Option<Job> {
    #[derive(Deserialize)]
    struct Claims {
        scp: String,
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts[..] else { return None };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let Claims { scp } = serde_json::from_slice(&claims).ok()?;
    let is_id = |id: &str| {
        (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let ids = scp.split(' ').find_map(|word| word.strip_prefix("Actions.Results:"))?;
    let (run, job) = ids.split_once(':')?;
    (is_id(run) && is_id(job)).then(|| Job { run: run.to_owned(), job: job.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("eyJ0.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_which_job_it_is_for() {
        let job = Some(Job { run: "ce7f54c7-61c7".into(), job: "ca395085-040a".into() });
        for (claims, expected) in [
            (r#"{"scp":"Actions.Example Actions.Results:ce7f54c7-61c7:ca395085-040a"}"#, job.clone()),
            (r#"{"scp":"Actions.Results:ce7f54c7-61c7:ca395085-040a Other","exp":1}"#, job),
            (r#"{"scp":"Actions.Results:1:2:3"}"#, None),
            (r#"{"scp":"Actions.Results:1"}"#, None),
            (r#"{"scp":"Actions.Results::2"}"#, None),
            (r#"{"scp":"Actions.Results:a/b:2"}"#, None),
            (r#"{"scp":"XActions.Results:1:2"}"#, None),
            (r#"{"scp":["Actions.Results:1:2"]}"#, None),
            (r#"{"scp":""}"#, None),
            (r"{}", None),
            (r"[]", None),
        ] {
            assert_eq!(scope(&token(claims)), expected, "{claims}");
        }
        for bad in ["", "a.b", "a.b.c", "a.e30.c.d", "a.e30=.c", "\u{e4}.\u{f6}.\u{fc}"] {
            assert_eq!(scope(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_no_runner_said_is_told_and_not_repeated() {
        let good = token(r#"{"scp":"Actions.Results:1:2"}"#);
        let new = |url: &str, token: &str| {
            let token = Secret::new(token.to_owned());
            let options = Options { url: url.to_owned(), token, expires_at: None, line: Line::default() };
            Runner::new(options).map(|runner| runner.base.to_string())
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
