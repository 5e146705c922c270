//! Reads one agent file strictly, and tells everything that is wrong with it at once.

use serde_json::value::to_raw_value;
use sha2::{Digest, Sha256};

use super::json_schema::{self, Of};
use super::team::Named;
use super::template::Template;
use super::{Agent, Compaction, SandboxSpec, Trigger, Who, commands, planned, reach, starts};
use crate::domain::budget::Limits;
use crate::domain::front_matter::{self, Fields, Node, Shape, dollars, items, name, number, seconds, text, word};
use crate::domain::name::{InvalidName, Name, Thinking};
use crate::domain::problem::{Problem, Severity, nearest};

/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 1024;
/// Most that `limits` can ask for.
const TURNS_MAX: u64 = 10_000;
const TOKENS_MAX: u64 = 1_000_000_000;
const CALLS_MAX: u64 = 100_000;
/// Whole dollars.
const COST_MAX: u64 = 10_000;
const DAY_MAX: u64 = 100_000;
const SECONDS_MAX: u64 = 24 * 3600;

/// The names that exist around an agent file, which its head may refer to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Skills that can be activated.
    pub skills: &'a [Name],
    /// What may stand before the `/` of a model.
    pub providers: &'a [&'a str],
    /// Nobody counts what several runs cost together: sessions are kept one by one, in a directory or a CI job.
    pub is_uncounted: bool,
}

/// What came of reading an agent file.
#[derive(Debug)]
pub struct Checked {
    /// The agent; `None` when a problem is an error.
    pub agent: Option<Agent>,
    /// In the order of the file.
    pub problems: Vec<Problem>,
    /// Those that its head names to work for it; `agent` does not have them yet.
    pub subagents: Vec<Named>,
}

/// Reads an agent file by itself; `stem` is its name without `.md`. [`super::library::Library::check`] looks
/// after its subagents, too.
pub fn check(stem: &str, source: &str, known: &Known<'_>) -> Checked {
    let (mut problems, mut subagents) = (Vec::new(), Vec::new());
    let agent = read(stem, source, known, &mut problems, &mut subagents);
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    let fatal = problems.iter().any(|problem| problem.severity == Severity::Error);
    Checked { agent: agent.filter(|_| !fatal), problems, subagents }
}

/// Reads on after everything that is wrong; a placeholder stands for what could not be read, and
/// [`check`] throws the agent away then.
fn read(
    stem: &str,
    source: &str,
    known: &Known<'_>,
    problems: &mut Vec<Problem>,
    subagents: &mut Vec<Named>,
) -> Option<Agent> {
    let parts = front_matter::split(source).map_err(|problem| problems.push(problem)).ok()?;
    let root = front_matter::parse(source, parts.head.clone(), problems);
    let instructions = Template::parse(source, parts.body.clone(), problems);
    if source.get(parts.body).is_none_or(|body| body.trim().is_empty()) {
        problems.push(
            Problem::error("empty-body", "the agent has no instructions")
                .help("write below the second `---` what it should do"),
        );
    }
    let stem: Option<Name> = stem
        .parse()
        .map_err(|error: InvalidName| {
            problems.push(Problem::error("bad-name", format!("the file's name: {error}")).help("rename the file"));
        })
        .ok();
    let root = root?;
    let mut head = Fields::of(&root, "an agent", problems)?;

    let description = description(head.value("description"), problems);
    if let (Some(node), Some(stem)) = (head.value("name"), &stem) {
        own_name(node, stem, problems);
    }
    let main = head.value("model").and_then(|node| model("model", node, known, problems));
    let fallback = head.value("fallback").map_or_else(Vec::new, |node| {
        items("fallback", node, problems, |item, problems| model("fallback", item, known, problems))
    });
    let compaction =
        head.value("compaction").map_or_else(Compaction::default, |node| compaction(node, known, problems));
    let thinking = head.value("thinking").and_then(|node| word("thinking", node, Thinking::ALL, &[], problems));
    let triggers = head.value("on").map_or_else(Vec::new, |node| starts::triggers(node, problems));
    let who_node = head.value("who");
    let who = who_node.and_then(|node| starts::who(node, problems)).unwrap_or_default();
    if let Some(node) = head.value("instance") {
        instance(node, problems);
    }
    let sandbox_node = head.value("sandbox");
    let sandbox = sandbox_node.map_or_else(|| Some(SandboxSpec::default()), |node| reach::sandbox(node, problems));
    let tools = head.take("tools").map(|member| reach::tools(member, sandbox.as_ref(), problems));
    let commands = head.take("commands").map(|member| commands::commands(member, sandbox.as_ref(), problems));
    let effects_node = head.value("effects");
    let effects = effects_node.map_or_else(Vec::new, |node| reach::effects(node, problems));
    let skills = head.value("skills").map_or_else(Vec::new, |node| skills(node, known, problems));
    *subagents = head.value("subagents").map_or_else(Vec::new, |node| {
        items("subagents", node, problems, |item, problems| {
            Some(Named { name: name("subagents", item, problems)?, span: item.span.clone() })
        })
    });
    let limits = head.value("limits").map_or_else(Limits::default, |node| limits(node, known, problems));
    let result = head.value("result").and_then(|node| json_schema::read(Of::Result, node, problems));
    head.not_yet(planned::HEAD, problems);
    head.finish(problems);

    let sandbox = sandbox?;
    if who == Who::Anyone || triggers.iter().any(|trigger: &Trigger| trigger.who == Some(Who::Anyone)) {
        reach::narrow(sandbox_node.unwrap_or(&root), &sandbox, effects_node, &effects, problems);
    }
    let tools = tools.unwrap_or_else(|| reach::offered(sandbox.kind).to_vec());
    Some(Agent {
        name: stem?,
        description: description?,
        model: main,
        fallback,
        thinking: thinking.unwrap_or(Thinking::Medium),
        compaction,
        triggers,
        who,
        sandbox,
        tools,
        commands: commands.unwrap_or_default(),
        effects,
        skills,
        subagents: Vec::new(),
        limits,
        result: result.and_then(|schema| to_raw_value(&schema).ok()).map(Into::into),
        instructions: instructions?,
        digest: hex::encode(Sha256::digest(source)),
    })
}

