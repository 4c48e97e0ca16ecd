//! `cargo xtask bench gen`: what workload W1 of a size looks like, with a checksum, so that two machines can say that they measured the
//! same. The graph is made anew by every bench that needs it; with `--out` its follows are also written for others to load.

use super::report::{Report, whole};
use super::w1::W1;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Which workload.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts: 100,000 for quick looks, 1,000,000 for reports, 5,000,000 for memory.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Another workload of the same shape.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A file for the follows: a line `FOLLOWER<tab>FOLLOWED` each, accounts numbered from zero.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let w1 = W1::generate(args.accounts, args.seed);
    if let Some(path) = &args.out {
        let mut file = BufWriter::new(File::create(path).with_context(|| format!("cannot make {}", path.display()))?);
        for account in 0..w1.accounts() {
            for follower in w1.followers(account) {
                writeln!(file, "{follower}\t{account}")?;
            }
        }
        file.flush()?;
    }
    let mut report = Report::new("gen");
    report.add("accounts", f64::from(w1.accounts()));
    report.add("edges", whole(w1.edges() as u64));
    report.add("readers", whole(w1.readers().count() as u64));
    let sorted = |count: &dyn Fn(u32) -> usize| {
        let mut counts: Vec<f64> = (0..w1.accounts()).map(|account| whole(count(account) as u64)).collect();
        counts.sort_by(f64::total_cmp);
        counts
    };
    report.add_spread("followers", "", &sorted(&|account| w1.followers(account).len()));
    report.add_spread("followees", "", &sorted(&|account| w1.followees(account).len()));
    report.add_peak_memory();
    report.note("sha256", w1.checksum());
    Ok(report)
}
