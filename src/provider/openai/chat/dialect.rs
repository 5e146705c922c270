//! What vendors made of one protocol.

use super::super::effort::Takes;

/// How a vendor's Chat Completions differ from OpenAI's.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider) struct Dialect {
    pub(in crate::provider) limit: AnswerLimit,
    /// A stream tells its tokens only when `stream_options` ask for them; other vendors refuse the
    /// field.
    pub(in crate::provider) asks_for_usage: bool,
    pub(in crate::provider) thoughts: Thoughts,
    /// An answer that calls tools ends with `stop` as well as with `tool_calls`.
    pub(in crate::provider) calls_at_stop: bool,
    /// Nothing may follow results but an answer: what hob says there gets one before it.
    /// <https://github.com/zed-industries/zed/issues/37021>: `Unexpected role 'user' after role 'tool'`.
    pub(in crate::provider) answers_results: bool,
    pub(in crate::provider) takes: Takes,
}

/// The field for the longest answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum AnswerLimit {
    MaxTokens,
    MaxCompletionTokens,
}

/// What of a thought goes back to the model that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Thoughts {
    Nothing,
    /// Its text, in `reasoning_content`, which stands beside calls even when it is empty.
    Sent,
    /// All that `reasoning_details` told, in a field of that name.
    Detailed,
    /// The signature that came with a call.
    Signed {
        /// What is sent for the first call of another model's answer, where none is refused.
        stand_in: &'static str,
    },
}

impl Dialect {
    pub(in crate::provider) const OPENAI: Self = Self {
        limit: AnswerLimit::MaxCompletionTokens,
        asks_for_usage: true,
        thoughts: Thoughts::Nothing,
        calls_at_stop: false,
        answers_results: false,
        takes: Takes::Openai,
    };
}
