//! Finds the agents that an agent's head names as its subagents, and theirs.

use std::fmt;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::library::Library;
use super::{Agent, Checked, Known, check};
use crate::domain::name::{Name, SandboxKind};
use crate::domain::problem::{Problem, Severity, nearest};

/// How often work may be handed on: an agent, its subagents, theirs, and so on.
const DEPTH_MAX: usize = 4;

/// Most agents that work on one run, an agent counted once for each that it works for.
const TEAM_MAX: usize = 64;

/// Another agent, as a head names it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Which.
    pub name: Name,
    /// Where in the file.
    pub span: Range<usize>,
}

/// Where an agent would work.
#[derive(Default)]
struct Above {
    /// For whom, outermost first.
    names: Vec<Name>,
    /// How many subagents were met before.
    team: usize,
}

/// Wherever it stands.
impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl Library {
    /// Reads an agent file, and those of its subagents; `stem` is its name without `.md`.
    pub fn check(&self, stem: &str, source: &str, known: &Known<'_>) -> Checked {
        self.check_beneath(stem, source, known, &mut Above::default())
    }

    fn check_beneath(&self, stem: &str, source: &str, known: &Known<'_>, above: &mut Above) -> Checked {
        let mut checked = check(stem, source, known);
        let Some(agent) = &mut checked.agent else { return checked };
        above.names.push(agent.name.clone());
        for named in &checked.subagents {
            match self.subagent(agent, &named.name, known, above) {
                Ok(subagent) => agent.subagents.push(subagent),
                Err(problem) => checked.problems.push(problem.at(named.span.clone())),
            }
        }
        above.names.pop();
        if !agent.subagents.is_empty() {
            let digests = agent.subagents.iter().map(|subagent| subagent.digest.as_str());
            let all = std::iter::once(agent.digest.as_str()).chain(digests).collect::<Vec<_>>().join(" ");
            agent.digest = hex::encode(Sha256::digest(all));
        }
        checked.problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        if checked.problems.iter().any(|problem| problem.severity == Severity::Error) {
            checked.agent = None;
        }
        checked
    }

    fn subagent(&self, of: &Agent, name: &Name, known: &Known<'_>, above: &mut Above) -> Result<Agent, Problem> {
        above.team += 1;
        if above.team > TEAM_MAX {
            return Err(too_many(name));
        }
        if above.names.contains(name) {
            let circle = above.names.iter().skip_while(|earlier| *earlier != name).chain([name]);
            let circle = circle.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ");
            return Err(Problem::error("subagent-cycle", format!("work would go round in a circle: {circle}"))
                .help("take one of them out of `subagents`"));
        }
        if above.names.len() > DEPTH_MAX {
            return Err(too_deep(name));
        }
        let listed = self.list();
        let Some(origin) = listed.get(name) else {
            let problem = Problem::error("unknown-agent", format!("there is no agent `{name}`"));
            return Err(match nearest(name.as_str(), listed.keys().map(Name::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("an agent is a file `agents/{name}.md`")),
            });
        };
        let faulty = |why: &str| {
            Problem::error("faulty-subagent", format!("the agent `{name}` cannot be used: {why}"))
                .help("`hob check` says where that is")
        };
        let source = self.source_of(name, origin).map_err(|error| faulty(&error.to_string()))?;
        let checked = self.check_beneath(name.as_str(), &source, known, above);
        let subagent = checked.agent.ok_or_else(|| {
            let error = checked.problems.into_iter().find(|problem| problem.severity == Severity::Error);
            match error {
                // It is about all of them.
                Some(error) if ["subagent-cycle", "subagent-depth"].contains(&error.code) => error,
                Some(error) => faulty(&error.message),
                None => faulty("it has errors"),
            }
        })?;
        fits(&subagent, of)?;
        Ok(subagent)
    }
}

/// Whether an agent that was put together by hand can work with its subagents, and they with theirs.
///
/// # Errors
/// When one of them cannot work where its agent does, or they are too many, or too deep.
pub fn whole(agent: &Agent) -> Result<(), Problem> {
    let (mut left, mut team) = (vec![(agent, 0)], 0);
    while let Some((agent, depth)) = left.pop() {
        for subagent in &agent.subagents {
            team += 1;
            match (team > TEAM_MAX, depth >= DEPTH_MAX) {
                (true, _) => return Err(too_many(&subagent.name)),
                (_, true) => return Err(too_deep(&subagent.name)),
                _ => fits(subagent, agent)?,
            }
            left.push((subagent, depth + 1));
        }
    }
    Ok(())
}

fn too_many(name: &Name) -> Problem {
    Problem::error("subagent-depth", format!("`{name}` would be one of more than {TEAM_MAX} subagents"))
        .help("a subagent counts once for each agent that it works for; hand work to fewer")
}

fn too_deep(name: &Name) -> Problem {
    Problem::error("subagent-depth", format!("`{name}` would be more than {DEPTH_MAX} agents deep"))
        .help("give its work to an agent above it")
}

