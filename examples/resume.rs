//! A session that outlives its program: run this twice.
//!
//! `cargo run --example resume -- /tmp/hob-example` keeps it in that directory. A program that is killed
//! in the middle of a prompt leaves a run that the next prompt carries on.

#![expect(clippy::print_stdout, reason = "a program prints")]

use std::path::PathBuf;

use hob::embed::{Agent, Hob, Redactor, Store};
use hob::telemetry::failpoint::Failpoints;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let state = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("hob-example"), PathBuf::from);
    let hob = Hob {
        store: Store::bundles(&state, Failpoints::default()),
        redactor: Redactor::default(),
        ..Hob::new("examples")
    };
    let agent =
        Agent { model: Some("replay/examples/resume.jsonl".into()), ..Agent::new("keeper".parse()?, "Remember.") };
    let session = hob.session(agent, "diary")?;

    let before = hob.store.admitted(session.instance()).await?.len();
    if before == 0 {
        println!("{}", session.prompt("My cat is called Ada.").await?.text);
        println!("run it again");
    } else {
        println!("{}", session.prompt("What is my cat called?").await?.text);
        session.delete().await?;
    }
    Ok(())
}
