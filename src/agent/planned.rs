//! Keys and words of the grammar that later versions bring. They are refused, never ignored: an
//! agent that asks for a limit or a wall must not run without it.

use crate::domain::front_matter::NotYet;

const fn not_yet(word: &'static str, why: &'static str, instead: &'static str) -> NotYet {
    NotYet { word, why, instead }
}

pub(super) const HEAD: &[NotYet] = &[
    not_yet("mcp", "tools of MCP servers", "remove it; the built-in `tools` work"),
    not_yet("execute", "choosing where a run executes", "remove it; runs execute where hob runs"),
];

pub(super) const ON: &[NotYet] =
    &[not_yet("schedule", "starting at fixed times", "remove it, and call `hob run` from a timer of your own")];

pub(super) const GITHUB: &[NotYet] = &[
    not_yet("workflow_run", "starting after a workflow", "remove it; issues, comments and pull requests can start it"),
    not_yet("workflow_dispatch", "starting by hand", "remove it; `hob run` starts the agent by hand"),
    not_yet("push", "starting at a push", "remove it; `pull_request` can start the agent"),
];

pub(super) const INSTANCE: &[NotYet] = &[
    not_yet("head", "one instance for each head commit", THREAD),
    not_yet("branch", "one instance for each branch", THREAD),
    not_yet("repository", "one instance for the repository", THREAD),
    not_yet("key", "an instance key of your own", THREAD),
];
const THREAD: &str = "leave `instance` out, or write `instance: thread`: one instance for each issue or pull request";

pub(super) const SANDBOX: &[NotYet] = &[
    not_yet("network", "closing the network", "remove it; `kind: virtual` has no network at all"),
    not_yet("confine", "confining local commands", "remove it; `kind: virtual` runs nothing on this machine"),
];

pub(super) const SANDBOX_KIND: &[NotYet] = &[
    not_yet("container", "running commands in a container", "use `virtual`, or `local` on a machine you can lose"),
    not_yet("adapter", "running commands through an adapter", "use `virtual` or `local`"),
];

pub(super) const TOOLS: &[NotYet] = &[
    not_yet("thread", "reading the thread's other comments", "the event's own text is given to the agent"),
    not_yet("diff", "reading the diff of a pull request", "check the branch out and use `bash` with `git diff`"),
    not_yet("file_at", "reading a file at another commit", "use `read` on the files that are checked out"),
];

pub(super) const EFFECTS: &[NotYet] = &[
    not_yet("reaction", "reacting with an emoji", EFFECT),
    not_yet("assign", "assigning people", EFFECT),
    not_yet("close", "closing a thread", EFFECT),
    not_yet("reopen", "reopening a thread", EFFECT),
    not_yet("issue", "creating an issue", EFFECT),
    not_yet("review", "reviewing a pull request", EFFECT),
    not_yet("pull_request", "opening a pull request", EFFECT),
    not_yet("push", "pushing to a branch", EFFECT),
    not_yet("check", "check runs and commit statuses", EFFECT),
    not_yet("dispatch", "starting a workflow", EFFECT),
];
const EFFECT: &str = "`status`, `comment` and `label` work: propose it to a person in a comment";

pub(super) const EFFECT_FIELDS: &[NotYet] = &[
    not_yet("approve", "waiting for a person's approval", "remove it; nothing is sent yet, only planned"),
    not_yet("paths", "writing files", "remove it; no effect writes files"),
];
