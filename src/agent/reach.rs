//! Reads what an agent can reach: sandbox, tools, effects; and narrows it when anyone can start it.

use super::{SandboxSpec, planned};
use crate::domain::front_matter::{Fields, Member, Node, Scalar, items, number, text, word, words};
use crate::domain::name::{EffectKind, SandboxKind, ToolKind};
use crate::domain::problem::Problem;
use crate::domain::secret;
use crate::rules::policy::Allowance;

/// Most that an effect's `max` can be: a run that writes more is a mailing list.
const EFFECTS_MAX: u64 = 50;
/// Longest label of any forge.
const LABEL_MAX: usize = 255;

pub(super) fn sandbox(node: &Node, problems: &mut Vec<Problem>) -> Option<SandboxSpec> {
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
    if given.starts_with("HOB_") || secret::is_behind(&given) {
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
pub(super) fn offered(kind: SandboxKind) -> &'static [ToolKind] {
    match kind {
        SandboxKind::Virtual | SandboxKind::Local => ToolKind::ALL,
        SandboxKind::None => &[],
    }
}

pub(super) fn tools(member: &Member, sandbox: Option<&SandboxSpec>, problems: &mut Vec<Problem>) -> Vec<ToolKind> {
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

pub(super) fn effects(node: &Node, problems: &mut Vec<Problem>) -> Vec<Allowance> {
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
        rules.push(Allowance { kind: *kind, max: max.and_then(|n| u32::try_from(n).ok()).unwrap_or(1), allow });
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

/// `who: anyone` lets strangers write what the model reads, so the run may reach nothing of worth.
pub(super) fn narrow(
    sandbox_at: &Node,
    sandbox: &SandboxSpec,
    effects_at: Option<&Node>,
    effects: &[Allowance],
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
