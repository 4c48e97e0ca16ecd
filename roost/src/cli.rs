//! The command line: what `roost --help` teaches.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use infra::config::{Config, FILE_VARIABLE, Layered};

/// Roost: a social platform on an event log, speaking Mastodon's client API.
///
/// Without a command it serves, on stores embedded in the data folder, at http://127.0.0.1:8080.
#[derive(Debug, Parser)]
#[command(name = "roost", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` if not said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For `serve` when no command is said.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the platform until it is told to stop (Ctrl-C, SIGTERM).
    Serve(ServeArgs),
    /// Creates accounts and prints their tokens.
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// Fills a data folder with a small believable network: names, pictures, threads, reblogs.
    Demo(DemoArgs),
    /// Prepares the servers of a cluster: topics, keyspaces, tables. What is there already stays; run it before each new version.
    #[command(after_help = "Example:\n  roost migrate --config cluster.toml")]
    Migrate(MigrateArgs),
    /// The Avro contract of the log in a schema registry; for deployments on Kafka.
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Prints every configuration key with its documentation and the value in force.
    Config(ConfigArgs),
}

/// Where the configuration comes from, beside the environment.
#[derive(Debug, Args, Default, Clone)]
pub struct ConfigArgs {
    /// A configuration file (TOML); also ROOST_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder that holds everything; made if absent.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Sets any configuration key; may be repeated. `roost config` lists them.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Options of `serve`.
#[derive(Debug, Args, Default, Clone)]
pub struct ServeArgs {
    /// Where clients connect.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where operators and Prometheus connect; keep it private.
    #[arg(long, value_name = "ADDR")]
    pub ops_listen: Option<SocketAddr>,
    /// What this process does: commands,projectors,queries.
    #[arg(long, value_name = "LIST")]
    pub roles: Option<String>,
    /// The rest of the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Commands on accounts.
#[derive(Debug, Subcommand)]
pub enum AccountsCommand {
    /// Creates accounts; prints one JSON line each: {"username","id","token"}.
    ///
    /// The tokens have the scopes `read write follow push`. Works offline on a data folder, or through the operators' port of a running
    /// server (--ops).
    #[command(
        after_help = "Examples:\n  roost accounts create ana bob --data data\n  roost accounts create --count 100 --prefix u --ops http://127.0.0.1:8081"
    )]
    Create(CreateArgs),
    /// Counts the e-mail addresses of accounts as confirmed; prints one JSON line each: {"username","id","confirmed"}.
    ///
    /// For those whom the mail with the link does not reach. Works offline on a data folder, or through the operators' port of a running
    /// server (--ops).
    #[command(
        after_help = "Examples:\n  roost accounts confirm ana --data data\n  roost accounts confirm ana bob --ops http://127.0.0.1:8081"
    )]
    Confirm(ConfirmArgs),
}

/// Options of `accounts confirm`.
#[derive(Debug, Args, Clone)]
pub struct ConfirmArgs {
    /// The handles.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// The operators' port of a running server, in place of a data folder.
    #[arg(long, value_name = "URL", visible_alias = "url", conflicts_with = "data")]
    pub ops: Option<String>,
    /// The rest of the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Options of `accounts create`.
#[derive(Debug, Args, Clone)]
pub struct CreateArgs {
    /// The handles.
    #[arg(value_name = "NAME", required_unless_present = "count")]
    pub names: Vec<String>,
    /// How many accounts to make, named by the prefix and a number from 1.
    #[arg(long, value_name = "N", conflicts_with = "names")]
    pub count: Option<u32>,
    /// What the names of counted accounts begin with.
    #[arg(long, value_name = "TEXT", default_value = "u")]
    pub prefix: String,
    /// A password for all of them, so that they can sign in by browser; without one they have only their tokens.
    #[arg(long)]
    pub password: Option<String>,
    /// The operators' port of a running server, in place of a data folder.
    #[arg(long, value_name = "URL", visible_alias = "url", conflicts_with = "data")]
    pub ops: Option<String>,
    /// The rest of the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Options of `demo`.
#[derive(Debug, Args, Clone)]
pub struct DemoArgs {
    /// The same seed tells the same story.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Options of `migrate`.
#[derive(Debug, Args, Clone)]
pub struct MigrateArgs {
    /// Prints JSON lines in place of the table.
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Commands on schemas.
#[derive(Debug, Subcommand)]
pub enum SchemasCommand {
    /// Says of each version of the contract whether it is registered or would be accepted. Changes nothing.
    ///
    /// Exit code 0: each is or would be; 1: the subject's rule forbids one; 2: could not be found out.
    #[command(after_help = "Example:\n  roost schemas check --registry http://127.0.0.1:8085/apis/ccompat/v7")]
    Check(SchemasArgs),
    /// Registers the versions that are missing, the oldest first, each after the same check. Again changes nothing.
    #[command(after_help = "Example:\n  roost schemas register --registry http://127.0.0.1:8085/apis/ccompat/v7 --json")]
    Register(SchemasArgs),
}

/// Options of `schemas`.
#[derive(Debug, Args, Clone)]
pub struct SchemasArgs {
    /// The registry, as its clients reach it; several addresses separated by commas.
    #[arg(long, value_name = "URL")]
    pub registry: String,
    /// The subject.
    #[arg(long, value_name = "NAME", default_value = infra::schema_registry::SUBJECT)]
    pub subject: String,
    /// Prints one JSON line in place of the table.
    #[arg(long)]
    pub json: bool,
}

impl ConfigArgs {
    /// Puts the layers together; `flags` come last.
    pub fn load(&self, flags: &[(&str, Option<String>)]) -> anyhow::Result<Config> {
        let mut layered = Layered::default();
        let file = self.config.clone().or_else(|| std::env::var_os(FILE_VARIABLE).map(PathBuf::from));
        if let Some(file) = file {
            layered.file(&file)?;
        }
        layered.environment(std::env::vars())?;
        for pair in &self.set {
            let (key, value) = pair.split_once('=').with_context(|| format!("--set {pair}: write it as KEY=VALUE"))?;
            layered.set(key, value, "--set")?;
        }
        if let Some(data) = &self.data {
            layered.set("data", &data.display().to_string(), "--data")?;
        }
        for (key, value) in flags {
            if let Some(value) = value {
                layered.set(key, value, &format!("--{}", key.replace('_', "-")))?;
            }
        }
        Ok(layered.finish()?)
    }
}

impl ServeArgs {
    /// The configuration of a server.
    pub fn load(&self) -> anyhow::Result<Config> {
        self.config.load(&[
            ("listen", self.listen.map(|address| address.to_string())),
            ("ops_listen", self.ops_listen.map(|address| address.to_string())),
            ("roles", self.roles.clone()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_win_and_serving_is_the_default() {
        let cli = Cli::try_parse_from(["roost", "--listen", "127.0.0.1:9", "--set", "title=Nest"]).expect("parses");
        assert!(cli.command.is_none());
        let config = cli.serve.load().expect("good");
        assert_eq!((config.listen.port(), config.title.as_str()), (9, "Nest"));
    }
}
