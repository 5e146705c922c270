//! Asks an agent about a file, twice: the second question goes on where the first one ended.
//!
//! `cargo run --example hello` plays a recorded conversation. With a key, name a real model:
//! `model: Some("anthropic/claude-haiku-4-5".into())`, and give `Hob` its [`hob::embed::Access`].

#![expect(clippy::print_stdout, reason = "a program prints")]

use hob::embed::{Agent, Hob};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hob = Hob::new("examples");
    let agent =
        Agent { model: Some("replay/examples/hello.jsonl".into()), ..Agent::new("guide".parse()?, "Be brief.") };
    let session = hob.session(agent, "default")?;

    println!("{}", session.prompt("What is in `notes.txt`?").await?.text);
    println!("{}", session.prompt("How many eggs at most?").await?.text);
    Ok(())
}
