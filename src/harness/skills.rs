//! Skills as a model meets them: a roster in the prompt, a tool that opens one, a tool that reads
//! its files.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Error;
use crate::agent::Agent;
use crate::domain::name::Name;
use crate::skill::activate;
use crate::skill::library::Library;
use crate::tool::typed::{Typed, typed};
use crate::tool::{Nature, Reply, Scope, Tool};

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
    let shelf = Arc::new(Shelf { library: library.clone(), allowed: agent.skills.clone() });
    vec![typed::<Activate>(&shelf), typed::<ReadResource>(&shelf)]
}

/// The skills one agent may use.
struct Shelf {
    library: Arc<Library>,
    allowed: Vec<Name>,
}

/// Opens a skill.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Activate {
    /// Name of the skill, from the roster.
    name: String,
}

/// Reads a file of a skill.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadResource {
    /// Name of the skill.
    name: String,
    /// Path of the file, beneath the skill's directory.
    path: String,
}

impl Typed for Activate {
    const NAME: &'static str = "activate_skill";
    const DESCRIPTION: &'static str = "Opens a skill: returns its instructions and the list of its files. Follow them.";
    type Shared = Shelf;

    fn nature(_: &Shelf) -> Nature {
        Nature::ReadOnly
    }

    async fn run(self, shelf: &Shelf, _: &Scope) -> Reply {
        reply(activate::activate(&shelf.library, &shelf.allowed, &self.name))
    }
}

impl Typed for ReadResource {
    const NAME: &'static str = "read_skill_resource";
    const DESCRIPTION: &'static str = "Reads one file of a skill, by the path that `activate_skill` listed.";
    type Shared = Shelf;

    fn nature(_: &Shelf) -> Nature {
        Nature::ReadOnly
    }

    async fn run(self, shelf: &Shelf, _: &Scope) -> Reply {
        reply(activate::read_resource(&shelf.library, &shelf.allowed, &self.name, &self.path))
    }
}

fn reply(read: Result<String, String>) -> Reply {
    match read {
        Ok(text) => Reply::ok(text),
        Err(reason) => Reply::error(reason),
    }
}
