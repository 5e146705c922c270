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
use crate::tool::{Nature, Reply, Scope, Tool, output};

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
    /// First line to show, counted from 1.
    #[schemars(range(min = 1))]
    offset: Option<u64>,
    /// How many lines to show.
    #[schemars(range(min = 1))]
    limit: Option<u64>,
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
    const DESCRIPTION: &'static str = "\
        Reads one file of a skill, by the path that `activate_skill` listed, in parts as `read` does.";
    type Shared = Shelf;

    fn nature(_: &Shelf) -> Nature {
        Nature::ReadOnly
    }

    async fn run(self, shelf: &Shelf, _: &Scope) -> Reply {
        let Self { name, path, offset, limit } = self;
        let file = activate::read_resource(&shelf.library, &shelf.allowed, &name, &path);
        reply(file.and_then(|text| output::page(&path, text.as_bytes(), offset, limit)))
    }
}

fn reply(read: Result<String, String>) -> Reply {
    match read {
        Ok(text) => Reply::ok(text),
        Err(reason) => Reply::error(reason),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, Instant};

    use super::*;
    use crate::domain::image::Sight;

    #[tokio::test]
    async fn a_long_file_of_a_skill_is_read_in_parts_that_miss_nothing() {
        let root = tempfile::tempdir().unwrap();
        let skill = root.path().join("skills/own");
        std::fs::create_dir_all(&skill).unwrap();
        std::fs::write(skill.join("SKILL.md"), "---\nname: own\ndescription: x\n---\nbody").unwrap();
        let file: String = (1..=9000).map(|n| format!("line {n} of many\n")).collect();
        std::fs::write(skill.join("long.md"), &file).unwrap();
        let shelf = Shelf { library: Arc::new(Library::open(root.path())), allowed: vec!["own".parse().unwrap()] };
        let deadline = Instant::now() + Duration::from_secs(60);
        let scope = Scope { cancel: Default::default(), call: "c".into(), deadline, sight: Sight::NONE };
        let (mut read, mut offset) = (String::new(), 1);
        loop {
            let part = ReadResource { name: "own".into(), path: "long.md".into(), offset: Some(offset), limit: None };
            let reply = part.run(&shelf, &scope).await.content;
            let Some((text, note)) = reply.split_once("[lines ") else {
                read.push_str(&reply);
                break;
            };
            read.push_str(text);
            offset = note.trim_end_matches(']').rsplit(' ').next().unwrap().parse().unwrap();
        }
        assert_eq!((read == file, offset), (true, 8001));
    }
}
