//! What is read of an instance. `None` says that it is not there any more.

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;

use super::super::Error;
use super::super::chain::{Tail, Verifier};
use super::super::medium::{Each, Part};
use super::super::record::{self, Sum};
use super::inboxes::Seen;
use super::lease::Claim;
use super::refused::Refused;
use super::verbs::{Instance, line, table};
use crate::domain::id::{Epoch, RunId, Seq};

/// The cover as it stands.
pub(super) fn cover(db: &Connection, instance: &Instance) -> Result<Option<Vec<u8>>, Refused> {
    let mut select = db.prepare_cached("select cover from instances where id = ?1")?;
    Ok(select.query_row([instance.number], |row| Ok(line(bytes(row.get_ref(0)?)))).optional()?)
}

/// The claim that was taken last, if it was not given back.
pub(super) fn claim(db: &Connection, instance: &Instance) -> Result<Option<Option<Claim>>, Refused> {
    let mut select = db.prepare_cached("select holder, boot, renewed, until from instances where id = ?1")?;
    Ok(select.query_row([instance.number], Claim::of).optional()?)
}

/// Gives every line of a chain after `from`, in order; whether there is such a chain.
pub(super) fn lines(
    db: &Connection,
    instance: &Instance,
    part: Part,
    from: &Tail,
    each: Each<'_>,
) -> Result<Option<bool>, Refused> {
    let select = format!("select seq, line from {} where instance = ?1 and seq >= ?2 order by seq", table(part));
    let mut select = db.prepare_cached(&select)?;
    let mut rows = select.query(params![instance.number, from.next.0.cast_signed()])?;
    let (mut next, mut offset) = (from.next.0, from.len);
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        if seq.cast_unsigned() != next {
            let what = "is missing".to_owned();
            return Err(Error::Damaged { path: instance.path(part), line: next + 1, offset, what }.into());
        }
        let text = bytes(row.get_ref(1)?);
        let length = text.len() + 1;
        each(text, length)?;
        (next, offset) = (next + 1, offset.saturating_add(length as u64));
    }
    if next == from.next.0 && cover(db, instance)?.is_none() {
        return Ok(None);
    }
    Ok(Some(next > 0 || part == Part::Inbox))
}

/// Refuses a chain that ends within a transaction: here, nobody who dies leaves one behind.
pub(super) fn torn(db: &Connection, instance: &Instance, part: Part, end: &Tail) -> Result<Option<()>, Refused> {
    let path = instance.path(part);
    let mut verifier = Verifier::new(&path, *end, &[]);
    let mut seen = 0_u64;
    let found = lines(db, instance, part, end, &mut |line, length| {
        seen += 1;
        verifier.line(line, length, |_| Ok(()))
    })?;
    if seen > 0 && verifier.end()? == *end {
        let (line, offset) = (end.next.0 + seen + 1, end.len);
        let what = "is missing: it belongs to the one before it".to_owned();
        return Err(Error::Damaged { path, line, offset, what }.into());
    }
    Ok(found.map(|_| ()))
}

/// The inbox as it stands: what it admits first, so that who enters a row at its end has seen all.
pub(super) fn inbox(db: &Connection, instance: &Instance) -> Result<Option<Seen>, Refused> {
    let last = db
        .prepare_cached("select seq, ends, line from inbox_lines where instance = ?1 order by seq desc limit 1")?
        .query_row([instance.number], |row| Ok((row.get(0)?, row.get(1)?, bytes(row.get_ref(2)?).to_vec())))
        .optional()?;
    let tail = match last {
        Some((seq, ends, line)) => end(instance, Part::Inbox, i64::cast_unsigned(seq), ends, &line)?,
        None => Tail::START,
    };
    let mut runs = db.prepare_cached("select run from inbox_lines where instance = ?1 and run is not null")?;
    let runs = runs.query_map([instance.number], |row| row.get::<_, String>(0))?;
    let runs = runs.map(|run| Ok(RunId::read(&run?))).filter_map(Result::transpose);
    let runs = runs.collect::<rusqlite::Result<_>>()?;
    let epoch = db
        .prepare_cached("select epoch from instances where id = ?1")?
        .query_row([instance.number], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(epoch.map(|epoch| Seen { tail, epoch: Epoch(epoch.cast_unsigned()), runs }))
}

/// The end of a chain after this line of it.
pub(super) fn end(instance: &Instance, part: Part, seq: u64, ends: i64, line: &[u8]) -> Result<Tail, Error> {
    #[derive(Deserialize)]
    struct Written {
        seq: Seq,
        epoch: Epoch,
    }
    let len = ends.cast_unsigned();
    let written = record::unseal(line).zip(serde_json::from_slice::<Written>(line).ok());
    match written.filter(|(_, written)| written.seq.0 == seq) {
        Some((sum, Written { seq, epoch })) => Ok(Tail { next: Seq(seq.0.saturating_add(1)), epoch, sum, len }),
        None => {
            let offset = len.saturating_sub(line.len() as u64 + 1);
            let what = "does not match its checksum or its place".to_owned();
            Err(Error::Damaged { path: instance.path(part), line: seq.saturating_add(1), offset, what })
        }
    }
}

/// The content under a digest.
pub(super) fn blob(db: &Connection, instance: &Instance, digest: Sum) -> Result<Option<Bytes>, Refused> {
    let mut select = db.prepare_cached("select content from blobs where instance = ?1 and digest = ?2")?;
    let content = select.query_row(params![instance.number, digest.as_str()], |row| row.get::<_, Vec<u8>>(0));
    Ok(content.optional()?.map(Bytes::from))
}

/// The digests of all blobs.
pub(super) fn digests(db: &Connection, instance: &Instance) -> Result<Vec<Sum>, Refused> {
    let mut select = db.prepare_cached("select digest from blobs where instance = ?1 order by digest")?;
    let digests = select.query_map([instance.number], |row| row.get::<_, String>(0))?;
    let digests: Vec<String> = digests.collect::<Result<_, _>>()?;
    Ok(digests.iter().filter_map(|digest| Sum::parse(digest)).collect())
}

/// A text, or whatever damage made of it.
pub(super) fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => b"",
    }
}
