//! The head of an agent file as a JSON Schema, for editors: `docs/agent.schema.json`.
//!
//! The types here only describe; [`super::check()`] reads, and says what is wrong in better words. A
//! test holds the two together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use crate::domain::name::{Name, SandboxKind, Thinking, ToolKind};

/// The schema of everything that works today.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Head).to_value();
    without_null(&schema.clone(), &mut schema);
    schema["$id"] = "https://raw.githubusercontent.com/hob-dev/hob/main/docs/agent.schema.json".into();
    schema["title"] = "The head of a hob agent: agents/<name>.md".into();
    schema
}

/// A key that may be left out is not a key that may hold nothing; only a mapping may be empty so.
fn without_null(root: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf")
                && !choices.iter().any(|choice| is_mapping(root, choice))
            {
                choices.retain(|choice| choice["type"] != "null");
            }
            members.values_mut().for_each(|value| without_null(root, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| without_null(root, value)),
        _ => {}
    }
}

fn is_mapping(root: &Value, choice: &Value) -> bool {
    let target = choice["$ref"].as_str().and_then(|target| root.pointer(target.trim_start_matches('#')));
    target.is_some_and(|target| target["type"] == "object")
}

/// The settings between the two `---` lines.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Head {
    /// What the agent does, in one sentence, for people and rosters.
    #[schemars(length(min = 1, max = 1024))]
    description: String,
    /// Optional; must equal the file's name without `.md`.
    #[serde(default)]
    name: Option<Name>,
    /// `provider/model`. Left out: the operator's default.
    #[schemars(regex(pattern = r"^[a-z-]+/\S+$"), example = "anthropic/claude-sonnet-5")]
    #[serde(default)]
    model: Option<String>,
    /// Models that go on when that one does not answer, one after the other.
    #[schemars(extend("uniqueItems" = true))]
    #[serde(default)]
    fallback: Option<Vec<String>>,
    /// How a long conversation is kept within the model's window.
    #[serde(default)]
    compaction: Option<Compaction>,
    /// How hard the model thinks before it answers. Left out: `medium`.
    #[serde(default)]
    thinking: Option<Thinking>,
    /// The events that start the agent. Left out: only `hob run` does.
    #[serde(default)]
    on: Option<On>,
    /// The weakest role that may start it, where a trigger does not say. Left out: `write`.
    #[serde(default)]
    who: Option<Who>,
    /// What one continuing session belongs to. Left out: `thread`.
    #[serde(default)]
    instance: Option<Instance>,
    /// Where its files are and its commands run. Left out: `virtual`.
    #[serde(default)]
    sandbox: Option<Sandbox>,
    /// Its built-in tools. Left out: all that the sandbox has.
    #[schemars(extend("uniqueItems" = true))]
    #[serde(default)]
    tools: Option<Vec<ToolKind>>,
    /// Tools that are programs, by the name that the model calls them.
    #[schemars(extend("maxProperties" = 32, "propertyNames" = { "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": 64 }))]
    #[serde(default)]
    commands: Option<BTreeMap<String, Command>>,
    /// What it may propose to write. A kind that is not named is never written.
    #[serde(default)]
    effects: Option<Effects>,
    /// Skills it may activate, by name.
    #[schemars(extend("uniqueItems" = true))]
    #[serde(default)]
    skills: Option<Vec<Name>>,
    /// Agents that work on its tasks, by name; they work in its sandbox.
    #[schemars(extend("uniqueItems" = true))]
    #[serde(default)]
    subagents: Option<Vec<Name>>,
    /// What its runs may use at most.
    #[serde(default)]
    limits: Option<Limits>,
    /// JSON Schema (2020-12, `type: object`) of the value a run must finish with.
    #[serde(default)]
    result: Option<BTreeMap<String, Value>>,
}

/// What was said longest ago becomes a summary.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Compaction {
    /// `provider/model` that writes the summaries. Left out: the agent's own.
    #[schemars(regex(pattern = r"^[a-z-]+/\S+$"))]
    #[serde(default)]
    model: Option<String>,
    /// Tokens that fit into the model's context. Left out: what is known of the model.
    #[serde(default)]
    window: Option<Count>,
}

/// Events, by code host.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct On {
    /// Events of GitHub, by their webhook's name.
    #[serde(default)]
    github: Option<Github>,
    /// Events of GitLab, by their `object_kind`.
    #[serde(default)]
    gitlab: Option<Gitlab>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Github {
    /// Something happened to an issue.
    #[serde(default)]
    issues: Option<Issue>,
    /// A comment on an issue or pull request.
    #[serde(default)]
    issue_comment: Option<Comment>,
    /// Something happened to a pull request.
    #[serde(default)]
    pull_request: Option<Pull>,
    /// A review of a pull request.
    #[serde(default)]
    pull_request_review: Option<Review>,
    /// A comment on a line of a diff.
    #[serde(default)]
    pull_request_review_comment: Option<Review>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Gitlab {
    /// Something happened to an issue.
    #[serde(default)]
    issue: Option<Issue>,
    /// A comment on an issue, a merge request or a diff.
    #[serde(default)]
    note: Option<Comment>,
    /// Something happened to a merge request.
    #[serde(default)]
    merge_request: Option<Pull>,
}

/// Writes a trigger with the conditions that every trigger has, and some of its own.
macro_rules! trigger {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "described, not read")]
        struct $name {
            /// The forge's words for what happened: `opened`, `created`. Left out or empty: all.
            #[serde(default)]
            types: Option<Vec<String>>,
            /// The thread has at least one of these labels. Left out or empty: any.
            #[serde(default)]
            labels: Option<Vec<String>>,
            /// The weakest role that may start it this way.
            #[serde(default)]
            who: Option<Who>,
            /// Logins whose events do not count; `bots` means every bot.
            #[serde(default)]
            ignore_authors: Option<Vec<String>>,
            $($(#[$field_doc])* #[serde(default)] $field: $type,)*
        }
    };
}

