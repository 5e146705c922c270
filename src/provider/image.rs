//! Images on their way to a model, and what stands for those that it cannot be shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::catalog;
use crate::domain::image::{BYTES_MAX, ImageKind, Sight};

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

/// What the model of one conversation is still sent of its images.
pub(super) struct Eyes {
    sight: Sight,
    sent: usize,
}

impl Eyes {
    /// Those of the model named `provider/model`.
    pub(super) fn of(model: &str) -> Self {
        Self { sight: catalog::sight(model), sent: 0 }
    }

    /// The next image of the conversation. One that the model is not known to take becomes words: a
    /// server that refuses an image would refuse the conversation for ever after.
    pub(super) fn send(&mut self, image: &Image<'_>) -> Sent {
        let media_type = image.kind.media_type();
        let size = image.bytes.len();
        let instead = |why: &str| Sent::Words(format!("(an image, {media_type}, {size} bytes: {why})"));
        let Sight { kinds, most } = self.sight;
        if kinds.is_empty() {
            return instead("you are not known to see images, so it is not shown");
        }
        if !kinds.contains(&image.kind) {
            return instead("you are not known to see images of this kind, so it is not shown");
        }
        if size > BYTES_MAX {
            return instead(&format!("larger than {BYTES_MAX} bytes, so it is not shown"));
        }
        if self.sent == most {
            return instead(&format!("more than {most} cannot be shown to you, so it is not"));
        }
        self.sent += 1;
        Sent::Image { media_type, data: STANDARD.encode(image.bytes) }
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
        let gif = Image { kind: ImageKind::Gif, bytes: b"GIF89a" };
        let said: Vec<String> = [
            Eyes::of("anthropic/claude-sonnet-5").send(&image(b"\x89PNG")),
            Eyes::of("groq/openai/gpt-oss-120b").send(&image(b"\x89PNG")),
            Eyes::of("ollama/whatever").send(&image(b"\x89PNG")),
            Eyes::of("gemini/gemini-3.8-flash").send(&image(&large)),
            Eyes::of("openai/gpt-5-mini").send(&gif),
            Eyes::of("gemini/gemini-3.8-flash").send(&gif),
        ]
        .into_iter()
        .map(|sent| sent.url().unwrap_or_else(|words| words))
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        data:image/png;base64,iVBORw==
        (an image, image/png, 4 bytes: you are not known to see images, so it is not shown)
        (an image, image/png, 4 bytes: you are not known to see images, so it is not shown)
        (an image, image/png, 3750001 bytes: larger than 3750000 bytes, so it is not shown)
        data:image/gif;base64,R0lGODlh
        (an image, image/gif, 6 bytes: you are not known to see images of this kind, so it is not shown)
        ");
        assert!(Eyes::of("openai/gpt-5-mini").send(&image(&large[1..])).url().is_ok());
    }

    #[test]
    fn no_more_images_are_sent_than_the_vendor_takes() {
        let mut eyes = Eyes::of("mistral/mistral-medium-3-5");
        let image = Image { kind: ImageKind::Png, bytes: b"\x89PNG" };
        let sent: Vec<bool> = (0..10).map(|_| eyes.send(&image).url().is_ok()).collect();
        assert_eq!(sent.iter().filter(|sent| **sent).count(), 8);
        assert!(!sent[8] && !sent[9]);
    }
}
