//! Reads a JSON Schema that stands in a head: of the value that a run must finish with, or of what
//! a model gives to a command.

use jsonschema::{Draft, PatternOptions};
use serde_json::Value;

use crate::domain::front_matter::Node;
use crate::domain::problem::Problem;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What a schema is of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    /// `result:`.
    Result,
    /// `input:` of the command with this name.
    Input(&'a str),
}

impl Of<'_> {
    /// What is wrong with it.
    pub(super) fn bad(self, node: &Node, reason: impl std::fmt::Display) -> Problem {
        let problem = match self {
            Self::Result => {
                Problem::error("bad-result", format!("`result` is not a JSON Schema that can be used: {reason}"))
            }
            Self::Input(command) => {
                Problem::error("bad-input", format!("`input` of `{command}` cannot be used: {reason}"))
            }
        };
        problem.at(node.span.clone())
    }

    fn not_an_object(self, node: &Node) -> Problem {
        match self {
            Self::Result => self
                .bad(node, "the result must be an object")
                .help("write `type: object` and its `properties`; a single value goes into a property of its own"),
            Self::Input(_) => self
                .bad(node, "it must describe an object")
                .help("write `type: object`, and one of `properties` for each place in `run`"),
        }
    }
}

/// The schema as JSON, if it is one, describes an object, and needs nothing from elsewhere.
pub(super) fn read(of: Of<'_>, node: &Node, problems: &mut Vec<Problem>) -> Option<Value> {
    let before = problems.len();
    let schema = node.to_json();
    match schema.get("$schema") {
        None => {}
        Some(Value::String(draft)) if draft.trim_end_matches('#') == DRAFT => {}
        Some(_) => problems.push(of.bad(node.at_pointer("/$schema"), format!("the draft must be `{DRAFT}`"))),
    }
    refuse_remote(of, &schema, &mut String::new(), node, problems);
    for error in jsonschema::draft202012::meta::validator().iter_errors(&schema).take(10) {
        let at = node.at_pointer(error.instance_path().as_str());
        problems.push(of.bad(at, error.masked().to_string().replace('"', "`")));
    }
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        problems.push(of.not_an_object(node.at_pointer("/type")));
    }
    if problems.len() == before {
        // As the calls will be checked: patterns are read by the linear engine.
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        if let Err(error) = options.with_pattern_options(PatternOptions::regex()).build(&schema) {
            let at = node.at_pointer(error.instance_path().as_str());
            problems.push(of.bad(at, error.masked().to_string().replace('"', "`")));
        }
    }
    (problems.len() == before).then_some(schema)
}

/// References may only point into the same schema: hob fetches nothing that a file names.
fn refuse_remote(of: Of<'_>, value: &Value, pointer: &mut String, root: &Node, problems: &mut Vec<Problem>) {
    let length = pointer.len();
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                *pointer += "/";
                *pointer += &key.replace('~', "~0").replace('/', "~1");
                if matches!(key.as_str(), "$ref" | "$dynamicRef")
                    && value.as_str().is_some_and(|target| !target.starts_with('#'))
                {
                    problems.push(
                        of.bad(root.at_pointer(pointer), "references lead outside of it")
                            .help("put the definition under `$defs` and refer to it as `#/$defs/name`"),
                    );
                }
                refuse_remote(of, value, pointer, root, problems);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                *pointer += &format!("/{index}");
                refuse_remote(of, value, pointer, root, problems);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}
