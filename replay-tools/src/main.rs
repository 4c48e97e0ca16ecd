//! The `replay-tools` command: reads, rebuilds and verifies a deployment from its log.

mod cli;

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use projectors::Done;
use replay_tools::capacity;
use replay_tools::copy::{self, CopyRequest};
use replay_tools::inspect::{self, Asked};
use replay_tools::letters::{self, ReleaseRequest};
use replay_tools::offline::Deployment;
use replay_tools::ops::Line;
use replay_tools::remote::Remote;
use replay_tools::{rebuild, verify};
use tokio::runtime::Runtime;

use crate::cli::{CapacityArgs, Cli, Command, CopyArgs, InspectArgs, LettersCommand, Place, ReleaseArgs, WorkArgs};

/// Many small allocations that one thread makes and another frees: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Everything is as the log says.
const EXIT_EQUAL: u8 = 0;
/// Rows differ from the log.
const EXIT_DIFFERS: u8 = 1;
/// The tool could not do what it was asked.
const EXIT_FAILED: u8 = 2;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(EXIT_EQUAL),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "replay-tools: {error:#}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let of_io = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        io.or_else(|| cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind))
    };
    error.chain().any(|cause| of_io(cause) == Some(std::io::ErrorKind::BrokenPipe))
}

fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Inspect(args) => run_inspect(&args),
        Command::Rebuild(args) => run_rebuild(&args),
        Command::Verify(args) => run_verify(&args),
        Command::Copy(args) => run_copy(&args),
        Command::Capacity(args) => run_capacity(&args),
        Command::DeadLetters(LettersCommand::List { place }) => run_list(&place),
        Command::DeadLetters(LettersCommand::Release(args)) => run_release(&args),
    }
}

/// Runs work on a data folder, and closes it whatever came of it.
fn offline<T>(data: &Path, work: impl AsyncFnOnce(&Deployment) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = Runtime::new().context("no runtime")?;
    runtime.block_on(async {
        let deployment = Deployment::open(data).await?;
        let done = work(&deployment).await;
        deployment.close().await?;
        done
    })
}

fn run_inspect(args: &InspectArgs) -> anyhow::Result<u8> {
    let InspectArgs { place, account, kind, since, until, from, limit, follow } = args.clone();
    let asked = Asked { account, kind, since, until, from, limit, follow };
    asked.read()?;
    let mut out = BufWriter::new(stdout());
    if let Some(data) = &place.data {
        offline(data, async |deployment| {
            let filter = asked.filter(&*deployment.views).await?;
            inspect::inspect(&deployment.log, filter, &mut out).await
        })?;
    } else if let Some(url) = &place.ops {
        Remote::new(url).inspect(&asked, &mut |line| {
            if let Line::Event(event) = line {
                inspect::write_line(&mut out, &event)?;
            }
            // Whoever follows wants to see each as it comes.
            if follow { Ok(out.flush()?) } else { Ok(()) }
        })?;
    }
    out.flush()?;
    Ok(EXIT_EQUAL)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {human_pos} of {human_len} records  {per_sec}  {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, done: Done) {
    bar.set_length(done.total.max(done.records));
    bar.set_position(done.records);
}

fn run_rebuild(args: &WorkArgs) -> anyhow::Result<u8> {
    let targets = rebuild::targets(&args.views)?;
    let bar = bar();
    let mut records = 0;
    if let Some(data) = &args.place.data {
        records = offline(data, async |deployment| rebuild::rebuild(deployment, &targets, &|done| show(&bar, done)).await)?;
    } else if let Some(url) = &args.place.ops {
        Remote::new(url).rebuild(&args.views, &mut |line| {
            match line {
                Line::Progress(done) => show(&bar, done),
                Line::Finished { records: read } => records = read,
                Line::Verified(_) | Line::Event(_) | Line::Failed { .. } => {}
            }
            Ok(())
        })?;
    }
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
    let rate = records as f64 / seconds.max(0.001);
    writeln!(stdout(), "rebuilt {} from {records} records in {seconds:.1} s ({rate:.0} records/s)", names.join(", "))?;
    Ok(EXIT_EQUAL)
}

fn run_verify(args: &WorkArgs) -> anyhow::Result<u8> {
    let mut differing = 0;
    if let Some(data) = &args.place.data {
        differing = offline(data, async |deployment| {
            let mut differing = 0;
            for target in verify::targets_offline(&args.views)? {
                let found = verify::verify(deployment, target).await?;
                writeln!(stdout(), "{}", verify::summary(&found))?;
                differing += found.differing;
            }
            Ok(differing)
        })?;
    } else if let Some(url) = &args.place.ops {
        Remote::new(url).verify(&args.views, &mut |line| {
            if let Line::Verified(found) = line {
                // The exit code says it all the same.
                let _ = writeln!(stdout(), "{}", verify::summary(&found));
                differing += found.differing;
            }
            Ok(())
        })?;
    }
    Ok(if differing == 0 { EXIT_EQUAL } else { EXIT_DIFFERS })
}

fn run_copy(args: &CopyArgs) -> anyhow::Result<u8> {
    let CopyArgs { from, to, registry, resume, json } = args.clone();
    let request = CopyRequest { from, to, registry, resume };
    let bar = bar();
    let runtime = Runtime::new().context("no runtime")?;
    let copied = runtime.block_on(copy::copy(&request, &|done| show(&bar, done)))?;
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let (equal, records) = (copied.is_equal(), copied.records());
    let mut out = BufWriter::new(stdout());
    if json {
        let told = serde_json::json!({ "copied": copied, "records": records, "seconds": seconds, "equal": equal });
        writeln!(out, "{told}")?;
    } else {
        let (verdict, rate) = (if equal { "equal" } else { "NOT equal" }, records as f64 / seconds.max(0.001));
        write!(out, "{}", copied.table())?;
        writeln!(out, "copied {records} records in {seconds:.1} s ({rate:.0} records/s, read back included): {verdict}")?;
    }
    out.flush()?;
    Ok(if equal { EXIT_EQUAL } else { EXIT_DIFFERS })
}

fn run_capacity(args: &CapacityArgs) -> anyhow::Result<u8> {
    let (work, units) = args.read()?;
    let lines = capacity::model(&work, &units);
    let mut out = stdout();
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "workload": work, "units": units, "results": lines }))?;
    } else {
        write!(out, "{}", capacity::table(&lines))?;
    }
    Ok(EXIT_EQUAL)
}

fn run_list(place: &Place) -> anyhow::Result<u8> {
    let found = match (&place.data, &place.ops) {
        (Some(data), _) => offline(data, async |deployment| letters::list(deployment).await)?,
        (None, Some(url)) => Remote::new(url).dead_letters()?,
        (None, None) => Vec::new(),
    };
    let mut out = BufWriter::new(stdout());
    for letter in &found {
        serde_json::to_writer(&mut out, letter)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(EXIT_EQUAL)
}

fn run_release(args: &ReleaseArgs) -> anyhow::Result<u8> {
    let request = ReleaseRequest { view: args.view.clone(), partition: args.partition, offset: args.offset, discard: args.discard };
    let released = match (&args.place.data, &args.place.ops) {
        (Some(data), _) => offline(data, async |deployment| letters::release(deployment, &request).await)?,
        (None, Some(url)) => Remote::new(url).release(&request)?,
        (None, None) => return Ok(EXIT_FAILED),
    };
    writeln!(stdout(), "{} records projected, {} dead letters remain in this view and partition", released.applied, released.remaining)?;
    Ok(if released.remaining == 0 { EXIT_EQUAL } else { EXIT_DIFFERS })
}
