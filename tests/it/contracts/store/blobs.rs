//! Content under its digest: what comes back is what was put there, or an error.

use super::place::SECRET;
use super::*;

every_store! {
    content_comes_back_under_its_digest,
    the_same_content_twice_is_one,
    content_may_be_empty,
    content_of_many_bytes_comes_back,
    nothing_but_a_digest_names_content,
    what_was_never_put_there_is_missing,
    content_above_the_bound_is_refused_and_the_log_goes_on,
    content_of_one_instance_is_not_that_of_another,
    content_is_kept_without_secrets,
    who_only_looks_reads_content_too,
    content_outlives_its_process,
    content_is_put_without_a_claim,
    what_comes_back_is_a_copy_of_ones_own,
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(content))
}

/// Puts content, and writes an entry that names it: then it is there for others.
fn put_and_name(writer: &mut Writer, content: &[u8]) -> String {
    let fence = writer.claim();
    let digest = writer.put_blob(content);
    writer.append(fence, [note(&digest)]).unwrap();
    writer.release();
    digest
}

fn content_comes_back_under_its_digest(place: &Place) {
    let mut writer = place.open();
    for content in [&[0xff, 0, b'x'][..], b"text\r\n", b"\n", "ä 🎉".as_bytes()] {
        let digest = writer.put_blob(content);
        assert_eq!(digest, sha256(content));
        assert_eq!(writer.blob(&digest).unwrap(), content);
    }
}

fn the_same_content_twice_is_one(place: &Place) {
    let mut writer = place.open();
    let digest = writer.put_blob(b"content");
    for _ in 0..3 {
        assert_eq!(writer.put_blob(b"content"), digest);
    }
    drop(writer);
    let mut writer = place.beside().open();
    assert_eq!(writer.put_blob(b"content"), digest);
    assert_eq!(writer.blob(&digest).unwrap(), b"content");
}

fn content_may_be_empty(place: &Place) {
    let mut writer = place.open();
    let digest = writer.put_blob(b"");
    assert_eq!(digest, sha256(b""));
    assert_eq!(writer.blob(&digest).unwrap(), b"");
}

fn content_of_many_bytes_comes_back(place: &Place) {
    // Not what a compressor would make small.
    let mut state = 1_u32;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take((5 << 20) + 7)
    .collect();
    let digest = put_and_name(&mut place.open(), &content);
    assert!(place.beside().open().blob(&digest).unwrap() == content);
}

fn nothing_but_a_digest_names_content(place: &Place) {
    let mut writer = place.open();
    let digest = writer.put_blob(b"content");
    let upper = digest.to_uppercase();
    let spaced = format!(" {digest}");
    let longer = "a".repeat(100_000);
    for name in ["", "../manifest.json", "/etc/passwd", "' OR 1=1", "\0", &digest[..63], &upper, &spaced, &longer] {
        let error = writer.blob(name).unwrap_err();
        assert!(matches!(error, Error::NoBlob { .. }), "`{name}` was read: {error}");
        assert!(error.to_string().len() < 300);
    }
}

fn what_was_never_put_there_is_missing(place: &Place) {
    let never = sha256(b"never");
    let said = format!("blob `{never}` is missing; put back a copy of the session that has it");
    let mut writer = place.open();
    assert_eq!(writer.blob(&never).unwrap_err().to_string(), said);
    writer.put_blob(b"content");
    assert_eq!(place.run(place.peek().blob(&never)).unwrap_err().to_string(), said);
}

fn content_above_the_bound_is_refused_and_the_log_goes_on(place: &Place) {
    use hob::store::Blob;
    use hob::telemetry::redact::Redactor;
    let mut writer = place.open();
    let fence = writer.claim();
    let content = vec![b'x'; (64 << 20) + 1];
    let error = place.run(writer.log.put_blob(&Blob::new(&content, &Redactor::default()))).unwrap_err();
    insta::allow_duplicates! {
        insta::assert_snapshot!(error, @"a blob is larger than 67108864 bytes, the most that is stored");
    }
    writer.put_blob(b"small");
    writer.append(fence, [note("small")]).unwrap();
}

fn content_of_one_instance_is_not_that_of_another(place: &Place) {
    let digest = place.open().put_blob(b"content");
    let mut other = place.open_of(&neighbour());
    assert!(matches!(other.blob(&digest), Err(Error::NoBlob { .. })));
    assert_eq!(other.put_blob(b"content"), digest);
    assert_eq!(other.blob(&digest).unwrap(), b"content");
}

fn content_is_kept_without_secrets(place: &Place) {
    let mut writer = place.open();
    let digest = writer.put_blob(format!("key = {SECRET}\n").as_bytes());
    assert_eq!(digest, sha256(b"key = ***\n"));
    assert_eq!(writer.blob(&digest).unwrap(), b"key = ***\n");
}

fn who_only_looks_reads_content_too(place: &Place) {
    let digest = put_and_name(&mut place.open(), b"content");
    assert_eq!(&*place.run(place.beside().peek().blob(&digest)).unwrap(), b"content");
}

fn content_outlives_its_process(place: &Place) {
    let mut writer = place.open_doomed();
    let fence = writer.claim();
    let digest = writer.put_blob(b"content");
    writer.append(fence, [note(&digest)]).unwrap();
    place.dies(writer);
    assert_eq!(place.beside().open().blob(&digest).unwrap(), b"content");
}

fn content_is_put_without_a_claim(place: &Place) {
    let mut writer = place.open();
    let digest = writer.put_blob(b"content");
    let fence = writer.claim();
    writer.append(fence, [note(&digest)]).unwrap();
    writer.release();
    let after = writer.put_blob(b"after");
    assert_eq!(writer.blob(&after).unwrap(), b"after");
}

fn what_comes_back_is_a_copy_of_ones_own(place: &Place) {
    let mut writer = place.open();
    let digest = writer.put_blob(b"content");
    writer.blob(&digest).unwrap()[0] = b'X';
    assert_eq!(writer.blob(&digest).unwrap(), b"content");
}
