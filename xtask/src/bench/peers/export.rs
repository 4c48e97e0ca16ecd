//! What a bench hands to the program in `peers/`: follows and posts as lines that PostgreSQL's COPY takes, bodies with their length before.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::super::w1::W1;

/// Writes who reads whom, author and reader: the hot ones among an author's followers, and a hot author itself.
pub(super) fn follows(path: &Path, w1: &W1, hot: &[bool]) -> Result<()> {
    let is_hot = |reader: &u32| hot.get(*reader as usize).copied().unwrap_or_default();
    let of = |author: u32| w1.followers(author).iter().copied().chain([author]).filter(is_hot).map(move |reader| (author, reader));
    pairs(path, (0..w1.accounts()).flat_map(of).map(|(author, reader)| (author.into(), reader.into())))
}

/// Writes pairs, a line `ONE<tab>OTHER` each.
pub(super) fn pairs(path: &Path, pairs: impl Iterator<Item = (u64, u64)>) -> Result<()> {
    let mut file = make(path)?;
    for (one, other) in pairs {
        writeln!(file, "{one}\t{other}")?;
    }
    file.flush().context("cannot write what the other side reads")
}

/// Writes bodies: who acts (8 bytes) and the length (4 bytes), little-endian, then the body.
pub(super) fn bodies(path: &Path, bodies: impl Iterator<Item = (u64, Vec<u8>)>) -> Result<()> {
    let mut file = make(path)?;
    for (actor, body) in bodies {
        file.write_all(&actor.to_le_bytes())?;
        file.write_all(&u32::try_from(body.len()).context("a body is too large")?.to_le_bytes())?;
        file.write_all(&body)?;
    }
    file.flush().context("cannot write what the other side reads")
}

fn make(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(path).with_context(|| format!("cannot make {}", path.display()))?))
}
