//! Whether a file is a whole still image that every vendor takes, from its outline alone: nothing is
//! decoded. An image that a vendor cannot read would be refused with all of the conversation.

use super::{BYTES_MAX, ImageKind, SIDE_MAX};

/// A whole still image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Still {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why an image is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It does not have the outline of its kind up to the end.
    #[error("it is cut off or damaged")]
    Damaged,
    /// It has several frames.
    #[error("it moves, and only a still image can be shown")]
    Moves,
    /// Too many bytes.
    #[error("more than {BYTES_MAX} bytes cannot be shown")]
    Heavy,
    /// Too many pixels.
    #[error("it has {0} x {1} pixels, and more than {SIDE_MAX} on a side cannot be shown")]
    Large(u32, u32),
}

/// The image in `bytes`, which begin as this kind does. Linear in their length.
///
/// # Errors
/// Why it cannot be shown, for the model to read.
pub fn still(kind: ImageKind, bytes: &[u8]) -> Result<Still, Unfit> {
    if bytes.len() > BYTES_MAX {
        return Err(Unfit::Heavy);
    }
    let rest = Rest(bytes);
    let (still, frames) = match kind {
        ImageKind::Png => png(rest),
        ImageKind::Jpeg => jpeg(rest),
        ImageKind::Webp => webp(rest),
        ImageKind::Gif => gif(rest),
    }
    .ok_or(Unfit::Damaged)?;
    match still {
        _ if frames > 1 => Err(Unfit::Moves),
        Still { width: 0, .. } | Still { height: 0, .. } => Err(Unfit::Damaged),
        Still { width, height } if width.max(height) > SIDE_MAX => Err(Unfit::Large(width, height)),
        still => Ok(still),
    }
}

/// What of a file is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn big(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn little(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn short(&mut self) -> Option<u32> {
        self.array().map(|two| u16::from_le_bytes(two).into())
    }
}

/// Chunks from `IHDR` to `IEND`. One that moves has a still image in front, which vendors take.
fn png(mut rest: Rest<'_>) -> Option<(Still, usize)> {
    rest.take(8)?;
    let mut still = None;
    loop {
        let length = rest.big()?;
        let name: [u8; 4] = rest.array()?;
        let mut data = Rest(rest.take(usize::try_from(length).ok()?)?);
        let _checksum = rest.big()?;
        match &name {
            b"IHDR" => still = Some(Still { width: data.big()?, height: data.big()? }),
            b"IEND" => return Some((still?, 1)),
            _ => {}
        }
    }
}

/// Segments, and the scans behind some of them, up to the mark of the end.
fn jpeg(mut rest: Rest<'_>) -> Option<(Still, usize)> {
    let mut still = None;
    loop {
        // Any number of fill bytes may stand before a mark.
        let mut mark = rest.byte().filter(|byte| *byte == 0xff)?;
        while mark == 0xff {
            mark = rest.byte()?;
        }
        match mark {
            0x01 | 0xd0..=0xd8 => continue,
            0xd9 => return Some((still?, 1)),
            _ => {}
        }
        let length = rest.array().map(u16::from_be_bytes)?.checked_sub(2)?;
        let mut data = Rest(rest.take(length.into())?);
        match mark {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => {
                let _precision = data.byte()?;
                let mut side = || data.array().map(|two| u32::from(u16::from_be_bytes(two)));
                let height = side()?;
                still = Some(Still { width: side()?, height });
            }
            0xda => {
                let is_mark = |two: &[u8]| matches!(two, [0xff, mark] if !matches!(mark, 0 | 0xd0..=0xd7));
                rest.take(rest.0.windows(2).position(is_mark)?)?;
            }
            _ => {}
        }
    }
}

/// One chunk says all; those behind it must be there.
fn webp(mut rest: Rest<'_>) -> Option<(Still, usize)> {
    rest.take(4)?;
    let length = usize::try_from(rest.little()?).ok()?;
    let mut rest = Rest(rest.take(length)?);
    rest.take(4)?;
    let name: [u8; 4] = rest.array()?;
    let _length = rest.little()?;
    match &name {
        b"VP8X" => {
            let [flags, ..] = rest.array::<4>()?;
            let mut side = || rest.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]) + 1);
            let moves = flags & 0b10 != 0;
            Some((Still { width: side()?, height: side()? }, if moves { 2 } else { 1 }))
        }
        b"VP8L" => {
            rest.byte().filter(|byte| *byte == 0x2f)?;
            let sides = rest.little()?;
            Some((Still { width: (sides & 0x3fff) + 1, height: (sides >> 14 & 0x3fff) + 1 }, 1))
        }
        b"VP8 " => {
            rest.take(3)?;
            rest.array().filter(|start| start == &[0x9d, 0x01, 0x2a])?;
            Some((Still { width: rest.short()? & 0x3fff, height: rest.short()? & 0x3fff }, 1))
        }
        _ => None,
    }
}

