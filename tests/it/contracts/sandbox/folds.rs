//! What a virtual sandbox hands to the log, folded as a session folds it and put back, is what it
//! was: whatever was done to its files, in however many calls, over however many runs.

use std::collections::HashMap;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::{BoxFuture, ready};
use hob::domain::entry::{Body, Entry, FileChange, FileNow, WorkspaceDelta};
use hob::domain::id::{Epoch, Seq, SessionId};
use hob::sandbox::{Change, Now};
use hob::session::history::files::Contents;
use hob::{session, store};
use proptest::prelude::*;

use super::*;
use crate::scene::later::{listing, restored};

/// The log of an instance, as far as its files go.
#[derive(Default)]
struct Log {
    entries: Vec<Entry>,
    blobs: HashMap<String, Bytes>,
}

/// Content as a function gives it.
struct Shelf<F>(F);

impl<F: FnMut(&str) -> Result<Bytes, store::Error> + Send> Contents for Shelf<F> {
    fn content<'a>(&'a mut self, digest: &'a str) -> BoxFuture<'a, Result<Bytes, store::Error>> {
        ready((self.0)(digest)).boxed()
    }
}

impl Log {
    fn take(&mut self, sandbox: &dyn Sandbox) {
        let changes = sandbox.take_changes().into_iter().map(|change| self.keep(change)).collect();
        self.add(changes);
    }

    fn keep(&mut self, Change { path, now }: Change) -> FileChange {
        let now = match now {
            Now::File { content, mode } => {
                let blob = self.blobs.len().to_string();
                self.blobs.insert(blob.clone(), content);
                FileNow::File { blob, mode }
            }
            Now::Directory => FileNow::Directory,
            Now::Link { target } => FileNow::Link { target },
            Now::Gone => FileNow::Gone,
        };
        FileChange { path, now }
    }

    fn add(&mut self, changes: Vec<FileChange>) {
        let seq = Seq(self.entries.len() as u64);
        self.entries.push(Entry {
            seq,
            epoch: Epoch(1),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            session: SessionId::default(),
            parent: self.entries.last().map(|last| last.seq),
            body: Body::WorkspaceDelta(WorkspaceDelta { changes }),
        });
    }

    fn restored(&self, seed: &Path) -> Arc<dyn Sandbox> {
        block_on(restored(&self.entries, Some(seed), &mut Shelf(|digest: &str| Ok(self.blobs[digest].clone()))))
            .unwrap()
    }
}

/// A checkout with a directory in a directory, a file, and a link.
fn seed() -> TempDir {
    let seed = TempDir::new().unwrap();
    for path in ["a/a", "a/b/c", "b", "d/a"] {
        let path = seed.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "of the host\n").unwrap();
    }
    std::os::unix::fs::symlink("a", seed.path().join("c")).unwrap();
    seed
}

/// Does each call, records what it changed, and checks what a run that begins then would find. Where
/// `resumes` says so, the next call is made in that run.
async fn calls(calls: &[String], resumes: &[bool]) {
    let seed = seed();
    let mut log = Log::default();
    let mut live = log.restored(seed.path());
    for (at, call) in calls.iter().enumerate() {
        live.exec(exec(call)).await.unwrap();
        log.take(&*live);
        let later = log.restored(seed.path());
        assert_eq!(listing(&*later).await, listing(&*live).await, "after {:#?}", &calls[..=at]);
        assert_eq!(later.take_changes(), [], "what was put back is recorded already");
        if resumes.get(at) == Some(&true) {
            live = later;
        }
    }
}

#[tokio::test]
async fn what_was_removed_moved_or_replaced_stays_so() {
    for script in [
        &["mkdir n; echo x > n/x", "rm -r n"][..],
        &["mkdir n; echo x > n/x", "mv n m"],
        &["mkdir n; echo x > n/x", "rm -r n; echo f > n"],
        &["mkdir n; echo x > n/x", "rm -r n; ln -s b n"],
        &["mkdir n; echo x > n/x", "rm -r n; echo f > n", "rm n; mkdir n"],
        &["rm -r a", "mkdir a"],
        &["rm -r a; mkdir a"],
        &["rm -r a; mkdir a", "echo x > a/x"],
        &["rm b; mkdir b", "rmdir b"],
        &["mv a n", "mv n a"],
        &["mv a n; mv d a"],
        &["mv a n; mv n a; echo x > a/x"],
        &["rm -r a; ln -s d a", "rm a; mkdir -p a/b"],
        &["cp -r a n; chmod 600 n/a b", "rm -r a"],
    ] {
        let script: Vec<String> = script.iter().map(|call| (*call).to_owned()).collect();
        calls(&script, &[]).await;
        calls(&script, &[true; 3]).await;
    }
}

#[tokio::test]
async fn a_directory_made_anew_hides_what_the_checkout_has_there_later() {
    let seed = seed();
    let mut log = Log::default();
    let live = log.restored(seed.path());
    printed(&*live, "rm -r a; mkdir a; echo x > a/x").await;
    log.take(&*live);
    std::fs::write(seed.path().join("a/later"), "l").unwrap();
    assert_eq!(printed(&*log.restored(seed.path()), "find a | sort").await, "a\na/x\n");
}

