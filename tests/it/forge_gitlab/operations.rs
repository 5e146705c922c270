//! What GitLab documents of its API: which operation a request is, whether its query and body are
//! right, and what an answer looks like.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::scene::http::Request;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    method: String,
    /// With `{name}` for what varies.
    paths: Vec<String>,
    #[serde(rename = "doc")]
    _doc: String,
    /// What a path must name, so that a job's token may ask.
    job: Vec<String>,
    query: Value,
    form: Option<Value>,
    #[serde(default)]
    binary: bool,
    answer: Option<Value>,
    /// By what the path names.
    #[serde(default)]
    answers: BTreeMap<String, Value>,
}

static OPERATIONS: LazyLock<BTreeMap<String, Operation>> = LazyLock::new(|| {
    let path = crate::scene::fixture("gitlab-api/operations.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

/// The name of what a request asks for.
pub(super) fn named(request: &Request) -> Option<String> {
    let fits = |pattern: &String| {
        let (asked, pattern): (Vec<&str>, Vec<&str>) =
            (path(request).split('/').collect(), pattern.split('/').collect());
        asked.len() == pattern.len()
            && pattern
                .iter()
                .zip(asked)
                .all(|(part, asked)| part.starts_with('{') && !asked.is_empty() || *part == asked)
    };
    let mut fitting =
        OPERATIONS.iter().filter(|(_, known)| known.method == request.method && known.paths.iter().any(fits));
    fitting.next().map(|(name, _)| name.clone())
}

/// Whether the query and the body are what GitLab documents.
pub(super) fn check(request: &Request) -> Result<(), String> {
    // Object storage, where a download may be sent to, is no part of the API.
    if request.target.starts_with("/storage/") {
        return Ok(());
    }
    let Some(operation) = named(request).and_then(|name| OPERATIONS.get(&name)) else {
        return Err("hob is not known to ask for this".to_owned());
    };
    valid(&operation.query, query(request).as_bytes())?;
    if !request.header("user-agent").is_some_and(|agent| agent.starts_with("hob/")) {
        return Err("it does not say who asks".to_owned());
    }
    let kind = request.header("content-type");
    match &operation.form {
        Some(schema) if kind == Some("application/x-www-form-urlencoded") => valid(schema, &request.body),
        Some(_) => Err(format!("the body is no form but {kind:?}")),
        None if operation.binary && kind == Some("application/octet-stream") => Ok(()),
        None if request.body.is_empty() && !operation.binary => Ok(()),
        None => Err("a body where none belongs".to_owned()),
    }
}

/// Whether a job's token may ask for this.
pub(super) fn is_for_jobs(request: &Request) -> bool {
    let operation = named(request).and_then(|name| OPERATIONS.get(&name));
    operation.is_some_and(|known| known.job.iter().any(|word| path(request).contains(&format!("/{word}"))))
}

/// The example that GitLab gives for the answer of an operation; of a list its first.
pub(crate) fn example(operation: &str, of: &str) -> Value {
    let known = &OPERATIONS[operation];
    let answer = known.answer.clone().unwrap_or_else(|| known.answers[of].clone());
    answer.get(0).cloned().unwrap_or(answer)
}

/// The path below the API's address.
pub(super) fn path(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

/// What follows the question mark.
pub(super) fn query(request: &Request) -> &str {
    request.target.split_once('?').map_or("", |(_, query)| query)
}

/// The pairs of a query or a form.
pub(super) fn pairs(text: &[u8]) -> Map<String, Value> {
    url::form_urlencoded::parse(text)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

fn valid(schema: &Value, text: &[u8]) -> Result<(), String> {
    if url::form_urlencoded::parse(text).count() != pairs(text).len() {
        return Err("a parameter comes twice".to_owned());
    }
    let schema = jsonschema::validator_for(schema).unwrap();
    schema.validate(&Value::Object(pairs(text))).map_err(|error| error.to_string())
}
