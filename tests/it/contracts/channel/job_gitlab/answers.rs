//! GitLab's answers about the objects of `tests/fixtures/gitlab/pair`, in the documented shapes of
//! <https://docs.gitlab.com/api/projects/>, <https://docs.gitlab.com/api/issues/>,
//! <https://docs.gitlab.com/api/merge_requests/> and <https://docs.gitlab.com/api/notes/>.

use hob::channel::ci::gitlab::Objects;
use serde_json::{Value, json};

use super::HEAD;

pub(super) fn project() -> Value {
    json!({
        "id": 1,
        "path_with_namespace": "gitlab-org/gitlab-test",
        "default_branch": "main",
        "visibility": "internal",
        "web_url": "https://gitlab.example/git/gitlab-org/gitlab-test",
    })
}

pub(super) fn issue() -> Value {
    json!({
        "id": 301,
        "iid": 23,
        "project_id": 1,
        "title": "It breaks",
        "description": "On every machine.",
        "state": "opened",
        "created_at": "2015-05-17T17:06:00.123Z",
        "updated_at": "2015-05-18T08:00:00.000Z",
        "closed_at": null,
        "labels": ["bug"],
        "assignees": [],
        "author": { "id": 51, "username": "ada", "name": "Ada", "state": "active", "avatar_url": null },
        "confidential": false,
        "web_url": "https://gitlab.example/git/gitlab-org/gitlab-test/-/issues/23",
    })
}

pub(super) fn merge_request() -> Value {
    json!({
        "id": 99,
        "iid": 1,
        "project_id": 1,
        "title": "MS-Viewport",
        "description": null,
        "state": "opened",
        "created_at": "2013-12-03T17:23:34.000Z",
        "updated_at": "2013-12-04T09:00:00.000Z",
        "target_branch": "main",
        "source_branch": "ms-viewport",
        "source_project_id": 1,
        "target_project_id": 1,
        "labels": ["API"],
        "author": { "id": 51, "username": "ada" },
        "draft": false,
        "work_in_progress": false,
        "sha": HEAD,
    })
}

pub(super) fn note() -> Value {
    json!({
        "id": 1241,
        "type": null,
        "body": "Hello world",
        "author": { "id": 1, "username": "root" },
        "created_at": "2015-05-17T17:06:40.500Z",
        "updated_at": "2015-05-17T17:06:40.500Z",
        "system": false,
        "noteable_id": 301,
        "noteable_type": "Issue",
        "noteable_iid": 23,
        "project_id": 1,
        "resolvable": false,
        "confidential": false,
        "internal": false,
    })
}

pub(super) fn issue_objects() -> Objects {
    Objects { project: project(), thread: issue(), note: None }
}

pub(super) fn note_objects() -> Objects {
    Objects { note: Some(note()), ..issue_objects() }
}

pub(super) fn merge_objects() -> Objects {
    Objects { project: project(), thread: merge_request(), note: None }
}
