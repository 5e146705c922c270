//! GitHub and GitHub Enterprise Server, over the REST API.
//!
//! octocrab makes the requests and carries the token (and will hold an App's). Its typed routes are
//! not used: their models require fields that hob has no use for, so that a server of another age
//! breaks a call that only needed an id; their errors lose the headers that tell a limit from a
//! refusal. The shapes that are read stand in `shapes`.

mod answer;
mod api;
pub mod artifacts;
mod blob;
mod own;
mod refusal;
pub mod runner;
mod shapes;
mod wire;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::Method;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use self::api::{Api, Call};
use self::refusal::Right;
use self::shapes::{Comment, Label, Permission, User};
use super::{Account, Error, Forge, Line, Page, Posted, Standing, Thread, Unusable, foreign, line};
use crate::domain::secret::Secret;

/// The most that GitHub gives of a list at a time.
const PAGE: usize = 100;

/// All but what no path needs to escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What it takes to act on a repository.
#[derive(Clone, Debug)]
pub struct Options {
    /// `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise Server.
    pub api: String,
    /// `owner/name`.
    pub repository: String,
    /// A workflow's token, or a personal one.
    pub token: Secret,
    /// How the host is reached.
    pub line: Line,
}

/// One repository on GitHub.
pub struct Github {
    api: Api,
    /// `owner/name`, which needs no escaping.
    repository: String,
}

impl Github {
    /// Checks what was given. Nothing is sent yet; all that follows happens in one tokio runtime.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(options: Options) -> Result<Self, Unusable> {
        let Options { api, repository, token, line } = options;
        if !is_repository(&repository) {
            return Err(Unusable::Repository { given: foreign::harmless(&repository) });
        }
        let base = line::address(&api, "https://api.github.com")?;
        Ok(Self { api: Api::new(base, &token, line)?, repository })
    }

    fn write(&self, doing: &str, thread: Thread, method: Method, path: &str, body: Option<Value>) -> Call {
        let doing = format!("{doing} {}#{}", self.repository, thread.number);
        let path = format!("/repos/{}/issues/{path}", self.repository);
        Call { doing, method, path, body, right: Right::Write(thread.kind) }
    }

    /// The login of an account that is known by its id; `None` when there is none.
    async fn login(&self, id: u64) -> Result<Option<String>, Error> {
        let call = read(format!("look up account {id}"), format!("/user/{id}"), Right::Metadata);
        let answer = self.api.ask(&call).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let user: User = answer.read(&call)?;
        Ok(Some(user.login))
    }

    async fn take_off(&self, thread: Thread, label: &str) -> Result<(), Error> {
        let path = format!("{}/labels/{}", thread.number, escaped(label));
        let doing = format!("take the label `{}` off", foreign::harmless(label));
        let call = self.write(&doing, thread, Method::DELETE, &path, None);
        // The address of such a label is, to every client, the address of all labels.
        if matches!(label, "" | "." | "..") {
            let said = "no label can be called so here; name another".to_owned();
            return Err(Error::Refused { doing: call.doing, status: 0, said });
        }
        let answer = self.api.ask(&call).await?;
        // The words are GitHub's own; a server with other words is asked whether the label is there.
        if answer.status == 404
            && (answer.message() == "Label does not exist" || self.is_without(thread, label).await?)
        {
            return Ok(());
        }
        answer.accepted(&call)
    }

    /// Whether it is certain that a thread has no such label.
    async fn is_without(&self, thread: Thread, label: &str) -> Result<bool, Error> {
        let doing = format!("read the labels of {}#{}", self.repository, thread.number);
        let path = format!("/repos/{}/issues/{}/labels?per_page={PAGE}", self.repository, thread.number);
        let call = read(doing, path, Right::Read(thread.kind));
        let answer = self.api.ask(&call).await?;
        if answer.status == 404 {
            return Ok(false);
        }
        let labels: Vec<Label> = answer.read(&call)?;
        // No thread can have more labels than one page holds.
        Ok(!labels.iter().any(|there| there.name.to_lowercase() == label.to_lowercase()))
    }
}

