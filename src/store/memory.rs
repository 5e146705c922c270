//! Instances that end with the process: for tests, and for work that nobody wants to keep.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Error;
use super::chain::{Lines, Tail};
use super::holder::Holder;
use super::medium::{Backend, Bid, Change, Cover, Each, Inbox, Medium, Part, Whole, Written};
use super::record::Sum;
use crate::domain::id::{Epoch, InstanceId, RunId};

/// How long nobody looks who was not told.
const POLL: Duration = Duration::from_millis(500);

/// All instances.
#[derive(Debug, Default)]
pub(super) struct Memory(Arc<Instances>);

#[derive(Debug, Default)]
struct Instances {
    kept: Mutex<BTreeMap<InstanceId, Kept>>,
    /// How many runs were ever admitted.
    admitted: AtomicU64,
    news: Notify,
}

impl Instances {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One instance.
#[derive(Debug, Default)]
struct Kept {
    epoch: Epoch,
    cover: Vec<u8>,
    /// One for each [`Part`], once it is there.
    chains: [Option<Chain>; Part::ALL.len()],
    blobs: BTreeMap<String, Bytes>,
    runs: HashSet<RunId>,
    /// When each run was admitted among all of all instances.
    turns: Vec<u64>,
    unsettled: u32,
    /// Tells it from one of the same name that is made after it.
    life: Arc<()>,
    claim: Option<(Holder, Instant)>,
}

/// Lines with their ends.
#[derive(Debug)]
struct Chain {
    lines: Vec<String>,
    tail: Tail,
}

impl Chain {
    /// Adds lines, if they follow the present end.
    fn add(&mut self, lines: &Lines) -> Written {
        if lines.from != self.tail {
            return Written::Moved;
        }
        self.lines.extend(lines.each().map(|(_, line)| line.to_owned()));
        self.tail = lines.to;
        Written::Done
    }
}

impl Kept {
    fn admit<'a>(&mut self, runs: impl IntoIterator<Item = &'a RunId>, admitted: &AtomicU64) {
        for run in runs {
            self.runs.insert(run.clone());
            self.turns.push(admitted.fetch_add(1, Ordering::Relaxed));
        }
    }

    /// When the oldest run was admitted that has no outcome; runs get theirs in their order, as a rule.
    fn waits(&self) -> Option<u64> {
        let settled = self.turns.len().saturating_sub(usize::try_from(self.unsettled).unwrap_or(usize::MAX));
        self.turns.get(settled).copied()
    }

    fn holder(&self) -> Option<&Holder> {
        self.claim.as_ref().filter(|(_, until)| *until > Instant::now()).map(|(holder, _)| holder)
    }

    fn tail(&self, part: Part) -> Tail {
        self.chains[part as usize].as_ref().map_or(Tail::START, |chain| chain.tail)
    }

    fn chain(&mut self, part: Part) -> &mut Chain {
        self.chains[part as usize].get_or_insert_with(|| Chain { lines: Vec::new(), tail: Tail::START })
    }
}

/// One instance, by its name.
#[derive(Debug)]
struct InMemory {
    instance: InstanceId,
    /// For people.
    place: Arc<Path>,
    life: Arc<()>,
    instances: Arc<Instances>,
}

impl InMemory {
    /// Does something with what is kept.
    fn with<T>(&self, verb: impl FnOnce(&mut Kept) -> Result<T, Error>) -> Result<T, Error> {
        match self.instances.lock().get_mut(&self.instance) {
            Some(kept) if Arc::ptr_eq(&kept.life, &self.life) => verb(kept),
            _ => Err(Error::Gone { instance: Box::new(self.instance.clone()) }),
        }
    }
}

impl Medium for InMemory {
    fn path(&self, part: Part) -> PathBuf {
        self.place.join(part.file())
    }

    fn place(&self) -> PathBuf {
        self.place.to_path_buf()
    }

