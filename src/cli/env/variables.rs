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
    /// What a CI job tells about itself; read by `hob ci` alone.
    Job,
    /// Handed to the commands of the `local` sandbox.
    Passed,
}

/// Every variable hob reads, secrets first, then as the reference page shows them.
pub const VARIABLES: &[Variable] = &[
    Variable { name: secret::ANTHROPIC_KEY, purpose: Use::Secret, meaning: "Key for `anthropic/…` models." },
    Variable {
        name: secret::OPENAI_KEY,
        purpose: Use::Secret,
        meaning: "Key for `openai/…` and `openai-chat/…` models.",
    },
    Variable {
        name: secret::AZURE_OPENAI_KEY,
        purpose: Use::Secret,
        meaning: "Key for `azure/…` and `azure-chat/…` models.",
    },
    Variable { name: secret::OPENROUTER_KEY, purpose: Use::Secret, meaning: "Key for `openrouter/…` models." },
    Variable { name: secret::GEMINI_KEY, purpose: Use::Secret, meaning: "Key for `gemini/…` models." },
    Variable {
        name: secret::VERTEX_TOKEN,
        purpose: Use::Secret,
        meaning: "Access token for `vertex/…` models, as `gcloud auth print-access-token` gives one for an hour.",
    },
    Variable { name: secret::GROQ_KEY, purpose: Use::Secret, meaning: "Key for `groq/…` models." },
    Variable { name: secret::MISTRAL_KEY, purpose: Use::Secret, meaning: "Key for `mistral/…` models." },
    Variable { name: secret::DEEPSEEK_KEY, purpose: Use::Secret, meaning: "Key for `deepseek/…` models." },
    Variable { name: secret::BEDROCK_KEY, purpose: Use::Secret, meaning: "Key for `bedrock/…` models." },
    Variable {
        name: secret::OLLAMA_KEY,
        purpose: Use::Secret,
        meaning: "Key for `ollama/…` models, where a server asks for one.",
    },
    Variable {
        name: secret::VLLM_KEY,
        purpose: Use::Secret,
        meaning: "Key for `vllm/…` models, where the server was started with `--api-key`.",
    },
    Variable {
        name: secret::GITHUB_TOKEN,
        purpose: Use::Secret,
        meaning: "What `hob ci` asks and writes with on GitHub: the job's own token, or one of a machine user.",
    },
    Variable {
        name: secret::GITLAB_TOKEN,
        purpose: Use::Secret,
        meaning: "What `hob ci` asks and writes with on GitLab: a project access token with scope `api`. The job's own \
                  token cannot read or write notes.",
    },
    Variable {
        name: secret::JOB_TOKEN,
        purpose: Use::Secret,
        meaning: "The GitLab job's own token: keeps sessions in the package registry.",
    },
    Variable {
        name: secret::RUNTIME_TOKEN,
        purpose: Use::Secret,
        meaning: "What the runner gives a JavaScript action for the artifact service: keeps sessions as artifacts.",
    },
    Variable {
        name: "ANTHROPIC_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `anthropic/…` models are asked; with or without `/v1` at the end.",
    },
    Variable {
        name: "OPENAI_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `openai/…` and `openai-chat/…` models are asked: any server that speaks Chat Completions; with or \
                  without `/v1` at the end.",
    },
    Variable {
        name: "AZURE_OPENAI_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `azure/…` and `azure-chat/…` models are asked: `https://NAME.openai.azure.com`, with or without `/openai/v1` at the end.",
    },
    Variable {
        name: "OPENROUTER_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `openrouter/…` models are asked, if not at `https://openrouter.ai/api/v1`.",
    },
    Variable {
        name: "GEMINI_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `gemini/…` models are asked, if not at `https://generativelanguage.googleapis.com/v1beta/openai`.",
    },
    Variable {
        name: "VERTEX_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `vertex/…` models are asked: `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/endpoints/openapi`.",
    },
    Variable {
        name: "GROQ_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `groq/…` models are asked, if not at `https://api.groq.com/openai/v1`.",
    },
    Variable {
        name: "MISTRAL_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `mistral/…` models are asked, if not at `https://api.mistral.ai/v1`.",
    },
    Variable {
        name: "DEEPSEEK_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `deepseek/…` models are asked, if not at `https://api.deepseek.com`.",
    },
    Variable {
        name: "BEDROCK_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `bedrock/…` models are asked: `https://bedrock-runtime.REGION.amazonaws.com/openai/v1`.",
    },
    Variable {
        name: "OLLAMA_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `ollama/…` models are asked, if not at `http://localhost:11434/v1`.",
    },
    Variable {
        name: "VLLM_BASE_URL",
        purpose: Use::Setting,
        meaning: "Where `vllm/…` models are asked, if not at `http://localhost:8000/v1`.",
    },
    Variable {
        name: "HOB_MODEL",
        purpose: Use::Setting,
        meaning: "Model of agents that name none, as `provider/model`. `--model` wins.",
    },
    Variable {
        name: "HOB_STATE",
        purpose: Use::Setting,
        meaning: "Where sessions are kept, as `--store` has it: a directory or the URL of a store; never inside the \
                  workspace. `--store` wins.",
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
        name: "HOB_AGENT",
        purpose: Use::Setting,
        meaning: "Agent that `hob ci` runs; without it, the one in `agents/` that the event starts.",
    },
    Variable { name: "HOB_MESSAGE", purpose: Use::Setting, meaning: "What `hob ci` asks beside the event." },
    Variable {
        name: "HOB_TIMEOUT",
        purpose: Use::Setting,
        meaning: "Longest time of `hob ci` from its start, as `20m`. Without it: 30 minutes on GitHub; on GitLab the \
                  job's own time-out less 90 s, which is never passed.",
    },
    Variable {
        name: "HOB_RETENTION_DAYS",
        purpose: Use::Setting,
        meaning: "Days that the artifact with a session is kept; the repository's own number when absent.",
    },
    Variable {
        name: "HOB_OWN_IDS",
        purpose: Use::Setting,
        meaning: "Numeric ids of accounts that hob wrote as before, with commas between them: their events start \
                  nothing.",
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
    Variable { name: "GITHUB_ACTIONS", purpose: Use::Job, meaning: "`true` in a job of GitHub Actions." },
    Variable { name: "GITHUB_SERVER_URL", purpose: Use::Job, meaning: "Address of the forge." },
    Variable { name: "GITHUB_API_URL", purpose: Use::Job, meaning: "Address of its API." },
    Variable { name: "GITHUB_REPOSITORY", purpose: Use::Job, meaning: "`owner/name`." },
    Variable { name: "GITHUB_REPOSITORY_ID", purpose: Use::Job, meaning: "The identity of the repository." },
    Variable { name: "GITHUB_EVENT_NAME", purpose: Use::Job, meaning: "What the event is called." },
    Variable { name: "GITHUB_EVENT_PATH", purpose: Use::Job, meaning: "File with the event's payload." },
    Variable { name: "GITHUB_RUN_ID", purpose: Use::Job, meaning: "The workflow run." },
    Variable { name: "GITHUB_RUN_ATTEMPT", purpose: Use::Job, meaning: "From 2 on somebody ran the job again." },
    Variable { name: "GITHUB_ACTOR", purpose: Use::Job, meaning: "Who caused the workflow run." },
    Variable { name: "GITHUB_TRIGGERING_ACTOR", purpose: Use::Job, meaning: "Who ran it again." },
    Variable {
        name: "GITHUB_WORKFLOW_REF",
        purpose: Use::Job,
        meaning: "Path of the workflow file: a session is taken over from runs of the same one.",
    },
    Variable { name: "GITHUB_REF", purpose: Use::Job, meaning: "What the job runs for." },
    Variable { name: "GITHUB_SHA", purpose: Use::Job, meaning: "The commit it runs for." },
    Variable { name: "GITHUB_OUTPUT", purpose: Use::Job, meaning: "File that takes the step's outputs." },
    Variable { name: "GITHUB_STEP_SUMMARY", purpose: Use::Job, meaning: "File that takes the step's summary." },
    Variable { name: "RUNNER_TEMP", purpose: Use::Job, meaning: "Sessions are in `hob/` below it while the job runs." },
    Variable { name: "ACTIONS_RESULTS_URL", purpose: Use::Job, meaning: "Address of the runner's artifact service." },
    Variable { name: "CI_SERVER_URL", purpose: Use::Job, meaning: "Address of the forge." },
    Variable { name: "CI_API_V4_URL", purpose: Use::Job, meaning: "Address of its API." },
    Variable { name: "CI_PROJECT_ID", purpose: Use::Job, meaning: "The identity of the project." },
    Variable { name: "CI_PROJECT_PATH", purpose: Use::Job, meaning: "`group/name`." },
    Variable {
        name: "CI_DEFAULT_BRANCH",
        purpose: Use::Job,
        meaning: "Sessions are taken over from pipelines of this branch.",
    },
    Variable { name: "CI_JOB_ID", purpose: Use::Job, meaning: "The job." },
    Variable { name: "CI_JOB_STARTED_AT", purpose: Use::Job, meaning: "When it started." },
    Variable { name: "CI_JOB_TIMEOUT", purpose: Use::Job, meaning: "Its longest time, in seconds." },
    Variable { name: "CI_PIPELINE_ID", purpose: Use::Job, meaning: "The pipeline." },
    Variable { name: "CI_PIPELINE_SOURCE", purpose: Use::Job, meaning: "What started it." },
    Variable { name: "CI_COMMIT_REF_NAME", purpose: Use::Job, meaning: "Branch or tag it runs for." },
    Variable { name: "CI_COMMIT_TAG", purpose: Use::Job, meaning: "The tag, where it runs for one." },
    Variable { name: "CI_MERGE_REQUEST_IID", purpose: Use::Job, meaning: "The merge request it runs for." },
    Variable { name: "CI_MERGE_REQUEST_PROJECT_ID", purpose: Use::Job, meaning: "The project of that merge request." },
    Variable {
        name: "CI_MERGE_REQUEST_SOURCE_PROJECT_ID",
        purpose: Use::Job,
        meaning: "The project its commits come from.",
    },
    Variable { name: "CI_PIPELINE_CREATED_AT", purpose: Use::Job, meaning: "When the pipeline was started." },
    Variable { name: "CI_COMMIT_SHA", purpose: Use::Job, meaning: "The commit it runs for." },
    Variable {
        name: "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA",
        purpose: Use::Job,
        meaning: "The newest of those commits, in a pipeline for the merged result.",
    },
    Variable { name: "CI_PROJECT_URL", purpose: Use::Job, meaning: "Where people look at the project." },
    Variable { name: "GITLAB_USER_ID", purpose: Use::Job, meaning: "Who started the pipeline, or ran the job again." },
    Variable { name: "GITLAB_USER_LOGIN", purpose: Use::Job, meaning: "Their name." },
    Variable {
        name: "TRIGGER_PAYLOAD",
        purpose: Use::Job,
        meaning: "File with the payload of the webhook that started the pipeline.",
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
    Variable {
        name: "RUNNER_TRACKING_ID",
        purpose: Use::Passed,
        meaning: "By it GitHub's runner finds, once a job is over, what a killed hob left running, and ends it.",
    },
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
             of the value. `hob run` and `hob ci` empty their environment, `/proc/<pid>/environ` included, before they start \
             anything: only proxies (`HTTPS_PROXY` and the like) and what colours depend on (`NO_COLOR`, `CLICOLOR`, \
             `CLICOLOR_FORCE`, `COLORTERM`, `TERM`, `LANG`, `CI`) stay. No tool, agent or log sees a secret. A value \
             shorter than 8 bytes, like the placeholder of a server that needs no key, is no secret: it is not taken \
             out of logs and answers, because it would be found in many words by chance.",
            Use::Secret,
        ),
        ("## Settings", Use::Setting),
        ("## A job's own variables\n\nSet by GitHub Actions or GitLab CI; `hob ci` alone reads them.", Use::Job),
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
