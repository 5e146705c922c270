//! Makes room in the model's window: what was said longest ago becomes a summary.
//!
//! Tested before every model call, so after every batch of tools, and when a provider says that a request
//! was too long. A summary that cannot be made is tried again at the next call while there is room for it;
//! where there is none it costs what it would have said, never the run.

mod cut;
mod summary;

use super::{Error, Session};
use crate::domain::entry::{Body, Compaction, UsageNoted};
use crate::domain::id::RunId;
use crate::domain::name::Thinking;
use crate::provider::{self, ErrorKind, Opening, Place, Provider, Purpose, Said, retry};
use crate::session::resume;
use crate::telemetry::failpoint;
use crate::telemetry::progress::Progress;
use crate::trust::frame::Marker;
use cut::CUTS;

/// What became of a compaction.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Room {
    /// There is more of it now.
    Made,
    /// All that is said must be kept.
    None,
    /// No summary could be made, for this reason, and there is no need of one.
    Unmade(String),
    /// Somebody asked this process to stop, or the time is over.
    Stopped,
}

impl Session {
    /// Compacts a conversation that has grown to its window, that has no room for another image, or that
    /// somebody wants compacted; then a reason when it cannot be.
    pub(super) async fn make_room(&mut self, run: &RunId) -> Result<Option<String>, Error> {
        let outgrown = |window| self.history.size.tokens() > cut::threshold(window);
        let is_full = self.window().is_some_and(outgrown) || self.is_full_of_images();
        // Once for each answer: what is still too much then, the provider says.
        if self.compacted(run) > 0 || !(is_full || self.parts.compacts) {
            return Ok(None);
        }
        match self.compact(run, 0, false).await? {
            Room::Unmade(reason) if self.parts.compacts => Ok(Some(reason)),
            _ => Ok(None),
        }
    }

