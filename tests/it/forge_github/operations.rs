//! GitHub's published description of its API: which operation a request is, whether its query and
//! body are right, and what an answer looks like.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::scene::http::Request;

#[derive(Deserialize)]
struct Operation {
    method: String,
    /// With `{name}` for what varies.
    path: String,
    query: Vec<String>,
    body: Value,
    answer: Value,
}

static OPERATIONS: LazyLock<BTreeMap<String, Operation>> = LazyLock::new(|| {
    let path = crate::scene::fixture("github-api/operations.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

/// What [`named`] says of the other API, whose one address takes all that is asked.
pub(super) const VIEWER: &str = "graphql/viewer";

/// GitHub's name of what a request asks for.
pub(super) fn named(request: &Request) -> Option<String> {
    // An Enterprise Server has it beside `/api/v3`.
    if request.method == "POST" && matches!(request.target.as_str(), "/graphql" | "/api/graphql") {
        return Some(VIEWER.to_owned());
    }
    let mut path = path(request).to_owned();
    // Where a renamed repository leads to: the same operations under its id.
    if let Some((_, rest)) = path.strip_prefix("/repositories/").and_then(|rest| rest.split_once('/')) {
        path = format!("/repos/owner/name/{rest}");
    }
    let fits = |pattern: &str| {
        let (asked, pattern): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), pattern.split('/').collect());
        asked.len() == pattern.len()
            && pattern
                .iter()
                .zip(asked)
                .all(|(part, asked)| part.starts_with('{') && !asked.is_empty() || *part == asked)
    };
    let mut fitting = OPERATIONS.iter().filter(|(_, known)| known.method == request.method && fits(&known.path));
    // Of `/issues/comments/{id}` and `/issues/{number}/comments` no path fits both.
    fitting.next().map(|(name, _)| name.clone())
}

/// Whether the query and the body are what GitHub documents.
pub(super) fn check(request: &Request) -> Result<(), String> {
    let named = named(request);
    if named.as_deref() == Some(VIEWER) {
        return check_headers(request).and_then(|()| check_viewer(request));
    }
    let Some(operation) = named.and_then(|name| OPERATIONS.get(&name)) else {
        return Err("hob is not known to ask for this".to_owned());
    };
    for (name, _) in url::form_urlencoded::parse(query(request).as_bytes()) {
        if !operation.query.contains(&name.into_owned()) {
            return Err("a query parameter that the operation does not have".to_owned());
        }
    }
    check_headers(request)?;
    if operation.body.is_null() {
        return if request.body.is_empty() { Ok(()) } else { Err("a body where none belongs".to_owned()) };
    }
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| format!("the body is no JSON: {error}"))?;
    let schema = jsonschema::validator_for(&operation.body).unwrap();
    schema.validate(&body).map_err(|error| error.to_string())
}

/// The one question to the other API, in the words of its published schema.
fn check_viewer(request: &Request) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| format!("the body is no JSON: {error}"))?;
    let question = body["query"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let is_known = question == "query { viewer { login databaseId } }" && body.as_object().unwrap().len() == 1;
    if is_known { Ok(()) } else { Err(format!("hob is not known to ask this: {body}")) }
}

fn check_headers(request: &Request) -> Result<(), String> {
    if request.header("accept") != Some("application/vnd.github+json") {
        return Err("the accept header is not GitHub's media type".to_owned());
    }
    if request.header("x-github-api-version").is_none() || request.header("user-agent").is_none() {
        return Err("a header is missing".to_owned());
    }
    Ok(())
}

/// The example that GitHub gives for the answer of an operation.
pub(super) fn example(operation: &str) -> Value {
    OPERATIONS[operation].answer.clone()
}

/// The path below the API's address.
pub(super) fn path(request: &Request) -> &str {
    let path = request.target.split('?').next().unwrap_or_default();
    path.strip_prefix("/api/v3").unwrap_or(path)
}

/// What follows the question mark.
pub(super) fn query(request: &Request) -> &str {
    request.target.split_once('?').map_or("", |(_, query)| query)
}
