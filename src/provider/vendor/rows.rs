//! The table of vendors.

use super::{Key, Needed, Vendor, Wire};
use crate::domain::secret;
use crate::provider::base_url::Base;
use crate::provider::openai::chat::{AnswerLimit, Dialect, Thoughts};
use crate::provider::openai::effort::Takes;

const SEEN: &str = "2026-11-23";

const fn bearer(variable: &'static str, needed: Needed) -> Key {
    Key { variable, header: "authorization", prefix: "Bearer ", needed }
}

/// At a fixed address.
const fn at(variable: &'static str, default: &'static str, version: &'static str) -> Base {
    Base { variable, default: Some(default), example: default, version }
}

/// At an address that depends on the account.
const fn given(variable: &'static str, example: &'static str, version: &'static str) -> Base {
    Base { variable, default: None, example, version }
}

const OPENAI: Base = at("OPENAI_BASE_URL", "https://api.openai.com/v1", "/v1");

const AZURE: Base = given("AZURE_OPENAI_BASE_URL", "https://NAME.openai.azure.com/openai/v1", "/openai/v1");

/// The model's name there is that of a deployment.
const AZURE_KEY: Key =
    Key { variable: secret::AZURE_OPENAI_KEY, header: "api-key", prefix: "", needed: Needed::Always };

/// The source of `vertex` names `max_tokens`, of which `max_completion_tokens` is an alias, and says that what
/// is not known is ignored; that of `gemini` says nothing of either.
/// <https://github.com/googleapis/python-genai/issues/2868>: a stream that calls tools ends with
/// `stop`. <https://ai.google.dev/gemini-api/docs/thought-signatures>: the signature of a call comes
/// back with it, and stands in for itself where another model called.
const GOOGLE: Dialect = Dialect {
    limit: AnswerLimit::MaxTokens,
    thoughts: Thoughts::Signed { stand_in: "skip_thought_signature_validator" },
    calls_at_stop: true,
    takes: Takes::Gemini,
    ..Dialect::OPENAI
};

