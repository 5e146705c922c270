//! The artifact service that runners speak to, and the host where artifacts lie: one gives signed
//! addresses, the other knows nothing but those.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Answer;
use super::artifacts::{Artifacts, Upload};
use super::memory::Memory;
use super::routes::number;
use crate::scene::http::Request;

const SERVICE: &str = "/twirp/github.actions.results.api.v1.ArtifactService/";

/// What the service knows, and what a request must hold; `?` where it may be left out.
const METHODS: &[(&str, &[&str])] = &[
    ("CreateArtifact", &["name", "version", "expires_at?"]),
    ("FinalizeArtifact", &["name", "size", "hash?"]),
    ("ListArtifacts", &["name_filter?", "id_filter?"]),
    ("DeleteArtifact", &["name"]),
];

/// For `ACTIONS_RUNTIME_TOKEN` of a job of this workflow run.
pub(crate) fn runtime_token(run: u64, job: &str) -> String {
    let claims = json!({ "scp": format!("Actions.Example Actions.Results:{run}:{job}"), "exp": 1_795_494_157 });
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()), part("signature"))
}

/// `runner/CreateArtifact`, `storage/get`, `storage/block`, `storage/blocklist`.
pub(super) fn named(request: &Request) -> Option<String> {
    match path(request).strip_prefix(SERVICE) {
        Some(method) => Some(format!("runner/{method}")),
        None if request.method == "GET" => Some("storage/get".to_owned()),
        None => Some(format!("storage/{}", parameters(request).get("comp")?)),
    }
}

/// Whether the service would understand a request.
pub(super) fn check(request: &Request) -> Result<(), String> {
    let method = path(request).strip_prefix(SERVICE).filter(|_| request.method == "POST");
    let known = METHODS.iter().find(|(name, _)| Some(*name) == method).ok_or("no such method")?;
    if request.header("content-type") != Some("application/json") {
        return Err("the content is not said to be JSON".to_owned());
    }
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
    let of_all = ["workflow_run_backend_id", "workflow_job_run_backend_id"];
    let fields: Vec<&str> = of_all.iter().chain(known.1).copied().collect();
    for field in fields.iter().filter(|field| !field.ends_with('?')) {
        if body.get(field).is_none() {
            return Err(format!("`{field}` is missing"));
        }
    }
    for (field, value) in body.as_object().ok_or("no object")? {
        if !fields.iter().any(|known| known.trim_end_matches('?') == field) {
            return Err(format!("`{field}` is unknown"));
        }
        if if field == "version" { *value != json!(4) } else { !value.is_string() } {
            return Err(format!("`{field}` is {value}"));
        }
    }
    Ok(())
}

/// Whether a request to the storage host carries what it must, and no more.
pub(super) fn check_storage(request: &Request) -> Result<(), String> {
    if request.header("authorization").is_some() {
        return Err("a token where none belongs".to_owned());
    }
    if request.method == "PUT" && request.header("x-ms-version").is_none() {
        return Err("no version of the protocol".to_owned());
    }
    Ok(())
}

