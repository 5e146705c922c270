//! Watches what an agent does, and works beside it: a command of the program runs where its tools do.
//!
//! `cargo run --example watch`

#![expect(clippy::print_stdout, reason = "a program prints")]

use std::sync::Arc;

use hob::embed::{Agent, Call, Hob, Observer, Progress};

/// Prints what happens, a line each.
struct Printed;

impl Observer for Printed {
    fn see(&self, progress: Progress<'_>) {
        match progress {
            Progress::Asked { turn } => println!("turn {turn}"),
            Progress::ToolStarted(call) => println!("  {} {}", call.name, call.arguments),
            Progress::ToolEnded { result, .. } => println!("  {} bytes", result.content.len()),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hob = Hob { observer: Arc::new(Printed), ..Hob::new("examples") };
    let agent = Agent { model: Some("replay/examples/watch.jsonl".into()), ..Agent::new("counter".parse()?, "Count.") };
    let session = hob.session(agent, "default")?;

    // In memory: nothing of the checkout changes.
    session.shell("echo 'Bake it for an hour.' >> notes.txt").await?;
    let careful = session.with(Call { role: Some("a careful clerk".into()), ..Call::default() });
    println!("{}", careful.prompt("How many lines has `notes.txt` now?").await?.text);
    Ok(())
}
