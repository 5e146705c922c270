//! What the service is asked and answers. Requests have the names of its protocol; answers come with
//! those from GitHub, and in camel case from `act`.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// How the service calls a workflow run, and a job of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    #[serde(rename = "workflow_run_backend_id", alias = "workflowRunBackendId")]
    pub(super) run: String,
    #[serde(rename = "workflow_job_run_backend_id", alias = "workflowJobRunBackendId")]
    pub(super) job: String,
}

/// The artifact that a call is about.
#[derive(Serialize)]
pub(super) struct Named<'a> {
    #[serde(flatten)]
    pub(super) job: &'a Job,
    pub(super) name: &'a str,
}

/// Asks for the address of a file.
#[derive(Serialize)]
pub(super) struct Create<'a> {
    #[serde(flatten)]
    pub(super) of: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
    pub(super) version: u32,
}

/// Where the file goes.
#[derive(Deserialize)]
pub(super) struct Created {
    #[serde(default)]
    pub(super) ok: bool,
    #[serde(default, alias = "signedUploadUrl")]
    pub(super) signed_upload_url: String,
}

/// Says that the file is there.
#[derive(Serialize)]
pub(super) struct Finalize<'a> {
    #[serde(flatten)]
    pub(super) of: Named<'a>,
    /// The service's JSON has its large numbers as text.
    pub(super) size: String,
    pub(super) hash: &'a str,
}

/// All that other calls answer.
#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    pub(super) ok: bool,
}

/// Asks for the artifacts of a run.
#[derive(Serialize)]
pub(super) struct List<'a> {
    #[serde(flatten)]
    pub(super) job: &'a Job,
    pub(super) name_filter: &'a str,
}

/// Those that are finalized.
#[derive(Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) artifacts: Vec<Artifact>,
}

/// One of them. Large numbers come as text, or as numbers.
#[derive(Deserialize)]
pub(super) struct Artifact {
    #[serde(flatten)]
    pub(super) job: Job,
    pub(super) name: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) size: Option<u64>,
    /// `act` makes one up from the name.
    #[serde(default, alias = "databaseId", deserialize_with = "number")]
    database_id: Option<u64>,
    #[serde(default, alias = "createdAt")]
    created_at: Option<Timestamp>,
}

impl Artifact {
    /// Grows with every artifact that is made.
    pub(super) fn made(&self) -> (Option<Timestamp>, Option<u64>) {
        (self.created_at, self.database_id)
    }
}

fn number<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::String(digits) => digits.parse().ok(),
        value => value.as_u64(),
    })
}