/// Every vendor, as the reference page shows them.
pub static VENDORS: &[Vendor] = &[
    Vendor {
        word: "anthropic",
        title: "Anthropic",
        wire: Wire::Messages,
        base: at("ANTHROPIC_BASE_URL", "https://api.anthropic.com", "/v1"),
        key: Key { variable: secret::ANTHROPIC_KEY, header: "x-api-key", prefix: "", needed: Needed::Always },
        source: "https://platform.claude.com/docs/en/api/overview",
        seen: SEEN,
    },
    Vendor {
        word: "openai",
        title: "OpenAI",
        wire: Wire::Responses,
        base: OPENAI,
        key: bearer(secret::OPENAI_KEY, Needed::AtTheVendor),
        source: "https://developers.openai.com/api/reference/resources/responses",
        seen: SEEN,
    },
    Vendor {
        word: "openai-chat",
        title: "OpenAI, and every compatible server",
        wire: Wire::Chat(Dialect::OPENAI),
        base: OPENAI,
        key: bearer(secret::OPENAI_KEY, Needed::AtTheVendor),
        source: "https://developers.openai.com/api/reference/resources/chat",
        seen: SEEN,
    },
    Vendor {
        word: "azure",
        title: "Azure OpenAI",
        wire: Wire::Responses,
        base: AZURE,
        key: AZURE_KEY,
        source: "https://learn.microsoft.com/en-us/azure/foundry-classic/openai/api-version-lifecycle",
        seen: SEEN,
    },
    Vendor {
        word: "azure-chat",
        title: "Azure OpenAI",
        wire: Wire::Chat(Dialect::OPENAI),
        base: AZURE,
        key: AZURE_KEY,
        source: "https://learn.microsoft.com/en-us/azure/foundry-classic/openai/api-version-lifecycle",
        seen: SEEN,
    },
    Vendor {
        word: "openrouter",
        title: "OpenRouter",
        // Fields that a model does not know are dropped on the way to it.
        wire: Wire::Chat(Dialect {
            limit: AnswerLimit::MaxTokens,
            thoughts: Thoughts::Detailed,
            takes: Takes::OpenRouter,
            ..Dialect::OPENAI
        }),
        base: at("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1", "/api/v1"),
        key: bearer(secret::OPENROUTER_KEY, Needed::Always),
        source: "https://openrouter.ai/docs/use-cases/reasoning-tokens",
        seen: SEEN,
    },
    Vendor {
        word: "gemini",
        title: "Google, Gemini API",
        wire: Wire::Chat(GOOGLE),
        base: at("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com/v1beta/openai", "/v1beta/openai"),
        key: bearer(secret::GEMINI_KEY, Needed::Always),
        source: "https://ai.google.dev/gemini-api/docs/openai",
        seen: SEEN,
    },
    Vendor {
        word: "vertex",
        title: "Google, Vertex AI",
        wire: Wire::Chat(GOOGLE),
        base: given(
            "VERTEX_BASE_URL",
            "https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/endpoints/openapi",
            "/v1",
        ),
        // Not a key but an access token, which lasts an hour: `gcloud auth print-access-token`.
        key: bearer(secret::VERTEX_TOKEN, Needed::Always),
        source: "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/call-vertex-using-openai-library",
        seen: SEEN,
    },
    Vendor {
        word: "groq",
        title: "Groq",
        wire: Wire::Chat(Dialect { takes: Takes::Groq, ..Dialect::OPENAI }),
        base: at("GROQ_BASE_URL", "https://api.groq.com/openai/v1", "/openai/v1"),
        key: bearer(secret::GROQ_KEY, Needed::Always),
        source: "https://console.groq.com/docs/openai",
        seen: SEEN,
    },
    Vendor {
        word: "mistral",
        title: "Mistral",
        // <https://github.com/openai/openai-agents-python/issues/442>: `stream_options` is refused,
        // and tokens are told without it.
        wire: Wire::Chat(Dialect {
            limit: AnswerLimit::MaxTokens,
            asks_for_usage: false,
            answers_results: true,
            takes: Takes::Mistral,
            ..Dialect::OPENAI
        }),
        base: at("MISTRAL_BASE_URL", "https://api.mistral.ai/v1", "/v1"),
        key: bearer(secret::MISTRAL_KEY, Needed::Always),
        source: "https://docs.mistral.ai/capabilities/reasoning/adjustable",
        seen: SEEN,
    },
    Vendor {
        word: "deepseek",
        title: "DeepSeek",
        // A thought that led to a call and does not come back is refused.
        wire: Wire::Chat(Dialect {
            limit: AnswerLimit::MaxTokens,
            thoughts: Thoughts::Sent,
            takes: Takes::DeepSeek,
            ..Dialect::OPENAI
        }),
        // `/v1` in it was for OpenAI's clients, and is not documented any more.
        base: at("DEEPSEEK_BASE_URL", "https://api.deepseek.com", ""),
        key: bearer(secret::DEEPSEEK_KEY, Needed::Always),
        source: "https://api-docs.deepseek.com/",
        seen: SEEN,
    },
    Vendor {
        word: "bedrock",
        title: "Amazon Bedrock",
        wire: Wire::Chat(Dialect { takes: Takes::Bedrock, ..Dialect::OPENAI }),
        base: given("BEDROCK_BASE_URL", "https://bedrock-runtime.REGION.amazonaws.com/openai/v1", "/openai/v1"),
        key: bearer(secret::BEDROCK_KEY, Needed::Always),
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-responses-api.html",
        seen: SEEN,
    },
    Vendor {
        word: "ollama",
        title: "Ollama",
        wire: Wire::Chat(Dialect { limit: AnswerLimit::MaxTokens, takes: Takes::GptOss, ..Dialect::OPENAI }),
        base: at("OLLAMA_BASE_URL", "http://localhost:11434/v1", "/v1"),
        key: bearer(secret::OLLAMA_KEY, Needed::Never),
        source: "https://docs.ollama.com/api/openai-compatibility",
        seen: SEEN,
    },
    Vendor {
        word: "vllm",
        title: "vLLM",
        wire: Wire::Chat(Dialect { takes: Takes::GptOss, ..Dialect::OPENAI }),
        base: at("VLLM_BASE_URL", "http://localhost:8000/v1", "/v1"),
        key: bearer(secret::VLLM_KEY, Needed::Never),
        source: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        seen: SEEN,
    },
];

/// The words of all vendors.
pub const WORDS: [&str; VENDORS.len()] = {
    let mut words = [""; VENDORS.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = VENDORS[at].word;
        at += 1;
    }
    words
};
