//! The only appender to the log: redacts, gives each entry its parent and its time, and writes
//! under the fence of one claim.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::clock::Clock;
use crate::domain::entry::{Body, Entry, LeafMoved, Settled};
use crate::domain::id::{Epoch, Seq, SessionId};
use crate::domain::message::Message;
use crate::provider::catalog;
use crate::queue;
use crate::store::{Bill, Blob, Draft, Error, Log};
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::redact::Redactor;

/// The pen of one session. Entries form a path: each follows the leaf, and becomes the leaf.
#[derive(Debug)]
pub struct Journal {
    /// Where it writes.
    pub log: SharedLog,
    /// The claim it writes under.
    pub fence: Epoch,
    /// The conversation.
    pub session: SessionId,
    /// The entry that the next one follows. A child begins at the entry that names it.
    pub leaf: Seq,
    /// The host's numeric id of who started the run; `None` for the operator. Model calls are on their bill.
    pub actor: Option<u64>,
    /// What must not be stored.
    pub redactor: Redactor,
    /// Stamps each entry, for people.
    pub clock: Clock,
    /// Where a test kills the process.
    pub failpoints: Failpoints,
}

/// A log to which all sessions of one claim write, one at a time.
#[derive(Clone, Debug)]
pub struct SharedLog(Arc<Mutex<Box<Log>>>);

impl From<Box<Log>> for SharedLog {
    fn from(log: Box<Log>) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }
}

impl SharedLog {
    /// The log, as soon as nobody else writes.
    pub async fn lock(&self) -> MutexGuard<'_, Box<Log>> {
        self.0.lock().await
    }

    /// The log back; `None` while another session holds it.
    pub fn take(self) -> Option<Box<Log>> {
        Arc::into_inner(self.0).map(Mutex::into_inner)
    }
}

impl Journal {
    /// The pen of a conversation that a task of this one was given to; its path so far ends at `leaf`.
    pub(super) fn of_child(&self, session: SessionId, leaf: Seq) -> Self {
        Self {
            log: self.log.clone(),
            fence: self.fence,
            session,
            leaf,
            actor: self.actor,
            redactor: self.redactor.clone(),
            clock: self.clock.clone(),
            failpoints: self.failpoints.clone(),
        }
    }

    /// Appends entries to the path, all or none, and returns them as they are stored.
    ///
    /// # Errors
    /// When the claim is over, or they cannot be stored.
    pub async fn append(&mut self, bodies: Vec<Body>) -> Result<Vec<Entry>, Error> {
        let mut log = self.log.lock().await;
        let drafts = self.drafts(&log, self.leaf, bodies)?;
        let entries = log.append(self.fence, drafts, self.clock.now()).await?;
        drop(log);
        self.advance(&entries);
        Ok(entries)
    }

    /// Appends the last entries of the run with its outcome, and ends the claim.
    ///
    /// # Errors
    /// As for [`Journal::append`]; the run is settled already when the outcome reached the log.
    pub async fn settle(&mut self, mut last: Vec<Body>, settled: Settled) -> Result<Vec<Entry>, Error> {
        last.push(Body::Settled(settled));
        let mut log = self.log.lock().await;
        let drafts = self.drafts(&log, self.leaf, last)?;
        let entries = queue::settle(&mut log, self.fence, drafts, self.clock.now()).await?;
        drop(log);
        self.advance(&entries);
        Ok(entries)
    }

    /// Leaves the path behind `to`: what comes next follows `to`. History stays as it is. The
    /// entry that says so follows `to` itself, so that the leaf is always the session's last entry.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub async fn move_leaf(&mut self, to: Seq, reason: &str) -> Result<Vec<Entry>, Error> {
        let moved = Body::LeafMoved(LeafMoved { to, reason: reason.to_owned() });
        let mut log = self.log.lock().await;
        let drafts = self.drafts(&log, to, vec![moved])?;
        let entries = log.append(self.fence, drafts, self.clock.now()).await?;
        drop(log);
        self.advance(&entries);
        Ok(entries)
    }

    /// Keeps content and returns its digest; to be named by the next entries.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn put_blob(&mut self, content: &[u8]) -> Result<String, Error> {
        self.log.lock().await.put_blob(&Blob::new(content, &self.redactor)).await
    }

    /// Whether what would be kept of this content is not all of it.
    pub fn holds_secret(&self, content: &[u8]) -> bool {
        matches!(self.redactor.redact_bytes(content), Cow::Owned(_))
    }

    /// Content by its digest, verified.
    ///
    /// # Errors
    /// When it is missing or not what its digest says.
    pub async fn blob(&mut self, digest: &str) -> Result<Bytes, Error> {
        self.log.lock().await.blob(digest).await
    }

    fn drafts(&self, log: &Log, parent: Seq, bodies: Vec<Body>) -> Result<Vec<Draft>, Error> {
        let places = (log.next().0..).map(Seq);
        let parents = std::iter::once(parent).chain(places);
        let draft = |(parent, body)| {
            let nano_usd = cost(&body);
            let draft = Draft::new(self.session.clone(), parent, body, &self.redactor)?;
            Ok(draft.billed(Bill { actor: self.actor, nano_usd }))
        };
        parents.zip(bodies).map(draft).collect()
    }

    fn advance(&mut self, entries: &[Entry]) {
        if let Some(last) = entries.last() {
            self.leaf = last.seq;
        }
    }
}

