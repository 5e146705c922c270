//! Which instance people mean: the one place where a name becomes one.

use super::kept::Kept;
use super::output::Exit;
use super::refusal::Refusal;
use crate::domain::id::{InstanceId, RunId};
use crate::domain::problem::nearest;
use crate::store::{Error, Manifest};

/// Most names that are listed when one could be several.
const LISTED: usize = 8;

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) instance: InstanceId,
    /// How people call it. Foreign text.
    pub(super) label: String,
    /// The run, where it was named by one.
    pub(super) run: Option<RunId>,
}

impl Found {
    fn new(manifest: Manifest, run: Option<RunId>) -> Self {
        Self { run, ..manifest.into() }
    }
}

impl From<Manifest> for Found {
    fn from(manifest: Manifest) -> Self {
        let Manifest { instance, label, .. } = manifest;
        Self { instance, label, run: None }
    }
}

/// Finds an instance by the id of a run, its own id, its name outside, its label, or the thread in
/// that.
pub(super) async fn find(kept: &Kept, name: &str) -> Result<Found, Refusal> {
    if let Some(run) = RunId::read(name) {
        let (found, unread) = kept.store.whose(&run).await?;
        let missing = || missing(kept, name, &[], &unread);
        return found.map(|manifest| Found::new(manifest, Some(run))).ok_or_else(missing);
    }
    let (mut known, mut unread) = (Vec::new(), Vec::new());
    for listed in kept.store.list().await? {
        match (listed.manifest, name.parse::<InstanceId>()) {
            (Ok(manifest), _) => known.push(manifest),
            // Its cover tells nobody how it is called; its place does.
            (Err(_), Ok(instance)) if is_at(&instance, &listed.place) => {
                return Ok(Found { instance, label: name.to_owned(), run: None });
            }
            (Err(error), _) => unread.push(error),
        }
    }
    let (mut meant, others): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|manifest| names(manifest).iter().any(|known| known == name));
    match (meant.pop(), meant.as_slice()) {
        (Some(manifest), []) => Ok(Found::new(manifest, None)),
        (Some(last), more) => Err(several(name, more.iter().chain([&last]))),
        (None, _) => Err(missing(kept, name, &others, &unread)),
    }
}

/// Whether a place is that of an instance: a directory is called by its name outside, rows by its id.
fn is_at(instance: &InstanceId, place: &str) -> bool {
    [instance.external(), instance.to_string()].iter().any(|name| place.ends_with(name))
}

/// Finds each of several, once.
pub(super) async fn find_all(kept: &Kept, names: &[String]) -> Result<Vec<Found>, Refusal> {
    let mut all = Vec::new();
    for name in names {
        let found = find(kept, name).await?;
        if !all.contains(&found) {
            all.push(found);
        }
    }
    Ok(all)
}

/// The covers of all instances that can be read, newest first. The others are told of: one that is
/// damaged must not hide the rest.
pub(super) async fn all(kept: &Kept) -> Result<(Vec<Manifest>, Exit), Refusal> {
    let (mut all, mut exit) = (Vec::new(), Exit::Completed);
    for listed in kept.store.list().await? {
        match listed.manifest {
            Ok(manifest) => all.push(manifest),
            Err(error) => exit = Refusal::from(error).show(),
        }
    }
    Ok((all, exit))
}

/// Everything that an instance is called.
fn names(manifest: &Manifest) -> [String; 4] {
    let Manifest { instance, label, .. } = manifest;
    [instance.to_string(), instance.external(), label.clone(), thread(label).to_owned()]
}

/// `acme/widgets#42` of `acme/widgets#42 (triage)`.
fn thread(label: &str) -> &str {
    label.rsplit_once(" (").map_or(label, |(thread, _)| thread)
}

fn several<'a>(name: &str, meant: impl Iterator<Item = &'a Manifest>) -> Refusal {
    let mut ids: Vec<String> = meant.map(|manifest| format!("`{}`", manifest.instance)).collect();
    ids.sort();
    let more = ids.len().saturating_sub(LISTED);
    ids.truncate(LISTED);
    let more = if more > 0 { format!(" or {more} more") } else { String::new() };
    Refusal::usage(format!("`{name}` could be {}{more}; give one of these", ids.join(" or ")))
}

fn missing(kept: &Kept, name: &str, known: &[Manifest], unread: &[Error]) -> Refusal {
    if !unread.is_empty() {
        let reasons: Vec<String> = unread.iter().map(ToString::to_string).collect();
        return Refusal::usage(format!(
            "nothing that can be read in `{kept}` is called `{name}`, but it may be in what cannot be read: {}",
            reasons.join("; ")
        ));
    }
    let names: Vec<String> = known.iter().flat_map(names).collect();
    Refusal::usage(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("nothing kept in `{kept}` is called `{name}`; did you mean `{near}`?"),
        None => format!("nothing kept in `{kept}` is called `{name}`; `hob sessions` lists what is"),
    })
}
