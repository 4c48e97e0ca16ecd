//! The executable: configuration -> ports -> roles, and the command line around it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use infra::config::{Config, KEYS};
use infra::telemetry::{LogTarget, start_logs, start_metrics};
use roost::cli::{AccountsCommand, Cli, Command, DemoArgs, ServeArgs};
use roost::{accounts, demo, migrate, runtime, schemas, serve};

/// Many small allocations that one thread makes and another frees: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "roost: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve_until_told(&args),
        Command::Schemas(command) => return Ok(schemas::run(&command)),
        Command::Accounts(AccountsCommand::Create(args)) => {
            start_logs(&quiet(args.config.load(&[])?), LogTarget::Error)?;
            accounts::create(&args)
        }
        Command::Accounts(AccountsCommand::Confirm(args)) => {
            start_logs(&quiet(args.config.load(&[])?), LogTarget::Error)?;
            accounts::confirm(&args)
        }
        Command::Migrate(args) => {
            let config = args.config.load(&[])?;
            start_logs(&quiet(config.clone()), LogTarget::Error)?;
            migrate::run(&config, args.json)
        }
        Command::Demo(args) => tell_demo(&args),
        Command::Config(args) => print_config(&args.load(&[])?),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn serve_until_told(args: &ServeArgs) -> anyhow::Result<()> {
    let config = args.load()?;
    start_logs(&config, LogTarget::Output)?;
    runtime()?.block_on(async {
        let metrics = start_metrics()?;
        let stop = stop_signal()?;
        let data = config.data.to_string();
        serve::run(config, Some(metrics), stop, |addresses| {
            tracing::info!(url = %format!("http://{}", addresses.public), operators = %format!("http://{}", addresses.ops), data, "roost serves");
        })
        .await
    })
}

fn tell_demo(args: &DemoArgs) -> anyhow::Result<()> {
    let config = args.config.load(&[])?;
    start_logs(&quiet(config.clone()), LogTarget::Error)?;
    runtime()?.block_on(demo::run(config, args.seed))
}

/// Tools speak of what goes wrong, not of each start and end.
fn quiet(config: Config) -> Config {
    let log_level = if config.log_level == "info" { "warn".to_owned() } else { config.log_level };
    Config { log_level, ..config }
}

/// Resolves at Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Prints every key with its documentation, as a configuration file that says what is in force.
fn print_config(config: &Config) -> anyhow::Result<()> {
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
