//! The command line: what `replay-tools --help` teaches.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use infra::log::place::LogPlace;
use replay_tools::capacity::{Amount, UnitCosts, Workload};

/// Reads, rebuilds and verifies a Roost deployment from its log.
///
/// Everything that Roost shows is computed from the log. These tools read it, compute views anew, and compare.
#[derive(Debug, Parser)]
#[command(name = "replay-tools", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints events of the log as JSON lines, in the order of time.
    ///
    /// Works while the server runs (--ops), or on the data folder of one that does not (--data).
    #[command(after_help = "Examples:\n  replay-tools inspect --data data --account ana --since 2026-11-01T00:00:00Z\n  \
                            replay-tools inspect --data data --from 1.3.1729 --limit 10\n  \
                            replay-tools inspect --ops http://127.0.0.1:8081 --type PostPublished --follow")]
    Inspect(InspectArgs),
    /// Computes views anew from the log, beside those that serve, then swaps them in.
    ///
    /// Views: accounts, relations, statuses, timelines, identity, settings, search; all if none is named. Works while the server runs
    /// (--ops), or on the data folder of one that does not (--data). Interrupted at any moment, the old views serve on.
    #[command(after_help = "Examples:\n  replay-tools rebuild --ops http://127.0.0.1:8081\n  \
                            replay-tools rebuild timelines search --data data")]
    Rebuild(WorkArgs),
    /// Folds the log again and compares every row of the views, and every document of the search index, with it. Exit code 0: all equal;
    /// 1: some differ; 2: could not be done.
    ///
    /// Views: accounts, relations, statuses, timelines, identity, settings, search, and with --data also decisions (what the write side
    /// decides on); all if none is named.
    #[command(after_help = "Examples:\n  replay-tools verify --data data\n  replay-tools verify statuses --ops http://127.0.0.1:8081")]
    Verify(WorkArgs),
    /// Moves a log to another place: from one machine to a cluster, or back.
    ///
    /// Every record is copied as it is, to the offset that it has: positions, tokens and checkpoints stay what they were. Then both sides
    /// are read and compared; exit code 0: equal; 1: NOT equal; 2: could not be done. Stop the servers of the source first: what they
    /// write after the start is not copied. Only the log is copied: carry the files `secret` and `blobs/` of a data folder over yourself;
    /// views are computed from the log when a server starts.
    ///
    /// A place is embedded:DIR, where DIR is a data folder of a server that does not run (a new one is made), or
    /// kafka://host:port,host:port/prefix?rf=3, as in the configuration key `log`. The target must be empty.
    ///
    /// Schema ids: an embedded log has the compiled-in ids, and they are copied as they are; Roost reads them on Kafka, with or without a
    /// registry. A log on Kafka that was written with a registry is copied into a data folder with --registry: its records then carry
    /// the compiled-in ids.
    #[command(after_help = "Examples:\n  replay-tools copy --from embedded:data --to kafka://one:9092,two:9092/roost?rf=3\n  \
                            replay-tools copy --from kafka://one:9092/roost --to embedded:data2 --registry http://one:8081 --json")]
    Copy(CopyArgs),
    /// Says what a deployment of a given size takes: cores, nodes, memory, disk, each with its formula.
    ///
    /// The costs of one page, one command, one delivery, one edge and so on are those that the benches measured on 2 cores
    /// (docs/performance.md); put your own in their place with --unit. Amounts may be written as 300, 1.5k, 10M, 2G.
    #[command(after_help = "Examples:\n  replay-tools capacity\n  \
                            replay-tools capacity --accounts 1M --edges 200M --posts-per-day 1M --reads-per-day 10M --json\n  \
                            replay-tools capacity --unit home_page_cpu_us=62 --unit view_bytes=1200")]
    Capacity(CapacityArgs),
    /// Records that a view could not take, and those held back behind them.
    #[command(subcommand)]
    DeadLetters(LettersCommand),
}

