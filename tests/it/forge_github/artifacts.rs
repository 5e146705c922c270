//! Artifacts as the API of the fake GitHub tells of them: those that its own runners kept, or those
//! that lie in the directory of another artifact server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::memory::Memory;
use super::operations::{example, query};
use super::routes::{not_found, number};
use super::{Answer, REPOSITORY_ID};
use crate::scene::http::Request;

/// What is kept, and by whom.
#[derive(Default)]
pub(crate) struct Artifacts {
    /// Where the storage host is.
    pub(super) storage: String,
    pub(crate) uploads: Vec<Upload>,
    origins: BTreeMap<u64, Origin>,
    /// `<run>/<name>/<name>.zip`, as `act` keeps them.
    dir: Option<PathBuf>,
}

/// One artifact, perhaps still on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) id: u64,
    pub(crate) run: u64,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// As asked for.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) expired: bool,
    /// Sent, by their names.
    pub(crate) blocks: BTreeMap<String, Vec<u8>>,
    /// The file, once the list of its blocks was sent.
    pub(crate) file: Option<Vec<u8>>,
    /// Everybody may see it.
    pub(crate) finalized: bool,
}

/// The workflow run that kept something.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) path: String,
    pub(crate) event: String,
    pub(crate) repository: u64,
    /// `None` when the fork is gone.
    pub(crate) head_repository: Option<u64>,
    pub(crate) branch: String,
    pub(crate) pulls: Vec<u64>,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            path: ".github/workflows/hob.yml".to_owned(),
            event: "issues".to_owned(),
            repository: REPOSITORY_ID,
            head_repository: Some(REPOSITORY_ID),
            branch: "main".to_owned(),
            pulls: Vec::new(),
        }
    }
}

impl Artifacts {
    /// What is there from now on is what lies in this directory, as `act` keeps it.
    pub(crate) fn lie_in(&mut self, dir: &Path) {
        self.dir = Some(dir.to_owned());
    }

    /// A run that kept something is another one than the [default](Origin::default).
    pub(crate) fn origin(&mut self, run: u64, origin: Origin) {
        self.origins.insert(run, origin);
    }

    /// Puts an artifact there, as if a runner had kept it; its id.
    pub(crate) fn put(&mut self, upload: Upload) -> u64 {
        let id = self.next_id();
        self.uploads.push(Upload { id, finalized: true, ..upload });
        id
    }

    /// Takes everything away.
    pub(crate) fn clear(&mut self) {
        self.uploads.clear();
    }

    /// What is there or on its way.
    pub(crate) fn all(&self) -> Vec<Upload> {
        self.dir.as_ref().map_or_else(|| self.uploads.clone(), |dir| lying_in(dir))
    }

    pub(super) fn next_id(&self) -> u64 {
        self.uploads.last().map_or(4_000_000_000, |last| last.id + 1)
    }
}

/// Below `/repos/{owner}/{repo}/actions`.
pub(super) fn answer(memory: &Memory, request: &Request, rest: &[&str]) -> Answer {
    let artifacts = &memory.artifacts;
    match rest {
        ["artifacts"] => list(memory, request),
        ["artifacts", id, "zip"] => match artifacts.all().iter().find(|upload| upload.id == number(id)) {
            Some(upload) if upload.expired => Answer::refusal(410, "Artifact has expired"),
            Some(upload) if upload.finalized => {
                let to = format!("{}/files/{}?sig=download%2F{}", artifacts.storage, upload.id, upload.id);
                Answer { status: 302, ..Answer::default() }.header("location", &to)
            }
            _ => not_found(),
        },
        ["runs", id] => Answer::json(200, &run(number(id), artifacts)),
        _ => not_found(),
    }
}

fn list(memory: &Memory, request: &Request) -> Answer {
    let asked: HashMap<String, String> = url::form_urlencoded::parse(query(request).as_bytes()).into_owned().collect();
    let wanted = |upload: &Upload| upload.finalized && asked.get("name").is_none_or(|name| *name == upload.name);
    let mut found: Vec<Upload> = memory.artifacts.all().into_iter().filter(wanted).collect();
    found.sort_by_key(|upload| std::cmp::Reverse(upload.created));
    let total = found.len();
    found.truncate(asked.get("per_page").map_or(30, |size| size.parse().unwrap()));
    let whole = example("actions/list-artifacts-for-repo");
    let shown = |upload: Upload| {
        let mut shown = whole["artifacts"][0].clone();
        shown["id"] = json!(upload.id);
        shown["name"] = json!(upload.name);
        shown["size_in_bytes"] = json!(upload.file.map_or(0, |file| file.len()));
        shown["expired"] = json!(upload.expired);
        shown["created_at"] = json!(upload.created);
        // Unless somebody asks for less.
        let expires = upload.created + SignedDuration::from_hours(90 * 24);
        shown["expires_at"] = json!(upload.expires.unwrap_or(expires));
        shown["workflow_run"]["id"] = json!(upload.run);
        shown
    };
    Answer::json(200, &json!({ "total_count": total, "artifacts": found.into_iter().map(shown).collect::<Vec<_>>() }))
}

fn run(id: u64, artifacts: &Artifacts) -> Value {
    let Origin { path, event, repository, head_repository, branch, pulls } =
        artifacts.origins.get(&id).cloned().unwrap_or_default();
    let mut shown = example("actions/get-workflow-run");
    shown["id"] = json!(id);
    shown["path"] = json!(path);
    shown["event"] = json!(event);
    shown["repository"]["id"] = json!(repository);
    match head_repository {
        Some(head) => shown["head_repository"]["id"] = json!(head),
        None => shown["head_repository"] = Value::Null,
    }
    shown["head_branch"] = json!(branch);
    let pull = |number: &u64| json!({ "id": 1, "number": number, "url": "", "head": {}, "base": {} });
    shown["pull_requests"] = pulls.iter().map(pull).collect();
    shown
}

/// The artifacts below a directory of `act`.
fn lying_in(dir: &Path) -> Vec<Upload> {
    let below = |dir: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(dir).into_iter().flatten().map(|member| member.unwrap().path()).collect()
    };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut found = Vec::new();
    for folder in below(dir).iter().flat_map(|run| below(run)) {
        let (name, run) = (name(&folder), number(&name(folder.parent().unwrap())));
        let file = folder.join(format!("{name}.zip"));
        let Ok(meta) = file.metadata() else { continue };
        // The same at every look.
        let id = format!("{run}/{name}").bytes().fold(7_u64, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000_007);
        let created = Timestamp::try_from(meta.modified().unwrap()).unwrap();
        let file = Some(std::fs::read(&file).unwrap());
        found.push(Upload { id, run, name, created, file, finalized: true, ..Upload::default() });
    }
    found
}
