//! `hob show`: one session, in order.

use std::path::Path;

use crate::cli::env::Environment;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::{kept, timeline};
use crate::store::{Error, Manifest, Store};
use crate::telemetry::failpoint::Failpoints;

/// Show a session: what happened in it, in order
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A run (`run-…`), an instance (`github.com/700100/issue/42/triage`), or what people call it (`acme/widgets#42`)
    id: String,

    /// Directory where sessions are kept [env: HOB_STATE] [default: the user's state directory]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    /// Print the entries of the log, one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(print(args, environment))
}

async fn print(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let root = kept::place(args.store.as_deref(), environment)?;
    let mut found = Vec::new();
    // What cannot be read may be what is looked for.
    let mut unread: Vec<Error> = Vec::new();
    let store = Store::bundles(&root, Failpoints::default());
    for listed in store.list().await? {
        let (instance, named) = match listed.manifest {
            Ok(manifest) => (manifest.instance.clone(), names(&manifest, &args.id)),
            Err(error) => {
                unread.push(error);
                continue;
            }
        };
        // Only a run's id needs a look inside.
        if named || args.id.starts_with("run-") {
            match store.peek(&instance).await {
                Ok(None) => {}
                Ok(Some(peeked)) if named || peeked.runs().any(|(run, _)| run.id.as_str() == args.id) => {
                    found.push(peeked)
                }
                Ok(Some(_)) => {}
                Err(error) if named => return Err(error.into()),
                Err(error) => unread.push(error),
            }
        }
    }
    match found.as_slice() {
        [peeked] if args.json => {
            for entry in &peeked.entries {
                let line = timeline::json(entry)
                    .map_err(|error| Refusal::failed(format!("entry {} is no JSON: {error}", entry.seq)))?;
                output::print_json(&line)?;
            }
        }
        [peeked] => output::print(&timeline::render(&peeked.manifest.label, &peeked.entries))?,
        [] => return Err(missing(&args.id, &root, &unread)),
        several => {
            let ids: Vec<String> = several.iter().map(|peeked| format!("`{}`", peeked.manifest.instance)).collect();
            return Err(Refusal::usage(format!("`{}` could be {}; give one of these", args.id, ids.join(" or "))));
        }
    }
    Ok(Exit::Completed)
}

fn missing(id: &str, root: &Path, unread: &[Error]) -> Refusal {
    let kept = root.display();
    match unread {
        [] => Refusal::usage(format!("nothing kept in `{kept}` is called `{id}`; `hob runs` lists what is")),
        unread => {
            let reasons: Vec<String> = unread.iter().map(ToString::to_string).collect();
            Refusal::usage(format!(
                "nothing that can be read in `{kept}` is called `{id}`, but it may be in what cannot be read: {}",
                reasons.join("; ")
            ))
        }
    }
}

/// Whether people may call it that.
fn names(manifest: &Manifest, id: &str) -> bool {
    let label = manifest.label.as_str();
    let thread = label.rsplit_once(" (").map_or(label, |(thread, _)| thread);
    [manifest.instance.to_string().as_str(), manifest.instance.external().as_str(), label, thread].contains(&id)
}
