//! An instance, read and verified, whoever writes to it meanwhile.

use super::Error;
use super::chain::{Fault, Named, Tail, Verifier};
use super::effects::{self, Effects};
use super::manifest::{self, Manifest};
use super::medium::{Medium, Part};
use super::record::{self, Record};
use super::rows;
use super::runs::Runs;
use crate::domain::entry::Entry;
use crate::domain::id::{Epoch, InstanceId, Seq};

/// How often somebody may write while the instance is read.
const TRIES: usize = 8;

/// How much of an instance is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// All of it.
    All,
    /// Nothing that [`Medium::trusted`] gives: its entries are in short.
    Kept,
}

/// What an instance adds up to.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) manifest: Manifest,
    pub(super) log: Tail,
    pub(super) inbox: Tail,
    /// [`Tail::START`] while nothing was done about an effect.
    pub(super) applied: Tail,
    pub(super) entries: Vec<Entry>,
    pub(super) runs: Runs,
    pub(super) effects: Effects,
}

impl Read {
    /// Of any line: epochs never fall.
    fn newest(&self) -> Epoch {
        self.log.epoch.max(self.inbox.epoch).max(self.applied.epoch)
    }
}

/// Reads and verifies it.
pub(super) async fn read(medium: &mut dyn Medium, verify: Verify) -> Result<Read, Error> {
    let mut manifest = cover(medium).await?;
    let mut damage = None;
    for _ in 1..TRIES {
        match look(medium, manifest, verify, None).await {
            // Epochs that were given out meanwhile are right.
            Ok(read) if read.newest() <= read.manifest.epoch || read.newest() <= cover(medium).await?.epoch => {
                return Ok(read);
            }
            Ok(_) => manifest = cover(medium).await?,
            // A writer that cut a torn end off explains what looked like damage, unless it is there still.
            Err(error @ Error::Damaged { .. }) => {
                let said = error.to_string();
                if damage.replace(said.clone()) == Some(said) {
                    return Err(error);
                }
                manifest = cover(medium).await?;
            }
            Err(error) => return Err(error),
        }
    }
    let epoch = manifest.epoch;
    look(medium, manifest, verify, Some(epoch)).await
}

/// Reads and verifies the cover.
pub(super) async fn cover(medium: &mut dyn Medium) -> Result<Manifest, Error> {
    let content = medium.cover().await?;
    Manifest::parse(&medium.place().join(manifest::NAME), &content)
}

/// In this order: each chain may only run ahead of the one read before it. A line of an
/// epoch after `newest` is damage.
async fn look(
    medium: &mut dyn Medium,
    manifest: Manifest,
    verify: Verify,
    newest: Option<Epoch>,
) -> Result<Read, Error> {
    let instance = manifest.instance.clone();
    let given_out = |line: &Record<'_>| match newest.is_none_or(|newest| line.epoch <= newest) {
        true => Ok(()),
        false => Err(Fault::Damage(format!("was written under epoch {}, which was never given out", line.epoch))),
    };

    let mut rows = Vec::new();
    let marks: Vec<Named> = manifest.applied.map(Named::by_manifest).into_iter().collect();
    let applied = chain(medium, Part::Applied, &Tail::START, &marks, |line| {
        given_out(line)?;
        rows.push(effects::row(line)?);
        Ok(())
    })
    .await?;

    let mut entries = Vec::new();
    let from = match verify {
        Verify::All => Tail::START,
        Verify::Kept => trusted(medium, &instance, &mut entries).await?,
    };
    let marks = effects::log_marks(&manifest, &rows);
    let log = chain(medium, Part::Log, &from, &marks, |line| {
        given_out(line)?;
        entries.push(rows::entry(line, &instance)?);
        Ok(())
    })
    .await?;
    // What follows the last whole transaction is torn.
    entries.truncate(usize::try_from(log.next.0).unwrap_or(usize::MAX));
    rows.truncate(usize::try_from(applied.next.0).unwrap_or(usize::MAX));

    let mut inboxed = Vec::new();
    let inbox = chain(medium, Part::Inbox, &Tail::START, &[Named::by_manifest(manifest.inbox)], |line| {
        given_out(line)?;
        inboxed.push(rows::row(line, &instance)?);
        Ok(())
    })
    .await?;
    inboxed.truncate(usize::try_from(inbox.next.0).unwrap_or(usize::MAX));

    let mut runs = Runs::default();
    for row in inboxed.into_iter().flatten() {
        runs.row(row);
    }
    for entry in &entries {
        runs.see(&entry.body);
    }
    let effects = rows.into_iter().filter_map(|(_, row)| row).collect();
    Ok(Read { manifest, log, inbox, applied, entries, runs, effects })
}

/// Reads what need not be verified, and returns its end.
async fn trusted(medium: &mut dyn Medium, instance: &InstanceId, entries: &mut Vec<Entry>) -> Result<Tail, Error> {
    let path = medium.path(Part::Log);
    let mut each = |line: &[u8], _: usize| {
        let next = entries.len() as u64;
        let damaged = |what| Error::Damaged { path: path.clone(), line: next + 1, offset: 0, what };
        let (record, _) = record::alone(line).map_err(damaged)?;
        if record.seq != Seq(next) {
            return Err(damaged(format!("is numbered {}, not {next}", record.seq)));
        }
        entries.push(rows::entry(&record, instance).map_err(|fault| fault.told(&path, record.seq, 0))?);
        Ok(())
    };
    medium.trusted(&mut each).await
}

/// Reads a chain after an end that is known; the end of its last whole transaction. Only rows about
/// effects may not be there at all.
pub(super) async fn chain(
    medium: &mut dyn Medium,
    part: Part,
    from: &Tail,
    marks: &[Named],
    mut read: impl FnMut(&Record<'_>) -> Result<(), Fault> + Send,
) -> Result<Tail, Error> {
    let path = medium.path(part);
    let mut verifier = Verifier::new(&path, *from, marks);
    let mut each = |line: &[u8], length: usize| verifier.line(line, length, &mut read);
    let is_there = medium.lines(part, from, &mut each).await?;
    if !is_there && (part != Part::Applied || !marks.is_empty()) {
        return Err(Error::Damaged { path, line: 1, offset: 0, what: "is missing".to_owned() });
    }
    verifier.end()
}

/// What was added to an inbox since, folded into `runs`.
pub(super) async fn refresh_inbox(
    medium: &mut dyn Medium,
    instance: &InstanceId,
    from: &Tail,
    runs: &mut Runs,
) -> Result<Tail, Error> {
    let mut rows = Vec::new();
    let tail = chain(medium, Part::Inbox, from, &[], |line| {
        rows.push(rows::row(line, instance)?);
        Ok(())
    })
    .await?;
    rows.truncate(usize::try_from(tail.next.0.saturating_sub(from.next.0)).unwrap_or(usize::MAX));
    for row in rows.into_iter().flatten() {
        runs.row(row);
    }
    Ok(tail)
}
