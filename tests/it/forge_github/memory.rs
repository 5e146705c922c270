//! What the fake GitHub knows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::artifacts::Artifacts;
use super::operations::example;
use super::{ISSUE, PULL};

/// One repository and the people around it.
pub(crate) struct Memory {
    /// Where it is served.
    pub(super) url: String,
    /// `owner/name`.
    pub(super) repository: String,
    pub(super) repository_id: u64,
    /// What it was called before, if it was renamed.
    pub(super) former: Option<String>,
    /// Whose the token is; a workflow's own when `None`.
    pub(super) own: Option<Person>,
    /// The token is an installation's: nobody may ask whose it is but over GraphQL.
    pub(super) is_app: bool,
    people: Vec<Person>,
    threads: BTreeMap<u64, Thread>,
    comments: Vec<Comment>,
    /// What its workflow runs kept.
    pub(crate) artifacts: Artifacts,
    /// Counts whatever is made; the clock too.
    made: u64,
}

#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) login: String,
    /// `write`, or `write:deployer` for a custom role.
    pub(super) role: String,
}

#[derive(Default)]
struct Thread {
    is_pull: bool,
    is_locked: bool,
    labels: Vec<String>,
    reactions: Vec<String>,
}

struct Comment {
    id: u64,
    number: u64,
    author: Person,
    body: String,
    created: Timestamp,
    updated: Timestamp,
}

impl Memory {
    pub(super) fn new(repository: &str, id: u64) -> Self {
        let threads = [(ISSUE, false), (PULL, true)];
        let threads = threads.map(|(number, is_pull)| (number, Thread { is_pull, ..Thread::default() }));
        Self {
            url: String::new(),
            repository: repository.to_owned(),
            repository_id: id,
            former: None,
            own: None,
            is_app: false,
            people: Vec::new(),
            threads: threads.into(),
            comments: Vec::new(),
            artifacts: Artifacts::default(),
            made: 0,
        }
    }

    /// The token is a person's from now on.
    pub(crate) fn own(&mut self, id: u64, login: &str) {
        self.own = Some(Person { id, login: login.to_owned(), role: "write".to_owned() });
        self.is_app = false;
    }

    /// The token is an installation's of an App from now on.
    pub(crate) fn app(&mut self, id: u64, slug: &str) {
        self.own(id, &format!("{slug}[bot]"));
        self.is_app = true;
    }

    /// The repository has another name; the old one leads to it.
    pub(crate) fn rename(&mut self, repository: &str) {
        self.former = Some(std::mem::replace(&mut self.repository, repository.to_owned()));
    }

    /// Another issue or pull request.
    pub(crate) fn thread(&mut self, number: u64, is_pull: bool) {
        self.threads.insert(number, Thread { is_pull, ..Thread::default() });
    }

    /// Nobody may comment there any more.
    pub(crate) fn close_to_comments(&mut self, number: u64) {
        self.threads.get_mut(&number).unwrap().is_locked = true;
    }

    /// Somebody else comments; the comment's id.
    pub(crate) fn say(&mut self, number: u64, login: &str, body: &str) -> u64 {
        let author = self.person(login).cloned();
        let stranger = || Person { id: 900, login: login.to_owned(), role: "none".to_owned() };
        self.comment(number, author.unwrap_or_else(stranger), body)
    }

    pub(super) fn member(&mut self, id: u64, login: &str, role: &str) {
        self.people.push(Person { id, login: login.to_owned(), role: role.to_owned() });
    }

    pub(super) fn comments(&self, number: u64) -> Vec<String> {
        self.comments.iter().filter(|comment| comment.number == number).map(|comment| comment.body.clone()).collect()
    }

    pub(super) fn labels(&self, number: u64) -> Vec<String> {
        self.threads[&number].labels.clone()
    }

