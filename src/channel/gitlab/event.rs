//! One GitLab payload as an [`Event`]. Pure.

use crate::channel::field::Field;
use crate::channel::{Error, host};
use crate::domain::event::{
    Actor, ActorKind, Change, Comment, Event, EventKind, Forge, Identity, Repository, Side, Thread, ThreadKind,
    Visibility,
};

/// Reads an issue, a merge request, or a note on one of them.
pub(super) fn read(kind: EventKind, payload: &Field<'_>, host: Option<String>) -> Result<Event, Error> {
    let attributes = payload.at("object_attributes");
    let project = payload.at("project");
    let repository = repository(&project)?;
    let host = match host {
        Some(host) => host,
        None => host::of_address(&project.at("web_url"))?,
    };
    let actor = actor(&payload.at("user"))?;

    let is_note = matches!(kind, EventKind::Comment | EventKind::ReviewComment);
    let (subject, thread_kind) = match kind {
        EventKind::Issue => (attributes.clone(), ThreadKind::Issue),
        EventKind::Pull | EventKind::Review => (attributes.clone(), ThreadKind::Pull),
        EventKind::Comment | EventKind::ReviewComment if attributes.at("noteable_type").short()? == "Issue" => {
            (payload.at("issue"), ThreadKind::Issue)
        }
        EventKind::Comment | EventKind::ReviewComment => (payload.at("merge_request"), ThreadKind::Pull),
    };
    for other in [
        payload.at("project_id"),
        attributes.at("project_id"),
        subject.at("project_id"),
        subject.at("target_project_id"),
    ] {
        agree("project.id", repository.id, other)?;
    }
    if is_note {
        agree("object_attributes.noteable_id", attributes.at("noteable_id").id()?, subject.at("id"))?;
    }

    let action = if is_note { note_action(&attributes)? } else { attributes.at("action").word()? };
    let thread = thread(&subject, thread_kind, payload, &actor)?;
    let change = (thread_kind == ThreadKind::Pull).then(|| change(&subject)).transpose()?;
    let at = attributes.at("updated_at").time()?;
    let twins = if is_note { Vec::new() } else { twins(payload, change.as_ref())? };
    let key = Identity {
        host: &host,
        repository: repository.id,
        shape: payload.shape(),
        object: attributes.at("id").id()?,
        action: &action,
        at,
        twins: &twins,
    }
    .key();

    Ok(Event {
        forge: Forge::Gitlab,
        host,
        repository,
        kind,
        action,
        comment: is_note.then(|| comment(&attributes, &actor)).transpose()?,
        actor,
        thread,
        change,
        label: None,
        at,
        key,
    })
}

/// What GitLab says twice must be the same: the project's number is half of an instance's identity.
fn agree(path: &'static str, value: u64, other: Field<'_>) -> Result<(), Error> {
    let Some(other) = other.optional() else { return Ok(()) };
    match other.id()? {
        same if same == value => Ok(()),
        differs => Err(Error::Contradiction {
            shape: other.shape(),
            path,
            value,
            other_path: other.path().to_owned(),
            other: differs,
        }),
    }
}

/// Older servers send no action with a note. They send new and edited notes alike, and only a new
/// one may ever count as a command.
pub(in crate::channel) fn note_action(note: &Field<'_>) -> Result<String, Error> {
    match note.at("action").optional() {
        Some(action) => action.word(),
        None if note.at("created_at").time()? == note.at("updated_at").time()? => Ok("create".to_owned()),
        None => Ok("update".to_owned()),
    }
}

fn repository(project: &Field<'_>) -> Result<Repository, Error> {
    let level = project.at("visibility_level").optional().map(|level| level.level()).transpose()?;
    let visibility = match level {
        Some(20) => Some(Visibility::Public),
        Some(10) => Some(Visibility::Internal),
        Some(0) => Some(Visibility::Private),
        _ => None,
    };
    Ok(Repository { id: project.at("id").id()?, path: project.at("path_with_namespace").short()?, visibility })
}

fn actor(user: &Field<'_>) -> Result<Actor, Error> {
    Ok(Actor { id: user.at("id").id()?, login: user.at("username").short()?, kind: ActorKind::Other })
}

/// The author of a text, whose name the payload tells only when they also caused the event.
fn author(object: &Field<'_>, actor: &Actor) -> Result<Option<Actor>, Error> {
    let Some(id) = object.at("author_id").optional() else { return Ok(None) };
    let id = id.id()?;
    let login = if id == actor.id { actor.login.clone() } else { String::new() };
    Ok(Some(Actor { id, login, kind: ActorKind::Other }))
}

fn thread(subject: &Field<'_>, kind: ThreadKind, payload: &Field<'_>, actor: &Actor) -> Result<Thread, Error> {
    let labels = match subject.at("labels").optional().or_else(|| payload.at("labels").optional()) {
        Some(labels) => labels.list()?,
        None => Vec::new(),
    };
    let is_confidential = subject.at("confidential").optional().map(|flag| flag.flag()).transpose()?;
    Ok(Thread {
        kind,
        number: subject.at("iid").id()?,
        title: subject.at("title").text()?,
        body: subject.at("description").optional().map_or(Ok(String::new()), |text| text.text())?,
        author: author(subject, actor)?,
        labels: labels.iter().map(|label| label.at("title").short()).collect::<Result<_, _>>()?,
        state: subject.at("state").word()?,
        confidential: is_confidential.unwrap_or_default(),
    })
}

fn comment(note: &Field<'_>, actor: &Actor) -> Result<Comment, Error> {
    let author = author(note, actor)?.ok_or_else(|| note.at("author_id").wrong("the id of an account"))?;
    // Two names for one thing: `confidential` came first.
    let flag = |name| note.at(name).optional().map_or(Ok(false), |flag| flag.flag());
    let path = note.at("position").at("new_path").optional().map(|path| path.text()).transpose()?;
    Ok(Comment {
        id: note.at("id").id()?,
        author,
        body: note.at("note").text()?,
        path,
        internal: flag("internal")? || flag("confidential")?,
    })
}

fn change(merge_request: &Field<'_>) -> Result<Change, Error> {
    // Null when the fork was deleted.
    let source = merge_request.at("source_project_id").optional().map(|id| id.id()).transpose()?;
    let target = merge_request.at("target_project_id").id()?;
    let flag = |name| merge_request.at(name).optional().map_or(Ok(false), |flag| flag.flag());
    // Absent while the merge request has no commit.
    let head = merge_request.at("last_commit").at("id").optional();
    Ok(Change {
        head: Side {
            sha: head.map_or(Ok(String::new()), |sha| sha.sha())?,
            branch: merge_request.at("source_branch").short()?,
        },
        base: Side { sha: String::new(), branch: merge_request.at("target_branch").short()? },
        is_fork: source != Some(target),
        // Two names for one thing: `work_in_progress` came first.
        draft: flag("draft")? || flag("work_in_progress")?,
    })
}

/// See the table at [`Identity`].
fn twins(payload: &Field<'_>, change: Option<&Change>) -> Result<Vec<String>, Error> {
    let head = change.map(|change| change.head.sha.clone()).filter(|sha| !sha.is_empty());
    let changes = payload.at("changes").optional().map(|changes| changes.digest()).transpose()?;
    Ok(head.into_iter().chain(changes).collect())
}
