//! What each route of the fake GitLab does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::memory::Memory;
use super::operations::{example, is_for_jobs, pairs, path, query};
use super::{Answer, JOB_TOKEN, PATH, PROJECT, TOKEN};
use crate::scene::http::Request;

/// The answer to a request that was checked.
pub(super) fn answer(memory: &mut Memory, request: &Request) -> Answer {
    let parts: Vec<String> = path(request)
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8().unwrap().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if let ["storage", name, version, file] = parts.as_slice() {
        let shown_a_token = request.header("private-token").or(request.header("job-token")).is_some();
        return match memory.registry.download(name, version, file) {
            Some(bytes) if !shown_a_token => file_answer(bytes),
            _ => Answer { status: 400, ..Answer::default() },
        };
    }
    let is_job = match (request.header("private-token"), request.header("job-token")) {
        (Some(TOKEN), None) => false,
        (None, Some(JOB_TOKEN)) if is_for_jobs(request) => true,
        // GitLab looks at a job's token only where one may be used; the project is private.
        (None, Some(JOB_TOKEN)) if parts.first() == Some(&"projects") => {
            return Answer::refusal(404, "404 Project Not Found");
        }
        _ => return Answer::refusal(401, "401 Unauthorized"),
    };
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["user"]) => found(memory.person(|person| person.id == super::BOT.0), "User"),
        ("GET", ["users"]) => {
            let wanted = text(query(request).as_bytes(), "username");
            let people = memory.person(|person| person.username.eq_ignore_ascii_case(&wanted));
            Answer::json(200, &people.into_iter().collect())
        }
        ("GET", ["users", id]) => found(memory.person(|person| person.id == number(id)), "User"),
        (_, ["projects", id, rest @ ..]) if number(id) == PROJECT => project(memory, request, rest, is_job),
        _ => Answer::refusal(404, "404 Project Not Found"),
    }
}

fn project(memory: &mut Memory, request: &Request, rest: &[&str], is_job: bool) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let mut shown = example("projects/get", "");
            (shown["id"], shown["path_with_namespace"]) = (json!(PROJECT), json!(PATH));
            shown["visibility"] = json!(memory.visibility);
            Answer::json(200, &shown)
        }
        ("GET", ["members", "all", id]) => match memory.membership(number(id)) {
            Some(shown) => Answer::json(200, &shown),
            None => Answer::refusal(404, "404 Not found"),
        },
        ("GET", ["pipelines", id]) => found(memory.registry.pipeline(number(id)), "Pipeline"),
        (_, ["packages", rest @ ..]) => packages(memory, request, rest, is_job),
        (_, ["issues", iid, rest @ ..]) => thread(memory, request, ("issues", number(iid)), rest),
        (_, ["merge_requests", iid, rest @ ..]) => thread(memory, request, ("merge_requests", number(iid)), rest),
        _ => Answer::refusal(404, "404 Not Found"),
    }
}

fn thread(memory: &mut Memory, request: &Request, thread: (&'static str, u64), rest: &[&str]) -> Answer {
    let (kind, iid) = thread;
    if !memory.has_thread(kind, iid) {
        return Answer::refusal(404, "404 Not found");
    }
    match (request.method.as_str(), rest) {
        ("GET", []) => Answer::json(200, &memory.thread(kind, iid)),
        ("PUT", []) => {
            memory.label(thread, &text(&request.body, "add_labels"), &text(&request.body, "remove_labels"));
            Answer::json(200, &memory.thread(kind, iid))
        }
        ("GET", ["notes"]) => {
            let asked = pairs(query(request).as_bytes());
            let is = |name: &str, word: &str| asked.get(name).is_some_and(|value| value == word);
            page(request, &memory.listed(thread, is("order_by", "updated_at"), !is("sort", "asc")))
        }
        ("POST", ["notes"]) => {
            let body = text(&request.body, "body");
            let (commands, rest): (Vec<&str>, Vec<&str>) = body.split('\n').partition(|line| line.starts_with('/'));
            memory.commands.extend(commands.iter().map(|&command| command.to_owned()));
            if rest.iter().all(|line| line.trim().is_empty()) {
                return Answer::json(202, &json!({ "commands_changes": {}, "summary": ["Applied."] }));
            }
            let bot = memory.bot();
            let id = memory.note(thread, bot, &rest.join("\n"), false);
            Answer::json(201, &memory.show(thread, id).unwrap())
        }
        ("GET", ["notes", id]) => found(memory.show(thread, number(id)), "Note"),
        ("PUT", ["notes", id]) => {
            memory.change(thread, number(id), &text(&request.body, "body"));
            found(memory.show(thread, number(id)), "Note")
        }
        _ => Answer::refusal(404, "404 Not Found"),
    }
}

fn packages(memory: &mut Memory, request: &Request, rest: &[&str], is_job: bool) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => page(request, &memory.registry.listed(&text(query(request).as_bytes(), "package_name"))),
        ("GET", [id, "package_files"]) => match memory.registry.files_of(number(id)) {
            Some(files) => page(request, &files),
            None => Answer::refusal(404, "404 Package Not Found"),
        },
        ("DELETE", [_]) if !memory.registry.allows_removal => Answer::refusal(403, "403 Forbidden"),
        ("DELETE", [id]) if memory.registry.remove(number(id)) => Answer { status: 204, ..Answer::default() },
        ("PUT", ["generic", name, version, file]) => {
            let now = memory.tick();
            let running = if is_job { memory.registry.running } else { None };
            let job = std::mem::replace(&mut memory.registry.running, running);
            let is_new = memory.registry.upload(name, version, file, &request.body, now);
            memory.registry.running = job;
            if is_new {
                Answer::json(201, &json!({ "message": "201 Created" }))
            } else {
                Answer::refusal(400, "400 Bad request - Duplicate package is not allowed")
            }
        }
        ("GET", ["generic", name, version, file]) => match memory.registry.download(name, version, file) {
            Some(_) if memory.registry.sends_on => {
                let to = format!("{}/storage/{name}/{version}/{file}", memory.host);
                Answer { status: 302, ..Answer::default() }.header("location", &to)
            }
            Some(bytes) => file_answer(bytes),
            None => Answer::refusal(404, "404 Not Found"),
        },
        _ => Answer::refusal(404, "404 Package Not Found"),
    }
}

fn file_answer(bytes: &[u8]) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: bytes.to_owned() }.header("content-type", "application/zip")
}

/// The asked part of a list.
fn page(request: &Request, items: &[Value]) -> Answer {
    let asked = pairs(query(request).as_bytes());
    let number = |name: &str, default: usize| {
        asked.get(name).and_then(Value::as_str).map_or(default, |value| value.parse().unwrap())
    };
    let (page, size) = (number("page", 1), number("per_page", 20));
    let part: Vec<&Value> = items.iter().skip((page - 1) * size).take(size).collect();
    let next = if items.len() > page * size { (page + 1).to_string() } else { String::new() };
    Answer::json(200, &json!(part)).header("x-next-page", &next).header("x-page", &page.to_string())
}

fn found(shown: Option<Value>, what: &str) -> Answer {
    match shown {
        Some(shown) => Answer::json(200, &shown),
        None => Answer::refusal(404, &format!("404 {what} Not Found")),
    }
}

fn number(part: &str) -> u64 {
    part.parse().unwrap_or(0)
}

fn text(form: &[u8], name: &str) -> String {
    pairs(form).get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