fn description(node: Option<&Node>, problems: &mut Vec<Problem>) -> Option<String> {
    let Some(node) = node else {
        problems.push(
            Problem::error("missing-key", "an agent needs a `description`")
                .help("say in one sentence what it does: `description: Triage a new bug report`"),
        );
        return None;
    };
    let given = text("description", node, problems)?;
    let length = given.chars().count();
    if length > DESCRIPTION_MAX {
        problems.push(
            Problem::error("too-long", format!("`description` is {length} characters, at most {DESCRIPTION_MAX}"))
                .at(node.span.clone())
                .help("one sentence is enough; the instructions go below the second `---`"),
        );
    }
    Some(given)
}

fn own_name(node: &Node, stem: &Name, problems: &mut Vec<Problem>) {
    if let Some(given) = name("name", node, problems)
        && given != *stem
    {
        problems.push(
            Problem::error("name-mismatch", format!("the agent calls itself `{given}`, but its file is `{stem}.md`"))
                .at(node.span.clone())
                .help("make them equal, or leave `name` out: the file's name is the agent's"),
        );
    }
}

fn compaction(node: &Node, known: &Known<'_>, problems: &mut Vec<Problem>) -> Compaction {
    let mut compaction = Compaction::default();
    let Some(mut fields) = Fields::of(node, "`compaction`", problems) else { return compaction };
    compaction.model = fields.value("model").and_then(|node| model("model", node, known, problems));
    compaction.window = fields.value("window").and_then(|node| number("window", node, TOKENS_MAX, problems));
    fields.finish(problems);
    compaction
}

