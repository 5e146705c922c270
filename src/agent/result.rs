//! Reads `result:`: the JSON Schema of the value that a run must finish with.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::front_matter::Node;
use crate::domain::problem::Problem;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema as JSON text, if it is one, describes an object, and needs nothing from elsewhere.
pub(super) fn schema(node: &Node, problems: &mut Vec<Problem>) -> Option<Arc<RawValue>> {
    let before = problems.len();
    let schema = node.to_json();
    match schema.get("$schema") {
        None => {}
        Some(Value::String(draft)) if draft.trim_end_matches('#') == DRAFT => {}
        Some(_) => problems.push(bad(node.at_pointer("/$schema"), format!("the draft must be `{DRAFT}`"))),
    }
    refuse_remote(&schema, &mut String::new(), node, problems);
    for error in jsonschema::draft202012::meta::validator().iter_errors(&schema).take(10) {
        let at = node.at_pointer(error.instance_path().as_str());
        problems.push(bad(at, error.masked().to_string().replace('"', "`")));
    }
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        problems.push(
            bad(node.at_pointer("/type"), "the result must be an object")
                .help("write `type: object` and its `properties`; a single value goes into a property of its own"),
        );
    }
    if problems.len() == before
        && let Err(error) = jsonschema::draft202012::new(&schema)
    {
        let at = node.at_pointer(error.instance_path().as_str());
        problems.push(bad(at, error.masked().to_string().replace('"', "`")));
    }
    if problems.len() > before {
        return None;
    }
    serde_json::value::to_raw_value(&schema).ok().map(Arc::from)
}

fn bad(node: &Node, reason: impl std::fmt::Display) -> Problem {
    Problem::error("bad-result", format!("`result` is not a JSON Schema that can be used: {reason}"))
        .at(node.span.clone())
}

/// References may only point into the same schema: hob fetches nothing that a file names.
fn refuse_remote(value: &Value, pointer: &mut String, root: &Node, problems: &mut Vec<Problem>) {
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
                        bad(root.at_pointer(pointer), "references lead outside of it")
                            .help("put the definition under `$defs` and refer to it as `#/$defs/name`"),
                    );
                }
                refuse_remote(value, pointer, root, problems);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                *pointer += &format!("/{index}");
                refuse_remote(value, pointer, root, problems);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}
