//! What each route of the fake GitHub does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::artifacts;
use super::memory::{Memory, Person};
use super::operations::{VIEWER, example, named, path, query};
use super::{Answer, TOKEN};
use crate::scene::http::Request;

/// The answer to a request that was checked.
pub(super) fn answer(memory: &mut Memory, request: &Request) -> Answer {
    if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return Answer::refusal(401, "Bad credentials");
    }
    if named(request).as_deref() == Some(VIEWER) {
        let Person { id, login, .. } = memory.writer();
        return Answer::json(200, &json!({ "data": { "viewer": { "login": login, "databaseId": id } } }));
    }
    let parts: Vec<String> = path(request)
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8().unwrap().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["user"] => own(memory),
        ["user", id] => match memory.person_by_id(number(id)) {
            Some(person) => Answer::json(200, &shown(person, example("users/get-by-id"))),
            None => not_found(),
        },
        ["repositories", id, rest @ ..] if number(id) == memory.repository_id => repository(memory, request, rest),
        ["repos", owner, name, rest @ ..] => {
            let asked = format!("{owner}/{name}");
            if memory.repository.eq_ignore_ascii_case(&asked) {
                return repository(memory, request, rest);
            }
            if memory.former.as_ref().is_none_or(|former| !former.eq_ignore_ascii_case(&asked)) {
                return not_found();
            }
            let rest: String = path(request).split('/').skip(4).map(|part| format!("/{part}")).collect();
            let query = if query(request).is_empty() { String::new() } else { format!("?{}", query(request)) };
            let to = format!("{}/repositories/{}{rest}{query}", memory.url, memory.repository_id);
            Answer::refusal(if request.method == "GET" { 301 } else { 307 }, "Moved Permanently")
                .header("location", &to)
        }
        _ => not_found(),
    }
}

fn own(memory: &Memory) -> Answer {
    match &memory.own {
        Some(person) if !memory.is_app => Answer::json(200, &shown(person, example("users/get-authenticated"))),
        _ => Answer::refusal(403, "Resource not accessible by integration"),
    }
}

/// Below `/repos/{owner}/{repo}`.
fn repository(memory: &mut Memory, request: &Request, rest: &[&str]) -> Answer {
    let method = request.method.as_str();
    match (method, rest) {
        ("GET", []) => {
            let mut shown = example("repos/get");
            shown["id"] = json!(memory.repository_id);
            shown["full_name"] = json!(memory.repository);
            Answer::json(200, &shown)
        }
        ("GET", ["collaborators", login, "permission"]) => permission(memory, login),
        ("GET", ["pulls", number_]) if memory.is_pull(number(number_)) => {
            let mut shown = example("pulls/get");
            shown["number"] = json!(number(number_));
            Answer::json(200, &shown)
        }
        ("GET", ["issues", "comments", id]) => {
            memory.show(number(id)).map_or_else(not_found, |shown| Answer::json(200, &shown))
        }
        ("PATCH", ["issues", "comments", id]) => {
            if !memory.change(number(id), text(&body(request)["body"])) {
                return not_found();
            }
            Answer::json(200, &memory.show(number(id)).unwrap())
        }
        ("GET", ["actions", rest @ ..]) => artifacts::answer(memory, request, rest),
        (_, ["issues", thread, rest @ ..]) if memory.has_thread(number(thread)) => {
            issue(memory, request, number(thread), rest)
        }
        _ => not_found(),
    }
}

/// Below `/repos/{owner}/{repo}/issues/{issue_number}`.
fn issue(memory: &mut Memory, request: &Request, thread: u64, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", ["comments"]) => comments(memory, request, thread),
        ("POST", ["comments"]) => {
            let body = body(request);
            let text = text(&body["body"]);
            if memory.is_locked(thread) {
                return Answer::refusal(403, "Unable to create comment because issue is locked.");
            }
            if text.trim().is_empty() || text.chars().count() > 65_536 {
                let fault = json!({ "resource": "IssueComment", "code": "unprocessable", "field": "data", "message": "Body can't be blank, or is too long (maximum is 65536 characters)" });
                return Answer::json(422, &json!({ "message": "Validation Failed", "errors": [fault] }));
            }
            let id = memory.comment(thread, memory.writer(), text);
            Answer::json(201, &memory.show(id).unwrap())
        }
        ("POST", ["labels"]) => {
            for label in body(request)["labels"].as_array().unwrap() {
                memory.put_on(thread, text(label));
            }
            labels(memory, thread)
        }
        ("DELETE", ["labels", name]) => {
            if memory.take_off(thread, name) {
                labels(memory, thread)
            } else {
                Answer::refusal(404, "Label does not exist")
            }
        }
        ("POST", ["reactions"]) => {
            let body = body(request);
            let is_new = memory.react(thread, text(&body["content"]));
            let mut shown = shown_by(&memory.writer(), example("reactions/create-for-issue"));
            shown["content"] = body["content"].clone();
            Answer::json(if is_new { 201 } else { 200 }, &shown)
        }
        _ => not_found(),
    }
}

fn comments(memory: &Memory, request: &Request, thread: u64) -> Answer {
    let asked: HashMap<String, String> = url::form_urlencoded::parse(query(request).as_bytes()).into_owned().collect();
    let number = |name: &str, default| asked.get(name).map_or(default, |value| value.parse::<usize>().unwrap());
    let (page, size) = (number("page", 1), number("per_page", 30).min(100));
    let since = asked.get("since").map(|since| since.parse().unwrap());
    let (items, goes_on) = memory.page(thread, since, page, size);
    let answer = Answer::json(200, &Value::Array(items));
    let link = |page, name| format!("<{}{}?per_page={size}&page={page}>; rel=\"{name}\"", memory.url, path(request));
    match (page > 1, goes_on) {
        (false, false) => answer,
        (true, false) => answer.header("link", &link(1, "first")),
        (false, true) => answer.header("link", &link(page + 1, "next")),
        (true, true) => answer.header("link", &format!("{}, {}", link(1, "first"), link(page + 1, "next"))),
    }
}

fn permission(memory: &Memory, login: &str) -> Answer {
    let Some(person) = memory.person(login) else {
        return Answer::refusal(404, &format!("{login} is not a user"));
    };
    let (base, role) = person.role.split_once(':').unwrap_or((&person.role, &person.role));
    let mut shown = shown_by(person, example("repos/get-collaborator-permission-level"));
    shown["permission"] = json!(match base {
        "maintain" => "write",
        "triage" => "read",
        base => base,
    });
    shown["role_name"] = json!(role);
    Answer::json(200, &shown)
}

fn labels(memory: &Memory, thread: u64) -> Answer {
    let example = example("issues/add-labels")[0].clone();
    let shown = memory.labels(thread).into_iter().map(|name| {
        let mut shown = example.clone();
        shown["name"] = json!(name);
        shown
    });
    Answer::json(200, &shown.collect())
}

fn shown(person: &Person, mut example: Value) -> Value {
    example["id"] = json!(person.id);
    example["login"] = json!(person.login);
    example
}

fn shown_by(person: &Person, mut example: Value) -> Value {
    example["user"] = shown(person, example["user"].take());
    example
}

pub(super) fn not_found() -> Answer {
    Answer::refusal(404, "Not Found")
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// 0 for what is no number; nothing has the number 0.
pub(super) fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
