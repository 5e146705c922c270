//! Images on their way to a model, and what stands for those that it cannot be shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::catalog;
use crate::domain::message::ImageKind;

/// Largest image, in bytes. It is sent again with every turn, and a whole request is 32 MB at most at
/// the strictest vendor: <https://platform.claude.com/docs/en/build-with-claude/vision>, seen
/// 2026-11-23.
const BYTES_MAX: usize = 3_750_000;

/// An image that is shown to a model.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// What it is, by its content.
    pub kind: ImageKind,
    /// The file.
    pub bytes: &'a [u8],
}

/// An image as a model is sent it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// In base64.
    Image { media_type: &'static str, data: String },
    /// Words instead.
    Words(String),
}

impl Image<'_> {
    /// For the model named `provider/model`. One that no source says can see is told so: a server
    /// that refuses an image would refuse the conversation for ever after.
    pub(super) fn sent_to(self, model: &str) -> Sent {
        let media_type = self.kind.media_type();
        let size = self.bytes.len();
        if !catalog::find(model).is_some_and(|row| row.sees) {
            return Sent::Words(format!(
                "(an image, {media_type}, {size} bytes: you are not known to see images, so it is not shown)"
            ));
        }
        if size > BYTES_MAX {
            return Sent::Words(format!(
                "(an image, {media_type}, {size} bytes: larger than {BYTES_MAX} bytes, so it is not shown)"
            ));
        }
        Sent::Image { media_type, data: STANDARD.encode(self.bytes) }
    }
}

impl Sent {
    /// As an address that holds the image itself; the words if there is none.
    pub(super) fn url(self) -> Result<String, String> {
        match self {
            Self::Image { media_type, data } => Ok(format!("data:{media_type};base64,{data}")),
            Self::Words(words) => Err(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_shown_what_it_can_see_and_told_of_the_rest() {
        let image = |bytes| Image { kind: ImageKind::Png, bytes };
        let large = vec![0; BYTES_MAX + 1];
        let said: Vec<String> = [
            image(b"\x89PNG").sent_to("anthropic/claude-sonnet-5"),
            image(b"\x89PNG").sent_to("groq/openai/gpt-oss-120b"),
            image(b"\x89PNG").sent_to("ollama/whatever"),
            image(&large).sent_to("gemini/gemini-3.8-flash"),
        ]
        .into_iter()
        .map(|sent| sent.url().unwrap_or_else(|words| words))
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        data:image/png;base64,iVBORw==
        (an image, image/png, 4 bytes: you are not known to see images, so it is not shown)
        (an image, image/png, 4 bytes: you are not known to see images, so it is not shown)
        (an image, image/png, 3750001 bytes: larger than 3750000 bytes, so it is not shown)
        ");
        assert!(image(&large[1..]).sent_to("openai/gpt-5-mini").url().is_ok());
    }
}
