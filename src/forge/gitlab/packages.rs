//! The generic package registry as a shelf: a package for each instance, a version for each epoch
//! and job, one file in it.
//!
//! What the registry does, and what follows from it:
//!
//! - A name is looked for by similarity, so what comes back is compared exactly.
//! - A second upload to one version adds a second file of the same name, and the newer one is what
//!   a download brings. So the version names the job: the later of two uploads of one job wins, and
//!   no other job gets into its place unless it means to. Where duplicates are forbidden the version
//!   gets a number after the job's.
//! - The pipeline that a *package* shows is that of its first file, or of its last on newer servers, and
//!   any developer's job can add a file. So origin is told of the *file*, and a download counts only if it is that very file,
//!   by its digest.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use gitlab::api::projects::merge_requests::MergeRequest as ReadMergeRequest;
use gitlab::api::projects::packages::generic::{GetPackageFile, UploadPackageFile};
use gitlab::api::projects::packages::package_files::PackageFiles;
use gitlab::api::projects::packages::{DeletePackage, Packages as ListPackages};
use gitlab::api::projects::pipelines::Pipeline as ReadPipeline;
use sha2::{Digest, Sha256};

use super::answer::{File, MergeRequest, Package, Pipeline};
use super::api::{Api, built};
use super::parsed;
use super::version::{Version, newest_first};
use crate::domain::id::Epoch;
use crate::forge::{Error, Kept, Origin, Shelf};

/// The file in each package.
const FILE: &str = "bundle.zip";
/// Most bytes of an archive.
const ARCHIVE_MAX: usize = 64 << 20;
/// Most packages of one name that are told of.
const FOUND_MAX: usize = 10;
/// How often an upload goes to another version, because this one is taken.
const TAKEN_MAX: u32 = 8;
/// The source of a pipeline that a webhook starts.
const TRIGGER: &str = "trigger";
/// The source of a pipeline for a merge request.
const MERGE_REQUEST: &str = "merge_request_event";
/// Packages of one name and branch that [`Packages::tidy`] lets be, this job's own counted.
const KEPT: usize = 3;
/// Packages that one call of it removes.
const TIDIED_MAX: usize = 10;

/// The crate knows no generic packages among those that can be asked for.
const NEWEST: &[(&str, &str)] =
    &[("package_type", "generic"), ("order_by", "created_at"), ("sort", "desc"), ("per_page", "100"), ("page", "1")];
const FILES: &[(&str, &str)] = &[("order_by", "id"), ("sort", "desc"), ("per_page", "100"), ("page", "1")];

/// Bundles in the package registry of one project.
pub struct Packages {
    project: u64,
    /// For what a job's token cannot read.
    api: Api,
    registry: Api,
    job: Option<u64>,
    commit: Option<String>,
    /// What [`Shelf::find`] saw, by package; nothing else is looked into.
    seen: Mutex<BTreeMap<u64, Seen>>,
}

#[derive(Clone)]
struct Seen {
    name: String,
    version: String,
    /// The pipeline that made it, and what that ran for.
    run: Option<u64>,
    branch: Option<String>,
    /// Once its origin was asked.
    file: Option<File>,
    is_fetched: bool,
}

impl Packages {
    pub(super) fn new(project: u64, api: Api, registry: Api, job: Option<u64>) -> Self {
        Self { project, api, registry, job, commit: None, seen: Mutex::default() }
    }

    /// On a shelf of a job that runs this commit of the default branch. Whatever ran the same one, ran the
    /// same code: of such a pipeline it is not asked whether it ran for a tag that has the branch's name.
    pub fn at(self, commit: Option<String>) -> Self {
        Self { commit, ..self }
    }

