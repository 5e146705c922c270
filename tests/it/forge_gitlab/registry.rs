//! The fake GitLab's package registry, and the pipelines whose jobs fill it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::operations::example;
use super::{PIPELINE, PROJECT};

/// Packages of the project.
pub(crate) struct Registry {
    /// Whether a version may hold two files of one name.
    pub(crate) allows_duplicates: bool,
    /// Whether the job's user may remove packages.
    pub(crate) allows_removal: bool,
    /// Whether a pipeline among a file's says its source and project, as newer GitLabs do.
    pub(crate) tells_sources: bool,
    /// Whether a download is sent on to object storage.
    pub(crate) sends_on: bool,
    /// Who may read it, in GitLab's word: `enabled` is who may read the project.
    pub(crate) level: &'static str,
    /// Where the merge request's commits come from; this project when `None`.
    pub(crate) source_project: Option<u64>,
    /// The pipeline of the job whose token is used; a person's upload when `None`.
    pub(crate) running: Option<u64>,
    /// The commit that pipelines run which begin from now on.
    pub(crate) head: String,
    pipelines: BTreeMap<u64, Pipeline>,
    packages: Vec<Package>,
    files: u64,
}

struct Pipeline {
    branch: String,
    source: String,
    sha: String,
}

struct Package {
    id: u64,
    name: String,
    version: String,
    created: Timestamp,
    files: Vec<File>,
}

struct File {
    id: u64,
    name: String,
    bytes: Vec<u8>,
    pipeline: Option<u64>,
}

impl Default for Registry {
    fn default() -> Self {
        let head = "6104942438c14ec7bd21c6cd5bd995272b3faff6".to_owned();
        let main = Pipeline { branch: "main".to_owned(), source: "trigger".to_owned(), sha: head.clone() };
        Self {
            allows_duplicates: true,
            allows_removal: true,
            tells_sources: true,
            sends_on: false,
            level: "enabled",
            source_project: None,
            running: Some(PIPELINE),
            head,
            pipelines: BTreeMap::from([(PIPELINE, main)]),
            packages: Vec::new(),
            files: 0,
        }
    }
}

impl Registry {
    /// The running job is of this pipeline from now on.
    pub(crate) fn run(&mut self, id: u64, source: &str, branch: &str) {
        self.pipelines
            .insert(id, Pipeline { branch: branch.to_owned(), source: source.to_owned(), sha: self.head.clone() });
        self.running = Some(id);
    }

    /// Names and versions, oldest first.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
    }

    /// How many files all packages hold.
    pub(crate) fn files(&self) -> usize {
        self.packages.iter().map(|package| package.files.len()).sum()
    }

    /// Adds a file; `false` where that would be a forbidden duplicate.
    pub(crate) fn upload(&mut self, name: &str, version: &str, file: &str, bytes: &[u8], now: Timestamp) -> bool {
        let id = 100 + self.packages.len() as u64;
        let known = self.packages.iter().position(|known| known.name == name && known.version == version);
        let at = known.unwrap_or_else(|| {
            let (name, version) = (name.to_owned(), version.to_owned());
            self.packages.push(Package { id, name, version, created: now, files: Vec::new() });
            self.packages.len() - 1
        });
        let package = &mut self.packages[at];
        if !self.allows_duplicates && package.files.iter().any(|known| known.name == file) {
            return false;
        }
        self.files += 1;
        let (id, name, bytes) = (7000 + self.files, file.to_owned(), bytes.to_owned());
        package.files.push(File { id, name, bytes, pipeline: self.running });
        true
    }

    /// The newest file of a name.
    pub(super) fn download(&self, name: &str, version: &str, file: &str) -> Option<&[u8]> {
        let package = self.packages.iter().find(|known| known.name == name && known.version == version)?;
        package.files.iter().rfind(|known| known.name == file).map(|file| file.bytes.as_slice())
    }

    /// Whether there was such a package.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.packages.len();
        self.packages.retain(|package| package.id != id);
        self.packages.len() < before
    }

    /// Generic packages whose name is like this one, newest first, in GitLab's shape.
    pub(super) fn listed(&self, name: &str) -> Vec<Value> {
        let like = self.packages.iter().rev().filter(|package| package.name.contains(name));
        like.map(|package| {
            let mut shown = example("packages/list", "");
            (shown["id"], shown["name"], shown["version"]) =
                (json!(package.id), json!(package.name), json!(package.version));
            (shown["package_type"], shown["created_at"]) = (json!("generic"), json!(package.created));
            let first = package.files.first().and_then(|file| file.pipeline);
            match first {
                Some(pipeline) => shown["pipeline"] = self.short(pipeline),
                None => drop(shown.as_object_mut().unwrap().remove("pipeline")),
            }
            shown
        })
        .collect()
    }

    /// The files of a package, newest first.
    pub(super) fn files_of(&self, id: u64) -> Option<Vec<Value>> {
        let package = self.packages.iter().find(|package| package.id == id)?;
        let shown = package.files.iter().rev().map(|file| {
            let mut shown = example("packages/files", "");
            (shown["id"], shown["package_id"], shown["file_name"]) = (json!(file.id), json!(id), json!(file.name));
            shown["size"] = json!(file.bytes.len());
            shown["file_sha256"] = json!(hex::encode(Sha256::digest(&file.bytes)));
            shown["pipelines"] = file.pipeline.into_iter().map(|pipeline| self.short(pipeline)).collect();
            shown
        });
        Some(shown.collect())
    }

    /// A pipeline by itself.
    pub(super) fn pipeline(&self, id: u64) -> Option<Value> {
        let pipeline = self.pipelines.get(&id)?;
        let mut shown = example("pipelines/get", "");
        (shown["id"], shown["project_id"]) = (json!(id), json!(PROJECT));
        (shown["ref"], shown["source"]) = (json!(pipeline.branch), json!(pipeline.source));
        shown["sha"] = json!(pipeline.sha);
        Some(shown)
    }

    /// A pipeline among a package's or file's.
    fn short(&self, id: u64) -> Value {
        let mut shown = example("packages/list", "")["pipeline"].clone();
        (shown["id"], shown["ref"]) = (json!(id), json!(self.pipelines[&id].branch));
        shown["sha"] = json!(self.pipelines[&id].sha);
        if self.tells_sources {
            (shown["project_id"], shown["source"]) = (json!(PROJECT), json!(self.pipelines[&id].source));
        }
        shown
    }
}
