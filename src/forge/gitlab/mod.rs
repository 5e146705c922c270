//! GitLab as a forge: notes and labels of issues and merge requests, members, and the package
//! registry as a shelf.
//!
//! Works with gitlab.com and with hosts of one's own, below a path too. What a thread may be seen by
//! (confidential issues, internal notes) is nothing that this room decides: it writes plain notes
//! on the thread that it was given.

mod answer;
mod api;
mod object;
mod packages;
mod refusal;
mod version;

use futures::future::BoxFuture;
use gitlab::api::projects::issues::EditIssue;
use gitlab::api::projects::issues::notes::{CreateIssueNote, EditIssueNote, IssueNotes};
use gitlab::api::projects::members::AllProjectMember;
use gitlab::api::projects::merge_requests::EditMergeRequest;
use gitlab::api::projects::merge_requests::notes::{CreateMergeRequestNote, EditMergeRequestNote, MergeRequestNotes};
use gitlab::api::users::{CurrentUser, Users};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::DATE;
use serde::de::DeserializeOwned;

use super::{Account, Error, Forge, Line, Page, Posted, Standing, Thread, Unusable, foreign, limit};
use crate::domain::event::ThreadKind;
use answer::{Changed, Member, Note, User};
use api::{Answer, Api, built};

pub use api::Token;
pub use object::Object;
pub use packages::Packages;

/// Notes of a page; GitLab gives no more.
const PAGE: usize = 100;

/// What it takes to act on a project.
#[derive(Clone, Debug)]
pub struct Options {
    /// `CI_API_V4_URL`: `https://gitlab.com/api/v4`.
    pub api: String,
    /// `CI_PROJECT_ID`.
    pub project: u64,
    /// `CI_PROJECT_PATH`, for messages: `acme/widgets`.
    pub path: String,
    /// `CI_PROJECT_URL`, for links to what was posted; empty when it is not known.
    pub web_url: String,
    /// Notes and labels need a personal one.
    pub token: Token,
    /// How the host is reached.
    pub line: Line,
}

/// One project on GitLab.
pub struct Gitlab {
    api: Api,
    project: u64,
    path: String,
    web_url: String,
}

