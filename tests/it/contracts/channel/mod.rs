//! How we hear: every public payload of both forges, broken ones, and wrong input.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read stops the test")]

mod bad_input;
mod facts;
mod job_github;
mod job_gitlab;
mod mutations;
mod table;

use std::path::{Path, PathBuf};

use hob::channel::{Delivery, Error, Heard, Verified, parse};

/// One public payload.
struct Fixture {
    /// From `tests/fixtures`, for people.
    path: String,
    /// The event's name on GitHub, which is not in the payload.
    event_name: Option<String>,
    body: Vec<u8>,
}

impl Fixture {
    fn hear(&self) -> Result<Heard, Error> {
        hear(&self.body, self.event_name.as_deref())
    }
}

fn hear(body: &[u8], event_name: Option<&str>) -> Result<Heard, Error> {
    let event_name = event_name.map(str::to_owned);
    parse(&Verified::operator(Delivery { body: body.to_vec(), event_name, host: None }))
}

fn fixtures_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(fixtures_dir().join(path)).unwrap()
}

/// Every payload of both public sets, and the ones made or copied from them, in order of path.
fn fixtures() -> Vec<Fixture> {
    let root = fixtures_dir();
    let mut folders = vec![root.join("github"), root.join("gitlab")];
    let mut fixtures = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                fixtures.push(fixture(&root, &path));
            }
        }
    }
    fixtures.sort_by(|a, b| a.path.cmp(&b.path));
    fixtures
}

fn fixture(root: &Path, path: &Path) -> Fixture {
    let name: Vec<_> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
    let event_name = match name.as_slice() {
        ["github", "webhooks-examples", event, _] => Some((*event).to_owned()),
        _ => None,
    };
    Fixture { path: name.join("/"), event_name, body: std::fs::read(path).unwrap() }
}
