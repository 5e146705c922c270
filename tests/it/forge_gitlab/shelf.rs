//! The package registry as a shelf for bundles.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bytes::Bytes;
use hob::domain::id::Epoch;
use hob::forge::gitlab::{Gitlab, Packages};
use hob::forge::{Error, Kept, Origin, Shelf};
use serde_json::json;

use super::own_words::{gitlab, job, options, said};
use super::{Answer, Fault, GitlabServer, MERGE_REQUEST, PIPELINE, PROJECT};

const NAME: &str = "hob-e91d950c74e2455e6c7ac57fe995f1c2";
const JOB: u64 = 64;

fn shelf(server: &GitlabServer) -> Packages {
    of_job(server, JOB)
}

fn of_job(server: &GitlabServer, id: u64) -> Packages {
    gitlab(server).packages(&job(), Some(id)).unwrap()
}

async fn keep(shelf: &Packages, epoch: u64, archive: &'static str) {
    shelf.keep(NAME, Epoch(epoch), Bytes::from_static(archive.as_bytes())).await.unwrap();
}

/// The archive that the next job gets.
async fn newest(shelf: &Packages) -> Bytes {
    let kept = shelf.find(NAME).await.unwrap();
    shelf.fetch(&kept[0]).await.unwrap()
}

fn on_main() -> Origin {
    Origin {
        workflow: String::new(),
        event: "trigger".to_owned(),
        repository: PROJECT,
        head_repository: PROJECT,
        branch: "main".to_owned(),
        is_tag: false,
        pulls: Vec::new(),
    }
}

