//! Finds a comment of ours by its marker, whoever posted it and whatever became of the rows.

use jiff::Timestamp;

use super::Corridor;
use crate::domain::effect::EffectKey;
use crate::forge::{Account, Error, Posted};
use crate::rules::marker;
use crate::telemetry::progress::Progress;

/// Pages of one scan. A forge gives up to 100 comments on a page.
const PAGES_MAX: u32 = 30;

/// The comment of this effect on the thread, if there is one: first the one that is `known`, then
/// all that were posted `since`: a marker that stood there before is a copy. Of several the oldest
/// counts.
pub(super) async fn look_up(
    key: &EffectKey,
    known: Option<u64>,
    since: Option<Timestamp>,
    corridor: &Corridor<'_>,
) -> Result<Option<Posted>, Error> {
    let is_ours =
        |posted: &Posted| wrote(corridor.own, &posted.author) && marker::is_marked(corridor.secret, key, &posted.body);
    if let Some(id) = known
        && let Some(posted) = corridor.forge.comment(corridor.thread, id).await?
        && is_ours(&posted)
    {
        return Ok(Some(posted));
    }
    let mut ours = Vec::new();
    let mut page = Some(1);
    for _ in 0..PAGES_MAX {
        let Some(number) = page else { break };
        let got = corridor.forge.comments(corridor.thread, since, number).await?;
        let is_late = |posted: &Posted| since.is_none_or(|since| posted.at >= since);
        ours.extend(got.items.into_iter().filter(|posted| is_ours(posted) && is_late(posted)));
        page = got.next;
    }
    if page.is_some() && ours.is_empty() {
        let cut =
            format!("the thread has more than {PAGES_MAX} pages of comments: an earlier one of ours may be missed");
        corridor.observer.see(Progress::Note(&cut));
    }
    ours.sort_by_key(|posted| posted.id);
    let mut ours = ours.into_iter();
    let oldest = ours.next();
    for later in ours {
        let twin = format!("a comment of ours stands there twice: {} may be deleted", later.url);
        corridor.observer.see(Progress::Note(&twin));
    }
    Ok(oldest)
}

/// Whether an account is our own: by its id, and by name only where the forge tells us no id.
fn wrote(own: &Account, author: &Account) -> bool {
    match own.id {
        Some(id) => author.id == Some(id),
        None => !own.login.is_empty() && author.login == own.login,
    }
}
