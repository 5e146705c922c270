//! A bundle goes into the artifact server of `act` and comes back: kept by a child of a `node24`
//! action, which is what hob is.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use hob::domain::id::{Epoch, InstanceId};
use hob::domain::secret::Secret;
use hob::forge::Line;
use hob::forge::github::runner::{Options, Runner};
use hob::store::bundle::archive::{Unpacked, pack, unpack};
use hob::store::{Blob, Holder, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;

use super::{Act, Job, repository};

const ACTION: &str = "
name: Keeper
description: Starts a child that keeps a bundle
runs: { using: node24, main: keep.js, post: keep.js }
";

/// Starts this very test program, to be [`a_child_of_an_action_keeps_a_bundle`].
const KEEP: &str = "
const { spawnSync } = require('node:child_process');
const test = 'act::artifacts::a_child_of_an_action_keeps_a_bundle';
const ended = spawnSync(process.env.HOB_TEST_BINARY, [test, '--exact', '--ignored', '--nocapture'], { stdio: 'inherit' });
process.exitCode = ended.status ?? 1;
";

const WORKFLOW: &str = "
on: issues
jobs:
  keep:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./
";

fn instance() -> InstanceId {
    "github.com/700100/issue/42/triage".parse().unwrap()
}

fn holder() -> Holder {
    let since = "2026-03-01T09:00:00Z".parse().unwrap();
    Holder { pid: 71, host: "runner".into(), since, what: "hob ci".into(), process: None }
}

/// Works one more epoch on the bundle under a root; its blob of 5 MiB cannot be made smaller.
fn work(root: &Path) -> Epoch {
    let store = Store::bundles(root, Failpoints::default());
    let (mut log, _) = block_on(store.open(&instance(), "acme/widgets#42", holder())).unwrap();
    let (epoch, _) = block_on(log.claim(holder().since)).unwrap();
    let mut state = epoch.0;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let noise: Vec<u8> = noise.take(5 << 20).collect();
    block_on(log.put_blob(&Blob::new(&noise, &Redactor::default()))).unwrap();
    epoch
}

#[test]
fn a_bundle_kept_in_main_and_again_in_post_comes_back_from_acts_artifacts() {
    let Some(act) = Act::find() else { return };
    let scene = tempfile::tempdir().unwrap();
    let at = |name: &str| scene.path().join(name);
    for name in ["repository", "artifacts", "state"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let files = [("action.yml", ACTION), ("keep.js", KEEP), (".github/workflows/keep.yml", WORKFLOW)];
    repository(&at("repository"), &files);
    std::fs::write(at("event.json"), r#"{"action":"opened","issue":{"number":42}}"#).unwrap();

    let binary = std::env::current_exe().unwrap();
    let state = at("state");
    let done = act.run(&Job {
        repository: &at("repository"),
        event_name: "issues",
        event: &at("event.json"),
        workflow: ".github/workflows/keep.yml",
        artifacts: &at("artifacts"),
        run: 7,
        secrets: &[],
        env: &[("HOB_TEST_BINARY", binary.to_str().unwrap()), ("HOB_TEST_STATE", state.to_str().unwrap())],
    });
    assert!(done.succeeded, "{}", done.log);

    let name = instance().external();
    let kept = |name: &str| at("artifacts").join(format!("7/{name}/{name}.zip"));
    let archive = std::fs::read(kept(&format!("{name}-2"))).unwrap();
    assert!(archive == pack(&state.join(&name)).unwrap(), "the second upload is another one");
    assert!(!kept(&name).exists(), "the first upload did not give way");
    let failpoints = Failpoints::default();
    let unpacked = block_on(unpack(&archive, &at("restored"), &instance(), &holder(), &failpoints)).unwrap();
    assert!(matches!(unpacked, Unpacked::Taken { reach, .. } if reach.epoch == Epoch(2)), "{unpacked:?}");
}

/// What the action starts, in `main` and in `post`; alone it has nothing to do.
#[tokio::test]
#[ignore = "started by the test above, inside a job"]
#[expect(clippy::disallowed_methods, reason = "a job tells its processes by their environment")]
async fn a_child_of_an_action_keeps_a_bundle() {
    let Ok(state) = std::env::var("HOB_TEST_STATE") else { return };
    let told = |name: &str| std::env::var(name).unwrap();
    work(Path::new(&state));
    let line = Line { pause: Duration::from_millis(50), ..Line::default() };
    let token = Secret::new(told("ACTIONS_RUNTIME_TOKEN"));
    let runner = Runner::new(Options { url: told("ACTIONS_RESULTS_URL"), token, expires_at: None, line }).unwrap();
    let name = instance().external();
    let archive = Bytes::from(pack(&Path::new(&state).join(&name)).unwrap());
    runner.keep(&name, &archive).await.unwrap();
}
