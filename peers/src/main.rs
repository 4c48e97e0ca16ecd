//! The other side of some benchmarks of Roost: systems that come as crates, and PostgreSQL through its client. `cargo xtask bench NAME --peer
//! NAME` starts it with the name of a bench, asks in lines of JSON on its input, and reads a line of JSON for each.
//!
//! Here is only what a user of the other system would write, at its best known settings; what is right, and what the figures mean, is
//! decided on the side that asks.

mod append;
mod cqrs;
mod fanout;
mod home;
mod postgres;
#[cfg(feature = "rocksdb")]
mod rocks;
mod turns;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// What one bench holds between two asks: nothing until it is opened.
enum Side {
    Append(append::Side),
    Cqrs(cqrs::Side),
    Fanout(fanout::Side),
    Home(home::Side),
    #[cfg(feature = "rocksdb")]
    Rocks(rocks::Side),
}

impl Side {
    fn new(bench: &str) -> Result<Self> {
        Ok(match bench {
            "append" => Self::Append(append::Side::default()),
            "cqrs-es" => Self::Cqrs(cqrs::Side::default()),
            "fanout" => Self::Fanout(fanout::Side::default()),
            "home" => Self::Home(home::Side::default()),
            #[cfg(feature = "rocksdb")]
            "rocksdb" => Self::Rocks(rocks::Side::default()),
            other => bail!("there is no bench {other} in this build"),
        })
    }

    async fn answer(&mut self, line: &str) -> Result<Value> {
        match self {
            Self::Append(side) => side.answer(serde_json::from_str(line)?).await,
            Self::Cqrs(side) => side.answer(serde_json::from_str(line)?).await,
            Self::Fanout(side) => side.answer(serde_json::from_str(line)?).await,
            Self::Home(side) => side.answer(serde_json::from_str(line)?).await,
            #[cfg(feature = "rocksdb")]
            Self::Rocks(side) => side.answer(serde_json::from_str(line)?),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = answer(&json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let bench = std::env::args().nth(1).context("name a bench")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut side = Side::new(&bench)?;
    for line in std::io::stdin().lines() {
        answer(&runtime.block_on(side.answer(&line?))?)?;
    }
    Ok(())
}

fn answer(value: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}
