//! Values that must not be printed, and the variables that hold them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Key for `anthropic/…` models.
pub const ANTHROPIC_KEY: &str = "ANTHROPIC_API_KEY";

/// Key for `openai/…` and `openai-chat/…` models.
pub const OPENAI_KEY: &str = "OPENAI_API_KEY";

/// Key for `azure/…` and `azure-chat/…` models.
pub const AZURE_OPENAI_KEY: &str = "AZURE_OPENAI_API_KEY";

/// Key for `openrouter/…` models.
pub const OPENROUTER_KEY: &str = "OPENROUTER_API_KEY";

/// Key for `gemini/…` models.
pub const GEMINI_KEY: &str = "GEMINI_API_KEY";

/// Access token for `vertex/…` models.
pub const VERTEX_TOKEN: &str = "VERTEX_ACCESS_TOKEN";

/// Key for `groq/…` models.
pub const GROQ_KEY: &str = "GROQ_API_KEY";

/// Key for `mistral/…` models.
pub const MISTRAL_KEY: &str = "MISTRAL_API_KEY";

/// Key for `deepseek/…` models.
pub const DEEPSEEK_KEY: &str = "DEEPSEEK_API_KEY";

/// Key for `bedrock/…` models.
pub const BEDROCK_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// Key for `ollama/…` models, where a server asks for one.
pub const OLLAMA_KEY: &str = "OLLAMA_API_KEY";

/// Key for `vllm/…` models, where a server asks for one.
pub const VLLM_KEY: &str = "VLLM_API_KEY";

/// What a job asks and writes with on GitHub.
pub const GITHUB_TOKEN: &str = "HOB_GITHUB_TOKEN";

/// What a job asks and writes with on GitLab.
pub const GITLAB_TOKEN: &str = "HOB_GITLAB_TOKEN";

/// The GitLab job's own token.
pub const JOB_TOKEN: &str = "CI_JOB_TOKEN";

/// What GitHub's runner gives an action for the artifact service.
pub const RUNTIME_TOKEN: &str = "ACTIONS_RUNTIME_TOKEN";

/// The variables that hold hob's own secrets. No agent can name one, no sandbox gets one.
pub const VARIABLES: &[&str] = &[
    ANTHROPIC_KEY,
    OPENAI_KEY,
    AZURE_OPENAI_KEY,
    OPENROUTER_KEY,
    GEMINI_KEY,
    VERTEX_TOKEN,
    GROQ_KEY,
    MISTRAL_KEY,
    DEEPSEEK_KEY,
    BEDROCK_KEY,
    OLLAMA_KEY,
    VLLM_KEY,
    GITHUB_TOKEN,
    GITLAB_TOKEN,
    JOB_TOKEN,
    RUNTIME_TOKEN,
];

/// Whether the variable, or the file it names (`<NAME>_FILE`), holds a secret of hob's own.
pub fn is_behind(variable: &str) -> bool {
    VARIABLES.contains(&variable.strip_suffix("_FILE").unwrap_or(variable))
}

/// A key or token. Prints as `***`, is wiped when dropped, and leaves only through
/// [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the value over.
    pub fn new(value: String) -> Self {
        Self(value.into())
    }

    /// The value itself: for a request header or a redactor, nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_behind_its_variable_and_its_files() {
        for (variable, expected) in [
            ("OPENAI_API_KEY", true),
            ("OPENAI_API_KEY_FILE", true),
            ("OPENAI_API_KEY_FILE_FILE", false),
            ("OPENAI_BASE_URL", false),
            ("_FILE", false),
        ] {
            assert_eq!(is_behind(variable), expected, "for `{variable}`");
        }
    }

    #[test]
    fn a_secret_prints_as_three_stars() {
        let secret = Secret::new("sk-very-secret".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "sk-very-secret");
    }
}
