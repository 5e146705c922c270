//! Images that are made, not kept: whole PNG files of one colour, so that any reader can read them.

/// A square of this many pixels, whose grey tells it from others.
pub(crate) fn png(side: u32, grey: u8) -> Vec<u8> {
    png_of(side, side, grey)
}

/// The same of two sides.
pub(crate) fn png_of(width: u32, height: u32, grey: u8) -> Vec<u8> {
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let row = [vec![0], vec![grey; width as usize]].concat();
    let chunks = [chunk(b"IHDR", &head), chunk(b"IDAT", &stored(&row.repeat(height as usize))), chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n", chunks.concat().as_slice()].concat()
}

/// A zlib stream that compresses nothing: of any length, without a library.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(0xffff);
    let last = blocks.len() - 1;
    for (at, block) in blocks.enumerate() {
        let length = block.len() as u16;
        stream.push((at == last).into());
        stream.extend(length.to_le_bytes().into_iter().chain((!length).to_le_bytes()));
        stream.extend(block);
    }
    let sums = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (a + b) % 65521)
    });
    stream.extend((sums.1 << 16 | sums.0).to_be_bytes());
    stream
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&name[..], data].concat();
    let sum = named.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    [&(data.len() as u32).to_be_bytes()[..], &named, &(!sum).to_be_bytes()].concat()
}