    /// Removes old versions of a package: of those that [`Shelf::find`] saw on the branch of the one that
    /// was fetched, all but the newest two, which leaves three with this job's own. Returns how many are
    /// gone.
    ///
    /// # Errors
    /// [`Error::Refused`] when the token may not: only a Maintainer may remove packages, and a job's
    /// token has the rights of whoever started the pipeline. Nothing is lost then but space.
    async fn tidy(&self, name: &str) -> Result<usize, Error> {
        let doing = format!("remove old versions of package {name}");
        let mut gone = 0;
        for id in self.old(name) {
            let endpoint = built(&doing, DeletePackage::builder().project(self.project).package_id(id).build())?;
            match self.registry.write(&doing, &endpoint, None).await {
                Ok(_) => gone += 1,
                Err(Error::Refused { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    /// Packages to remove, the newest first.
    fn old(&self, name: &str) -> Vec<u64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = || seen.iter().rev().filter(|(_, seen)| seen.name == name);
        let Some((fetched, Seen { branch, .. })) = ours().find(|(_, seen)| seen.is_fetched) else { return Vec::new() };
        let old = ours().filter(|(_, seen)| seen.branch == *branch).map(|(id, _)| *id).skip(KEPT - 1);
        old.filter(|id| id != fetched).take(TIDIED_MAX).collect()
    }

    /// The packages of exactly this name that hold our versions.
    async fn list(&self, doing: &str, name: &str) -> Result<Vec<(Package, Version)>, Error> {
        let endpoint = built(doing, ListPackages::builder().project(self.project).package_name(name).build())?;
        let answer = self.registry.read(doing, &endpoint, NEWEST).await?;
        let packages: Vec<Package> = parsed(doing, &answer.body)?;
        let ours = packages.into_iter().filter(|package| package.name == name && package.package_type == "generic");
        Ok(ours
            .filter_map(|package| {
                let version = Version::parse(package.version.as_deref()?)?;
                Some((package, version))
            })
            .collect())
    }

    async fn find(&self, name: &str) -> Result<Vec<Kept>, Error> {
        let mut packages = self.list(&format!("look for package {name}"), name).await?;
        // By the registry's own order first: any job may upload an epoch that is higher than all to come,
        // and only so does it go out of sight again.
        packages.sort_by_key(|(package, _)| std::cmp::Reverse((package.created_at, package.id)));
        packages.truncate(FOUND_MAX);
        newest_first(&mut packages, |(package, version)| (package.id, *version));
        let mut found = Vec::new();
        let mut seen = BTreeMap::new();
        for (package, _) in packages {
            let (run, branch) = package.pipeline.map(|pipeline| (pipeline.id, pipeline.branch)).unzip();
            found.push(Kept { id: package.id, at: package.created_at, size: None, run, gone: None });
            let version = package.version.unwrap_or_default();
            seen.insert(package.id, Seen { name: package.name, version, run, branch, file: None, is_fetched: false });
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
        Ok(found)
    }

    async fn origin(&self, kept: &Kept) -> Result<Origin, Error> {
        let doing = format!("ask who uploaded package {}", kept.id);
        let file = self.file(&doing, kept.id).await?;
        let nobody = Origin {
            workflow: String::new(),
            event: String::new(),
            repository: self.project,
            head_repository: self.project,
            branch: String::new(),
            is_tag: true,
            pulls: Vec::new(),
        };
        // Uploaded by hand, or by two: no pipeline stands for it.
        let [pipeline] = file.pipelines.as_slice() else { return Ok(nobody) };
        // A branch and a tag may have one name; of a merge request's ref there is no tag.
        let is_told = |it: &Pipeline| it.source.as_deref() != Some(TRIGGER) || it.tag.is_some() || self.runs(it);
        let pipeline = match pipeline {
            Pipeline { source: Some(_), project_id: Some(_), .. } if is_told(pipeline) => pipeline.clone(),
            short => self.pipeline(&doing, short.id).await?,
        };
        let may_be_tag = !self.runs(&pipeline);
        let Some((event, repository)) = pipeline.source.zip(pipeline.project_id) else { return Ok(nobody) };
        let is_tag = pipeline.tag.unwrap_or(event == TRIGGER && may_be_tag);
        let mut origin =
            Origin { event, repository, head_repository: repository, branch: pipeline.branch, is_tag, ..nobody };
        let iid = merge_request(&origin.branch).filter(|_| origin.event == MERGE_REQUEST);
        if let Some(iid) = iid.filter(|_| repository == self.project) {
            origin.head_repository = self.source(&doing, iid).await?;
            origin.pulls.push(iid);
        }
        Ok(origin)
    }

    async fn fetch(&self, kept: &Kept) -> Result<Bytes, Error> {
        let doing = format!("fetch package {}", kept.id);
        let file = self.file(&doing, kept.id).await?;
        let digest =
            file.file_sha256.as_deref().ok_or_else(|| unusable(&doing, "its file has no digest".to_owned()))?;
        if file.size > ARCHIVE_MAX as u64 {
            return Err(unusable(&doing, format!("the file has {} bytes, more than {ARCHIVE_MAX}", file.size)));
        }
        let Seen { name, version, .. } = self.seen(&doing, kept.id)?;
        let mut endpoint = GetPackageFile::builder();
        endpoint.project(self.project).package_name(name).package_version(version).file_name(FILE);
        let endpoint = built(&doing, endpoint.build())?;
        let archive = self.registry.download(&doing, &endpoint, ARCHIVE_MAX).await?;
        if !hex::encode(Sha256::digest(&archive)).eq_ignore_ascii_case(digest) {
            let said = "it is not the file whose origin was asked; another has taken its place".to_owned();
            return Err(unusable(&doing, said));
        }
        if let Some(seen) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&kept.id) {
            seen.is_fetched = true;
        }
        Ok(archive)
    }

    async fn keep(&self, name: &str, epoch: Epoch, archive: Bytes) -> Result<(), Error> {
        let mut version = Version { epoch: epoch.0, job: self.job, nth: 0 };
        loop {
            let doing = format!("keep package {name} {version}");
            let mut endpoint = UploadPackageFile::builder();
            endpoint.project(self.project).package_name(name).package_version(version.to_string()).file_name(FILE);
            // The archive goes beside it: the builder would copy it.
            let endpoint = built(&doing, endpoint.contents(Vec::new()).build())?;
            match self.registry.write(&doing, &endpoint, Some(archive.clone())).await {
                Err(Error::Refused { status: 400, said, .. })
                    if said.contains("Duplicate package") && version.nth < TAKEN_MAX =>
                {
                    version.nth += 1;
                }
                result => return result.map(|_| ()),
            }
        }
    }

    /// The file that a download of this package brings: the newest of its name.
    async fn file(&self, doing: &str, package: u64) -> Result<File, Error> {
        if let Some(file) = self.seen(doing, package)?.file {
            return Ok(file);
        }
        let endpoint = built(doing, PackageFiles::builder().project(self.project).package_id(package).build())?;
        let files: Vec<File> = parsed(doing, &self.registry.read(doing, &endpoint, FILES).await?.body)?;
        let newest = files.into_iter().filter(|file| file.file_name == FILE).max_by_key(|file| file.id);
        let file = newest.ok_or_else(|| unusable(doing, format!("there is no {FILE} in it")))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = seen.get_mut(&package) {
            seen.file = Some(file.clone());
        }
        Ok(file)
    }

    fn seen(&self, doing: &str, package: u64) -> Result<Seen, Error> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        built(doing, seen.get(&package).cloned().ok_or("it was not found on this shelf"))
    }

    /// Whether a pipeline ran the commit that this job runs.
    fn runs(&self, pipeline: &Pipeline) -> bool {
        self.commit.is_some() && self.commit == pipeline.sha
    }

    async fn pipeline(&self, doing: &str, id: u64) -> Result<Pipeline, Error> {
        let endpoint = built(doing, ReadPipeline::builder().project(self.project).pipeline(id).build())?;
        parsed(doing, &self.api.read(doing, &endpoint, &[]).await?.body)
    }

    /// The project that a merge request's commits come from; 0 when it is gone.
    async fn source(&self, doing: &str, iid: u64) -> Result<u64, Error> {
        let endpoint = built(doing, ReadMergeRequest::builder().project(self.project).merge_request(iid).build())?;
        let request: MergeRequest = parsed(doing, &self.api.read(doing, &endpoint, &[]).await?.body)?;
        Ok(request.source_project_id.unwrap_or_default())
    }
}

impl Shelf for Packages {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Kept>, Error>> {
        Box::pin(self.find(name))
    }

    fn origin<'a>(&'a self, kept: &'a Kept) -> BoxFuture<'a, Result<Origin, Error>> {
        Box::pin(self.origin(kept))
    }

    fn fetch<'a>(&'a self, kept: &'a Kept) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(self.fetch(kept))
    }

    fn saw_another_job_of(&self, pipeline: u64) -> bool {
        let is_anothers = |seen: &Seen| {
            let job = Version::parse(&seen.version).and_then(|version| version.job);
            seen.run == Some(pipeline) && job.is_some() && job != self.job
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).values().any(is_anothers)
    }

    fn tidy<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<usize, Error>> {
        Box::pin(self.tidy(name))
    }

    fn keep<'a>(&'a self, name: &'a str, epoch: Epoch, archive: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.keep(name, epoch, archive))
    }
}

/// What is there is nothing that hob put there, however often it is asked for.
fn unusable(doing: &str, said: String) -> Error {
    Error::Unfit { doing: doing.to_owned(), said }
}

/// The merge request that alone tells what a pipeline for this ref ran: `refs/merge-requests/4/head`, or
/// `…/merge` for the merged result. In a train (`…/train`) the commits of those before it ran as well.
fn merge_request(branch: &str) -> Option<u64> {
    let (iid, side) = branch.strip_prefix("refs/merge-requests/")?.split_once('/')?;
    let is_plain = iid.bytes().all(|b| b.is_ascii_digit()) && !iid.starts_with('0');
    iid.parse().ok().filter(|_| is_plain && matches!(side, "head" | "merge"))
}

#[cfg(test)]
mod tests {
    use super::merge_request;

    #[test]
    fn a_ref_is_of_one_merge_request_or_of_none() {
        for (branch, expected) in [
            ("refs/merge-requests/5/head", Some(5)),
            ("refs/merge-requests/5/merge", Some(5)),
            ("refs/merge-requests/5/train", None),
            ("refs/merge-requests/5/head/x", None),
            ("refs/merge-requests/5/", None),
            ("refs/merge-requests/5", None),
            ("refs/merge-requests/+5/head", None),
            ("refs/merge-requests/05/head", None),
            ("refs/merge-requests//head", None),
            ("refs/merge-requests/99999999999999999999/head", None),
            ("refs/heads/refs/merge-requests/5/head", None),
            ("main", None),
        ] {
            assert_eq!(merge_request(branch), expected, "{branch}");
        }
    }
}
