//! `cargo xtask openapi`: keeps docs/openapi.json, the API's description for people and generators, as the table of operations says.

use crate::root;
use crate::tally::Tally;
use anyhow::{Context, Result};

const PATH: &str = "docs/openapi.json";

/// Whether to write or to compare.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Fails if the file is not as it would be written.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes the document, or compares it with the file.
///
/// # Errors
/// Fails where the file cannot be read or written.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    let path = root::workspace()?.join(PATH);
    let wanted = format!("{}\n", serde_json::to_string_pretty(&schemas::api::openapi::document())?);
    if !args.check {
        std::fs::write(&path, wanted).with_context(|| format!("cannot write {PATH}"))?;
        println!("openapi: wrote {PATH}");
        return Ok(Tally::one(true));
    }
    let same = std::fs::read_to_string(&path).is_ok_and(|found| found == wanted);
    if !same {
        println!("openapi: {PATH} is not as the table of operations says; run `cargo xtask openapi`");
    }
    Ok(Tally::one(same))
}