/// A subagent works where its agent works, so both must mean the same place.
fn fits(subagent: &Agent, of: &Agent) -> Result<(), Problem> {
    let (own, given) = (&subagent.sandbox, &of.sandbox);
    if own.kind != given.kind && own.kind != SandboxKind::None {
        let problem = format!("`{}` wants sandbox `{}`, and would work in `{}`", subagent.name, own.kind, given.kind);
        return Err(Problem::error("other-sandbox", problem)
            .help("a subagent works in its agent's sandbox: name the same kind in both, or `none` in the subagent"));
    }
    match own.env.iter().find(|name| !given.env.contains(name)) {
        Some(name) => {
            let problem = format!("`{}` wants the variable `{name}`, which this agent has not", subagent.name);
            Err(Problem::error("other-sandbox", problem).help("name it in `env` of this agent's sandbox, too"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Checks the first of these agents, each a name and what its head says.
    fn checked(agents: &[(&str, &str)]) -> Checked {
        let project = tempfile::tempdir().unwrap();
        fs::create_dir(project.path().join("agents")).unwrap();
        let source = |head: &str| format!("---\ndescription: x\n{head}\n---\nWork.\n");
        for (name, head) in agents {
            fs::write(project.path().join(format!("agents/{name}.md")), source(head)).unwrap();
        }
        let (name, head) = agents[0];
        Library::new([project.path().to_owned()]).check(name, &source(head), &Known::default())
    }

    #[test]
    fn an_agent_has_its_subagents_and_they_have_theirs() {
        let plain = "thinking: low";
        let agent = checked(&[("a", "subagents: [b, c]"), ("b", "subagents: [c]"), ("c", plain)]).agent.unwrap();
        let names = |agent: &Agent| agent.subagents.iter().map(|agent| agent.name.to_string()).collect::<Vec<_>>();
        assert_eq!((names(&agent), names(&agent.subagents[0])), (vec!["b".into(), "c".into()], vec!["c".into()]));
        let other = checked(&[("a", "subagents: [b, c]"), ("b", "subagents: [c]"), ("c", "thinking: high")]).agent;
        assert_ne!(agent.digest, other.unwrap().digest, "what changes in one changes the whole");
    }

    #[test]
    fn a_subagent_that_cannot_work_is_told_with_the_next_move() {
        let deep = [("b", "subagents: [c]"), ("c", "subagents: [d]"), ("d", "subagents: [e]"), ("e", "subagents: [f]")];
        let above = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"];
        let above = above.map(|name| (name, "subagents: [m1, m2, m3, m4, m5, m6, m7]"));
        let below = ["m1", "m2", "m3", "m4", "m5", "m6", "m7"].map(|name| (name, "who: read"));
        let told = |agents: &[(&str, &str)]| {
            let checked = checked(agents);
            assert!(checked.agent.is_none(), "{agents:?}");
            let told = |problem: &Problem| format!("{}: {} ({:?})", problem.code, problem.message, problem.help);
            checked.problems.iter().map(told).collect::<Vec<_>>().join("\n")
        };
        let all = [
            told(&[("a", "subagents: [finder]"), ("findr", "who: read")]),
            told(&[("a", "subagents: [zzz]")]),
            told(&[("a", "subagents: [a]")]),
            told(&[("b", "subagents: [c]"), ("c", "subagents: [b]")]),
            told(&[("a", "subagents: [b]"), ("b", "colour: blue")]),
            told(&[&[("a", "subagents: [b]")], &deep[..], &[("f", "who: read")]].concat()),
            told(&[("a", "subagents: [b]"), ("b", "sandbox: local")]),
            told(&[("a", "subagents: [b]\nsandbox: local"), ("b", "sandbox: { kind: local, env: [CARGO_HOME] }")]),
            told(&[("a", "subagents: [b, b]"), ("b", "who: read")]),
            told(&[&[("a", "subagents: [n1, n2, n3, n4, n5, n6, n7, n8, n9]")], &above[..], &below[..]].concat()),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        unknown-agent: there is no agent `finder` (Some("did you mean `findr`?"))
        unknown-agent: there is no agent `zzz` (Some("an agent is a file `agents/zzz.md`"))
        subagent-cycle: work would go round in a circle: `a` → `a` (Some("take one of them out of `subagents`"))
        subagent-cycle: work would go round in a circle: `b` → `c` → `b` (Some("take one of them out of `subagents`"))
        faulty-subagent: the agent `b` cannot be used: an agent has no key `colour` (Some("`hob check` says where that is"))
        subagent-depth: `f` would be more than 4 agents deep (Some("give its work to an agent above it"))
        other-sandbox: `b` wants sandbox `local`, and would work in `virtual` (Some("a subagent works in its agent's sandbox: name the same kind in both, or `none` in the subagent"))
        other-sandbox: `b` wants the variable `CARGO_HOME`, which this agent has not (Some("name it in `env` of this agent's sandbox, too"))
        duplicate-item: `b` is in `subagents` twice (Some("keep one of the two"))
        subagent-depth: `n9` would be one of more than 64 subagents (Some("a subagent counts once for each agent that it works for; hand work to fewer"))
        "#);
    }
}