    fn twin(&self) -> Box<dyn Medium> {
        let (place, life, instances) = (self.place.clone(), self.life.clone(), self.instances.clone());
        Box::new(Self { instance: self.instance.clone(), place, life, instances })
    }

    fn hold<'a>(&'a mut self, _: &'a Holder) -> BoxFuture<'a, Result<(), Error>> {
        ready(Ok(())).boxed()
    }

    fn cover(&mut self) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        ready(self.with(|kept| Ok(kept.cover.clone()))).boxed()
    }

    fn lines<'a>(&'a mut self, part: Part, from: &'a Tail, each: Each<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        let after = usize::try_from(from.next.0).unwrap_or(usize::MAX);
        let lines = self.with(|kept| {
            Ok(kept.chains[part as usize].as_ref().map(|chain| chain.lines.get(after..).unwrap_or_default().to_vec()))
        });
        let given = lines.and_then(|lines| {
            for line in lines.iter().flatten() {
                each(line.trim_end_matches('\n').as_bytes(), line.len())?;
            }
            Ok(lines.is_some())
        });
        ready(given).boxed()
    }

    fn inbox<'a>(&'a mut self, run: &'a RunId) -> BoxFuture<'a, Result<Inbox, Error>> {
        let look = |kept: &mut Kept| {
            Ok(Inbox { tail: kept.tail(Part::Inbox), epoch: kept.epoch, knows: kept.runs.contains(run) })
        };
        ready(self.with(look)).boxed()
    }

    fn enter<'a>(&'a mut self, rows: &'a Lines, admits: Option<&'a RunId>) -> BoxFuture<'a, Result<Written, Error>> {
        let entered = self.with(|kept| {
            let written = kept.chain(Part::Inbox).add(rows);
            if written == Written::Done {
                kept.admit(admits, &self.instances.admitted);
                kept.unsettled += u32::from(admits.is_some());
            }
            Ok(written)
        });
        self.instances.news.notify_waiters();
        ready(entered).boxed()
    }

    fn claim<'a>(&'a mut self, bid: Bid<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let Bid { holder, epoch, cover, ends, lease } = bid;
        let claimed = self.with(|kept| {
            if let Some(by) = kept.holder() {
                return Err(Error::Held { by: by.to_string() });
            }
            let is_seen = Part::ALL.map(|part| kept.tail(part)) == ends;
            if !is_seen || kept.epoch.0.checked_add(1) != Some(epoch.0) {
                return Ok(Written::Moved);
            }
            kept.epoch = epoch;
            kept.cover = cover.into();
            kept.claim = Some((holder.clone(), Instant::now() + lease));
            Ok(Written::Done)
        });
        ready(claimed).boxed()
    }

    fn held(&mut self) -> BoxFuture<'_, Result<Option<String>, Error>> {
        ready(self.with(|kept| Ok(kept.holder().map(ToString::to_string)))).boxed()
    }

    fn renew(&mut self, fence: Epoch, lease: Duration) -> BoxFuture<'_, Result<(), Error>> {
        let renewed = self.with(|kept| match &mut kept.claim {
            Some((_, until)) if kept.epoch == fence => {
                *until = Instant::now() + lease;
                Ok(())
            }
            _ => Err(Error::Fenced { given: fence }),
        });
        ready(renewed).boxed()
    }

    fn release(&mut self, fence: Epoch) -> BoxFuture<'_, Result<(), Error>> {
        let released = self.with(|kept| {
            if kept.epoch == fence {
                kept.claim = None;
            }
            Ok(())
        });
        self.instances.news.notify_waiters();
        ready(released).boxed()
    }

    fn write<'a>(&'a mut self, change: Change<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let Change { fence, lines, cover, settled, ends } = change;
        let written = self.with(|kept| {
            if fence.is_some_and(|fence| fence != kept.epoch || kept.claim.is_none()) {
                return Err(Error::Fenced { given: fence.unwrap_or_default() });
            }
            if let Some((part, lines)) = lines
                && kept.chain(part).add(lines) == Written::Moved
            {
                return Ok(Written::Moved);
            }
            if let Some((epoch, cover)) = cover
                && epoch == kept.epoch
            {
                kept.cover = cover.into();
            }
            kept.unsettled = kept.unsettled.saturating_sub(settled);
            if ends {
                kept.claim = None;
            }
            Ok(Written::Done)
        });
        if ends {
            self.instances.news.notify_waiters();
        }
        ready(written).boxed()
    }

    fn put_blob<'a>(&'a mut self, digest: Sum, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        let put = self.with(|kept| {
            kept.blobs.entry(digest.as_str().to_owned()).or_insert_with(|| Bytes::copy_from_slice(content));
            Ok(())
        });
        ready(put).boxed()
    }

    fn blob(&mut self, digest: Sum) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        ready(self.with(|kept| Ok(kept.blobs.get(digest.as_str()).cloned()))).boxed()
    }

    fn digests(&mut self) -> BoxFuture<'_, Result<Vec<Sum>, Error>> {
        ready(self.with(|kept| Ok(kept.blobs.keys().filter_map(|digest| Sum::parse(digest)).collect()))).boxed()
    }
}

