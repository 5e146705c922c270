//! What a file is that is better not shown as text, told from its first bytes.

use super::output;
use crate::domain::image::ImageKind;

/// Kinds beside images whose first bytes are never those of a text.
const KINDS: &[(&str, usize, &[u8])] = &[
    ("an ICO image", 0, b"\0\0\x01\0"),
    ("a TIFF image", 0, b"II*\0"),
    ("a TIFF image", 0, b"MM\0*"),
    ("a PDF document", 0, b"%PDF-"),
    ("a ZIP archive", 0, b"PK\x03\x04"),
    ("a gzip file", 0, b"\x1f\x8b\x08"),
    ("an xz file", 0, b"\xfd7zXZ\0"),
    ("a Zstandard file", 0, b"\x28\xb5\x2f\xfd"),
    ("a 7-Zip archive", 0, b"7z\xbc\xaf\x27\x1c"),
    ("a tar archive", 257, b"ustar"),
    ("an ELF binary", 0, b"\x7fELF"),
    ("a Mach-O binary", 0, b"\xcf\xfa\xed\xfe"),
    ("a WebAssembly module", 0, b"\0asm"),
    ("a Java class", 0, b"\xca\xfe\xba\xbe"),
    ("an SQLite database", 0, b"SQLite format 3\0"),
    ("an MP4 video", 4, b"ftyp"),
    ("an Ogg file", 0, b"OggS\0"),
    ("an OpenType font", 0, b"OTTO\0"),
    ("a WOFF font", 0, b"wOFF\0"),
    ("a WOFF2 font", 0, b"wOF2\0"),
    ("UTF-16 text", 0, b"\xff\xfe"),
    ("UTF-16 text", 0, b"\xfe\xff"),
];

/// Such files begin as a text could; only their NULs tell.
const ONLY_IF_BINARY: &[&str] = &["a tar archive", "an MP4 video", "UTF-16 text"];

/// What these bytes are, with an article; nothing for a text.
pub(super) fn not_text(bytes: &[u8]) -> Option<&'static str> {
    if let Some(image) = ImageKind::of(bytes) {
        return Some(image.words());
    }
    let is_binary = output::is_binary(bytes);
    let stands = |(kind, at, magic): &(&'static str, usize, &[u8])| {
        let begins = bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic));
        (begins && (is_binary || !ONLY_IF_BINARY.contains(kind))).then_some(*kind)
    };
    KINDS.iter().find_map(stands).or(is_binary.then_some("a binary file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes_and_a_text_is_a_text() {
        let mut tar = vec![b'a'; 257];
        tar.extend_from_slice(b"ustar\0");
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Some("a PNG image")),
            (b"\xff\xd8\xff\xe0 no nul", Some("a JPEG image")),
            (b"%PDF-1.7\ntext only", Some("a PDF document")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("a WebP image")),
            (&tar, Some("a tar archive")),
            (b"\xff\xfea\0b\0", Some("UTF-16 text")),
            (b"a\0b", Some("a binary file")),
            (b"", None),
            (b"plain", None),
            (b"caf\xe9", None),
            (b"    ftyp is a word", None),
            (b"\xff\xfe no nul", None),
            ("\u{feff}with a mark".as_bytes(), None),
        ] {
            assert_eq!(not_text(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
