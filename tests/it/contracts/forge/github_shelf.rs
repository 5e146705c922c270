//! Artifacts as a shelf: what goes over the wire to keep, find, judge and fetch one, and what
//! happens when any of it goes wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hob::domain::id::Epoch;
use hob::domain::secret::Secret;
use hob::forge::github::artifacts::Artifacts;
use hob::forge::github::runner::{self, Runner};
use hob::forge::github::{Github, Options};
use hob::forge::{Error, Kept, Line, Shelf};

use crate::forge_github::artifacts::{Origin, Upload};
use crate::forge_github::{Answer, Fault, GithubServer, PULL, REPOSITORY, REPOSITORY_ID, TOKEN, runtime_token};

/// What an instance's bundle is called.
const NAME: &str = "hob-e91d950c74e2455e6c7ac57fe995f1c2";

fn line() -> Line {
    Line { pause: Duration::from_millis(1), whole: Duration::from_secs(5), ..Line::default() }
}

fn runner(server: &GithubServer, run: u64) -> Runner {
    let token = Secret::new(runtime_token(run, "job-1"));
    let expires_at = Some("2026-11-08T00:00:00Z".parse().unwrap());
    Runner::new(runner::Options { url: server.runner_url(), token, expires_at, line: line() }).unwrap()
}

fn shelf(server: &GithubServer, run: Option<u64>) -> Artifacts {
    let token = Secret::new(TOKEN.to_owned());
    let options = Options { api: server.url().to_owned(), repository: REPOSITORY.to_owned(), token, line: line() };
    Artifacts::new(Arc::new(Github::new(options).unwrap()), run.map(|run| runner(server, run)))
}

pub(super) async fn keep(server: &GithubServer, run: u64, archive: impl Into<Bytes>) -> Result<(), Error> {
    shelf(server, Some(run)).keep(NAME, Epoch(1), archive.into()).await
}

/// The file of the only artifact that is there.
pub(super) fn only(server: &GithubServer) -> Vec<u8> {
    let all = server.memory().artifacts.all();
    let [upload] = all.as_slice() else { panic!("not one artifact: {all:?}") };
    assert!(upload.finalized);
    upload.file.clone().unwrap()
}

