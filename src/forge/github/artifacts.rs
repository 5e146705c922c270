//! Artifacts of workflow runs as the shelf for bundles: found, judged and fetched over the REST API,
//! kept by the runner that the job runs on.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;

use super::api::Call;
use super::blob::Blob;
use super::refusal::Right;
use super::runner::{Runner, names};
use super::{Github, escaped, read};
use crate::domain::event::ThreadKind;
use crate::domain::id::Epoch;
use crate::forge::{Error, Head, Kept, Origin, Shelf, workflow_file};

/// How many artifacts of one name are looked at.
const LOOKED_AT: usize = 10;
/// Largest archive.
const ARCHIVE_MAX: usize = 64 << 20;

/// The artifacts of one repository.
pub struct Artifacts {
    github: Arc<Github>,
    runner: Option<Runner>,
}

impl Artifacts {
    /// Keeps nothing without a runner; finds and fetches all the same.
    pub fn new(github: Arc<Github>, runner: Option<Runner>) -> Self {
        Self { github, runner }
    }

    fn call(&self, doing: String, path: &str) -> Call {
        read(doing, format!("/repos/{}/actions/{path}", self.github.repository), Right::Actions)
    }
}

#[derive(Deserialize)]
struct List {
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    id: u64,
    name: String,
    size_in_bytes: u64,
    expired: bool,
    /// Null while nobody knows.
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    workflow_run: Option<Id>,
}

/// A thing of which only its id is read; some have none any more.
#[derive(Deserialize)]
struct Id {
    id: Option<u64>,
}

#[derive(Deserialize)]
struct Run {
    path: String,
    event: String,
    repository: Id,
    /// Null once the fork is deleted.
    head_repository: Option<Id>,
    head_branch: Option<String>,
    #[serde(default)]
    pull_requests: Option<Vec<Pull>>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
}

#[derive(Deserialize)]
struct PullRequest {
    head: PullHead,
}

#[derive(Deserialize)]
struct PullHead {
    #[serde(rename = "ref")]
    branch: String,
    /// Null once the fork is deleted.
    repo: Option<Id>,
}

impl Shelf for Artifacts {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Kept>, Error>> {
        async move {
            let mut found = Vec::new();
            for name in names(name) {
                let path = format!("artifacts?name={}&per_page={LOOKED_AT}", escaped(&name));
                let call = self.call(format!("look for the artifact `{name}` in {}", self.github.repository), &path);
                let list: List = self.github.api.ask(&call).await?.read(&call)?;
                found.extend(list.artifacts.into_iter().filter(|artifact| artifact.name == name).filter_map(kept));
            }
            found.sort_by_key(|kept| std::cmp::Reverse((kept.at, kept.id)));
            found.truncate(LOOKED_AT);
            Ok(found)
        }
        .boxed()
    }

    fn origin<'a>(&'a self, kept: &'a Kept) -> BoxFuture<'a, Result<Origin, Error>> {
        async move {
            let doing = format!("ask which run kept artifact {} of {}", kept.id, self.github.repository);
            let Some(run) = kept.run else {
                let said = "GitHub does not say; delete the artifact, so that another one is found".to_owned();
                return Err(Error::Unfit { doing, said });
            };
            let call = self.call(doing, &format!("runs/{run}"));
            let run: Run = self.github.api.ask(&call).await?.read(&call)?;
            let id = |of: Option<Id>| of.and_then(|of| of.id).unwrap_or_default();
            Ok(Origin {
                workflow: workflow_file(&run.path).to_owned(),
                event: run.event,
                repository: id(Some(run.repository)),
                head_repository: id(run.head_repository),
                branch: run.head_branch.unwrap_or_default(),
                is_tag: false,
                pulls: run.pull_requests.into_iter().flatten().map(|pull| pull.number).collect(),
            })
        }
        .boxed()
    }

