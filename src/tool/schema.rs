//! How a tool of ours describes its arguments: one struct, whose doc comments the model reads; and the
//! form of a schema that arguments are checked against.

use std::sync::{Arc, OnceLock};

use jsonschema::{PatternOptions, Validator};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::{Reply, output};
use crate::domain::message::ToolSpec;

/// A tool whose arguments are a `T`.
pub fn spec<T: JsonSchema>(name: &str, description: impl Into<String>) -> ToolSpec {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    remove_noise(&mut schema);
    ToolSpec {
        name: name.to_owned(),
        description: description.into(),
        parameters: to_raw_value(&schema).unwrap_or_else(|_| RawValue::NULL.to_owned()).into(),
    }
}

/// Takes out what tells a model nothing: Rust's names and number widths, and how a comment was wrapped.
fn remove_noise(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("title");
    object.remove("description");
    for property in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(property) = property.as_object_mut() {
            property.remove("format");
            if let Some(Value::String(description)) = property.get_mut("description") {
                *description = description.replace('\n', " ");
            }
        }
    }
}

/// Arguments that passed the schema, as the tool's own struct.
pub fn parse<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Reply> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Reply::error(format!("The arguments do not fit: {error}.")))
}

/// A schema as arguments are checked against it, made when the first call needs it. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Compiled(Arc<OnceLock<Result<Validator, String>>>);

impl Compiled {
    /// Of a tool's parameters, which must be the same each time; else why it cannot be made.
    pub(super) fn of(&self, parameters: &RawValue) -> Result<&Validator, String> {
        self.0.get_or_init(|| compile(parameters)).as_ref().map_err(Clone::clone)
    }
}

fn compile(parameters: &RawValue) -> Result<Validator, String> {
    let invalid = |error: String| format!("its own schema is not valid: {}", output::one_line(&error, 300));
    let schema: Value = serde_json::from_str(parameters.get()).map_err(|error| invalid(error.to_string()))?;
    // The linear engine: a pattern may come from a server, the text it runs on from anybody.
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|error| invalid(error.to_string()))
}