#[tokio::test]
async fn what_is_kept_is_found_with_its_origin_and_fetched() {
    let server = GitlabServer::start();
    let shelf = shelf(&server);
    assert_eq!(shelf.find(NAME).await.unwrap(), []);
    keep(&shelf, 5, "PK one").await;
    let kept = shelf.find(NAME).await.unwrap();
    let at = "2026-11-01T00:00:01.25Z".parse().unwrap();
    assert_eq!(kept, [Kept { id: kept[0].id, at, size: None, run: Some(PIPELINE), gone: None }]);
    assert_eq!(shelf.origin(&kept[0]).await.unwrap(), on_main());
    assert_eq!(shelf.fetch(&kept[0]).await.unwrap(), "PK one");
    insta::assert_snapshot!(said(&server), @"
    GET /api/v4/projects/14/packages?package_name=hob-e91d950c74e2455e6c7ac57fe995f1c2&package_type=generic&order_by=created_at&sort=desc&per_page=100&page=1
      accept: */*
      accept-encoding: gzip
      job-token: [JOB TOKEN]
      user-agent: hob/[VERSION]
    PUT /api/v4/projects/14/packages/generic/hob-e91d950c74e2455e6c7ac57fe995f1c2/5.64/bundle.zip PK one
      content-type: application/octet-stream
      job-token: [JOB TOKEN]
    GET /api/v4/projects/14/packages?package_name=hob-e91d950c74e2455e6c7ac57fe995f1c2&package_type=generic&order_by=created_at&sort=desc&per_page=100&page=1
      job-token: [JOB TOKEN]
    GET /api/v4/projects/14/packages/100/package_files?order_by=id&sort=desc&per_page=100&page=1
      job-token: [JOB TOKEN]
    GET /api/v4/projects/14/pipelines/500
      private-token: [TOKEN]
    GET /api/v4/projects/14/packages/generic/hob-e91d950c74e2455e6c7ac57fe995f1c2/5.64/bundle.zip
      job-token: [JOB TOKEN]
    ");
}

#[tokio::test]
async fn of_two_uploads_of_one_job_the_later_wins() {
    for allows_duplicates in [true, false] {
        let server = GitlabServer::start();
        server.memory().registry.allows_duplicates = allows_duplicates;
        let shelf = shelf(&server);
        keep(&shelf, 5, "settled").await;
        keep(&shelf, 5, "with effects").await;
        keep(&shelf, 5, "with more").await;
        assert_eq!(newest(&of_job(&server, 65)).await, "with more", "{allows_duplicates}");
        let versions = server.memory().registry.versions();
        let expected: &[&str] = if allows_duplicates { &["5.64"] } else { &["5.64", "5.64.1", "5.64.2"] };
        assert_eq!(versions, expected.iter().map(|version| format!("{NAME} {version}")).collect::<Vec<_>>());
        assert_eq!(server.memory().registry.files(), 3);
    }
}

#[tokio::test]
async fn of_two_jobs_at_once_the_first_wins_and_a_late_older_one_never() {
    let server = GitlabServer::start();
    keep(&of_job(&server, 70), 5, "first").await;
    keep(&of_job(&server, 71), 5, "at the same time").await;
    keep(&of_job(&server, 69), 4, "late").await;
    assert_eq!(newest(&shelf(&server)).await, "first");
}

#[tokio::test]
async fn only_packages_of_exactly_this_name_and_our_versions_count() {
    let server = GitlabServer::start();
    {
        let mut memory = server.memory();
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        memory.registry.upload(&format!("{NAME}-x"), "9.1", "bundle.zip", b"another's", now);
        memory.registry.upload(NAME, "1.0.0", "bundle.zip", b"by hand", now);
        memory.registry.upload(NAME, "latest", "bundle.zip", b"by hand", now);
    }
    assert_eq!(shelf(&server).find(NAME).await.unwrap(), []);
}

#[tokio::test]
async fn a_file_that_another_job_puts_into_a_package_has_its_own_origin() {
    let server = GitlabServer::start();
    keep(&shelf(&server), 5, "good").await;
    server.memory().registry.run(501, "merge_request_event", "refs/merge-requests/5/head");
    keep(&shelf(&server), 5, "bad").await;

    let next = of_job(&server, 65);
    let kept = next.find(NAME).await.unwrap();
    // What the list says of the package is true of its first file only.
    assert_eq!(kept[0].run, Some(PIPELINE));
    let origin = next.origin(&kept[0]).await.unwrap();
    assert_eq!((origin.event.as_str(), origin.pulls), ("merge_request_event", vec![MERGE_REQUEST]));
}

#[tokio::test]
async fn a_file_that_comes_between_the_question_and_the_download_is_not_taken() {
    let server = GitlabServer::start();
    let shelf = shelf(&server);
    keep(&shelf, 5, "good").await;
    let kept = shelf.find(NAME).await.unwrap();
    assert_eq!(shelf.origin(&kept[0]).await.unwrap(), on_main());
    keep(&shelf, 5, "bad").await;
    insta::assert_snapshot!(shelf.fetch(&kept[0]).await.unwrap_err(), @"cannot fetch package 100: it is not the file whose origin was asked; another has taken its place");
}

#[tokio::test]
async fn a_merge_requests_pipeline_tells_where_its_commits_come_from() {
    let server = GitlabServer::start();
    for (source, branch, from, pulls) in [
        ("merge_request_event", "refs/merge-requests/5/head", Some(77), vec![MERGE_REQUEST]),
        ("merge_request_event", "refs/merge-requests/5/merge", None, vec![MERGE_REQUEST]),
        ("merge_request_event", "refs/merge-requests/5/train", None, vec![]),
        ("push", "refs/merge-requests/5/head", None, vec![]),
        ("merge_request_event", "refs/merge-requests/x/head", None, vec![]),
        ("schedule", "main", None, vec![]),
    ] {
        server.memory().registry.run(502, source, branch);
        server.memory().registry.source_project = from;
        let shelf = of_job(&server, JOB);
        keep(&shelf, 6, "x").await;
        let kept = shelf.find(NAME).await.unwrap();
        let origin = shelf.origin(&kept[0]).await.unwrap();
        assert_eq!((origin.event.as_str(), origin.branch.as_str(), origin.pulls), (source, branch, pulls));
        assert_eq!((origin.repository, origin.head_repository), (PROJECT, from.unwrap_or(PROJECT)));
    }
}

#[tokio::test]
async fn an_older_gitlab_is_asked_for_the_pipeline_with_the_token_that_may() {
    let server = GitlabServer::start();
    server.memory().registry.tells_sources = false;
    keep(&shelf(&server), 5, "x").await;
    let shelf = shelf(&server);
    let kept = shelf.find(NAME).await.unwrap();
    assert_eq!(shelf.origin(&kept[0]).await.unwrap(), on_main());

    let by_job = Gitlab::new(options(&server, job())).unwrap().packages(&job(), Some(JOB)).unwrap();
    let kept = by_job.find(NAME).await.unwrap();
    insta::assert_snapshot!(by_job.origin(&kept[0]).await.unwrap_err(), @r#"cannot ask who uploaded package 100: GitLab answered 404, "404 Project Not Found"; CI_JOB_TOKEN reaches few endpoints: set HOB_GITLAB_TOKEN to a project access token with the scope `api` and the role Reporter or higher"#);
}

#[tokio::test]
async fn whether_it_was_a_tag_is_not_asked_where_this_jobs_own_commit_ran() {
    let server = GitlabServer::start();
    keep(&shelf(&server), 5, "x").await;
    let head = server.memory().registry.head.clone();
    for (commit, asked) in [(Some(head), 0), (Some("0".repeat(40)), 1), (None, 2)] {
        let shelf = shelf(&server).at(commit);
        let kept = shelf.find(NAME).await.unwrap();
        assert_eq!(shelf.origin(&kept[0]).await.unwrap(), on_main());
        assert_eq!(server.count("pipelines/get"), asked);
    }
}

#[tokio::test]
async fn what_a_person_put_there_has_no_pipeline() {
    let server = GitlabServer::start();
    let shelf = gitlab(&server).packages(&super::own_words::personal(), None).unwrap();
    keep(&shelf, 5, "by hand").await;
    assert_eq!(server.memory().registry.versions(), [format!("{NAME} 5")]);
    let kept = shelf.find(NAME).await.unwrap();
    assert_eq!(kept[0].run, None);
    let origin = shelf.origin(&kept[0]).await.unwrap();
    assert_eq!((origin.event.as_str(), origin.branch.as_str()), ("", ""));
    assert_eq!(shelf.fetch(&kept[0]).await.unwrap(), "by hand");
}

#[tokio::test]
async fn a_download_from_object_storage_shows_no_token_there() {
    let server = GitlabServer::start();
    server.memory().registry.sends_on = true;
    let shelf = shelf(&server);
    keep(&shelf, 5, "far away").await;
    // The fake refuses a request to its storage that shows one.
    assert_eq!(newest(&shelf).await, "far away");
    assert!(server.calls().last().unwrap().request.target.starts_with("/storage/"));
}

#[tokio::test]
async fn a_download_is_bounded_and_asked_again() {
    let server = GitlabServer::start();
    let shelf = shelf(&server);
    keep(&shelf, 5, "x").await;
    for fault in [Fault::CutWithin, Fault::Answer(Answer::refusal(503, "")), Fault::CutBefore] {
        server.fault("packages/download", fault);
        assert_eq!(newest(&shelf).await, "x");
    }
    let endless = Answer { status: 200, headers: Vec::new(), body: vec![b'x'; (64 << 20) + 1] };
    server.fault("packages/download", Fault::Answer(endless));
    let kept = shelf.find(NAME).await.unwrap();
    insta::assert_snapshot!(shelf.fetch(&kept[0]).await.unwrap_err(), @"cannot fetch package 100: the answer is not what was expected: the answer is longer than 64 MiB; it was not taken");

    let huge = json!([{"id": 1, "file_name": "bundle.zip", "size": 1_u64 << 40, "file_sha256": "00", "pipelines": []}]);
    server.fault("packages/files", Fault::Answer(Answer::json(200, &huge)));
    let other = of_job(&server, 65);
    let kept = other.find(NAME).await.unwrap();
    insta::assert_snapshot!(other.fetch(&kept[0]).await.unwrap_err(), @"cannot fetch package 100: the file has 1099511627776 bytes, more than 67108864");
}

#[tokio::test]
async fn an_upload_is_sent_once_and_an_unknown_end_is_told() {
    for (fault, files) in [
        (Fault::CutBefore, 0),
        (Fault::CutAfter, 1),
        (Fault::Answer(Answer::refusal(502, "")), 0),
        (Fault::DoneBut(Answer::refusal(500, "")), 1),
    ] {
        let server = GitlabServer::start();
        server.fault("packages/upload", fault.clone());
        let kept = shelf(&server).keep(NAME, Epoch(5), Bytes::from_static(b"x")).await;
        assert!(matches!(kept, Err(Error::Unknown { .. })), "{fault:?}: {kept:?}");
        assert_eq!((server.count("packages/upload"), server.memory().registry.files()), (1, files), "{fault:?}");
    }
}

#[tokio::test]
async fn a_package_that_was_not_found_here_is_not_looked_into() {
    let server = GitlabServer::start();
    let kept = Kept { id: 100, at: "2026-11-01T00:00:00Z".parse().unwrap(), size: None, run: None, gone: None };
    insta::assert_snapshot!(shelf(&server).fetch(&kept).await.unwrap_err(), @"cannot fetch package 100: hob cannot ask for it: it was not found on this shelf");
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn old_versions_of_the_own_branch_are_removed() {
    let server = GitlabServer::start();
    for epoch in 1..=5 {
        keep(&of_job(&server, 60 + epoch), epoch, "x").await;
    }
    server.memory().registry.run(501, "merge_request_event", "refs/merge-requests/5/head");
    keep(&of_job(&server, 90), 9, "x").await;
    server.memory().registry.run(502, "trigger", "main");
    let shelf = of_job(&server, 66);
    assert_eq!(shelf.tidy(NAME).await.unwrap(), 0, "before anything was found");
    let found = shelf.find(NAME).await.unwrap();
    assert_eq!(shelf.tidy(NAME).await.unwrap(), 0, "before one of them was used");
    assert_eq!(found[1].run, Some(PIPELINE));
    shelf.fetch(&found[1]).await.unwrap();
    keep(&shelf, 6, "x").await;
    let asked = server.calls().len();
    assert_eq!(shelf.tidy(NAME).await.unwrap(), 3);
    assert_eq!(server.calls().len(), asked + 3);
    assert_eq!(server.memory().registry.versions().join(" ").replace(NAME, "").trim(), "4.64  5.65  9.90  6.66");

    keep(&of_job(&server, 67), 7, "x").await;
    server.memory().registry.allows_removal = false;
    let shelf = of_job(&server, 67);
    let found = shelf.find(NAME).await.unwrap();
    shelf.fetch(found.iter().find(|kept| kept.run == Some(502)).unwrap()).await.unwrap();
    insta::assert_snapshot!(shelf.tidy(NAME).await.unwrap_err(), @r#"cannot remove old versions of package hob-e91d950c74e2455e6c7ac57fe995f1c2: GitLab answered 403, "403 Forbidden"; the package registry must be on in this project; reading packages needs the role Reporter, publishing them Developer, removing them Maintainer, and a job's token has the rights of whoever started its pipeline"#);
}
