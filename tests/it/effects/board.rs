//! A code host of one thread, in memory, that does what a test says: it refuses, asks to wait,
//! loses answers before or after it wrote, and falls silent.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hob::forge::{Account, Error, Forge, Page, Posted, Standing, Thread};
use jiff::Timestamp;

/// Comments on one page.
const PAGE: usize = 3;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Fine,
    /// It says no.
    Refused,
    /// It asks to wait so many seconds; none, and it does not say how long.
    Later(Option<u64>),
    /// The call never arrived.
    LostBefore,
    /// It was done, the answer never came.
    LostAfter,
    /// It was done, the answer is nonsense.
    Nonsense,
    /// It never arrives, and nobody says so: here the process dies.
    DiesBefore,
    /// It is done, and then the process dies.
    DiesAfter,
}

/// The thread as it stands, and what will go wrong.
#[derive(Debug, Default)]
pub(super) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// In the order they were posted.
    pub comments: Vec<Posted>,
    pub labels: BTreeSet<String>,
    /// What was called, one line each.
    pub calls: Vec<String>,
    /// Of the next reads, in order; then all is fine.
    pub reads: VecDeque<Fault>,
    /// Of the next writes.
    pub writes: VecDeque<Fault>,
    last: u64,
}

/// The account of our token.
pub(super) fn own() -> Account {
    Account { id: Some(77), login: "hob-bot".into() }
}

impl Board {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Somebody else's comment.
    pub(super) fn says(&self, author: Account, body: &str) -> Posted {
        self.state().post(author, body)
    }

    async fn call<T>(&self, what: String, write: bool, act: impl FnOnce(&mut State) -> T) -> Result<T, Error> {
        let fault = {
            let mut state = self.state();
            let faults = if write { &mut state.writes } else { &mut state.reads };
            let fault = faults.pop_front().unwrap_or(Fault::Fine);
            state.calls.push(what.clone());
            fault
        };
        let (doing, said) = (what.clone(), format!("{fault:?}"));
        match fault {
            Fault::Fine => Ok(act(&mut self.state())),
            Fault::Refused => Err(Error::Refused { doing, status: 403, said }),
            Fault::Later(seconds) => Err(Error::Later { doing, after: seconds.map(Duration::from_secs), said }),
            Fault::LostBefore => Err(Error::Unknown { doing, said }),
            Fault::LostAfter => {
                act(&mut self.state());
                Err(Error::Unknown { doing, said })
            }
            Fault::Nonsense => {
                act(&mut self.state());
                Err(Error::Unreadable { doing, said })
            }
            Fault::DiesBefore => std::future::pending().await,
            Fault::DiesAfter => {
                act(&mut self.state());
                std::future::pending().await
            }
        }
    }
}

impl State {
    fn post(&mut self, author: Account, body: &str) -> Posted {
        self.last += 1;
        let id = self.last;
        let posted = Posted { id, author, body: body.to_owned(), url: format!("https://forge/{id}"), at: super::now() };
        self.comments.push(posted.clone());
        posted
    }
}

impl Forge for Board {
    fn own(&self) -> BoxFuture<'_, Result<Account, Error>> {
        async { Ok(own()) }.boxed()
    }

    fn standing<'a>(&'a self, _: &'a Account) -> BoxFuture<'a, Result<Option<Standing>, Error>> {
        async { Ok(None) }.boxed()
    }

    fn comment(&self, _: Thread, id: u64) -> BoxFuture<'_, Result<Option<Posted>, Error>> {
        let find = move |state: &mut State| state.comments.iter().find(|posted| posted.id == id).cloned();
        self.call(format!("read comment {id}"), false, find).boxed()
    }

    fn comments(&self, _: Thread, since: Option<Timestamp>, page: u32) -> BoxFuture<'_, Result<Page<Posted>, Error>> {
        let what = match since {
            Some(since) => format!("list comments since {since}, page {page}"),
            None => format!("list comments, page {page}"),
        };
        let list = move |state: &mut State| {
            let before = PAGE * (page as usize - 1);
            let items: Vec<Posted> = state.comments.iter().skip(before).take(PAGE).cloned().collect();
            Page { items, next: (state.comments.len() > before + PAGE).then_some(page + 1) }
        };
        self.call(what, false, list).boxed()
    }

    fn post<'a>(&'a self, _: Thread, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        let first = body.lines().next().unwrap_or_default();
        self.call(format!("post `{first}`"), true, |state| state.post(own(), body)).boxed()
    }

    fn edit<'a>(&'a self, _: Thread, id: u64, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        let first = body.lines().next().unwrap_or_default();
        let edit = move |state: &mut State| {
            let posted = state.comments.iter_mut().find(|posted| posted.id == id).unwrap();
            body.clone_into(&mut posted.body);
            posted.clone()
        };
        self.call(format!("edit comment {id} to `{first}`"), true, edit).boxed()
    }

    fn label<'a>(&'a self, _: Thread, add: &'a [String], remove: &'a [String]) -> BoxFuture<'a, Result<(), Error>> {
        let label = move |state: &mut State| {
            state.labels.extend(add.iter().cloned());
            state.labels.retain(|label| !remove.contains(label));
        };
        self.call(format!("label +{} -{}", add.join(","), remove.join(",")), true, label).boxed()
    }
}