/// Operations since the beginning, in order.
fn operations(server: &GithubServer) -> String {
    server.calls().into_iter().map(|call| call.operation).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_request_goes_out_as_it_always_did() {
    let server = GithubServer::start();
    let shelf = shelf(&server, Some(7));
    shelf.keep(NAME, Epoch(1), Bytes::from_static(b"PK")).await.unwrap();
    let [kept] = &shelf.find(NAME).await.unwrap()[..] else { panic!("not one") };
    shelf.origin(kept).await.unwrap();
    assert_eq!(shelf.fetch(kept).await.unwrap(), "PK");

    let mut said = String::new();
    for call in server.calls() {
        let request = call.request;
        writeln!(said, "{} {} {}", request.method, request.target, String::from_utf8_lossy(&request.body)).unwrap();
        let mut headers = request.headers;
        headers.retain(|(name, _)| !matches!(name.as_str(), "host" | "accept-encoding" | "user-agent"));
        headers.sort();
        for (name, value) in headers {
            let value = value.replace(TOKEN, "[TOKEN]").replace(&runtime_token(7, "job-1"), "[RUNTIME TOKEN]");
            writeln!(said, "  {name}: {value}").unwrap();
        }
    }
    insta::assert_snapshot!(said, @r#"
    POST /twirp/github.actions.results.api.v1.ArtifactService/ListArtifacts {"workflow_run_backend_id":"7","workflow_job_run_backend_id":"job-1","name_filter":"hob-e91d950c74e2455e6c7ac57fe995f1c2"}
      accept: application/json
      authorization: Bearer [RUNTIME TOKEN]
      content-length: 122
      content-type: application/json
    POST /twirp/github.actions.results.api.v1.ArtifactService/ListArtifacts {"workflow_run_backend_id":"7","workflow_job_run_backend_id":"job-1","name_filter":"hob-e91d950c74e2455e6c7ac57fe995f1c2-2"}
      accept: application/json
      authorization: Bearer [RUNTIME TOKEN]
      content-length: 124
      content-type: application/json
    POST /twirp/github.actions.results.api.v1.ArtifactService/CreateArtifact {"workflow_run_backend_id":"7","workflow_job_run_backend_id":"job-1","name":"hob-e91d950c74e2455e6c7ac57fe995f1c2","expires_at":"2026-11-08T00:00:00Z","version":4}
      accept: application/json
      authorization: Bearer [RUNTIME TOKEN]
      content-length: 163
      content-type: application/json
    PUT /files/4000000000?sv=2024-11-04&sig=up%2Bload%2F4000000000%3D&comp=block&blockid=aG9iLWJsb2NrLTAwMDAwMA%3D%3D PK
      accept: */*
      content-length: 2
      content-type: application/octet-stream
      x-ms-version: 2021-12-02
    PUT /files/4000000000?sv=2024-11-04&sig=up%2Bload%2F4000000000%3D&comp=blocklist <?xml version="1.0" encoding="utf-8"?><BlockList><Latest>aG9iLWJsb2NrLTAwMDAwMA==</Latest></BlockList>
      accept: */*
      content-length: 102
      content-type: text/plain; charset=UTF-8
      x-ms-blob-content-type: application/zip
      x-ms-version: 2021-12-02
    POST /twirp/github.actions.results.api.v1.ArtifactService/FinalizeArtifact {"workflow_run_backend_id":"7","workflow_job_run_backend_id":"job-1","name":"hob-e91d950c74e2455e6c7ac57fe995f1c2","size":"2","hash":"sha256:fcab7fcc2b4cffd9bb45003bfc2e468a04ef6f77ca8200a7341f027631584d25"}
      accept: application/json
      authorization: Bearer [RUNTIME TOKEN]
      content-length: 207
      content-type: application/json
    GET /repos/acme/widgets/actions/artifacts?name=hob-e91d950c74e2455e6c7ac57fe995f1c2&per_page=10 
      accept: application/vnd.github+json
      authorization: Bearer [TOKEN]
      content-length: 0
      x-github-api-version: 2022-11-28
    GET /repos/acme/widgets/actions/artifacts?name=hob-e91d950c74e2455e6c7ac57fe995f1c2-2&per_page=10 
      accept: application/vnd.github+json
      authorization: Bearer [TOKEN]
      content-length: 0
      x-github-api-version: 2022-11-28
    GET /repos/acme/widgets/actions/runs/7 
      accept: application/vnd.github+json
      authorization: Bearer [TOKEN]
      content-length: 0
      x-github-api-version: 2022-11-28
    GET /repos/acme/widgets/actions/artifacts/4000000000/zip 
      accept: application/vnd.github+json
      authorization: Bearer [TOKEN]
      content-length: 0
      x-github-api-version: 2022-11-28
    GET /files/4000000000?sig=download%2F4000000000 
      accept: */*
    "#);
}

#[tokio::test]
async fn an_artifact_is_found_judged_and_fetched() {
    let server = GithubServer::start();
    keep(&server, 7, "first").await.unwrap();
    keep(&server, 8, "second").await.unwrap();
    let pull = Origin { event: "pull_request".into(), head_repository: None, pulls: vec![5], ..Origin::default() };
    server.memory().artifacts.origin(8, Origin { path: ".github/workflows/hob.yml@main".into(), ..pull });
    for other in [
        Upload { name: format!("{NAME}-other"), run: 9, ..Upload::default() },
        Upload { name: NAME.into(), run: 9, expired: true, ..Upload::default() },
    ] {
        server.memory().artifacts.put(Upload { file: Some(b"x".to_vec()), ..other });
    }

    let expires = server.memory().artifacts.all()[0].expires;
    assert_eq!(expires, Some("2026-11-08T00:00:00Z".parse().unwrap()));

    let shelf = shelf(&server, None);
    let found = shelf.find(NAME).await.unwrap();
    assert_eq!(found.iter().map(|kept| kept.run).collect::<Vec<_>>(), [Some(8), Some(7), Some(9)], "newest first");
    let gone: Vec<bool> = found.iter().map(|kept| kept.gone.is_some()).collect();
    assert_eq!(gone, [false, false, true], "what has expired is told of");
    assert_eq!(found[0].size, Some(6));
    assert_eq!(shelf.fetch(&found[0]).await.unwrap(), "second");
    let first = shelf.origin(&found[1]).await.unwrap();
    assert_eq!((first.workflow.as_str(), first.event.as_str()), (".github/workflows/hob.yml", "issues"));
    assert_eq!((first.repository, first.head_repository), (REPOSITORY_ID, REPOSITORY_ID));
    assert_eq!((first.branch.as_str(), first.pulls), ("main", Vec::new()));
    let second = shelf.origin(&found[0]).await.unwrap();
    assert_eq!((second.workflow.as_str(), second.head_repository), (".github/workflows/hob.yml", 0));
    assert_eq!(second.pulls, [5]);
}

#[tokio::test]
async fn a_pull_request_tells_which_branch_it_is_made_of() {
    let server = GithubServer::start();
    let head = shelf(&server, None).head(PULL).await.unwrap().unwrap();
    assert_eq!((head.repository, head.branch.as_str()), (REPOSITORY_ID, "new-topic"));
    assert!(matches!(shelf(&server, None).head(77).await, Err(Error::Refused { status: 404, .. })));
}

#[tokio::test]
async fn a_large_archive_goes_in_blocks() {
    let server = GithubServer::start();
    let archive: Vec<u8> = (0..(17_u32 << 20)).map(|n| (n % 251) as u8).collect();
    keep(&server, 7, archive.clone()).await.unwrap();
    assert!(only(&server) == archive);
    assert_eq!(server.count("storage/block"), 3);
}

#[tokio::test]
async fn whatever_fails_once_is_done_once_in_the_end() {
    let steps = ["runner/ListArtifacts", "runner/CreateArtifact", "storage/block", "storage/blocklist"];
    for step in steps.into_iter().chain(["runner/FinalizeArtifact", "runner/DeleteArtifact"]) {
        for fault in [
            Fault::Answer(Answer::refusal(503, "busy")),
            Fault::DoneBut(Answer::refusal(500, "done all the same")),
            Fault::CutBefore,
            Fault::CutAfter,
        ] {
            let server = GithubServer::start();
            keep(&server, 7, "old").await.unwrap();
            server.fault(step, fault.clone());
            keep(&server, 7, "new").await.unwrap_or_else(|error| panic!("{step}, {fault:?}: {error}"));
            assert_eq!(only(&server), b"new", "{step}, {fault:?}: {}", operations(&server));
        }
    }
}

#[tokio::test]
async fn what_keeps_failing_is_told_with_the_next_move() {
    let busy = || Fault::Answer(Answer::refusal(503, "busy"));
    let refused = |status, msg: &str| {
        let msg = format!("{{\"code\":\"x\",\"msg\":\"{msg}\"}}");
        Fault::Answer(Answer { status, body: msg.into(), ..Answer::default() })
    };
    let azure = Answer { status: 403, body: "<Code>AuthenticationFailed</Code>".into(), ..Answer::default() };
    let there = || refused(409, "an artifact with this name already exists on the workflow run");
    let strange = |body: &str| Fault::Answer(Answer { status: 200, body: body.into(), ..Answer::default() });
    let mut said = String::new();
    for faults in [
        vec![("runner/CreateArtifact", busy()), ("runner/CreateArtifact", busy()), ("runner/CreateArtifact", busy())],
        vec![("runner/CreateArtifact", refused(401, "bad \\u001b[31mtoken"))],
        vec![
            ("runner/CreateArtifact", there()),
            ("runner/CreateArtifact", there()),
            ("runner/CreateArtifact", there()),
        ],
        vec![("runner/CreateArtifact", strange("<!doctype html>"))],
        vec![("runner/CreateArtifact", strange("{}"))],
        vec![("runner/CreateArtifact", strange(r#"{"ok":true,"signed_upload_url":"file:///etc/passwd"}"#))],
        vec![("storage/block", Fault::Answer(azure))],
        vec![
            ("storage/blocklist", Fault::CutBefore),
            ("storage/blocklist", Fault::CutBefore),
            ("storage/blocklist", Fault::CutBefore),
        ],
        vec![("runner/FinalizeArtifact", refused(400, "no such upload"))],
        vec![("runner/FinalizeArtifact", strange(r#"{"ok":false}"#))],
    ] {
        let server = GithubServer::start();
        faults.into_iter().for_each(|(operation, fault)| server.fault(operation, fault));
        writeln!(said, "{}", keep(&server, 7, "PK").await.unwrap_err()).unwrap();
    }
    let server = GithubServer::start();
    writeln!(said, "{}", shelf(&server, None).keep(NAME, Epoch(1), Bytes::new()).await.unwrap_err()).unwrap();
    assert!(!said.contains("sig="), "a signed address is a key");
    insta::assert_snapshot!(said, @r#"
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2` now: the artifact service answered 503
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the artifact service answered 401, "bad [31mtoken"; the token of the runner ends with its job: run the job again
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the artifact service answered 409, "an artifact with this name already exists on the workflow run"; delete the artifact of this name, then run the job again
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the answer is not what was expected: CreateArtifact: expected value at line 1 column 1
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the answer is not what was expected: the artifact service gave no address for the file
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the answer is not what was expected: the address that was given for the file is none that a file has
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the storage host answered 403, "AuthenticationFailed"; run the job again, its address for the file is good for a short time only
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2` now: the connection broke: error sending request: client error (SendRequest): connection closed before message completed
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the artifact service answered 400, "no such upload"; run the job again; if it stays so, report it with this message
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: the answer is not what was expected: the artifact service does not say that it took the file
    cannot keep the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2`: this process was not given the runner's token for artifacts; start hob by its action (`uses:`), a `run:` step never gets it
    "#);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_told_with_the_next_move() {
    let mut said = String::new();
    for (operation, fault) in [
        (
            "actions/list-artifacts-for-repo",
            Fault::Answer(Answer::refusal(403, "Resource not accessible by integration")),
        ),
        ("actions/get-workflow-run", Fault::Answer(Answer::refusal(404, "Not Found"))),
        ("actions/download-artifact", Fault::Answer(Answer::refusal(410, "Artifact has expired"))),
        ("actions/download-artifact", Fault::Answer(Answer { status: 200, body: "PK".into(), ..Answer::default() })),
        (
            "actions/download-artifact",
            Fault::Answer(Answer { status: 302, ..Answer::default() }.header("location", "ftp://me:hunter2@a/?sig=x")),
        ),
        ("storage/get", Fault::Answer(Answer { status: 404, ..Answer::default() })),
    ] {
        let server = GithubServer::start();
        keep(&server, 7, "PK").await.unwrap();
        server.fault(operation, fault);
        writeln!(said, "{}", fetched(&server).await.unwrap_err()).unwrap();
    }
    let server = GithubServer::start();
    let kept = Kept { id: 1, at: "2026-11-01T00:00:00Z".parse().unwrap(), size: Some(65 << 20), run: None, gone: None };
    writeln!(said, "{}", shelf(&server, None).fetch(&kept).await.unwrap_err()).unwrap();
    writeln!(said, "{}", shelf(&server, None).origin(&kept).await.unwrap_err()).unwrap();
    assert!(!said.contains("hunter2") && !said.contains("sig="), "{said}");
    insta::assert_snapshot!(said, @r#"
    cannot look for the artifact `hob-e91d950c74e2455e6c7ac57fe995f1c2` in acme/widgets: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { actions: read }`
    cannot ask which run kept artifact 4000000000 of acme/widgets: GitHub answered 404, "Not Found"; it is not there, or the token may not see it (`Actions: read`; in a workflow: `permissions: { actions: read }`)
    cannot fetch artifact 4000000000 of acme/widgets: it has expired; raise `artifact-retention-days` to keep sessions for longer
    cannot fetch artifact 4000000000 of acme/widgets: the answer is not what was expected: status 200, and no address to fetch it from
    cannot fetch artifact 4000000000 of acme/widgets: the answer is not what was expected: the address that was given for the file is none that a file has
    cannot fetch artifact 4000000000 of acme/widgets: the storage host answered 404; run the job again, its address for the file is good for a short time only
    cannot fetch artifact 1 of acme/widgets: it has 68157440 bytes, more than hob ever kept; delete it
    cannot ask which run kept artifact 1 of acme/widgets: GitHub does not say; delete the artifact, so that another one is found
    "#);
}

#[tokio::test]
async fn a_file_that_is_cut_is_fetched_again_and_an_endless_one_is_not() {
    for fault in [Fault::CutBefore, Fault::CutWithin, Fault::Answer(Answer { status: 500, ..Answer::default() })] {
        let server = GithubServer::start();
        keep(&server, 7, "an archive of some bytes").await.unwrap();
        server.fault("storage/get", fault);
        assert_eq!(fetched(&server).await.unwrap(), "an archive of some bytes");
    }
    let server = GithubServer::start();
    keep(&server, 7, "small").await.unwrap();
    let endless = Answer { status: 200, body: vec![b'x'; (64 << 20) + 1], ..Answer::default() };
    server.fault("storage/get", Fault::Answer(endless));
    let error = fetched(&server).await.unwrap_err();
    assert!(matches!(&error, Error::Unreadable { said, .. } if said.contains("longer than 64 MiB")), "{error}");
}

#[tokio::test]
async fn what_another_artifact_server_keeps_in_its_directory_is_found_too() {
    let server = GithubServer::start();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("12").join(NAME);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{NAME}.zip")), "PK from act").unwrap();
    server.memory().artifacts.lie_in(dir.path());
    let found = shelf(&server, None).find(NAME).await.unwrap();
    assert_eq!(found.iter().map(|kept| kept.run).collect::<Vec<_>>(), [Some(12)]);
    assert_eq!(fetched(&server).await.unwrap(), "PK from act");
}

/// Finds, judges and fetches the newest.
pub(super) async fn fetched(server: &GithubServer) -> Result<Bytes, Error> {
    let shelf = shelf(server, None);
    let found = shelf.find(NAME).await?;
    shelf.origin(&found[0]).await?;
    shelf.fetch(&found[0]).await
}
