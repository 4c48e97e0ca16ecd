//! Running other programs: echoing what is run, so that a reader of a CI log can repeat any step by hand.

use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Instant;

/// Runs a program to its end with its output passed through.
///
/// # Errors
/// Fails where the program cannot be started or ends with another status than 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let started = Instant::now();
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status} after {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Returns a `cargo` command of the toolchain that runs this program.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn show(command: &Command) -> String {
    let mut words = vec![file_name(command.get_program())];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn file_name(program: &std::ffi::OsStr) -> String {
    let path = std::path::Path::new(program);
    path.file_name().unwrap_or(program).to_string_lossy().into_owned()
}
