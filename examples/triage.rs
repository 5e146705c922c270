//! Gives a webhook's event to an agent of a file, and prints what it proposes to write. Nothing is sent.
//!
//! `cargo run --example triage`

#![expect(clippy::print_stdout, reason = "a program prints")]

use std::path::Path;

use hob::channel::{Delivery, Heard, Verified, parse};
use hob::embed::{Agent, Hob};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = std::fs::read("tests/fixtures/github/issues.opened.json")?;
    // Whoever receives webhooks verifies their signatures first: `hob::channel::signature`.
    let delivery = Verified::operator(Delivery { body, event_name: None, host: None });
    let Heard::Event(event) = parse(&delivery)? else { return Ok(()) };

    let hob = Hob::new(".");
    let agent = hob.agent(Path::new("agents/triage.md"))?;
    let agent = Agent { model: Some("replay/examples/triage.jsonl".into()), ..agent };
    let answer = hob.dispatch(agent, *event).await?;
    println!("{}", answer.text);
    for effect in &answer.effects {
        println!("- {}: {:?}", effect.write.kind(), effect.write);
    }
    Ok(())
}