impl Forge for Github {
    fn own(&self) -> BoxFuture<'_, Result<Account, Error>> {
        own::own(&self.api).boxed()
    }

    fn standing<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Option<Standing>, Error>> {
        async {
            let login = match account.id {
                Some(id) if account.login.is_empty() => self.login(id).await?,
                _ => Some(account.login.clone()),
            };
            // No account has such a name, and its address would be another one's.
            let Some(login) = login.filter(|login| !matches!(login.as_str(), "" | "." | "..")) else { return Ok(None) };
            let doing = format!("ask what {} may do in {}", foreign::harmless(&login), self.repository);
            let path = format!("/repos/{}/collaborators/{}/permission", self.repository, escaped(&login));
            let call = read(doing, path, Right::Metadata);
            let answer = self.api.ask(&call).await?;
            if answer.status == 404 {
                return Ok(None);
            }
            let permission: Permission = answer.read(&call)?;
            let role = permission.role();
            Ok(permission.user.map(|user| Standing { id: user.id, role }))
        }
        .boxed()
    }

    fn comment(&self, thread: Thread, id: u64) -> BoxFuture<'_, Result<Option<Posted>, Error>> {
        async move {
            let doing = format!("read comment {id} of {}#{}", self.repository, thread.number);
            let path = format!("/repos/{}/issues/comments/{id}", self.repository);
            let call = read(doing, path, Right::Read(thread.kind));
            let answer = self.api.ask(&call).await?;
            if matches!(answer.status, 404 | 410) {
                return Ok(None);
            }
            let comment: Comment = answer.read(&call)?;
            Ok(comment.is_on(thread.number).then(|| comment.into()))
        }
        .boxed()
    }

    fn comments(
        &self,
        thread: Thread,
        since: Option<Timestamp>,
        page: u32,
    ) -> BoxFuture<'_, Result<Page<Posted>, Error>> {
        async move {
            let doing = format!("read the comments of {}#{}, page {page}", self.repository, thread.number);
            let mut path =
                format!("/repos/{}/issues/{}/comments?per_page={PAGE}&page={page}", self.repository, thread.number);
            if let Some(since) = since {
                path.push_str(&format!("&since={}", whole_second(since)));
            }
            let call = read(doing, path, Right::Read(thread.kind));
            let answer = self.api.ask(&call).await?;
            let comments: Vec<Comment> = answer.read(&call)?;
            let next = if answer.has_next(comments.len(), PAGE) { page.checked_add(1) } else { None };
            let items = comments.into_iter().filter(|comment| comment.is_on(thread.number)).map(Posted::from).collect();
            Ok(Page { items, next })
        }
        .boxed()
    }

    fn post<'a>(&'a self, thread: Thread, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        async move {
            let path = format!("{}/comments", thread.number);
            let call = self.write("post a comment on", thread, Method::POST, &path, Some(json!({ "body": body })));
            self.api.ask(&call).await?.read::<Comment>(&call).map(Posted::from)
        }
        .boxed()
    }

    fn edit<'a>(&'a self, thread: Thread, id: u64, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        async move {
            let (doing, path) = (format!("edit comment {id} on"), format!("comments/{id}"));
            let call = self.write(&doing, thread, Method::PATCH, &path, Some(json!({ "body": body })));
            self.api.ask(&call).await?.read::<Comment>(&call).map(Posted::from)
        }
        .boxed()
    }

    fn label<'a>(
        &'a self,
        thread: Thread,
        add: &'a [String],
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            if !add.is_empty() {
                let path = format!("{}/labels", thread.number);
                let call = self.write("put labels on", thread, Method::POST, &path, Some(json!({ "labels": add })));
                self.api.ask(&call).await?.read::<IgnoredAny>(&call)?;
            }
            for label in remove {
                self.take_off(thread, label).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

fn read(doing: String, path: String, right: Right) -> Call {
    Call { doing, method: Method::GET, path, body: None, right }
}

/// `owner/name` of characters that GitHub allows, neither of them a step in a path.
fn is_repository(path: &str) -> bool {
    let allowed = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.len() <= 100
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    path.split_once('/').is_some_and(|(owner, name)| allowed(owner) && allowed(name))
}

fn escaped(segment: &str) -> String {
    utf8_percent_encode(segment, ESCAPED).to_string()
}

/// Not later than `time`: what changed in the same second is found again rather than missed.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
