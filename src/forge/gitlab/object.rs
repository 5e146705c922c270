//! Things of a project as GitLab tells them, for whoever must not believe what a trigger's payload
//! says about them.

use std::borrow::Cow;

use gitlab::api::Endpoint;
use reqwest::Method;
use serde_json::Value;

use super::{Gitlab, parsed};
use crate::domain::event::ThreadKind;
use crate::forge::{Error, Thread};

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// An issue of the project, by the number people type.
    Issue {
        /// That number.
        iid: u64,
    },
    /// A merge request into the project.
    MergeRequest {
        /// The number people type.
        iid: u64,
    },
    /// A comment.
    Note {
        /// Where it is.
        thread: Thread,
        /// GitLab's id.
        id: u64,
    },
    /// The project itself.
    Project,
    /// Any account of the host.
    User {
        /// GitLab's id.
        id: u64,
    },
}

impl Gitlab {
    /// The object as GitLab gives it.
    ///
    /// # Errors
    /// As for every read; what is not there is [`Error::Refused`] with status 404.
    pub async fn object(&self, object: Object) -> Result<Value, Error> {
        let path = &self.path;
        let doing = match object {
            Object::Issue { iid } => format!("read {path}#{iid}"),
            Object::MergeRequest { iid } => format!("read {path}!{iid}"),
            Object::Note { thread, id } => format!("read comment {id} on {}", self.reference(thread)),
            Object::Project => format!("read what {path} is"),
            Object::User { id } => format!("read who user {id} is"),
        };
        let answer = self.api.read(&doing, &object.endpoint(self.project), &[]).await?;
        parsed(&doing, &answer.body)
    }
}

impl Object {
    /// To read it.
    pub(super) fn endpoint(self, project: u64) -> Path {
        Path { method: Method::GET, path: self.path(project) }
    }

    /// To take it away.
    pub(super) fn removal(self, project: u64) -> Path {
        Path { method: Method::DELETE, path: self.path(project) }
    }

    fn path(self, project: u64) -> String {
        match self {
            Self::Issue { iid } => format!("projects/{project}/issues/{iid}"),
            Self::MergeRequest { iid } => format!("projects/{project}/merge_requests/{iid}"),
            Self::Note { thread: Thread { kind: ThreadKind::Issue, number }, id } => {
                format!("projects/{project}/issues/{number}/notes/{id}")
            }
            Self::Note { thread: Thread { kind: ThreadKind::Pull, number }, id } => {
                format!("projects/{project}/merge_requests/{number}/notes/{id}")
            }
            Self::Project => format!("projects/{project}"),
            Self::User { id } => format!("users/{id}"),
        }
    }
}

/// One thing to read or delete, made of numbers only. (The crate has no endpoint for a single note.)
pub(super) struct Path {
    method: Method,
    path: String,
}

impl Endpoint for Path {
    fn method(&self) -> Method {
        self.method.clone()
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.path.clone().into()
    }
}
