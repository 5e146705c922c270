//! `hob forget`: removes sessions with all that is kept of them.

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::env::Environment;
use crate::cli::find::{self, Found};
use crate::cli::kept::{self, Kept, Where};
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::timeline::line;
use crate::domain::front_matter::length;
use crate::domain::run::State;
use crate::embed::machine::clock;
use crate::store::Manifest;

/// Remove sessions, with all that is kept of them
///
/// Log, runs and files of a session go for good; `hob export` makes a copy before. A session that
/// somebody works on stays. Asks before it removes something when started from a terminal.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "keep", "all"]))]
pub(in crate::cli) struct Args {
    /// Sessions: an instance, what people call it (`acme/widgets#42`), or one of its runs (`run-…`)
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Those that have not changed for longer than this (`12h`, `30d`) and in which no run is open
    #[arg(long, value_name = "AGE", value_parser = age)]
    keep: Option<Duration>,

    /// All sessions
    #[arg(long)]
    all: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    place: Where,

    /// Print one JSON object a session that was removed
    #[arg(long)]
    json: bool,
}

/// Removes them and says which.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(forget(args, environment))
}

async fn forget(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let kept = args.place.to_look(environment).await?;
    let (meant, mut exit) = match args.keep {
        Some(age) => older(&kept, age).await?,
        None if args.all => {
            let (covers, exit) = find::all(&kept).await?;
            (covers.into_iter().map(Found::from).collect(), exit)
        }
        None => (find::find_all(&kept, &args.ids).await?, Exit::Completed),
    };
    if meant.is_empty() {
        if exit == Exit::Completed {
            output::tell(&format!("nothing to remove from `{kept}`"));
        }
        return Ok(exit);
    }
    if !args.dry_run && !is_allowed(args, &meant, &kept)? {
        output::tell("nothing was removed");
        return Ok(exit);
    }
    for found in &meant {
        if !args.dry_run && !remove(&kept, found, &mut exit).await {
            continue;
        }
        if args.json {
            let line = serde_json::json!({ "id": found.instance.to_string(), "label": found.label });
            output::print_json(&line.to_string())?;
        } else {
            let done = if args.dry_run { "would remove" } else { "removed" };
            output::print(&format!("{done} {}", shown(found)))?;
        }
    }
    Ok(exit)
}

/// Whether it went now; tells why not.
async fn remove(kept: &Kept, found: &Found, exit: &mut Exit) -> bool {
    match kept.store.forget(&found.instance, &kept::holder("forget", &found.instance)).await {
        Ok(went) => went,
        Err(error) => {
            // The others go all the same.
            *exit = Refusal::failed(format!("{} stays: {error}", shown(found))).show();
            false
        }
    }
}

fn shown(found: &Found) -> String {
    format!("{} {}", line(&found.label), line(&found.instance.to_string()))
}

/// Those that have not changed for this long, and in which no run is open.
async fn older(kept: &Kept, age: Duration) -> Result<(Vec<Found>, Exit), Refusal> {
    let now = clock().now();
    let (covers, mut exit) = find::all(kept).await?;
    let mut older = Vec::new();
    for cover in covers.into_iter().filter(|cover| is_older(cover, now, age)) {
        match kept.store.peek(&cover.instance).await {
            Ok(Some(peeked)) if peeked.runs().all(|(_, state)| matches!(state, State::Settled(_))) => {
                older.push(cover.into());
            }
            Ok(_) => {}
            Err(error) => exit = Refusal::from(error).show(),
        }
    }
    Ok((older, exit))
}

fn is_older(manifest: &Manifest, now: Timestamp, age: Duration) -> bool {
    now.checked_sub(age).is_ok_and(|before| manifest.updated_at < before)
}

/// Asks where somebody can answer. Nobody is asked about names that they gave in a script.
fn is_allowed(args: &Args, meant: &[Found], kept: &Kept) -> Result<bool, Refusal> {
    if args.yes {
        return Ok(true);
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return match args.all {
            true => Err(Refusal::usage("`--all` removes every session, and nobody can be asked here; give `--yes`")),
            false => Ok(true),
        };
    }
    for found in meant {
        output::tell(&shown(found));
    }
    let what = match meant.len() {
        1 => "this session".to_owned(),
        many => format!("these {many} sessions"),
    };
    output::ask(&format!("remove {what} from `{kept}`, with all of it? [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Refusal::failed(format!("nobody answered: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A length of time in days, or as elsewhere.
fn age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').filter(|days| days.bytes().all(|b| b.is_ascii_digit()));
    let seconds = match days {
        Some(days) => days.parse::<u64>().ok().and_then(|days| days.checked_mul(86_400)),
        None => length(text),
    };
    let seconds = seconds.filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "it should be like `30d`, `12h` or `90m`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        for (text, seconds) in
            [("30d", Some(30 * 86_400)), ("12h", Some(43_200)), ("90m", Some(5400)), ("45s", Some(45))]
        {
            assert_eq!(age(text).ok().map(|age| age.as_secs()), seconds, "{text}");
        }
        for text in ["", "d", "30", "-1d", "+1d", "1.5d", "0d", "0s", "1w", "99999999999999999999d", "30 d"] {
            assert!(age(text).is_err(), "`{text}` passed");
        }
    }
}