impl Gitlab {
    /// Checks what was given. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(options: Options) -> Result<Self, Unusable> {
        let Options { api, project, path, web_url, token, line } = options;
        let web_url = web_url.trim_end_matches('/').to_owned();
        Ok(Self { api: Api::new(&api, &token, line)?, project, path: foreign::harmless(&path), web_url })
    }

    /// The project's package registry as a shelf, reached with a token of its own: that of the job,
    /// or again a person's. `job` is `CI_JOB_ID`, where there is one.
    ///
    /// # Errors
    /// [`Unusable::Token`].
    pub fn packages(&self, token: &Token, job: Option<u64>) -> Result<Packages, Unusable> {
        Ok(Packages::new(self.project, self.api.clone(), self.api.registry(token)?, job))
    }

    /// A thread as people write it: `acme/widgets#4`, `acme/widgets!5`.
    pub fn reference(&self, thread: Thread) -> String {
        let mark = match thread.kind {
            ThreadKind::Issue => '#',
            ThreadKind::Pull => '!',
        };
        format!("{}{mark}{}", self.path, thread.number)
    }

    fn posted(&self, thread: Thread, note: Note) -> Posted {
        let kind = match thread.kind {
            ThreadKind::Issue => "issues",
            ThreadKind::Pull => "merge_requests",
        };
        let url = match self.web_url.as_str() {
            "" => String::new(),
            project => format!("{project}/-/{kind}/{}#note_{}", thread.number, note.id),
        };
        let author = Account { id: Some(note.author.id), login: note.author.username };
        Posted { id: note.id, author, body: note.body, url, at: note.created_at }
    }

    /// The note that a write brought.
    fn written(&self, doing: &str, thread: Thread, answer: &Answer) -> Result<Posted, Error> {
        done(doing, answer).map(|note| self.posted(thread, note))
    }

    async fn own(&self) -> Result<Account, Error> {
        let doing = "ask whose the token is";
        let endpoint = built(doing, CurrentUser::builder().build())?;
        let user: User = parsed(doing, &self.api.read(doing, &endpoint, &[]).await?.body)?;
        Ok(Account { id: Some(user.id), login: user.username })
    }

    async fn standing(&self, account: &Account) -> Result<Option<Standing>, Error> {
        let doing = format!("ask what {} may do in {}", foreign::harmless(&account.login), self.path);
        let id = match account.id {
            Some(id) => id,
            None => match self.id_of(&doing, &account.login).await? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let endpoint = built(&doing, AllProjectMember::builder().project(self.project).user(id).build())?;
        let answer = match self.api.read(&doing, &endpoint, &[]).await {
            Ok(answer) => answer,
            // No member; a project that the token cannot see is another matter.
            Err(Error::Refused { status: 404, said, .. }) if !said.contains("Project Not Found") => return Ok(None),
            Err(error) => return Err(error),
        };
        let member: Member = parsed(&doing, &answer.body)?;
        Ok(member.role(clock(&answer)).map(|role| Standing { id: member.id, role }))
    }

    async fn id_of(&self, doing: &str, login: &str) -> Result<Option<u64>, Error> {
        let endpoint = built(doing, Users::builder().username(login).build())?;
        let users: Vec<User> = parsed(doing, &self.api.read(doing, &endpoint, &[]).await?.body)?;
        Ok(users.iter().find(|user| user.username.eq_ignore_ascii_case(login)).map(|user| user.id))
    }

    async fn comment(&self, thread: Thread, id: u64) -> Result<Option<Posted>, Error> {
        let doing = format!("read comment {id} on {}", self.reference(thread));
        let endpoint = Object::Note { thread, id }.endpoint(self.project);
        let answer = match self.api.read(&doing, &endpoint, &[]).await {
            Ok(answer) => answer,
            Err(Error::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let note: Note = parsed(&doing, &answer.body)?;
        let here = note.id == id && !note.system && note.noteable_iid.is_none_or(|iid| iid == thread.number);
        Ok(here.then(|| self.posted(thread, note)))
    }

    async fn comments(&self, thread: Thread, since: Option<Timestamp>, page: u32) -> Result<Page<Posted>, Error> {
        let doing = format!("read the comments on {}", self.reference(thread));
        let (project, number) = (self.project, thread.number);
        // GitLab cannot leave out older ones, but it can say them last.
        let order = if since.is_some() { "updated_at" } else { "created_at" };
        let page = page.max(1);
        let asked = page.to_string();
        let query = [("order_by", order), ("sort", "desc"), ("per_page", "100"), ("page", &asked)];
        let answer = match thread.kind {
            ThreadKind::Issue => {
                let endpoint = built(&doing, IssueNotes::builder().project(project).issue(number).build())?;
                self.api.read(&doing, &endpoint, &query).await?
            }
            ThreadKind::Pull => {
                let mut endpoint = MergeRequestNotes::builder();
                let endpoint = built(&doing, endpoint.project(project).merge_request(number).build())?;
                self.api.read(&doing, &endpoint, &query).await?
            }
        };
        let notes: Vec<Note> = parsed(&doing, &answer.body)?;
        let is_old = |note: &Note| since.is_some_and(|since| note.updated_at < since);
        let next = if notes.iter().any(is_old) { None } else { next_page(&answer, page, notes.len()) };
        let wanted = notes.into_iter().filter(|note| !note.system && !is_old(note));
        Ok(Page { items: wanted.map(|note| self.posted(thread, note)).collect(), next })
    }

    async fn post(&self, thread: Thread, body: &str) -> Result<Posted, Error> {
        let doing = format!("post a comment on {}", self.reference(thread));
        let (project, number) = (self.project, thread.number);
        let answer = match thread.kind {
            ThreadKind::Issue => {
                let mut endpoint = CreateIssueNote::builder();
                let endpoint = built(&doing, endpoint.project(project).issue(number).body(body).build())?;
                self.api.write(&doing, &endpoint, None).await?
            }
            ThreadKind::Pull => {
                let mut endpoint = CreateMergeRequestNote::builder();
                let endpoint = built(&doing, endpoint.project(project).merge_request(number).body(body).build())?;
                self.api.write(&doing, &endpoint, None).await?
            }
        };
        self.written(&doing, thread, &answer)
    }

    async fn edit(&self, thread: Thread, id: u64, body: &str) -> Result<Posted, Error> {
        let doing = format!("change comment {id} on {}", self.reference(thread));
        let (project, number) = (self.project, thread.number);
        let answer = match thread.kind {
            ThreadKind::Issue => {
                let mut endpoint = EditIssueNote::builder();
                let endpoint = built(&doing, endpoint.project(project).issue(number).note(id).body(body).build())?;
                self.api.write(&doing, &endpoint, None).await?
            }
            ThreadKind::Pull => {
                let mut endpoint = EditMergeRequestNote::builder();
                endpoint.project(project).merge_request(number).note(id).body(body);
                self.api.write(&doing, &built(&doing, endpoint.build())?, None).await?
            }
        };
        self.written(&doing, thread, &answer)
    }

    async fn label(&self, thread: Thread, add: &[String], remove: &[String]) -> Result<(), Error> {
        let doing = format!("label {}", self.reference(thread));
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        // Labels travel as one text with commas between them.
        if let Some(label) = add.iter().chain(remove).find(|label| label.contains(',') || label.trim().is_empty()) {
            let said = format!("`{}` is no label of GitLab: one holds text and no comma", foreign::harmless(label));
            return Err(Error::Refused { doing, status: 400, said });
        }
        let (project, number) = (self.project, thread.number);
        let answer = match thread.kind {
            ThreadKind::Issue => {
                let mut endpoint = EditIssue::builder();
                endpoint.project(project).issue(number);
                add.iter().for_each(|label| _ = endpoint.add_label(label));
                remove.iter().for_each(|label| _ = endpoint.remove_label(label));
                self.api.write(&doing, &built(&doing, endpoint.build())?, None).await?
            }
            ThreadKind::Pull => {
                let mut endpoint = EditMergeRequest::builder();
                endpoint.project(project).merge_request(number);
                add.iter().for_each(|label| _ = endpoint.add_label(label));
                remove.iter().for_each(|label| _ = endpoint.remove_label(label));
                self.api.write(&doing, &built(&doing, endpoint.build())?, None).await?
            }
        };
        done::<Changed>(&doing, &answer).map(drop)
    }
}

impl Forge for Gitlab {
    fn own(&self) -> BoxFuture<'_, Result<Account, Error>> {
        Box::pin(self.own())
    }

    fn standing<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Option<Standing>, Error>> {
        Box::pin(self.standing(account))
    }

    fn comment(&self, thread: Thread, id: u64) -> BoxFuture<'_, Result<Option<Posted>, Error>> {
        Box::pin(self.comment(thread, id))
    }

    fn comments(
        &self,
        thread: Thread,
        since: Option<Timestamp>,
        page: u32,
    ) -> BoxFuture<'_, Result<Page<Posted>, Error>> {
        Box::pin(self.comments(thread, since, page))
    }

    fn post<'a>(&'a self, thread: Thread, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        Box::pin(self.post(thread, body))
    }

    fn edit<'a>(&'a self, thread: Thread, id: u64, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        Box::pin(self.edit(thread, id, body))
    }

    fn label<'a>(
        &'a self,
        thread: Thread,
        add: &'a [String],
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.label(thread, add, remove))
    }
}

/// An answer in our own words.
fn parsed<T: DeserializeOwned>(doing: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| unreadable(doing, foreign::harmless(&error.to_string())))
}

fn unreadable(doing: &str, said: String) -> Error {
    Error::Unreadable { doing: doing.to_owned(), said }
}

/// What a write brought. Where that cannot be read, something was done and nobody knows what: a text
/// that is nothing but quick actions is answered without a note.
fn done<T: DeserializeOwned>(doing: &str, answer: &Answer) -> Result<T, Error> {
    parsed(doing, &answer.body).map_err(|error| match error {
        Error::Unreadable { doing, said } => {
            Error::Unknown { doing, said: format!("the answer is not what was expected: {said}") }
        }
        error => error,
    })
}

/// The forge's own clock at its answer.
fn clock(answer: &Answer) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(limit::text(&answer.headers, DATE.as_str())?).ok()
}

/// GitLab says the next page; where a proxy drops its headers, a full page has a next one.
fn next_page(answer: &Answer, page: u32, items: usize) -> Option<u32> {
    match limit::text(&answer.headers, "x-next-page") {
        Some(next) => next.parse().ok().filter(|next| *next > page),
        None => (items >= PAGE).then(|| page.saturating_add(1)),
    }
}
