//! Reads one agent file strictly, and tells everything that is wrong with it at once.

use sha2::{Digest, Sha256};

use super::template::Template;
use super::{Agent, EffectRule, SandboxSpec, Trigger, Who, planned, result, starts};
use crate::domain::budget::Limits;
use crate::domain::front_matter::{
    self, Fields, Member, Node, Scalar, Shape, items, name, number, seconds, text, word, words,
};
use crate::domain::name::{EffectKind, InvalidName, Name, SandboxKind, Thinking, ToolKind};
use crate::domain::problem::{Problem, Severity, nearest};

/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 1024;
/// Most that `limits` can ask for.
const TURNS_MAX: u64 = 10_000;
const TOKENS_MAX: u64 = 1_000_000_000;
const SECONDS_MAX: u64 = 24 * 3600;
/// Most that an effect's `max` can be: a run that writes more is a mailing list.
const EFFECTS_MAX: u64 = 50;
/// Longest label of any forge.
const LABEL_MAX: usize = 255;

/// The names that exist around an agent file, which its head may refer to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Skills that can be activated.
    pub skills: &'a [Name],
    /// What may stand before the `/` of a model.
    pub providers: &'a [&'a str],
}

/// What came of reading an agent file.
#[derive(Debug)]
pub struct Checked {
    /// The agent; `None` when a problem is an error.
    pub agent: Option<Agent>,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

/// Reads an agent file; `stem` is its name without `.md`.
pub fn check(stem: &str, source: &str, known: &Known<'_>) -> Checked {
    let mut problems = Vec::new();
    let agent = read(stem, source, known, &mut problems);
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    let fatal = problems.iter().any(|problem| problem.severity == Severity::Error);
    Checked { agent: agent.filter(|_| !fatal), problems }
}

/// Reads on after everything that is wrong; a placeholder stands for what could not be read, and
/// [`check`] throws the agent away then.
fn read(stem: &str, source: &str, known: &Known<'_>, problems: &mut Vec<Problem>) -> Option<Agent> {
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
    let model = head.value("model").and_then(|node| model(node, known, problems));
    let thinking = head.value("thinking").and_then(|node| word("thinking", node, Thinking::ALL, &[], problems));
    let triggers = head.value("on").map_or_else(Vec::new, |node| starts::triggers(node, problems));
    let who_node = head.value("who");
    let who = who_node.and_then(|node| starts::who(node, problems)).unwrap_or_default();
    if let Some(node) = head.value("instance") {
        instance(node, problems);
    }
    let sandbox_node = head.value("sandbox");
    let sandbox = sandbox_node.map_or_else(|| Some(SandboxSpec::default()), |node| sandbox(node, problems));
    let tools = head.take("tools").map(|member| tools(member, sandbox.as_ref(), problems));
    let effects_node = head.value("effects");
    let effects = effects_node.map_or_else(Vec::new, |node| effects(node, problems));
    let skills = head.value("skills").map_or_else(Vec::new, |node| skills(node, known, problems));
    let limits = head.value("limits").map_or_else(Limits::default, |node| limits(node, problems));
    let result = head.value("result").and_then(|node| result::schema(node, problems));
    head.not_yet(planned::HEAD, problems);
    head.finish(problems);

    let sandbox = sandbox?;
    if who == Who::Anyone || triggers.iter().any(|trigger: &Trigger| trigger.who == Some(Who::Anyone)) {
        narrow(sandbox_node.unwrap_or(&root), &sandbox, effects_node, &effects, problems);
    }
    let tools = tools.unwrap_or_else(|| offered(sandbox.kind).to_vec());
    Some(Agent {
        name: stem?,
        description: description?,
        model,
        thinking: thinking.unwrap_or(Thinking::Medium),
        triggers,
        who,
        sandbox,
        tools,
        effects,
        skills,
        limits,
        result,
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

fn model(node: &Node, known: &Known<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let given = text("model", node, problems)?;
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
    let planned = planned::PROVIDERS.iter().find(|planned| planned.word == provider);
    problems.push(planned.map(|planned| planned.problem(node.span.clone())).unwrap_or_else(|| {
        let problem =
            Problem::error("unknown-model", format!("there is no provider `{provider}`")).at(node.span.clone());
        match nearest(provider, known.providers.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}/{id}`?")),
            None => problem.help(format!("providers: {}", known.providers.join(", "))),
        }
    }));
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

fn sandbox(node: &Node, problems: &mut Vec<Problem>) -> Option<SandboxSpec> {
    let kind_of = |node: &Node, problems: &mut Vec<Problem>| {
        word("sandbox", node, SandboxKind::ALL, planned::SANDBOX_KIND, problems)
    };
    if let Some(Scalar::Text(_)) = node.scalar() {
        return kind_of(node, problems).map(|kind| SandboxSpec { kind, ..SandboxSpec::default() });
    }
    let mut fields = Fields::of(node, "`sandbox`", problems)?;
    let kind = match fields.value("kind") {
        Some(node) => kind_of(node, problems),
        None => Some(SandboxKind::Virtual),
    };
    let env = fields.value("env").map_or_else(Vec::new, |node| items("env", node, problems, variable));
    fields.not_yet(planned::SANDBOX, problems);
    fields.finish(problems);
    Some(SandboxSpec { kind: kind?, env })
}

/// Which of its variables an agent gets is the operator's choice; hob's own it can never even name.
fn variable(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    const OWN: &[&str] = &["ANTHROPIC_API_KEY", "OPENAI_API_KEY"];
    let given = text("env", node, problems)?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if given.len() > 128 || !given.bytes().all(plain) || given.starts_with(|c: char| c.is_ascii_digit()) {
        problems.push(
            Problem::error("bad-name", format!("`{given}` is not the name of a variable"))
                .at(node.span.clone())
                .help("name it as the shell does, for example `CARGO_HOME`; its value is the operator's"),
        );
        return None;
    }
    if given.starts_with("HOB_") || OWN.contains(&given.as_str()) {
        problems.push(
            Problem::error("reserved-variable", format!("`{given}` belongs to hob and is shown to no agent"))
                .at(node.span.clone())
                .help("remove it"),
        );
        return None;
    }
    Some(given)
}

/// What a kind of sandbox has tools for.
fn offered(kind: SandboxKind) -> &'static [ToolKind] {
    match kind {
        SandboxKind::Virtual | SandboxKind::Local => ToolKind::ALL,
        SandboxKind::None => &[],
    }
}

fn tools(member: &Member, sandbox: Option<&SandboxSpec>, problems: &mut Vec<Problem>) -> Vec<ToolKind> {
    let tools = words("tools", &member.value, ToolKind::ALL, planned::TOOLS, problems);
    let missing = sandbox.and_then(|sandbox| tools.iter().find(|tool| !offered(sandbox.kind).contains(tool)));
    if let (Some(tool), Some(sandbox)) = (missing, sandbox) {
        problems.push(
            Problem::error(
                "tool-without-sandbox",
                format!("`{tool}` needs files, and sandbox `{}` has none", sandbox.kind),
            )
            .at(member.key_span.clone())
            .help("remove `tools`, or use `sandbox: virtual`"),
        );
    }
    tools
}

fn effects(node: &Node, problems: &mut Vec<Problem>) -> Vec<EffectRule> {
    let mut rules = Vec::new();
    let Some(mut kinds) = Fields::of(node, "`effects`", problems) else { return rules };
    for kind in EffectKind::ALL {
        let Some(node) = kinds.value(kind.as_str()) else { continue };
        let Some(mut fields) = Fields::of(node, format!("`{kind}`"), problems) else { continue };
        let max = fields.value("max").and_then(|node| number("max", node, EFFECTS_MAX, problems));
        let allow = match kind {
            EffectKind::Label => fields.value("allow"),
            EffectKind::Status | EffectKind::Comment => None,
        };
        let allow = allow.map_or_else(Vec::new, |node| items("allow", node, problems, label));
        fields.not_yet(planned::EFFECT_FIELDS, problems);
        fields.finish(problems);
        rules.push(EffectRule { kind: *kind, max: max.and_then(|n| u32::try_from(n).ok()).unwrap_or(1), allow });
    }
    kinds.not_yet(planned::EFFECTS, problems);
    kinds.finish(problems);
    rules
}

fn label(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let given = text("allow", node, problems)?;
    if given.chars().count() <= LABEL_MAX && !given.contains(char::is_control) {
        return Some(given);
    }
    problems.push(Problem::error("bad-name", "this is not the name of a label").at(node.span.clone()));
    None
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

fn limits(node: &Node, problems: &mut Vec<Problem>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut fields) = Fields::of(node, "`limits`", problems) else { return limits };
    if let Some(turns) = fields.value("turns").and_then(|node| number("turns", node, TURNS_MAX, problems)) {
        limits.turns = u32::try_from(turns).unwrap_or(u32::MAX);
    }
    if let Some(tokens) = fields.value("tokens").and_then(|node| number("tokens", node, TOKENS_MAX, problems)) {
        limits.tokens = tokens;
    }
    if let Some(time) = fields.value("time").and_then(|node| seconds("time", node, SECONDS_MAX, problems)) {
        limits.seconds = time;
    }
    fields.not_yet(planned::LIMITS, problems);
    fields.finish(problems);
    limits
}

/// `who: anyone` lets strangers write what the model reads, so the run may reach nothing of worth.
fn narrow(
    sandbox_at: &Node,
    sandbox: &SandboxSpec,
    effects_at: Option<&Node>,
    effects: &[EffectRule],
    problems: &mut Vec<Problem>,
) {
    if sandbox.kind == SandboxKind::Local {
        problems.push(
            Problem::error("open-to-anyone", "an agent that anyone can start cannot run `local` commands")
                .at(sandbox_at.span.clone())
                .help("use `sandbox: virtual`, or `who: write`"),
        );
    }
    if !sandbox.env.is_empty() {
        problems.push(
            Problem::error("open-to-anyone", "an agent that anyone can start gets no variables of the operator")
                .at(sandbox_at.span.clone())
                .help("remove `env`, or use `who: write`"),
        );
    }
    for rule in effects {
        let open = match rule.kind {
            EffectKind::Status | EffectKind::Comment => false,
            EffectKind::Label => rule.allow.is_empty(),
        };
        if let Some(node) = effects_at.filter(|_| open) {
            problems.push(
                Problem::warning("open-to-anyone", "anyone can have this agent put on or take off any label")
                    .at(node.span.clone())
                    .help("list the labels it may touch: `label: { allow: [bug, docs] }`"),
            );
        }
    }
}