    pub(super) fn person(&self, login: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.login.eq_ignore_ascii_case(login))
    }

    pub(super) fn person_by_id(&self, id: u64) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// Who writes with the token.
    pub(super) fn writer(&self) -> Person {
        let bot = || Person { id: 41_898_282, login: "github-actions[bot]".to_owned(), role: "write".to_owned() };
        self.own.clone().unwrap_or_else(bot)
    }

    pub(super) fn has_thread(&self, number: u64) -> bool {
        self.threads.contains_key(&number)
    }

    pub(super) fn is_pull(&self, number: u64) -> bool {
        self.threads.get(&number).is_some_and(|thread| thread.is_pull)
    }

    pub(super) fn is_locked(&self, number: u64) -> bool {
        self.threads[&number].is_locked
    }

    pub(super) fn comment(&mut self, number: u64, author: Person, body: &str) -> u64 {
        let (id, now) = (3_000_000_000 + self.made, self.now());
        self.comments.push(Comment { id, number, author, body: body.to_owned(), created: now, updated: now });
        id
    }

    pub(super) fn change(&mut self, id: u64, body: &str) -> bool {
        let now = self.now();
        let Some(comment) = self.comments.iter_mut().find(|comment| comment.id == id) else { return false };
        (comment.body, comment.updated) = (body.to_owned(), now);
        true
    }

    pub(super) fn put_on(&mut self, number: u64, label: &str) {
        let labels = &mut self.threads.get_mut(&number).unwrap().labels;
        if !labels.iter().any(|known| known.eq_ignore_ascii_case(label)) {
            labels.push(label.to_owned());
        }
    }

    pub(super) fn take_off(&mut self, number: u64, label: &str) -> bool {
        let labels = &mut self.threads.get_mut(&number).unwrap().labels;
        let before = labels.len();
        labels.retain(|known| !known.eq_ignore_ascii_case(label));
        labels.len() < before
    }

    /// Whether the reaction is new.
    pub(super) fn react(&mut self, number: u64, content: &str) -> bool {
        let reactions = &mut self.threads.get_mut(&number).unwrap().reactions;
        let is_new = !reactions.iter().any(|known| known == content);
        reactions.extend(is_new.then(|| content.to_owned()));
        is_new
    }

    /// A comment in GitHub's shape.
    pub(super) fn show(&self, id: u64) -> Option<Value> {
        let comment = self.comments.iter().find(|comment| comment.id == id)?;
        let Comment { number, author, body, created, updated, .. } = comment;
        let (repository, kind) = (&self.repository, if self.is_pull(*number) { "pull" } else { "issues" });
        let api = format!("{}/repos/{repository}/issues", self.url);
        let mut shown = example("issues/get-comment");
        shown["id"] = json!(id);
        shown["body"] = json!(body);
        shown["url"] = json!(format!("{api}/comments/{id}"));
        shown["issue_url"] = json!(format!("{api}/{number}"));
        shown["html_url"] = json!(format!("https://github.com/{repository}/{kind}/{number}#issuecomment-{id}"));
        shown["created_at"] = json!(created);
        shown["updated_at"] = json!(updated);
        shown["user"]["id"] = json!(author.id);
        shown["user"]["login"] = json!(author.login);
        Some(shown)
    }

    /// One page of a thread's comments, oldest first, and whether another follows.
    pub(super) fn page(&self, number: u64, since: Option<Timestamp>, page: usize, size: usize) -> (Vec<Value>, bool) {
        let wanted =
            |comment: &&Comment| comment.number == number && since.is_none_or(|since| comment.updated >= since);
        let found: Vec<u64> = self.comments.iter().filter(wanted).map(|comment| comment.id).collect();
        let shown = found.iter().skip((page - 1) * size).take(size).filter_map(|id| self.show(*id)).collect();
        (shown, found.len() > page * size)
    }

    /// One second after whatever was made before.
    pub(super) fn now(&mut self) -> Timestamp {
        self.made += 1;
        let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        start + SignedDuration::from_secs(i64::try_from(self.made).unwrap())
    }
}