/// The answer of the service.
pub(super) fn answer(memory: &mut Memory, request: &Request) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let (run, job) = (text("workflow_run_backend_id"), text("workflow_job_run_backend_id"));
    if request.header("authorization") != Some(&format!("Bearer {}", runtime_token(number(&run), &job))) {
        return failure(401, "unauthenticated", "the token is for another job");
    }
    let (run, name, method) = (number(&run), text("name"), path(request).strip_prefix(SERVICE).unwrap());
    let created = if method == "CreateArtifact" { memory.now() } else { Timestamp::default() };
    let artifacts = &mut memory.artifacts;
    let there = artifacts.uploads.iter().position(|upload| upload.run == run && upload.name == name);
    match (method, there) {
        ("CreateArtifact", None) => {
            let id = artifacts.next_id();
            let expires = body["expires_at"].as_str().map(|at| at.parse().unwrap());
            artifacts.uploads.push(Upload { id, run, name, created, expires, ..Upload::default() });
            let to = format!("{}/files/{id}?sv=2024-11-04&sig=up%2Bload%2F{id}%3D", artifacts.storage);
            Answer::json(200, &json!({ "ok": true, "signed_upload_url": to }))
        }
        ("CreateArtifact", Some(_)) => {
            failure(409, "already_exists", "an artifact with this name already exists on the workflow run")
        }
        ("FinalizeArtifact", Some(at)) => finalize(&mut artifacts.uploads[at], &text("size"), &text("hash")),
        ("DeleteArtifact", Some(at)) => {
            let gone = artifacts.uploads.remove(at);
            Answer::json(200, &json!({ "ok": true, "artifact_id": gone.id.to_string() }))
        }
        ("ListArtifacts", _) => {
            let wanted = |upload: &&Upload| upload.run == run && upload.finalized && upload.name == text("name_filter");
            let shown = |upload: &Upload| {
                let size = upload.file.as_ref().map_or(0, Vec::len);
                json!({
                    "workflow_run_backend_id": run.to_string(), "workflow_job_run_backend_id": job,
                    "database_id": upload.id.to_string(), "name": upload.name, "size": size.to_string(),
                    "created_at": upload.created,
                })
            };
            let found: Vec<Value> = artifacts.uploads.iter().filter(wanted).map(shown).collect();
            Answer::json(200, &json!({ "artifacts": found }))
        }
        _ => failure(404, "not_found", "artifact not found"),
    }
}

fn finalize(upload: &mut Upload, size: &str, hash: &str) -> Answer {
    let Some(file) = &upload.file else { return failure(400, "invalid_argument", "no file was uploaded") };
    if size != file.len().to_string() || hash != format!("sha256:{}", hex::encode(Sha256::digest(file))) {
        return failure(400, "invalid_argument", "this is another file");
    }
    if std::mem::replace(&mut upload.finalized, true) {
        return failure(409, "already_exists", "the artifact was finalized before");
    }
    Answer::json(200, &json!({ "ok": true, "artifact_id": upload.id.to_string() }))
}

/// The answer of the storage host.
pub(super) fn storage(artifacts: &mut Artifacts, request: &Request) -> Answer {
    let parameters = parameters(request);
    let parameter = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let id = number(path(request).trim_start_matches("/files/"));
    if request.method == "GET" {
        let known = artifacts.all().into_iter().find(|upload| upload.id == id);
        return match known.and_then(|upload| upload.file) {
            Some(file) if parameter("sig") == format!("download/{id}") => {
                Answer { status: 200, body: file, ..Answer::default() }.header("content-type", "application/zip")
            }
            _ => denied(),
        };
    }
    let known = artifacts.uploads.iter_mut().find(|upload| upload.id == id);
    let signed = parameter("sig") == format!("up+load/{id}=") && parameter("sv") == "2024-11-04";
    let Some(upload) = known.filter(|_| signed) else { return denied() };
    match parameter("comp") {
        "block" if BASE64_STANDARD.decode(parameter("blockid")).is_ok_and(|name| name.len() <= 64) => {
            upload.blocks.insert(parameter("blockid").to_owned(), request.body.clone());
            Answer { status: 201, ..Answer::default() }
        }
        "blocklist" if request.header("x-ms-blob-content-type") == Some("application/zip") => {
            let list = String::from_utf8(request.body.clone()).unwrap();
            let names = list.split("<Latest>").skip(1).map(|rest| rest.split("</Latest>").next().unwrap());
            let blocks: Option<Vec<Vec<u8>>> = names.map(|name| upload.blocks.get(name).cloned()).collect();
            let Some(blocks) = blocks else { return azure(400, "InvalidBlockList") };
            upload.file = Some(blocks.concat());
            Answer { status: 201, ..Answer::default() }
        }
        _ => azure(400, "InvalidQueryParameterValue"),
    }
}

fn failure(status: u16, code: &str, msg: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "msg": msg }))
}

fn denied() -> Answer {
    azure(403, "AuthenticationFailed")
}

fn azure(status: u16, code: &str) -> Answer {
    let body = format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code></Error>");
    Answer { status, body: body.into(), ..Answer::default() }
}

fn path(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

fn parameters(request: &Request) -> HashMap<String, String> {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
