//! What a trigger's payload points at. Nothing of it is believed.

use jiff::Timestamp;
use serde_json::Value;

use super::{Error, Job, MergeRequest};
use crate::channel::field::{Field, clipped};
use crate::channel::gitlab;
use crate::channel::json::Json;
use crate::channel::why_no_thread;
use crate::domain::event::ThreadKind;
use crate::forge::{Account, Thread};

/// What is to be done about a job's event.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Read the project, the thread, and the note if there is one, and ask [`super::confirmed`].
    Named(Box<Named>),
    /// No agent starts on it.
    Ignored {
        /// A sentence for people.
        reason: String,
    },
}

/// The objects that an event is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Issue or merge request, with the number people type.
    pub thread: Thread,
    /// The note that triggered.
    pub note: Option<u64>,
    pub(super) said: Said,
}

/// What cannot be read again: what happened, and at whose hand.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// By a trigger's payload.
    Hint(Hint),
    /// By the job's variables: a pipeline was started for this merge request.
    Pipeline(MergeRequest),
}

/// The payload's own word for what the objects do not tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hint {
    /// `open`, `update`, `create` …
    pub(super) action: String,
    /// When the object changed.
    pub(super) at: Timestamp,
    /// Who caused it.
    pub(super) user: Account,
    /// The author of the note or thread.
    pub(super) author: Option<u64>,
    /// The note's text: whether it was changed since.
    pub(super) text: Option<String>,
    /// What changed, as it stands in an update: tells two of one second apart.
    pub(super) changes: Option<Value>,
}

/// Says which objects to read for the job's event: what the payload of its trigger names, else the
/// merge request that its pipeline runs for.
///
/// # Errors
/// What is wrong with the payload; that it is of another project; that it must not be worked on.
pub fn wanted(job: &Job, payload: Option<&[u8]>) -> Result<Wanted, Error> {
    match (payload, &job.merge_request) {
        (Some(payload), _) => {
            on_default_branch(job)?;
            named(job, &Json::read(payload)?)
        }
        (None, Some(merge_request)) => of_pipeline(job, merge_request),
        (None, None) => {
            let source = clipped(&job.source);
            let reason = format!(
                "`{source}` pipelines start no agent yet: agents start in merge request pipelines, and in \
                 pipelines that a project's webhook triggers"
            );
            Ok(Wanted::Ignored { reason })
        }
    }
}

/// Whoever has the trigger's token chooses what the pipeline runs for, and with it the agents.
fn on_default_branch(job: &Job) -> Result<(), Error> {
    if job.git_ref == job.default_branch && !job.is_tag {
        return Ok(());
    }
    let (kind, found) = (if job.is_tag { "tag" } else { "ref" }, clipped(&job.git_ref));
    Err(Error::Refused(format!(
        "a trigger starts agents on the default branch `{}` alone, and this pipeline is for the {kind} `{found}`; \
         name the default branch in the webhook's address",
        clipped(&job.default_branch)
    )))
}

fn of_pipeline(job: &Job, merge_request: &MergeRequest) -> Result<Wanted, Error> {
    let iid = merge_request.iid;
    if merge_request.project != job.project {
        let reason = format!(
            "!{iid} comes from a fork, and this pipeline runs in the fork, without the project's secrets; a \
             maintainer's `/hob …` note starts an agent on it"
        );
        return Ok(Wanted::Ignored { reason });
    }
    if merge_request.source_project != job.project {
        return Err(Error::Refused(format!(
            "!{iid} comes from a fork, and its files would meet this project's secrets here; a maintainer's \
             `/hob …` note starts an agent on it"
        )));
    }
    let thread = Thread { kind: ThreadKind::Pull, number: iid };
    Ok(Wanted::Named(Box::new(Named { thread, note: None, said: Said::Pipeline(merge_request.clone()) })))
}

fn named(job: &Job, payload: &Json<'_>) -> Result<Wanted, Error> {
    let shape = payload.text("object_kind");
    let Some(shape) = ["issue", "merge_request", "note"].into_iter().find(|ours| shape == Some(ours)) else {
        return Ok(Wanted::Ignored { reason: why_no_thread(shape.or_else(|| payload.text("event_name"))) });
    };
    let payload = Field::top(payload, shape);
    let project = payload.at("project").at("id").id()?;
    if project != job.project {
        return Err(Error::Contradiction {
            one: format!("the trigger's payload is of project {project}"),
            other: format!("the job runs in project {} (`{}`)", job.project, job.project_path),
        });
    }
    let object = payload.at("object_attributes");
    let (kind, subject, note) = match shape {
        "issue" => (ThreadKind::Issue, object.clone(), None),
        "merge_request" => (ThreadKind::Pull, object.clone(), None),
        _ => {
            if let gitlab::Note::NotForUs(reason) = gitlab::note(&payload)? {
                return Ok(Wanted::Ignored { reason });
            }
            let note = Some(object.at("id").id()?);
            match object.at("noteable_type").short()?.as_str() {
                "Issue" => (ThreadKind::Issue, payload.at("issue"), note),
                _ => (ThreadKind::Pull, payload.at("merge_request"), note),
            }
        }
    };
    let thread = Thread { kind, number: subject.at("iid").id()? };
    let hint = Hint {
        action: if note.is_some() { gitlab::note_action(&object)? } else { object.at("action").word()? },
        at: object.at("updated_at").time()?,
        user: Account {
            id: Some(payload.at("user").at("id").id()?),
            login: payload.at("user").at("username").short()?,
        },
        author: object.at("author_id").optional().map(|id| id.id()).transpose()?,
        text: note.map(|_| object.at("note").text()).transpose()?,
        changes: payload.at("changes").optional().map(|changes| changes.copy()).transpose()?,
    };
    Ok(Wanted::Named(Box::new(Named { thread, note, said: Said::Hint(hint) })))
}