    /// Compacts a conversation that the provider found too long, each time harder; whether it may be asked
    /// again.
    pub(super) async fn shorten(&mut self, run: &RunId) -> Result<bool, Error> {
        for cuts in self.compacted(run)..CUTS {
            if self.compact(run, cuts, true).await? != Room::None {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn compacted(&self, run: &RunId) -> u32 {
        self.history.find(run).map_or(0, |known| known.compacted)
    }

    /// Puts a summary in the place of what was said first, the harder, the more often it was done. Without
    /// one nothing is cut off, unless it `must` be.
    async fn compact(&mut self, run: &RunId, cuts: u32, must: bool) -> Result<Room, Error> {
        let turns = &self.history.turns;
        // What was read stays out of the way of what is to be seen.
        let all = self.parts.compacts || self.is_full_of_images();
        let kept = if all { 0 } else { cut::kept(self.window(), cuts) };
        let mut cut = cut::place(turns, kept);
        if cuts == 0 {
            // What nobody has read yet is not worth less than what was read.
            cut = cut.min(cut::unread(turns));
        }
        // A summary alone does not become shorter.
        if !must && !cut::is_worth_it(turns, cut) || cut == 0 || (cut == 1 && self.history.begins_with_a_summary()) {
            return Ok(Room::None);
        }
        let first_kept = match self.history.place(cut) {
            Some(first_kept) => first_kept,
            None => self.journal.log.lock().await.next(),
        };
        let Some(known) = self.history.find(run) else { return Ok(Room::None) };
        let marker = known.input.as_ref().and_then(|input| input.marker.parse::<Marker>().ok());
        let Some(marker) = marker else { return Ok(Room::None) };
        let tasks: Vec<String> =
            known.words.iter().filter(|(at, _)| *at < first_kept).map(|(_, text)| text.clone()).collect();
        let tokens_before = self.history.size.tokens();
        self.parts.observer.see(Progress::Note(&format!(
            "the conversation takes {tokens_before} tokens: what was said first becomes a summary"
        )));
        let maker = self.parts.summariser.as_ref().unwrap_or(&self.parts.provider);
        let budget = cut::summarised(maker.window().or(self.window()), tokens_before);
        let words = summary::request(&turns[..cut], self.history.begins_with_a_summary(), &marker, budget);
        // Nobody but the summariser is a model where a summary is all there is to do.
        let own = match self.parts.compacts {
            true => self.parts.fallback.pop_front(),
            false => self.parts.summariser.as_ref().map(|_| self.parts.provider.clone()),
        };
        let maker = maker.clone();
        // What was paid, also for nothing.
        let mut bodies = Vec::new();
        let made = self.summarise(run, maker.as_ref(), &words, &mut bodies).await;
        let Some(mut made) = made else { return Ok(Room::Stopped) };
        if let (true, Some(own)) = (made.is_err(), own) {
            let again = self.summarise(run, own.as_ref(), &words, &mut bodies).await;
            let Some(again) = again else { return Ok(Room::Stopped) };
            made = again;
        }
        if let (Err(error), false) = (&made, must) {
            // There is still room for an answer.
            let reason = format!("no summary could be made: {error}");
            self.parts.observer.see(Progress::Note(&reason));
            self.record(bodies).await?;
            return Ok(Room::Unmade(reason));
        }
        self.journal.failpoints.hit(failpoint::SUMMARISED);
        let text = made.unwrap_or_else(|error| {
            let reason = format!("no summary could be made: {error}");
            self.parts.observer.see(Progress::Note(&reason));
            summary::without(&reason, &self.history.turns[..cut])
        });
        let touched = &self.history.touched;
        bodies.push(Body::Compaction(Compaction {
            summary: summary::words(&text, &tasks, touched, &marker),
            first_kept,
            tokens_before,
            files_read: touched.read().map(str::to_owned).collect(),
            files_changed: touched.changed().map(str::to_owned).collect(),
        }));
        // Nothing that a cache holds is the head of what comes now.
        bodies.extend(self.parts.prompt.take().map(Body::Prompt));
        self.record(bodies).await?;
        self.journal.failpoints.hit(failpoint::COMPACTED);
        self.converse_anew(run).await?;
        Ok(Room::Made)
    }

    /// A summary by the model, and what it used; `None` when there is no more time for it.
    async fn summarise(
        &mut self,
        run: &RunId,
        maker: &dyn Provider,
        words: &str,
        used: &mut Vec<Body>,
    ) -> Option<Result<String, provider::Error>> {
        let opening = Opening { system: summary::SYSTEM, environment: "", tools: &[], thinking: Thinking::Low };
        let mut conversation = maker.open(opening);
        conversation.push(Said::User(words));
        let place = Place { purpose: Purpose::Summary { cut: self.compacted(run) }, ..self.place(run) };
        let mut tries = 1;
        loop {
            let mut on = |_: provider::Delta<'_>| {};
            let asked = tokio::select! {
                biased;
                () = self.parts.cancel.cancelled() => return None,
                () = tokio::time::sleep_until(self.deadline()) => return None,
                answer = async {
                    let _permit = self.parts.asking.acquire().await;
                    conversation.ask(place.clone(), &mut on).await
                } => answer,
            };
            let error = match asked {
                Ok(answer) => {
                    let text = Some(resume::text(&answer)).filter(|text| !text.is_empty());
                    used.push(Body::UsageNoted(UsageNoted {
                        run: Some(run.clone()),
                        purpose: "summary".to_owned(),
                        model: answer.model,
                        usage: answer.usage,
                        request: answer.request,
                    }));
                    let message = "the model said nothing".to_owned();
                    return Some(text.ok_or(provider::Error { kind: ErrorKind::Fatal, message }));
                }
                Err(error) => error,
            };
            let wait = match error.kind {
                ErrorKind::Transient { after } => retry::wait(tries, after, (self.parts.jitter)()),
                _ => None,
            };
            let Some(wait) = wait else { return Some(Err(error)) };
            tries += 1;
            tokio::select! {
                () = self.parts.cancel.cancelled() => return None,
                () = tokio::time::sleep_until(self.deadline()) => return None,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::{History, Turn, tests::log};
    use super::*;
    use crate::domain::entry::Entry;
    use crate::domain::id::{Epoch, Seq, SessionId};

    /// The history after a cut that keeps so many tokens, as its entry makes it.
    fn after(words: &str, kept: u64) -> History {
        let mut history = History::of(log(words));
        let first_kept = history.place(cut::place(&history.turns, kept)).unwrap_or(Seq(1000));
        history.add(Entry {
            seq: Seq(1000),
            epoch: Epoch(1),
            at: jiff::Timestamp::UNIX_EPOCH,
            session: SessionId::default(),
            parent: Some(history.leaf),
            body: Body::Compaction(Compaction {
                summary: "summary".to_owned(),
                first_kept,
                tokens_before: 0,
                files_read: Vec::new(),
                files_changed: Vec::new(),
            }),
        });
        history
    }

    proptest::proptest! {
        #[test]
        fn no_cut_separates_a_call_from_its_result(choices in proptest::collection::vec(0..4_usize, 0..40), kept in 0..60_u64) {
            let pieces = ["call result ", "calls result result ", "say ", "land "];
            let words: String = choices.iter().map(|choice| pieces[*choice]).collect();
            let history = after(&format!("start input ask {words}"), kept);
            let mut asked = false;
            for turn in &history.turns {
                match turn {
                    Turn::Results(_) => proptest::prop_assert!(asked, "{words}, keeping {kept}"),
                    _ => asked = matches!(turn, Turn::Answer(answer) if !resume::calls(answer).is_empty()),
                }
            }
            proptest::prop_assert!(resume::open_calls(&history).is_empty() || words.ends_with("calls result result "));
            proptest::prop_assert!(matches!(history.turns.first(), Some(Turn::User(_))));
        }
    }
}
