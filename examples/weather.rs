//! A tool that is a function of the program, and an answer that is a value of one of its types.
//!
//! `cargo run --example weather`

#![expect(clippy::print_stdout, reason = "a program prints")]

use hob::embed::{Agent, Hob, lookup};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the model gives the tool.
#[derive(Deserialize, JsonSchema)]
struct City {
    /// Its name, in English.
    name: String,
}

/// What is asked for.
#[derive(Deserialize, JsonSchema)]
struct Advice {
    /// Whether one should be taken along.
    umbrella: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let weather = lookup("weather", "The weather in a city, today.", |city: City| async move {
        match city.name.as_str() {
            "Bergen" => Ok("Rain, 8 °C.".to_owned()),
            name => Err(format!("Nobody knows the weather in {name}.")),
        }
    });
    let agent =
        Agent { model: Some("replay/examples/weather.jsonl".into()), ..Agent::new("weather".parse()?, "Advise.") };
    let session = Hob::new("examples").session(agent, "default")?.with_tool(weather);
    let advice: Advice = session.ask("Do I need an umbrella in Bergen?").await?;
    println!("{}", if advice.umbrella { "Take one along." } else { "Leave it at home." });
    Ok(())
}
