//! The event, made from what the forge itself answers.
//!
//! | from the answers | from the payload or the job's variables |
//! |---|---|
//! | every text, author, label, state, branch and commit; who may read it | which objects |
//! | when a new thread or note was made, and whether it is new | what was done to it, when it is not new |
//! | who caused what is new: its author | who caused the rest |

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::hint::{Hint, Said};
use super::{Error, Job, MergeRequest, Named, hidden};
use crate::channel::field::clipped;
use crate::channel::{Delivery, Heard, Verified, date, parse};
use crate::domain::event::ThreadKind;
use crate::forge::Account;

/// A pipeline that is started this soon after its merge request was opened is the one for opening it:
/// GitLab starts it in the background, and says nowhere what it is for.
const OPENING: SignedDuration = SignedDuration::from_mins(10);

/// The API's answers, as they came: `GET /projects/:id` and so on.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// `…/:id`
    pub project: Value,
    /// `…/:id/issues/:iid` or `…/:id/merge_requests/:iid`
    pub thread: Value,
    /// `…/notes/:id` of the thread, when a note triggered.
    pub note: Option<Value>,
}

/// Makes the event from the answers.
///
/// # Errors
/// What the answers lack, and where they contradict the payload or the job. What is not for everybody
/// who reads the job is ignored.
pub fn confirmed(job: &Job, named: &Named, objects: &Objects) -> Result<Heard, Error> {
    let what = what(named);
    let project: Project = read(&format!("project {}", job.project), &objects.project)?;
    asked_for("project", job.project, project.id)?;
    let thread: Subject = read(&what, &objects.thread)?;
    asked_for(noun(named), named.thread.number, thread.iid)?;
    asked_for("an object of project", job.project, thread.project_id)?;
    let change = (named.thread.kind == ThreadKind::Pull).then(|| read::<Change>(&what, &objects.thread)).transpose()?;
    let note = match (named.note, &objects.note) {
        (None, _) => None,
        (Some(id), Some(note)) => Some(noted(id, &what, read(&format!("note {id} of {what}"), note)?, &thread, named)?),
        (Some(id), None) => {
            let thing = format!("note {id} of {what}");
            return Err(Error::Answer { thing, what: "there is none".to_owned() });
        }
    };
    if let (Said::Pipeline(pipeline), Some(change)) = (&named.said, &change)
        && change.sha.as_ref() != Some(&pipeline.head)
    {
        let reason = format!("{what} moved on from {}: a newer pipeline answers for its new head", pipeline.head);
        return Ok(Heard::Ignored { shape: Some("merge_request".to_owned()), reason });
    }
    let happened = match &named.said {
        Said::Hint(hint) => by_hint(hint, &what, &thread, note.as_ref())?,
        Said::Pipeline(pipeline) => by_pipeline(pipeline, &what, &thread)?,
    };
    let body = payload(&project, &thread, change.as_ref(), note.as_ref(), &happened);
    let delivery = Delivery { body: body.to_string().into_bytes(), event_name: None, host: Some(job.host.clone()) };
    Ok(match parse(&Verified::job(delivery))? {
        Heard::Event(event) => match hidden::why(&event) {
            Some(reason) => Heard::Ignored { shape: Some(event.kind.name_on(event.forge).to_owned()), reason },
            None => Heard::Event(event),
        },
        ignored @ Heard::Ignored { .. } => ignored,
    })
}

/// What was done, when and by whom.
struct Happened {
    action: String,
    at: Timestamp,
    user: Account,
    changes: Option<Value>,
}

fn by_hint(hint: &Hint, what: &str, thread: &Subject, note: Option<&Note>) -> Result<Happened, Error> {
    let (author, created, updated) = match note {
        Some(note) => (&note.author, &note.created_at, &note.updated_at),
        None => (&thread.author, &thread.created_at, &thread.updated_at),
    };
    let text_of = note.map_or_else(|| what.to_owned(), |note| format!("note {} of {what}", note.id));
    if let Some(said) = hint.author.filter(|said| *said != author.id) {
        return Err(contradiction(
            &text_of,
            &format!("is by account {said}"),
            &format!("it is by account {}", author.id),
        ));
    }
    let (created, updated) = (time(&text_of, created)?, time(&text_of, updated)?);
    // The same words as when it was new, however often its discussion was resolved since.
    let unchanged = note.is_some_and(|note| created == updated || hint.text.as_ref() == Some(&note.body));
    let is_new = match hint.action.as_str() {
        "open" => true,
        "create" => unchanged,
        _ => false,
    };
    if is_new {
        let user = Account { id: Some(author.id), login: author.username.clone() };
        return Ok(Happened { action: hint.action.clone(), at: created, user, changes: None });
    }
    // Payloads have whole seconds, answers have fractions.
    if !(created.as_second()..=updated.as_second()).contains(&hint.at.as_second()) {
        let other = format!("it was made at {created} and last changed at {updated}");
        return Err(contradiction(&text_of, &format!("changed at {}", hint.at), &other));
    }
    // An edited note is no new one, whatever the payload calls it.
    let action = if hint.action == "create" { "update" } else { &hint.action };
    Ok(Happened { action: action.to_owned(), at: hint.at, user: hint.user.clone(), changes: hint.changes.clone() })
}

/// One pipeline is one event, however often its jobs are retried.
fn by_pipeline(pipeline: &MergeRequest, what: &str, thread: &Subject) -> Result<Happened, Error> {
    let age = pipeline.at.duration_since(time(what, &thread.created_at)?);
    let action = if age <= OPENING { "open" } else { "update" };
    Ok(Happened { action: action.to_owned(), at: pipeline.at, user: pipeline.started_by.clone(), changes: None })
}