/// Options of `capacity`; without any, the scale that Roost is designed for.
#[derive(Debug, Args, Clone)]
pub(crate) struct CapacityArgs {
    /// Accounts [default: 10M].
    #[arg(long, value_name = "AMOUNT")]
    accounts: Option<Amount>,
    /// The share of accounts that read on a day [default: 0.3].
    #[arg(long, value_name = "SHARE")]
    reading_share: Option<Amount>,
    /// Follows [default: 2G].
    #[arg(long, value_name = "AMOUNT")]
    edges: Option<Amount>,
    /// Posts a day, reblogs and replies included [default: 10M].
    #[arg(long, value_name = "AMOUNT")]
    posts_per_day: Option<Amount>,
    /// Favourites, follows and other commands a day [default: 20M].
    #[arg(long, value_name = "AMOUNT")]
    other_commands_per_day: Option<Amount>,
    /// Requests that read, a day [default: 100M].
    #[arg(long, value_name = "AMOUNT")]
    reads_per_day: Option<Amount>,
    /// By how much reads are to grow [default: 5].
    #[arg(long, value_name = "FACTOR")]
    read_growth: Option<Amount>,
    /// Posts kept in the views and the search index [default: 10G].
    #[arg(long, value_name = "AMOUNT")]
    posts_kept: Option<Amount>,
    /// Peak over mean [default: 3].
    #[arg(long, value_name = "FACTOR")]
    peak: Option<Amount>,
    /// Copies of each byte on disk [default: 3].
    #[arg(long, value_name = "COPIES")]
    replicas: Option<Amount>,
    /// Cores of a node [default: 16].
    #[arg(long, value_name = "CORES")]
    cores: Option<Amount>,
    /// Memory of a node, GiB [default: 64].
    #[arg(long, value_name = "GIB")]
    memory_gib: Option<Amount>,
    /// The share of a node that may be used at the peak [default: 0.5].
    #[arg(long, value_name = "SHARE")]
    load: Option<Amount>,
    /// A unit cost of your own, as NAME=VALUE; a wrong name lists them all. May be given several times.
    #[arg(long = "unit", value_name = "NAME=VALUE")]
    units: Vec<String>,
    /// Prints one line of JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl CapacityArgs {
    /// The workload and the unit costs that it says.
    pub(crate) fn read(&self) -> anyhow::Result<(Workload, UnitCosts)> {
        let (mut work, mut units) = (Workload::default(), UnitCosts::default());
        for (place, given) in [
            (&mut work.accounts, self.accounts),
            (&mut work.reading_share, self.reading_share),
            (&mut work.edges, self.edges),
            (&mut work.posts_per_day, self.posts_per_day),
            (&mut work.other_commands_per_day, self.other_commands_per_day),
            (&mut work.reads_per_day, self.reads_per_day),
            (&mut work.read_growth, self.read_growth),
            (&mut work.posts_kept, self.posts_kept),
            (&mut work.peak, self.peak),
            (&mut work.replicas, self.replicas),
            (&mut work.cores, self.cores),
            (&mut work.memory_gib, self.memory_gib),
            (&mut work.load, self.load),
        ] {
            *place = given.map_or(*place, |amount| amount.0);
        }
        anyhow::ensure!(
            [work.accounts, work.cores, work.memory_gib, work.load].iter().all(|least| *least > 0.0),
            "--accounts, --cores, --memory-gib and --load must be above 0"
        );
        for unit in &self.units {
            let (name, value) = unit.split_once('=').ok_or_else(|| anyhow::anyhow!("{unit} is no unit cost: write NAME=VALUE"))?;
            let value: Amount = value.parse().map_err(anyhow::Error::msg)?;
            units.set(name, value.0).map_err(anyhow::Error::msg)?;
        }
        Ok((work, units))
    }
}

/// Where the deployment is.
#[derive(Debug, Args, Clone)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// The data folder of a server that does not run.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The operators' port of a server that runs (configuration key ops_listen).
    #[arg(long, value_name = "URL")]
    pub(crate) ops: Option<String>,
}

/// Options of `inspect`.
#[derive(Debug, Args, Clone)]
pub(crate) struct InspectArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only events that concern this account.
    #[arg(long, value_name = "ID|HANDLE")]
    pub(crate) account: Option<String>,
    /// Only events of this type, as PostPublished.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only from this time on: RFC 3339, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only from this position on, in its partition: generation.partition.offset, as lines show it.
    #[arg(long, value_name = "POSITION")]
    pub(crate) from: Option<String>,
    /// Lines at the most.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Waits at the end of the log and prints what comes, until it is stopped.
    #[arg(long, conflicts_with_all = ["until", "data"])]
    pub(crate) follow: bool,
}

/// Options of `rebuild` and `verify`.
#[derive(Debug, Args, Clone)]
pub(crate) struct WorkArgs {
    /// The views; all if none is named.
    #[arg(value_name = "VIEW")]
    pub(crate) views: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `copy`.
#[derive(Debug, Args, Clone)]
pub(crate) struct CopyArgs {
    /// The log to copy.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: LogPlace,
    /// Where to.
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: LogPlace,
    /// The schema registry of the log on Kafka that is copied.
    #[arg(long, value_name = "URL")]
    pub(crate) registry: Option<String>,
    /// Goes on with a copy that was cut off: what the target holds is compared with the source, record for record, and the rest is copied.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Commands on dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum LettersCommand {
    /// Prints them as JSON lines: view, version, partition, offset, cause, and what they touch.
    List {
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Tries a record again once its cause is mended, and then what it held back; or gives it up.
    Release(ReleaseArgs),
}

/// Options of `dead-letters release`.
#[derive(Debug, Args, Clone)]
pub(crate) struct ReleaseArgs {
    /// The view that could not take it.
    #[arg(long, value_name = "VIEW")]
    pub(crate) view: String,
    /// The record's partition.
    #[arg(long, value_name = "N")]
    pub(crate) partition: u16,
    /// The record's offset.
    #[arg(long, value_name = "N")]
    pub(crate) offset: u64,
    /// Gives the record up: the view then differs from the log until it is rebuilt.
    #[arg(long)]
    pub(crate) discard: bool,
    /// Where.
    #[command(flatten)]
    pub(crate) place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["replay-tools", "verify"]).is_err(), "a place must be named");
        assert!(Cli::try_parse_from(["replay-tools", "rebuild", "search", "--data", "d"]).is_ok());
        assert!(Cli::try_parse_from(["replay-tools", "inspect", "--follow", "--ops", "u"]).is_ok());
        assert!(Cli::try_parse_from(["replay-tools", "inspect", "--follow", "--data", "d"]).is_err(), "nobody writes to it");
        assert!(Cli::try_parse_from(["replay-tools", "copy", "--from", "embedded:a", "--to", "kafka://b"]).is_ok());
        assert!(Cli::try_parse_from(["replay-tools", "copy", "--from", "a", "--to", "kafka://b"]).is_err(), "a is no place");
    }
}