fn model(key: &str, node: &Node, known: &Known<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let given = text(key, node, problems)?;
    let (provider, id) = given.split_once('/').unwrap_or((&given, ""));
    if id.is_empty() || given.len() > 200 || given.contains(|c: char| c.is_whitespace() || c.is_control()) {
        problems.push(
            Problem::error("unknown-model", format!("`{given}` is not a model"))
                .at(node.span.clone())
                .help("write `provider/model`, for example `anthropic/claude-sonnet-5`"),
        );
        return None;
    }
    if known.providers.contains(&provider) {
        return Some(given);
    }
    let problem = Problem::error("unknown-model", format!("there is no provider `{provider}`")).at(node.span.clone());
    problems.push(match nearest(provider, known.providers.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}/{id}`?")),
        None => problem.help(format!("providers: {}", known.providers.join(", "))),
    });
    None
}

fn instance(node: &Node, problems: &mut Vec<Problem>) {
    if let Shape::Map(_) = node.shape {
        if let Some(mut fields) = Fields::of(node, "`instance`", problems) {
            fields.not_yet(planned::INSTANCE, problems);
            fields.finish(problems);
        }
        return;
    }
    word("instance", node, &["thread"], planned::INSTANCE, problems);
}

fn skills(node: &Node, known: &Known<'_>, problems: &mut Vec<Problem>) -> Vec<Name> {
    items("skills", node, problems, |item, problems| {
        let given = name("skills", item, problems)?;
        if known.skills.contains(&given) {
            return Some(given);
        }
        let problem = Problem::error("unknown-skill", format!("there is no skill `{given}`")).at(item.span.clone());
        problems.push(match nearest(given.as_str(), known.skills.iter().map(Name::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("a skill is a file `skills/{given}/SKILL.md`")),
        });
        None
    })
}

fn limits(node: &Node, known: &Known<'_>, problems: &mut Vec<Problem>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut fields) = Fields::of(node, "`limits`", problems) else { return limits };
    if let Some(turns) = fields.value("turns").and_then(|node| number("turns", node, TURNS_MAX, problems)) {
        limits.turns = u32::try_from(turns).unwrap_or(u32::MAX);
    }
    if let Some(tokens) = fields.value("tokens").and_then(|node| number("tokens", node, TOKENS_MAX, problems)) {
        limits.tokens = tokens;
    }
    if let Some(calls) = fields.value("calls").and_then(|node| number("calls", node, CALLS_MAX, problems)) {
        limits.calls = u32::try_from(calls).unwrap_or(u32::MAX);
    }
    if let Some(cost) = fields.value("cost").and_then(|node| dollars("cost", node, COST_MAX, problems)) {
        limits.cost_nano_usd = cost;
    }
    if let Some(time) = fields.value("time").and_then(|node| seconds("time", node, SECONDS_MAX, problems)) {
        limits.seconds = time;
    }
    let mut of_day = |key| {
        let node = fields.value(key)?;
        if known.is_uncounted {
            let message = format!("`{key}` is not counted where sessions are kept in a directory or a CI job");
            let help = "keep them in a database (`--store`, HOB_STATE); else only `cost` bounds each run";
            problems.push(Problem::warning("not-counted", message).at(node.span.clone()).help(help));
        }
        dollars(key, node, DAY_MAX, problems)
    };
    if let Some(per_day) = of_day("per_day") {
        limits.per_day_nano_usd = per_day;
    }
    limits.per_actor_day_nano_usd = of_day("per_actor_day");
    fields.finish(problems);
    limits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::name::{SandboxKind, ToolKind};

    const PROVIDERS: &[&str] = &["anthropic"];
    const FULL: &str = include_str!("../../tests/fixtures/agents/every-key.md");

    #[test]
    fn what_is_left_out_is_the_safe_choice() {
        let checked = check("a", "---\ndescription: x\n---\nDo it.\n", &Known::default());
        let agent = checked.agent.unwrap();
        assert!(checked.problems.is_empty());
        assert_eq!((agent.who, agent.sandbox.clone()), (Who::default(), SandboxSpec::default()));
        assert_eq!((agent.who.to_string(), agent.sandbox.kind), ("write".to_owned(), SandboxKind::Virtual));
        assert_eq!((agent.effects.len(), agent.skills.len(), agent.triggers.len()), (0, 0, 0));
        assert_eq!((agent.tools.as_slice(), agent.limits), (ToolKind::ALL, Limits::default()));
        assert_eq!((agent.thinking, agent.model, agent.result.is_none()), (Thinking::Medium, None, true));
    }

    #[test]
    fn a_sandbox_without_files_has_no_tools() {
        let checked = check("a", "---\ndescription: x\nsandbox: none\n---\nDo it.\n", &Known::default());
        assert!(checked.agent.unwrap().tools.is_empty());
    }

    #[test]
    fn anyone_narrows_also_when_only_a_trigger_says_so() {
        for (who, fine) in [("anyone", false), ("write", true)] {
            let source = format!(
                "---\ndescription: x\non: {{ gitlab: {{ issue: {{ who: {who} }} }} }}\nsandbox: local\n---\nDo it.\n"
            );
            assert_eq!(check("a", &source, &Known::default()).agent.is_some(), fine, "{who}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_to_a_file_makes_it_panic(
            at in 0..FULL.len(), length in 0_usize..40, put in "(\\PC|[\\n\\[\\]{}:,&*!<'\"|> -]){0,20}"
        ) {
            let start = FULL.floor_char_boundary(at);
            let end = FULL.floor_char_boundary((at + length).min(FULL.len())).max(start);
            let damaged = format!("{}{put}{}", &FULL[..start], &FULL[end..]);
            let skills = ["triage".parse().unwrap()];
            let checked = check("every-key", &damaged, &Known { skills: &skills, providers: PROVIDERS, ..Known::default() });
            for problem in &checked.problems {
                prop_assert!(problem.span.clone().is_none_or(|span| damaged.get(span).is_some()), "{problem:?}");
            }
            prop_assert!(checked.agent.is_some() || !checked.problems.is_empty());
        }
    }
}