    fn fetch<'a>(&'a self, kept: &'a Kept) -> BoxFuture<'a, Result<Bytes, Error>> {
        async move {
            let doing = format!("fetch artifact {} of {}", kept.id, self.github.repository);
            if let Some(size) = kept.size.filter(|size| *size > ARCHIVE_MAX as u64) {
                let said = format!("it has {size} bytes, more than hob ever kept; delete it");
                return Err(Error::Unfit { doing, said });
            }
            let call = self.call(doing, &format!("artifacts/{}/zip", kept.id));
            let api = &self.github.api;
            let answer = api.ask_where(&call).await?;
            if answer.status == 410 {
                let said = "it has expired; raise `artifact-retention-days` to keep sessions for longer".to_owned();
                return Err(Error::Unfit { doing: call.doing, said });
            }
            let Some(address) = answer.location(api.base()) else {
                answer.accepted(&call)?;
                let said = format!("status {}, and no address to fetch it from", answer.status);
                return Err(Error::Unreadable { doing: call.doing, said });
            };
            let blob = Blob::new(&call.doing, address, api.base(), api.line())?;
            blob.read(&call.doing, ARCHIVE_MAX).await
        }
        .boxed()
    }

    /// A workflow run names the pull requests that are open, and no others.
    fn head(&self, pull: u64) -> BoxFuture<'_, Result<Option<Head>, Error>> {
        async move {
            let doing = format!("ask what {}#{pull} is made of", self.github.repository);
            let path = format!("/repos/{}/pulls/{pull}", self.github.repository);
            let call = read(doing, path, Right::Read(ThreadKind::Pull));
            let PullRequest { head } = self.github.api.ask(&call).await?.read(&call)?;
            let repository = head.repo.and_then(|repo| repo.id).unwrap_or_default();
            Ok(Some(Head { repository, branch: head.branch }))
        }
        .boxed()
    }

    fn keep<'a>(&'a self, name: &'a str, _epoch: Epoch, archive: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match &self.runner {
                Some(runner) => runner.keep(name, &archive).await,
                None => {
                    let said = "this process was not given the runner's token for artifacts; start hob by its \
                                action (`uses:`), a `run:` step never gets it";
                    let doing = format!("keep the artifact `{name}`");
                    Err(Error::Refused { doing, status: 0, said: said.to_owned() })
                }
            }
        }
        .boxed()
    }
}

/// `None` for one of which nobody knows yet when it was made.
fn kept(artifact: Artifact) -> Option<Kept> {
    let Artifact { id, name: _, size_in_bytes, expired, created_at, expires_at, workflow_run } = artifact;
    let at = created_at?;
    let run = workflow_run.and_then(|run| run.id);
    Some(Kept { id, at, size: Some(size_in_bytes), run, gone: expired.then(|| expiry(at, expires_at)) })
}

/// Goes on after "it was not used: ".
fn expiry(from: Timestamp, to: Option<Timestamp>) -> String {
    let days = to.map(|to| (to.duration_since(from).as_hours() + 12) / 24).filter(|days| *days > 0);
    let ended = match days {
        Some(1) => "it expired after a day".to_owned(),
        Some(days) => format!("it expired after {days} days"),
        None => "it expired".to_owned(),
    };
    format!("{ended}; `artifact-retention-days` can keep sessions for longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_that_expired_says_after_how_long() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let from = at("2026-11-01T00:00:06Z");
        let said = [None, Some("2026-10-01T00:00:00Z"), Some("2026-11-02T00:00:00Z"), Some("2027-01-30T00:00:06Z")]
            .map(|to| expiry(from, to.map(at)));
        insta::assert_snapshot!(said.join("\n"), @r"
        it expired; `artifact-retention-days` can keep sessions for longer
        it expired; `artifact-retention-days` can keep sessions for longer
        it expired after a day; `artifact-retention-days` can keep sessions for longer
        it expired after 90 days; `artifact-retention-days` can keep sessions for longer
        ");
    }

    #[test]
    fn the_path_of_a_workflow_is_told_from_the_ref_behind_it() {
        for (path, expected) in [
            (".github/workflows/hob.yml", ".github/workflows/hob.yml"),
            (".github/workflows/hob.yaml@refs/heads/a.yml@b", ".github/workflows/hob.yaml"),
            (".github/workflows/a@b.yml", ".github/workflows/a@b.yml"),
            (".github/workflows/a@b.yml@refs/tags/v1", ".github/workflows/a@b.yml"),
            ("acme/widgets/.github/workflows/hob.yml@main", "acme/widgets/.github/workflows/hob.yml"),
            ("dynamic/pages", "dynamic/pages"),
        ] {
            assert_eq!(workflow_file(path), expected);
        }
    }
}
