//! What every forge promises, over every code host there is.
//!
//! A host brings its fake as a [`Host`] and gets a line in [`over_every_host!`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod github;
mod github_shelf;
mod github_turns;
mod github_words;
mod gitlab;
mod promises;
mod untrusted;

use std::time::Duration;

use hob::domain::event::ThreadKind;
use hob::domain::name::Role;
use hob::forge::{Account, Error, Forge, Line, Thread};

/// A code host that remembers, with a member for each role and two threads.
pub(super) trait Host {
    /// One that nobody asked yet.
    fn start() -> Self;

    /// The forge under test. Reads are asked again without a pause worth waiting for.
    fn forge(&self, token: Token, line: Line) -> Result<Box<dyn Forge>, String>;

    /// The forge under test, where nobody listens.
    fn nowhere() -> Box<dyn Forge>;

    /// An issue or pull request that is there.
    fn thread(&self, kind: ThreadKind) -> Thread;

    /// Somebody with this role.
    fn member(&self, role: Role) -> Account;

    /// Somebody comments on a thread; the comment's id.
    fn say(&self, thread: Thread, body: &str) -> u64;

    /// What goes wrong with the next request of this kind.
    fn fault(&self, on: On, fault: Fault);

    /// How often a kind of request came.
    fn count(&self, on: On) -> usize;

    /// The comments of a thread, oldest first.
    fn comments(&self, thread: Thread) -> Vec<String>;

    /// The labels of a thread.
    fn labels(&self, thread: Thread) -> Vec<String>;
}

/// Which token the forge is given.
#[derive(Clone, Copy)]
pub(super) enum Token {
    /// The one the host knows.
    Good,
    /// One it does not know.
    Unknown,
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Own,
    Standing,
    Comment,
    Comments,
    Post,
    Edit,
    Delete,
    Label,
}

impl On {
    const READS: [Self; 4] = [Self::Own, Self::Standing, Self::Comment, Self::Comments];
    const WRITES: [Self; 4] = [Self::Post, Self::Edit, Self::Delete, Self::Label];
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Nothing is done, and this is answered.
    Answer { status: u16, headers: Vec<(&'static str, &'static str)>, body: &'static str },
    /// Nothing is done, and the connection ends.
    CutBefore,
    /// It is done, and the connection ends before the answer.
    CutAfter,
    /// It is done, and the connection ends in the middle of the answer.
    CutWithin,
    /// It is not answered while the forge waits.
    Silence,
}

/// A line that does not try the patience of a test.
pub(super) fn quick() -> Line {
    Line { pause: Duration::from_millis(1), ..Line::default() }
}

fn forge<H: Host>(host: &H) -> Box<dyn Forge> {
    host.forge(Token::Good, quick()).unwrap()
}

/// Does one thing of a kind, whatever it brings.
async fn ask<H: Host>(host: &H, forge: &dyn Forge, on: On) -> Result<(), Error> {
    let thread = host.thread(ThreadKind::Issue);
    match on {
        On::Own => forge.own().await.map(drop),
        On::Standing => forge.standing(&host.member(Role::Write)).await.map(drop),
        On::Comment => forge.comment(thread, host.say(thread, "x")).await.map(drop),
        On::Comments => forge.comments(thread, None, 1).await.map(drop),
        On::Post => forge.post(thread, "Hello").await.map(drop),
        On::Edit => forge.edit(thread, host.say(thread, "x"), "Hello").await.map(drop),
        On::Delete => forge.delete(thread, host.say(thread, "x")).await,
        On::Label => forge.label(thread, &["bug".to_owned()], &[]).await,
    }
}

/// Each promise as a test over each host.
macro_rules! over_every_host {
    ($($promise:ident)*) => {
        mod on_github {
            $(#[tokio::test]
            async fn $promise() {
                super::promises::$promise::<crate::forge_github::GithubServer>().await;
            })*
        }

        mod on_gitlab {
            $(#[tokio::test]
            async fn $promise() {
                super::promises::$promise::<crate::forge_gitlab::GitlabServer>().await;
            })*
        }
    };
}

over_every_host! {
    a_comment_is_posted_found_and_edited
    a_comment_that_is_deleted_is_gone
    a_comment_of_another_thread_is_none
    every_page_is_reached_and_since_leaves_out_the_older
    labels_are_set_whatever_they_are_called
    a_label_that_is_gone_already_is_right_as_it_is
    a_label_that_would_take_off_every_label_is_refused
    standing_is_the_effective_role_with_its_id
    who_has_no_standing_is_none
    a_write_is_sent_once_and_an_unknown_end_is_told
    a_read_is_asked_again_a_few_times
    a_limit_is_told_at_once_and_not_waited_out
    a_silence_ends
    where_nobody_listens_nothing_was_done
    a_foreign_answer_is_refused_and_bounded
    a_redirect_to_elsewhere_is_not_followed
    a_token_is_never_repeated
    a_host_is_checked_before_it_is_asked
}
