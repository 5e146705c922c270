//! Skills as a model meets them: a roster in the prompt, a tool that opens one, a tool that reads
//! its files.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Error;
use crate::agent::Agent;
use crate::domain::message::ToolSpec;
use crate::domain::name::Name;
use crate::skill::activate;
use crate::skill::library::Library;
use crate::tool::{Nature, Reply, Scope, Tool, schema};

/// Name and description of each skill the agent may activate, in the order of its head.
pub(super) fn roster(agent: &Agent, library: &Library) -> Result<Vec<(Name, String)>, Error> {
    let card = |name: &Name| match library.get(name.as_str()) {
        Ok(skill) => Ok((name.clone(), skill.description.clone())),
        Err(error) => Err(Error::Skill { agent: agent.name.to_string(), reason: error.to_string() }),
    };
    agent.skills.iter().map(card).collect()
}

/// `activate_skill` and `read_skill_resource`; none for an agent without skills.
pub(super) fn tools(agent: &Agent, library: &Arc<Library>) -> Vec<Arc<dyn Tool>> {
    if agent.skills.is_empty() {
        return Vec::new();
    }
    let shelf = Shelf { library: library.clone(), allowed: agent.skills.clone() };
    let activate = "Opens a skill: returns its instructions and the list of its files. Follow them.";
    let read = "Reads one file of a skill, by the path that `activate_skill` listed.";
    vec![
        Arc::new(Activate {
            spec: schema::spec::<ActivateArguments>("activate_skill", activate),
            shelf: shelf.clone(),
        }),
        Arc::new(ReadResource { spec: schema::spec::<ReadArguments>("read_skill_resource", read), shelf }),
    ]
}

/// The skills one agent may use.
#[derive(Clone)]
struct Shelf {
    library: Arc<Library>,
    allowed: Vec<Name>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ActivateArguments {
    /// Name of the skill, from the roster.
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadArguments {
    /// Name of the skill.
    name: String,
    /// Path of the file, beneath the skill's directory.
    path: String,
}

struct Activate {
    spec: ToolSpec,
    shelf: Shelf,
}

impl Tool for Activate {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        Nature::ReadOnly
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let arguments: ActivateArguments = match schema::parse(arguments) {
                Ok(arguments) => arguments,
                Err(reply) => return reply,
            };
            reply(activate::activate(&self.shelf.library, &self.shelf.allowed, &arguments.name))
        })
    }
}

struct ReadResource {
    spec: ToolSpec,
    shelf: Shelf,
}

impl Tool for ReadResource {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        Nature::ReadOnly
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let arguments: ReadArguments = match schema::parse(arguments) {
                Ok(arguments) => arguments,
                Err(reply) => return reply,
            };
            reply(activate::read_resource(&self.shelf.library, &self.shelf.allowed, &arguments.name, &arguments.path))
        })
    }
}

fn reply(read: Result<String, String>) -> Reply {
    match read {
        Ok(text) => Reply::ok(text),
        Err(reason) => Reply::error(reason),
    }
}
