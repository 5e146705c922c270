//! The two tools that end a run: with the value its agent's head asks for, or without one.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::domain::message::ToolSpec;
use crate::session::resume::{FINISH, GIVE_UP};
use crate::tool::{Nature, Reply, Scope, Tool};

/// `finish` and `give_up`, for an agent whose head has a `result:` schema.
pub(super) fn tools(schema: &Arc<RawValue>) -> serde_json::Result<[Arc<dyn Tool>; 2]> {
    let reason = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["reason"],
        "properties": { "reason": { "type": "string", "minLength": 1, "description": "Why there is no result, for a person." } },
    });
    let finish = EndTool {
        spec: ToolSpec {
            name: FINISH.to_owned(),
            description: "Ends this run with its result. Call it once, alone, when everything else is done.".to_owned(),
            parameters: schema.clone(),
        },
    };
    let give_up = EndTool {
        spec: ToolSpec {
            name: GIVE_UP.to_owned(),
            description: "Ends this run without a result, when there can be none.".to_owned(),
            parameters: RawValue::from_string(reason.to_string())?.into(),
        },
    };
    Ok([Arc::new(finish), Arc::new(give_up)])
}

/// Ends the run with whatever passed its schema.
struct EndTool {
    spec: ToolSpec,
}

impl Tool for EndTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        Nature::Contained
    }

    fn run<'a>(&'a self, _: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        // Its arguments passed the schema and stand in the log: `session::resume` reads them there.
        Box::pin(async { Reply::ok("The run ends here.") })
    }
}