/// Blocks up to the trailer.
fn gif(mut rest: Rest<'_>) -> Option<(Still, usize)> {
    rest.take(6)?;
    let still = Still { width: rest.short()?, height: rest.short()? };
    let flags = rest.byte()?;
    rest.take(2 + colours(flags))?;
    let mut frames = 0;
    loop {
        match rest.byte()? {
            0x3b => return (frames > 0).then_some((still, frames)),
            0x21 => {
                let _label = rest.byte()?;
            }
            0x2c => {
                frames += 1;
                rest.take(8)?;
                let flags = rest.byte()?;
                rest.take(colours(flags) + 1)?;
            }
            _ => return None,
        }
        while let length @ 1.. = rest.byte()? {
            rest.take(length.into())?;
        }
    }
}

/// Bytes of the table of colours that these flags announce.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0b111) + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], name, data, &[0; 4]].concat()
    }

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let chunks = [chunk(b"IHDR", &head), chunk(b"IDAT", &[7; 90]), chunk(b"IEND", &[])].concat();
        [b"\x89PNG\r\n\x1a\n", chunks.as_slice()].concat()
    }

    fn gif_of(frames: usize) -> Vec<u8> {
        let frame = [&[0x2c, 0, 0, 0, 0, 4, 0, 3, 0, 0x80, 1, 2, 3, 4, 5, 6, 2][..], &[2, 9, 9, 1, 9, 0]].concat();
        let extension = [0x21, 0xf9, 4, 1, 2, 3, 4, 0];
        [&b"GIF89a\x04\0\x03\0\x81\0\0"[..], &[0; 12], &extension, &frame.repeat(frames), b";"].concat()
    }

    fn jpeg_of() -> Vec<u8> {
        let start = b"\xff\xd8\xff\xe0\0\x04JF\xff\xc0\0\x08\x08\0\x03\0\x04\x01";
        [&start[..], b"\xff\xff\xda\0\x03\x01data\xff\0more\xff\xd0rest\xff\xd9"].concat()
    }

    fn webp_of(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let body = [b"WEBP", &name[..], &length.to_le_bytes(), data].concat();
        [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    fn all() -> Vec<(Vec<u8>, Result<Still, Unfit>)> {
        let fits = |width, height| Ok(Still { width, height });
        vec![
            (png_of(640, 480), fits(640, 480)),
            (png_of(8000, 1), fits(8000, 1)),
            (jpeg_of(), fits(4, 3)),
            (gif_of(1), fits(4, 3)),
            (webp_of(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x04\x40\x03\0"), fits(4, 3)),
            (webp_of(b"VP8L", b"\x2f\x03\x80\0\0rest"), fits(4, 3)),
            (webp_of(b"VP8X", b"\0\0\0\0\x03\0\0\x02\0\0"), fits(4, 3)),
            (png_of(8001, 2), Err(Unfit::Large(8001, 2))),
            (png_of(0, 2), Err(Unfit::Damaged)),
            (gif_of(2), Err(Unfit::Moves)),
            (gif_of(0), Err(Unfit::Damaged)),
            (webp_of(b"VP8X", b"\x02\0\0\0\x03\0\0\x02\0\0"), Err(Unfit::Moves)),
            ([png_of(1, 1), vec![0; BYTES_MAX]].concat(), Err(Unfit::Heavy)),
        ]
    }

    #[test]
    fn a_whole_still_image_is_told_by_its_outline() {
        for (bytes, expected) in all() {
            let kind = ImageKind::of(&bytes).unwrap();
            assert_eq!(still(kind, &bytes), expected, "{kind:?}");
        }
    }

    #[test]
    fn one_that_is_cut_off_anywhere_is_not_shown() {
        for (bytes, _) in all().into_iter().filter(|(_, expected)| expected.is_ok()) {
            let kind = ImageKind::of(&bytes).unwrap();
            for end in 0..bytes.len() {
                assert_eq!(still(kind, &bytes[..end]), Err(Unfit::Damaged), "{kind:?} cut at {end}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_stops_the_program(
            which in 0..7_usize,
            changes in proptest::collection::vec((0..200_usize, proptest::num::u8::ANY), 0..20),
        ) {
            let (mut bytes, _) = all().swap_remove(which);
            let kind = ImageKind::of(&bytes).unwrap();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let _ = still(kind, &bytes);
        }
    }
}