/// What the model call cost that an entry tells of, in nano-dollars, as far as that is known.
fn cost(body: &Body) -> u64 {
    let (model, usage) = match body {
        Body::Message(Message::Assistant(answer)) => (&answer.model, answer.usage),
        Body::UsageNoted(noted) => (&noted.model, noted.usage),
        _ => return 0,
    };
    catalog::cost(model, usage).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::entry::{AttemptStarted, Note};
    use crate::domain::id::{EventKey, InstanceId, RunId};
    use crate::domain::message::Usage;
    use crate::domain::outcome::Outcome;
    use crate::domain::run::{Authority, Run, State, Task};
    use crate::domain::secret::Secret;
    use crate::store::{Holder, Store};

    const NOW: &str = "2026-03-01T09:00:00Z";

    fn instance() -> InstanceId {
        "github.com/700100/issue/42/triage".parse().unwrap()
    }

    fn run() -> Run {
        let event_key = EventKey::from_parts(["1"]);
        Run {
            id: RunId::derive(&instance(), &event_key, None),
            instance: instance(),
            event_key,
            attempt_tag: None,
            admitted_at: NOW.parse().unwrap(),
            authority: Authority::default(),
            task: Task { message: Some("the password is hunter2hunter2".into()), ..Task::default() },
        }
    }

    async fn journal(root: &Path) -> Journal {
        let store = Store::bundles(root, Failpoints::default());
        let holder =
            Holder { pid: 1, host: "h".into(), since: NOW.parse().unwrap(), what: "test".into(), process: None };
        let (mut log, _) = store.open(&instance(), "acme/widgets#42 (triage)", holder).await.unwrap();
        let redactor = Redactor::new(&[Secret::new("hunter2hunter2".to_owned())]);
        queue::admit(&store, &run(), "acme/widgets#42 (triage)", &redactor).await.unwrap();
        let (claim, _) = queue::claim(&mut log, NOW.parse().unwrap()).await.unwrap();
        Journal {
            log: Box::new(log).into(),
            fence: claim.unwrap().fence,
            session: SessionId::default(),
            leaf: Seq(0),
            actor: None,
            redactor,
            clock: Clock::new(|| NOW.parse().unwrap()),
            failpoints: Failpoints::default(),
        }
    }

    fn note(text: &str) -> Body {
        Body::Note(Note { text: text.into() })
    }

    fn settled() -> Settled {
        Settled {
            run: run().id,
            outcome: Outcome::Completed { limited: None },
            message: "done".into(),
            result: None,
            usage: Usage::default(),
            cost_nano_usd: None,
        }
    }

    #[tokio::test]
    async fn entries_form_a_path_and_a_moved_leaf_begins_another() {
        let root = tempfile::tempdir().unwrap();
        let mut journal = journal(root.path()).await;
        let parents = |entries: Vec<Entry>| -> Vec<(u64, u64)> {
            entries.iter().map(|entry| (entry.seq.0, entry.parent.unwrap().0)).collect()
        };
        assert_eq!(parents(journal.append(vec![note("a"), note("b")]).await.unwrap()), [(1, 0), (2, 1)]);
        assert_eq!(parents(journal.append(vec![note("c")]).await.unwrap()), [(3, 2)]);
        assert_eq!(parents(journal.move_leaf(Seq(1), "the context was too long").await.unwrap()), [(4, 1)]);
        assert_eq!(parents(journal.append(vec![note("d")]).await.unwrap()), [(5, 4)]);
        assert!(journal.append(vec![]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn no_secret_reaches_the_disk() {
        let root = tempfile::tempdir().unwrap();
        let mut journal = journal(root.path()).await;
        let digest = journal.put_blob(b"key=hunter2hunter2\xff").await.unwrap();
        assert_eq!(&*journal.blob(&digest).await.unwrap(), b"key=***\xff");
        let entries = journal.append(vec![note("I found hunter2hunter2")]).await.unwrap();
        assert!(matches!(&entries[0].body, Body::Note(Note { text }) if text == "I found ***"));
        journal.settle(vec![note("hunter2hunter2")], settled()).await.unwrap();
        for file in ["log.jsonl", "inbox.jsonl", "manifest.json", &format!("blobs/{digest}")] {
            let content = std::fs::read(root.path().join(instance().external()).join(file)).unwrap();
            assert!(!content.windows(14).any(|window| window == b"hunter2hunter2"), "found in {file}");
        }
    }

    #[tokio::test]
    async fn after_the_outcome_nothing_is_appended() {
        let root = tempfile::tempdir().unwrap();
        let mut journal = journal(root.path()).await;
        let started = AttemptStarted {
            run: run().id,
            attempt: 1,
            hob: "0.1.0".into(),
            model: "replay/x".into(),
            sandbox: "virtual".into(),
        };
        journal.append(vec![Body::AttemptStarted(started)]).await.unwrap();
        assert_eq!(journal.log.lock().await.state(&run().id), Some(State::Running));
        journal.settle(vec![], settled()).await.unwrap();
        assert!(matches!(journal.append(vec![note("late")]).await, Err(Error::Fenced { .. })));
        assert!(queue::claim(&mut *journal.log.lock().await, NOW.parse().unwrap()).await.unwrap().0.is_none());
    }
}
