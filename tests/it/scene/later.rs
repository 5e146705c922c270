//! A virtual sandbox as a later run finds it, and all that is in one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hob::domain::clock::Clock;
use hob::domain::entry::Entry;
use hob::sandbox::{Exec, FileKind, Options, Sandbox, virtual_};
use hob::session;
use hob::session::history::History;
use hob::session::history::files::Contents;
use tokio_util::sync::CancellationToken;

/// A fresh sandbox over `seed`, with what the log says its files became.
pub(crate) async fn restored(
    log: &[Entry],
    seed: Option<&Path>,
    contents: &mut dyn Contents,
) -> Result<Arc<dyn Sandbox>, session::Error> {
    let clock = Clock::new(|| "2026-01-02T03:04:05Z".parse().unwrap());
    let options = virtual_::Options { seed: seed.map(Path::to_owned), clock, threads: Default::default() };
    let sandbox = hob::sandbox::open(Options::Virtual(options))?;
    History::of(log.to_vec()).files.restore(&*sandbox, contents).await?;
    Ok(sandbox)
}

/// All that can be written, by path: content and mode of files, targets of links.
pub(crate) async fn listing(sandbox: &dyn Sandbox) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec!["/workspace".to_owned(), "/tmp".to_owned()];
    while let Some(directory) = left.pop() {
        for entry in sandbox.list(&directory).await.unwrap() {
            let path = format!("{directory}/{}", entry.name);
            let shown = match entry.stat.kind {
                FileKind::Directory => {
                    left.push(path.clone());
                    "directory".to_owned()
                }
                FileKind::File => {
                    let content = sandbox.read(&path).await.unwrap();
                    format!("{:o} {}", entry.stat.mode, content.escape_ascii())
                }
                FileKind::Link => format!("-> {}", target(sandbox, &path).await),
                FileKind::Other => panic!("`{path}` is something else"),
            };
            found.insert(path, shown);
        }
    }
    found
}

async fn target(sandbox: &dyn Sandbox, link: &str) -> String {
    let readlink = Exec {
        command: format!("readlink '{link}'").into(),
        cwd: None,
        env: Vec::new(),
        timeout: Duration::from_secs(30),
        stdin: Bytes::new(),
        cancel: CancellationToken::new(),
    };
    let output = sandbox.exec(readlink).await.unwrap();
    assert_eq!(output.exit, 0, "readlink `{link}`");
    String::from_utf8_lossy(&output.tail).trim_end().to_owned()
}