impl Backend for Memory {
    fn find<'a>(&'a self, instance: &'a InstanceId) -> BoxFuture<'a, Result<Option<Box<dyn Medium>>, Error>> {
        let found = self.0.lock().get(instance).map(|kept| {
            let place = PathBuf::from(format!("memory:{instance}")).into();
            let (instance, life, instances) = (instance.clone(), kept.life.clone(), self.0.clone());
            Box::new(InMemory { instance, place, life, instances }) as Box<dyn Medium>
        });
        ready(Ok(found)).boxed()
    }

    fn make<'a>(&'a self, whole: &'a Whole<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let Whole { instance, epoch, cover, chains, blobs, runs, unsettled } = whole;
        let mut instances = self.0.lock();
        if instances.contains_key(instance) {
            return ready(Ok(Written::Moved)).boxed();
        }
        let mut kept = Kept {
            epoch: *epoch,
            cover: (*cover).into(),
            blobs: blobs.iter().map(|(sum, content)| (sum.as_str().to_owned(), content.clone())).collect(),
            unsettled: *unsettled,
            ..Kept::default()
        };
        kept.chain(Part::Inbox);
        kept.admit(runs, &self.0.admitted);
        for (part, lines) in chains {
            // They begin where an empty chain ends.
            let _ = kept.chain(*part).add(lines);
        }
        instances.insert((*instance).clone(), kept);
        drop(instances);
        self.0.news.notify_waiters();
        ready(Ok(Written::Done)).boxed()
    }

    fn remove<'a>(&'a self, instance: &'a InstanceId, _: &'a Holder) -> BoxFuture<'a, Result<bool, Error>> {
        let mut instances = self.0.lock();
        if let Some(by) = instances.get(instance).and_then(Kept::holder) {
            return ready(Err(Error::Held { by: by.to_string() })).boxed();
        }
        ready(Ok(instances.remove(instance).is_some())).boxed()
    }

    fn covers(&self) -> BoxFuture<'_, Result<Vec<Cover>, Error>> {
        let instances = self.0.lock();
        let covers =
            instances.iter().map(|(id, kept)| Cover { place: format!("memory:{id}"), content: Ok(kept.cover.clone()) });
        ready(Ok(covers.collect())).boxed()
    }

    fn waiting(&self, most: usize) -> BoxFuture<'_, Result<Vec<InstanceId>, Error>> {
        let instances = self.0.lock();
        let free = instances.iter().filter(|(_, kept)| kept.holder().is_none());
        let mut waiting: Vec<_> = free.filter_map(|(id, kept)| Some((kept.waits()?, id))).collect();
        waiting.sort_unstable();
        ready(Ok(waiting.into_iter().take(most).map(|(_, id)| id.clone()).collect())).boxed()
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        // Nobody is told who was not listening yet.
        async { _ = tokio::time::timeout(POLL, self.0.news.notified()).await }.boxed()
    }
}