/// A note that is on the thread it was said to be on.
fn noted(id: u64, what: &str, note: Note, thread: &Subject, named: &Named) -> Result<Note, Error> {
    asked_for("note", id, note.id)?;
    let kind = match named.thread.kind {
        ThreadKind::Issue => "Issue",
        ThreadKind::Pull => "MergeRequest",
    };
    if note.noteable_id != thread.id || note.noteable_type != kind {
        let other = format!("it is on {} with the id {}", clipped(&note.noteable_type), note.noteable_id);
        return Err(contradiction(&format!("note {id}"), &format!("is on {what} (id {})", thread.id), &other));
    }
    Ok(note)
}

/// A payload as a webhook has it, so that one parser reads both.
fn payload(
    project: &Project,
    thread: &Subject,
    change: Option<&Change>,
    note: Option<&Note>,
    happened: &Happened,
) -> Value {
    let at = happened.at.to_string();
    let mut subject = json!({
        "id": thread.id,
        "iid": thread.iid,
        "project_id": thread.project_id,
        "title": thread.title,
        "description": thread.description,
        "state": thread.state,
        "author_id": thread.author.id,
        "labels": thread.labels.iter().map(|title| json!({ "title": title })).collect::<Vec<_>>(),
        "confidential": thread.confidential,
    });
    if let Some(change) = change {
        subject["source_branch"] = json!(change.source_branch);
        subject["target_branch"] = json!(change.target_branch);
        subject["source_project_id"] = json!(change.source_project_id);
        subject["target_project_id"] = json!(change.target_project_id);
        subject["last_commit"] = json!({ "id": change.sha });
        subject["draft"] = json!(change.draft.or(change.work_in_progress));
    }
    let kind = if change.is_some() { "merge_request" } else { "issue" };
    let mut payload = json!({
        "user": { "id": happened.user.id, "username": happened.user.login },
        "project": {
            "id": project.id,
            "path_with_namespace": project.path_with_namespace,
            "visibility_level": project.level(),
        },
        "changes": happened.changes,
    });
    match note {
        None => {
            subject["updated_at"] = json!(at);
            subject["action"] = json!(happened.action);
            payload["object_kind"] = json!(kind);
            payload["object_attributes"] = subject;
        }
        Some(note) => {
            payload["object_kind"] = json!("note");
            payload["object_attributes"] = json!({
                "id": note.id,
                "note": note.body,
                "type": note.kind,
                "noteable_type": note.noteable_type,
                "noteable_id": note.noteable_id,
                "author_id": note.author.id,
                "system": note.system,
                "internal": note.internal.or(note.confidential),
                "position": note.position.as_ref().map(|position| json!({ "new_path": position.new_path })),
                "created_at": note.created_at,
                "updated_at": at,
                "action": happened.action,
            });
            payload[kind] = subject;
        }
    }
    payload
}

#[derive(Deserialize)]
struct Project {
    id: u64,
    path_with_namespace: String,
    visibility: Option<String>,
}

impl Project {
    /// The number that a payload has for the word.
    fn level(&self) -> Option<u64> {
        match self.visibility.as_deref() {
            Some("public") => Some(20),
            Some("internal") => Some(10),
            Some("private") => Some(0),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Author {
    id: u64,
    username: String,
}

/// What issues and merge requests have in common.
#[derive(Deserialize)]
struct Subject {
    id: u64,
    iid: u64,
    project_id: u64,
    title: String,
    description: Option<String>,
    state: String,
    labels: Vec<String>,
    author: Author,
    /// Issues only.
    confidential: Option<bool>,
    created_at: String,
    updated_at: String,
}

/// What merge requests have beside it.
#[derive(Deserialize)]
struct Change {
    source_branch: String,
    target_branch: String,
    /// Null when the fork was deleted.
    source_project_id: Option<u64>,
    target_project_id: u64,
    /// Null while there is no commit.
    sha: Option<String>,
    draft: Option<bool>,
    /// What `draft` was called first.
    work_in_progress: Option<bool>,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    body: String,
    /// `DiffNote` …
    #[serde(rename = "type")]
    kind: Option<String>,
    author: Author,
    system: bool,
    noteable_id: u64,
    noteable_type: String,
    position: Option<Position>,
    internal: Option<bool>,
    /// What `internal` was called first.
    confidential: Option<bool>,
    created_at: String,
    updated_at: String,
}

#[derive(Deserialize)]
struct Position {
    new_path: Option<String>,
}

pub(super) fn read<T: DeserializeOwned>(thing: &str, answer: &Value) -> Result<T, Error> {
    let unreadable =
        |error: serde_json::Error| Error::Answer { thing: thing.to_owned(), what: clipped(&error.to_string()) };
    T::deserialize(answer).map_err(unreadable)
}

fn time(thing: &str, text: &str) -> Result<Timestamp, Error> {
    let what = || format!("`{}` is no time", clipped(text));
    date::read(text).ok_or_else(|| Error::Answer { thing: thing.to_owned(), what: what() })
}

pub(super) fn asked_for(noun: &str, asked: u64, answered: u64) -> Result<(), Error> {
    if asked == answered {
        return Ok(());
    }
    Err(Error::Contradiction {
        one: format!("hob asked GitLab for {noun} {asked}"),
        other: format!("the answer is about {noun} {answered}"),
    })
}

fn contradiction(thing: &str, said: &str, other: &str) -> Error {
    Error::Contradiction {
        one: format!("the trigger's payload says that {thing} {said}"),
        other: format!("GitLab says that {other}"),
    }
}

/// How a sentence calls the thread.
fn what(named: &Named) -> String {
    format!("{} {}", noun(named), named.thread.number)
}

fn noun(named: &Named) -> &'static str {
    match named.thread.kind {
        ThreadKind::Issue => "issue",
        ThreadKind::Pull => "merge request",
    }
}
