//! The executable: configuration -> ports -> roles, and the command line around it.

use clap::Parser;
use infra::config::KEYS;
use roost::cli::{Cli, Command};

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Config(args) => print_config(&args.load(&[])?),
        _ => Ok(()),
    }
}

/// Prints every key with its documentation, as a configuration file that says what is in force.
fn print_config(config: &infra::config::Config) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Every key of Roost's configuration, with the value in force. Layers, the later wins: default, file (--config,")?;
    writeln!(out, "# ROOST_CONFIG), environment (ROOST_ and the key in capitals), flags.")?;
    for (key, (name, value)) in KEYS.iter().zip(config.entries()) {
        writeln!(out)?;
        for line in key.doc {
            writeln!(out, "#{line}")?;
        }
        let shown = if name == "secret" && !value.is_empty() { "(set)".to_owned() } else { value };
        if shown != key.default {
            writeln!(out, "# Default: {:?}", key.default)?;
        }
        writeln!(out, "{name} = {shown:?}")?;
    }
    Ok(())
}
