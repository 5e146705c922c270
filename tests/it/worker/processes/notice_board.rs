//! A code host of one thread that outlives every process: each comment is a line of a file.

use std::io::Write as _;
use std::path::PathBuf;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use hob::forge::{Account, Error, Forge, Page, Posted, Standing, Thread};
use jiff::Timestamp;

/// The file, which need not be there.
pub(super) struct NoticeBoard(pub(super) PathBuf);

impl NoticeBoard {
    pub(super) fn comments(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn posted(&self) -> Vec<Posted> {
        let posted = |(id, body)| Posted {
            id,
            author: own(),
            body,
            url: format!("https://forge/{id}"),
            at: super::clock().now(),
        };
        (1..).zip(self.comments()).map(posted).collect()
    }
}

/// The account of our token.
pub(super) fn own() -> Account {
    Account { id: Some(77), login: "hob-bot".into() }
}

impl Forge for NoticeBoard {
    fn own(&self) -> BoxFuture<'_, Result<Account, Error>> {
        ready(Ok(own())).boxed()
    }

    fn standing<'a>(&'a self, _: &'a Account) -> BoxFuture<'a, Result<Option<Standing>, Error>> {
        ready(Ok(None)).boxed()
    }

    fn comment(&self, _: Thread, id: u64) -> BoxFuture<'_, Result<Option<Posted>, Error>> {
        ready(Ok(self.posted().into_iter().find(|posted| posted.id == id))).boxed()
    }

    fn comments(&self, _: Thread, _: Option<Timestamp>, _: u32) -> BoxFuture<'_, Result<Page<Posted>, Error>> {
        ready(Ok(Page { items: self.posted(), next: None })).boxed()
    }

    fn post<'a>(&'a self, _: Thread, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&self.0).unwrap();
        writeln!(file, "{}", serde_json::to_string(body).unwrap()).unwrap();
        ready(Ok(self.posted().pop().unwrap())).boxed()
    }

    fn edit<'a>(&'a self, _: Thread, id: u64, _: &'a str) -> BoxFuture<'a, Result<Posted, Error>> {
        unreachable!("comment {id} is not edited: a comment is no status")
    }

    fn delete(&self, _: Thread, id: u64) -> BoxFuture<'_, Result<(), Error>> {
        unreachable!("comment {id} has no twin")
    }

    fn label<'a>(&'a self, _: Thread, _: &'a [String], _: &'a [String]) -> BoxFuture<'a, Result<(), Error>> {
        unreachable!("nobody proposes a label")
    }
}
