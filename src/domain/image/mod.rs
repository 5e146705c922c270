//! Images: the kinds that models are shown, how many of them, and how the log names one.

mod still;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use still::{Still, Unfit, still};

/// Largest one, in bytes. As base64 it has the 5 MB that Anthropic takes:
/// <https://platform.claude.com/docs/en/build-with-claude/vision>, seen 2026-11-23.
pub const BYTES_MAX: usize = 3_750_000;

/// Longest side, in pixels: what Anthropic and Google take. The source is that of [`BYTES_MAX`].
pub const SIDE_MAX: u32 = 8000;

/// Bytes of all that one conversation shows: each request holds them again, as 16 MB of base64. The
/// strictest vendor takes 20 MB of a request.
pub const ALL_BYTES_MAX: u64 = 12_000_000;

/// A kind of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageKind {
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
    /// GIF.
    #[serde(rename = "image/gif")]
    Gif,
}

impl ImageKind {
    /// What a file is, by how it begins; its name says nothing.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', b'8', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    /// `image/png`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// `a PNG image`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Png => "a PNG image",
            Self::Jpeg => "a JPEG image",
            Self::Webp => "a WebP image",
            Self::Gif => "a GIF image",
        }
    }
}

/// What a model can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Images of these kinds.
    pub kinds: &'static [ImageKind],
    /// At most so many in one request, so in one conversation.
    pub most: usize,
}

impl Sight {
    /// Nothing.
    pub const NONE: Self = Self { kinds: &[], most: 0 };

    /// Every kind. Of more than 20 in one request, Anthropic refuses those with a side of more than
    /// 2000 pixels; no other vendor takes fewer, but those whose rows say so.
    pub const FULL: Self =
        Self { kinds: &[ImageKind::Png, ImageKind::Jpeg, ImageKind::Webp, ImageKind::Gif], most: 20 };
}

/// An image that a tool shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What the model may call it: a path.
    pub name: String,
    /// What it is, by its content.
    pub kind: ImageKind,
    /// The file.
    pub bytes: Bytes,
}

/// An image as the log names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptImage {
    /// See [`Image::name`].
    pub name: String,
    /// What it is.
    #[serde(rename = "media_type")]
    pub kind: ImageKind,
    /// Its length in bytes.
    pub size: u64,
    /// The file, in the blob of this digest: SHA-256, lower-case hex.
    pub blob: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_how_it_begins() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], Some(ImageKind::Png)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(ImageKind::Jpeg)),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some(ImageKind::Webp)),
            (b"RIFF\x24\0\0\0WAVEfmt ", None),
            (b"GIF89a", Some(ImageKind::Gif)),
            (b"GIF88a", None),
            (b"\x89PN", None),
            (b"", None),
        ] {
            assert_eq!(ImageKind::of(bytes), expected);
            let stored = expected.map(|kind| serde_json::to_string(&kind).unwrap());
            assert_eq!(stored, expected.map(|kind| format!("\"{}\"", kind.media_type())));
        }
    }
}
