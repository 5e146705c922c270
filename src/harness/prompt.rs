//! The system prompt: equal to the byte for every instance of an agent, so that providers' caches
//! stay warm. What changes from run to run stands in the task.

use crate::agent::Agent;
use crate::agent::project::Notes;
use crate::domain::name::Name;
use crate::sandbox::Sandbox;
use crate::tool::Toolbox;
use crate::trust::frame;

/// How an agent works, whatever it is for.
const MANNERS: &str = "\
You are `{agent}`, an agent that hob runs in answer to an event. Nobody watches while you work and nobody can answer \
questions in between: decide, act, and finish. Look before you claim: read the files that matter, and name them with \
their lines. Say plainly what you could not find out. End with a short answer in Markdown that says what you did and \
found; it is kept as the result of this run.";

/// What an agent must know about writing.
const WRITES: &str = "\
You cannot write to the code host yourself. The `propose_…` tools put a write into this run's plan; rules check it at \
once and tell you when it is refused. The target is always the thread that started you. Propose a write once, when it \
is ready; do not announce it.";

/// What the stable part tells.
pub(super) struct Told<'a> {
    pub(super) agent: &'a Agent,
    /// The repository's notes.
    pub(super) project: &'a [Notes],
    pub(super) toolbox: &'a Toolbox,
    /// Names and descriptions.
    pub(super) skills: &'a [(Name, String)],
    /// Names and descriptions.
    pub(super) subagents: &'a [(Name, String)],
}

/// The stable part: manners, frames, writes, the repository's notes, instructions, rosters.
pub(super) fn system(told: &Told<'_>) -> String {
    let Told { agent, project, toolbox, skills, subagents } = told;
    let mut parts = vec![MANNERS.replace("{agent}", agent.name.as_str()), frame::EXPLANATION.to_owned()];
    if toolbox.iter().any(|tool| tool.spec().name.starts_with("propose_")) {
        parts.push(WRITES.to_owned());
    }
    if !project.is_empty() {
        let notes: Vec<String> =
            project.iter().map(|notes| format!("From `{}`:\n\n{}", notes.path, notes.text)).collect();
        parts.push(format!(
            "# The repository\n\nIts own notes for everybody who works on it. Where they and your instructions differ, your \
             instructions count.\n\n{}",
            notes.join("\n\n")
        ));
    }
    // Instructions that name fields of the event stand in each task, filled in.
    if agent.instructions.is_plain() {
        parts.push(format!("# Instructions\n\n{}", agent.instructions.as_str().trim()));
    }
    if !skills.is_empty() {
        parts.push(format!(
            "# Skills\n\nBefore work that one of these describes, call `activate_skill` with its name and follow what it says.\n\n{}",
            roster(skills)
        ));
    }
    if !subagents.is_empty() {
        parts.push(format!(
            "# Subagents\n\nThese work for you on what you hand them with `task`. Hand over work that fits one of them, or that \
             can be done apart from yours.\n\n{}",
            roster(subagents)
        ));
    }
    parts.join("\n\n")
}

/// The part that depends on where the run happens: what an agent must know about its files.
pub(super) fn environment(sandbox: Option<&dyn Sandbox>) -> String {
    let Some(sandbox) = sandbox else { return "You have no files and no shell.".to_owned() };
    let workspace = sandbox.workspace();
    if sandbox.capabilities().contained {
        format!(
            "Your working directory is `{workspace}`: a private copy of the repository in memory. Nothing you change there \
             leaves this session. The shell is a bash work-alike with the usual text tools; it has no network, no compilers \
             and no git. Each command starts afresh in the working directory."
        )
    } else {
        format!("Your working directory is `{workspace}`, on a real machine. Each command starts afresh in it.")
    }
}

fn roster(named: &[(Name, String)]) -> String {
    let line = |(name, description): &(Name, String)| format!("- `{name}`: {}", one_line(description));
    named.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