#[tokio::test]
async fn a_checkout_that_changed_makes_way() {
    for (call, host, path, expected) in [
        ("mkdir n; echo x > n/new", "echo f > n", "n/new", Some("644 x\\n")),
        ("echo x > a/new", "rm -r a; echo f > a", "a/new", Some("644 x\\n")),
        ("echo x > a/b/new", "rm -r a; ln -s d a", "a/b/new", Some("644 x\\n")),
        ("echo x > a/b/new", "rm -r a", "a/b/new", Some("644 x\\n")),
        ("echo x > b", "rm b; mkdir b; echo h > b/h", "b", Some("644 x\\n")),
        ("rm -r a; mkdir a; echo x > a/new", "rm -r a; echo f > a", "a/new", Some("644 x\\n")),
        ("mkdir n", "ln -s a n", "n", Some("directory")),
        ("rm a/b/c", "rm -r a; echo f > a", "a", Some("644 f\\n")),
        ("rm -r a", "rm -r a; echo f > a", "a", None),
    ] {
        let seed = seed();
        let mut log = Log::default();
        let live = log.restored(seed.path());
        printed(&*live, call).await;
        log.take(&*live);
        on_the_host(host, seed.path());
        let later = log.restored(seed.path());
        let found = listing(&*later).await.remove(&format!("/workspace/{path}"));
        assert_eq!(found.as_deref(), expected, "`{path}` after `{call}`, then `{host}` on the host");
        assert_eq!(later.take_changes(), []);
    }
}

#[expect(clippy::disallowed_methods, reason = "a person changes the checkout with the commands they know")]
fn on_the_host(command: &str, checkout: &Path) {
    let ended = std::process::Command::new("sh").args(["-c", command]).current_dir(checkout).status().unwrap();
    assert!(ended.success(), "`{command}`");
}

#[tokio::test]
async fn what_is_moved_counts_and_can_be_put_back() {
    let seed = seed();
    let live = Log::default().restored(seed.path());
    // What cannot be put back later cannot be done now.
    let deep = |name: &str| vec![name; 40].join("/");
    let (x, y) = (deep("x"), deep("y"));
    for (script, path) in [
        (format!("mkdir -p {x} {y}; mv x {y}/x"), format!("{y}/x")),
        ("mkdir -p /tmp/g/.git; mv /tmp/g g".to_owned(), "g".to_owned()),
    ] {
        assert_ne!(run(&*live, &script).await.exit, 0, "`{script}`");
        assert!(live.stat(&path).await.is_err(), "`{path}` is there");
    }
    let large = std::fs::File::create(seed.path().join("d/large")).unwrap();
    large.set_len(8 << 20).unwrap();
    let live = Log::default().restored(seed.path());
    let output =
        run(&*live, "for i in 1 2 3 4 5 6 7 8 9; do mkdir $i; for j in 1 2 3 4; do cp d/large $i/$j; done; done").await;
    assert_ne!(output.exit, 0);
    let bytes: usize = live
        .take_changes()
        .iter()
        .map(|change| match &change.now {
            Now::File { content, .. } => content.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(bytes, 256 << 20);
}

#[test]
fn a_log_that_names_more_than_fits_is_refused_before_it_is_read() {
    let mut log = Log::default();
    let large = Bytes::from(vec![0; 64 << 20]);
    let file =
        |n| FileChange { path: format!("/workspace/{n}"), now: FileNow::File { blob: "one".into(), mode: 0o644 } };
    log.add((0..10_000).map(file).collect());
    let mut asked = 0;
    let refused = block_on(restored(
        &log.entries,
        None,
        &mut Shelf(|_: &str| {
            asked += 1;
            Ok(large.clone())
        }),
    ));
    insta::assert_snapshot!(refused.err().unwrap(), @"`/workspace/1000`: no space left: the virtual sandbox holds at most 268435456 written bytes");
    assert_eq!(asked, 5);
}

#[test]
fn content_that_is_missing_is_said() {
    let mut log = Log::default();
    let now = FileNow::File { blob: "one".into(), mode: 0o644 };
    log.add(vec![FileChange { path: "/workspace/a".into(), now }]);
    let missing = |digest: &str| Err(store::Error::NoBlob { digest: digest.to_owned(), what: "is missing" });
    assert!(matches!(block_on(restored(&log.entries, None, &mut Shelf(missing))), Err(session::Error::Store(_))));
}

fn command() -> impl Strategy<Value = String> {
    let path = "[a-d](/[a-d]){0,2}";
    (0..10_u8, path, path).prop_map(|(what, one, two)| match what {
        0 => format!("mkdir {one}"),
        1 => format!("mkdir -p {one}"),
        2 => format!("rm -rf {one}"),
        3 | 4 => format!("mv {one} {two}"),
        5 => format!("echo {two} > {one}"),
        6 => format!("echo {two} >> {one}"),
        7 => format!("ln -s {two} {one}"),
        8 => format!("cp -r {one} {two}"),
        _ => format!("rm -rf {one}; mkdir {one}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_a_later_run_finds_it(
        script in proptest::collection::vec(proptest::collection::vec(command(), 1..5), 1..6),
        resumes in proptest::collection::vec(proptest::bool::ANY, 6),
    ) {
        let script: Vec<String> = script.iter().map(|commands| commands.join("\n")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(calls(&script, &resumes));
    }
}