trigger! {
    /// An issue.
    Issue {}
}

trigger! {
    /// A comment on a thread.
    Comment {
        /// The text has a line that begins with `/hob`. Excludes `mention`.
        command: Option<bool>,
        /// The text mentions this login. Excludes `command`.
        mention: Option<String>,
    }
}

trigger! {
    /// A pull request or merge request.
    Pull {
        /// Whether drafts count. Left out: they do.
        draft: Option<bool>,
        /// Globs; at least one changed file matches one of them. Left out: any.
        paths: Option<Vec<String>>,
    }
}

trigger! {
    /// A review, or a comment on a line of a diff.
    Review {
        /// The text has a line that begins with `/hob`. Excludes `mention`.
        command: Option<bool>,
        /// The text mentions this login. Excludes `command`.
        mention: Option<String>,
        /// Whether drafts count. Left out: they do.
        draft: Option<bool>,
    }
}

/// Who may start an agent; `anyone` narrows the run to a virtual sandbox.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "described, not read")]
enum Who {
    Anyone,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

/// One session for each issue or pull request.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "described, not read")]
enum Instance {
    Thread,
}

/// A kind, or a kind with its settings.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, not read")]
enum Sandbox {
    Kind(SandboxKind),
    Settings(SandboxSettings),
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct SandboxSettings {
    /// Left out: `virtual`.
    #[serde(default)]
    kind: Option<SandboxKind>,
    /// Variables it asks for; it gets those that the operator exposes.
    #[schemars(extend("uniqueItems" = true))]
    #[serde(default)]
    env: Option<Vec<String>>,
}

/// A program and its arguments; no shell reads them.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Command {
    /// What it does, in one sentence, for the model.
    #[schemars(length(min = 1, max = 1024))]
    description: String,
    /// The program, then its arguments. An argument `{name}` is what the model gives under this name of `input`.
    #[schemars(length(min = 1, max = 64))]
    run: Vec<String>,
    /// JSON Schema (2020-12, `type: object`) of what the model gives: one scalar for each place. Left out: nothing.
    #[serde(default)]
    input: Option<BTreeMap<String, Value>>,
    /// How long it may take, at most 10m. Left out: 2m.
    #[serde(default)]
    timeout: Option<Time>,
    /// It changes nothing: it may run beside other such calls, and again after a kill. Left out: false.
    #[serde(default)]
    read_only: Option<bool>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Effects {
    /// One comment that is edited in place, run after run.
    #[serde(default)]
    status: Option<Effect>,
    /// A new comment on the thread.
    #[serde(default)]
    comment: Option<Effect>,
    /// Labels put on or taken off.
    #[serde(default)]
    label: Option<LabelEffect>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Effect {
    /// How often in a run. Left out: once.
    #[serde(default)]
    max: Option<Count>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct LabelEffect {
    /// How often in a run. Left out: once.
    #[serde(default)]
    max: Option<Count>,
    /// The only labels it may touch. Left out or empty: any.
    #[schemars(extend("uniqueItems" = true))]
    #[serde(default)]
    allow: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Limits {
    /// Model calls. Left out: 50.
    #[serde(default)]
    turns: Option<Count>,
    /// Tokens in and out, cached ones counted. Left out: 1M.
    #[serde(default)]
    tokens: Option<Count>,
    /// Tool calls. Left out: 200.
    #[serde(default)]
    calls: Option<Count>,
    /// Money; not counted for models without a known price. Left out: `2.00 USD`.
    #[serde(default)]
    cost: Option<Cost>,
    /// Wall clock. Left out: 30m.
    #[serde(default)]
    time: Option<Time>,
    /// Money of all its runs in one repository in a UTC day; counted in databases. Left out: `20.00 USD`.
    #[serde(default)]
    per_day: Option<Cost>,
    /// The part of that which the runs of one person may cost. Left out: any.
    #[serde(default)]
    per_actor_day: Option<Cost>,
}

/// A whole number, plain or in thousands (`400k`) or millions (`2M`).
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, not read")]
enum Count {
    Plain(#[schemars(range(min = 1))] u64),
    WithUnit(#[schemars(regex(pattern = r"^[0-9]+[kM]$"))] String),
}

/// Whole seconds, minutes or hours: `90s`, `20m`, `1h`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described, not read")]
struct Time(#[schemars(regex(pattern = r"^[0-9]+[smh]$"))] String);

/// Dollars, with at most two decimals: `2 USD`, `0.50 USD`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described, not read")]
struct Cost(#[schemars(regex(pattern = r"^[0-9]+(\.[0-9]{1,2})? USD$"))] String);
