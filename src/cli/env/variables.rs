//! The table of variables, and the page made from it.

use crate::domain::secret;

/// A variable hob reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// As set by the user; a `*` at the end stands for any ending.
    pub name: &'static str,
    /// What it is for.
    pub purpose: Use,
    /// What it means, for the reference page: a sentence or two of Markdown.
    pub meaning: &'static str,
}

/// What becomes of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Taken out of the environment before anything else starts. `<name>_FILE` names a file that
    /// holds the value instead.
    Secret,
    /// Tells hob how to work.
    Setting,
    /// Handed to the commands of the `local` sandbox.
    Passed,
}

/// Every variable hob reads, secrets first, then as the reference page shows them.
pub const VARIABLES: &[Variable] = &[
    Variable { name: secret::ANTHROPIC_KEY, purpose: Use::Secret, meaning: "Key for `anthropic/…` models." },
    Variable { name: secret::OPENAI_KEY, purpose: Use::Secret, meaning: "Key for `openai-chat/…` models." },
    Variable {
        name: "ANTHROPIC_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `anthropic/…` models are asked; with or without `/v1` at the end.",
    },
    Variable {
        name: "OPENAI_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `openai-chat/…` models are asked: any server that speaks Chat Completions; with or \
                  without `/v1` at the end.",
    },
    Variable {
        name: "HOB_MODEL",
        purpose: Use::Setting,
        meaning: "Model of agents that name none, as `provider/model`. `--model` wins.",
    },
    Variable {
        name: "HOB_STATE",
        purpose: Use::Setting,
        meaning: "Directory of the sessions; never inside the workspace. `--store` wins.",
    },
    Variable {
        name: "XDG_STATE_HOME",
        purpose: Use::Setting,
        meaning: "Without `HOB_STATE`, sessions are in `hob/` below this directory, or below `~/.local/state`.",
    },
    Variable {
        name: "HOB_EXPOSE",
        purpose: Use::Setting,
        meaning: "Names of variables, with commas between them, that an agent's `sandbox.env` may name. \
                  hob's own secrets cannot be on it, nor a variable whose value is one of them or, from 8 bytes \
                  on, holds one.",
    },
    Variable {
        name: "SSL_CERT_FILE",
        purpose: Use::Setting,
        meaning: "PEM file of certificates to trust beside the built-in ones.",
    },
    Variable {
        name: "HTTPS_PROXY",
        purpose: Use::Setting,
        meaning: "Proxy of requests to models, as usual with `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` and their \
                  lower-case forms. It stays in hob's own environment, so where hob runs as root, commands of \
                  the `local` sandbox can read a password in it (`user:password@…`).",
    },
    Variable {
        name: "NO_COLOR",
        purpose: Use::Setting,
        meaning: "Not empty: no colour, also on a terminal. `CLICOLOR_FORCE`: colour in a pipe, too.",
    },
    Variable {
        name: "HOB_FAILPOINT",
        purpose: Use::Setting,
        meaning: "Debug builds only: the named place where the process kills itself, for tests of recovery.",
    },
    Variable { name: "PATH", purpose: Use::Passed, meaning: "Where commands are found." },
    Variable {
        name: "HOME",
        purpose: Use::Passed,
        meaning: "Where hob finds `~/.local/state`. Commands get a fresh directory in its place.",
    },
    Variable { name: "LANG", purpose: Use::Passed, meaning: "Language of messages." },
    Variable { name: "LC_*", purpose: Use::Passed, meaning: "Language, by category." },
    Variable { name: "TERM", purpose: Use::Passed, meaning: "Kind of terminal; `dumb` means no colour." },
    Variable { name: "TMPDIR", purpose: Use::Passed, meaning: "Where temporary files go." },
];

/// The reference page, `docs/environment.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Environment\n\n\
         Every variable that hob reads. This page is made from the program.\n\n\
         An empty variable counts as unset. Nothing else is read from the environment, and no `.env` file is ever \
         loaded.\n",
    );
    for (title, purpose) in [
        (
            "## Secrets\n\nEach can also be in a file: `<NAME>_FILE` names it, and line ends at its end are not part \
             of the value. `hob run` empties its environment, `/proc/<pid>/environ` included, before it starts \
             anything: only proxies (`HTTPS_PROXY` and the like) and what colours depend on (`NO_COLOR`, `CLICOLOR`, \
             `CLICOLOR_FORCE`, `COLORTERM`, `TERM`, `LANG`, `CI`) stay. No tool, agent or log sees a secret. A value \
             shorter than 8 bytes, like the placeholder of a server that needs no key, is no secret: it is not taken \
             out of logs and answers, because it would be found in many words by chance.",
            Use::Secret,
        ),
        ("## Settings", Use::Setting),
        (
            "## Passed on\n\nThe environment of commands in the `local` sandbox starts empty; these are put in, and \
             what `HOB_EXPOSE` and the agent's `sandbox.env` both name.",
            Use::Passed,
        ),
    ] {
        page.push_str(&format!("\n{title}\n\n| variable | meaning |\n|---|---|\n"));
        for variable in VARIABLES.iter().filter(|variable| variable.purpose == purpose) {
            page.push_str(&format!("| `{}` | {} |\n", variable.name, variable.meaning));
        }
    }
    page
}
