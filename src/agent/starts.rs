//! Reads `on:` and `who:`: what starts an agent, and for whom.

use globset::Glob;

use super::{Trigger, Who, planned};
use crate::domain::event::{EventKind, Forge};
use crate::domain::front_matter::{Fields, Node, flag, items, text, word, words};
use crate::domain::name::Role;
use crate::domain::problem::Problem;

/// One key under `on.github` or `on.gitlab`.
struct Start {
    key: &'static str,
    kind: EventKind,
    /// The forge's words for `types:`.
    actions: &'static [&'static str],
    conditions: &'static [Condition],
}

/// A condition beside `types`, `labels`, `who` and `ignore_authors`, which every start has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// `command` and `mention`.
    Addressed,
    /// `draft`.
    Draft,
    /// `paths`.
    Paths,
}
use Condition::{Addressed, Draft, Paths};

const GITHUB: &[Start] = &[
    Start {
        key: "issues",
        kind: EventKind::Issue,
        actions: &[
            "opened",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "closed",
            "reopened",
            "assigned",
            "unassigned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "milestoned",
            "demilestoned",
            "typed",
            "untyped",
        ],
        conditions: &[],
    },
    Start {
        key: "issue_comment",
        kind: EventKind::Comment,
        actions: &["created", "edited", "deleted", "pinned", "unpinned"],
        conditions: &[Addressed],
    },
    Start {
        key: "pull_request",
        kind: EventKind::Pull,
        actions: &[
            "opened",
            "synchronize",
            "reopened",
            "ready_for_review",
            "converted_to_draft",
            "closed",
            "edited",
            "assigned",
            "unassigned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "milestoned",
            "demilestoned",
            "review_requested",
            "review_request_removed",
            "auto_merge_enabled",
            "auto_merge_disabled",
            "enqueued",
            "dequeued",
        ],
        conditions: &[Draft, Paths],
    },
    Start {
        key: "pull_request_review",
        kind: EventKind::Review,
        actions: &["submitted", "edited", "dismissed"],
        conditions: &[Addressed, Draft],
    },
    Start {
        key: "pull_request_review_comment",
        kind: EventKind::ReviewComment,
        actions: &["created", "edited", "deleted"],
        conditions: &[Addressed, Draft],
    },
];

const GITLAB: &[Start] = &[
    Start { key: "issue", kind: EventKind::Issue, actions: &["open", "close", "reopen", "update"], conditions: &[] },
    Start {
        key: "note",
        // On a diff or not: GitLab has one event for both, and so has the trigger.
        kind: EventKind::Comment,
        actions: &["create", "update"],
        conditions: &[Addressed],
    },
    Start {
        key: "merge_request",
        kind: EventKind::Pull,
        actions: &["open", "close", "reopen", "update", "approved", "unapproved", "approval", "unapproval", "merge"],
        conditions: &[Draft, Paths],
    },
];

/// The triggers that `on:` names.
pub(super) fn triggers(node: &Node, problems: &mut Vec<Problem>) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    let Some(mut on) = Fields::of(node, "`on`", problems) else { return triggers };
    for (key, forge, starts, planned) in
        [("github", Forge::Github, GITHUB, planned::GITHUB), ("gitlab", Forge::Gitlab, GITLAB, &[])]
    {
        let Some(mut fields) = on.value(key).and_then(|node| Fields::of(node, format!("`{key}`"), problems)) else {
            continue;
        };
        for start in starts {
            if let Some(node) = fields.value(start.key) {
                triggers.extend(start.read(forge, node, problems));
            }
        }
        fields.not_yet(planned, problems);
        fields.finish(problems);
    }
    on.not_yet(planned::ON, problems);
    on.finish(problems);
    triggers
}

/// `who:`, on an agent or a trigger.
pub(super) fn who(node: &Node, problems: &mut Vec<Problem>) -> Option<Who> {
    const ANYONE: &str = "anyone";
    let roles = Role::ALL.iter().filter(|role| **role != Role::None).map(|role| role.as_str());
    let all: Vec<&str> = std::iter::once(ANYONE).chain(roles).collect();
    match word("who", node, &all, &[], problems)? {
        ANYONE => Some(Who::Anyone),
        role => role.parse().ok().map(Who::AtLeast),
    }
}

impl Start {
    fn read(&self, forge: Forge, node: &Node, problems: &mut Vec<Problem>) -> Option<Trigger> {
        let mut fields = Fields::of(node, format!("`{}`", self.key), problems)?;
        let has = |condition| self.conditions.contains(&condition);
        let labels = |key: &str, node: &Node, problems: &mut Vec<Problem>| {
            items(key, node, problems, |item, problems| text(key, item, problems))
        };
        let types = fields.value("types").map(|node| words("types", node, self.actions, &[], problems));
        let wanted = fields.value("labels").map(|node| labels("labels", node, problems));
        let ignored = fields.value("ignore_authors").map(|node| labels("ignore_authors", node, problems));
        let trigger_who = fields.value("who").and_then(|node| who(node, problems));
        let (mut command, mut mention, mut draft, mut paths) = (false, None, None, Vec::new());
        if has(Addressed) {
            command = fields.value("command").and_then(|node| flag("command", node, problems)).unwrap_or(false);
            let login = fields.take("mention");
            mention = login.and_then(|member| text("mention", &member.value, problems));
            if let Some(member) = login.filter(|_| command) {
                problems.push(
                    Problem::error("conflict", "`command` and `mention` exclude each other")
                        .at(member.key_span.clone())
                        .help("keep `command: true` for `/hob …`, or `mention` for a login"),
                );
            }
        }
        if has(Draft) {
            draft = fields.value("draft").and_then(|node| flag("draft", node, problems));
        }
        if has(Paths) {
            paths = fields.value("paths").map_or_else(Vec::new, |node| items("paths", node, problems, glob));
        }
        fields.finish(problems);
        Some(Trigger {
            forge,
            kind: self.kind,
            types: types.into_iter().flatten().map(str::to_owned).collect(),
            labels: wanted.unwrap_or_default(),
            command,
            mention: mention.map(|login| login.trim_start_matches('@').to_owned()),
            draft,
            paths,
            ignore_authors: ignored.unwrap_or_default(),
            who: trigger_who,
        })
    }
}

fn glob(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let pattern = text("paths", node, problems)?;
    match Glob::new(&pattern) {
        Ok(_) => Some(pattern),
        Err(error) => {
            problems.push(
                Problem::error("bad-glob", format!("`{pattern}` is not a glob: {}", error.kind()))
                    .at(node.span.clone())
                    .help("for example `src/**` or `**/*.rs`"),
            );
            None
        }
    }
}
