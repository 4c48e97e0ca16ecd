//! The log's folder: its meta file, its lock, and the names of what lies in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use schemas::PartitionId;
use schemas::ids::PARTITIONS_MAX;
use schemas::log::Offset;

use super::files::write_whole;
use crate::log::{LogError, LogLayout};

const META_VERSION: u32 = 1;
const META_BYTES_MAX: u64 = 4_096;

/// The extension of segments.
pub(super) const SEGMENT: &str = "seg";
/// The extension of seals.
pub(super) const SEAL: &str = "idx";

/// An error of the operating system, with the place.
pub(super) fn failed(what: &str, path: &Path, error: &io::Error) -> LogError {
    LogError::Fatal(format!("cannot {what} {}: {error}", path.display()))
}

/// The folder of a partition.
pub(super) fn partition_folder(log: &Path, partition: PartitionId) -> PathBuf {
    log.join(format!("{:03}", partition.0))
}

/// The segment in `folder` that starts at `base`.
pub(super) fn segment_path(folder: &Path, base: Offset) -> PathBuf {
    folder.join(format!("{base:020}.{SEGMENT}"))
}

/// The base offset in a name that [`segment_path`] made.
pub(super) fn base_of(path: &Path) -> Option<Offset> {
    let stem = path.file_stem()?.to_str()?;
    if stem.len() == 20 { stem.parse().ok() } else { None }
}

fn meta_path(log: &Path) -> PathBuf {
    log.join("meta")
}

/// Writes the meta file: from here on the log exists.
pub(super) fn write_meta(log: &Path, layout: LogLayout) -> Result<(), LogError> {
    let path = meta_path(log);
    write_whole(&path, encode_meta(layout).as_bytes()).map_err(|error| failed("write", &path, &error))
}

/// Reads the meta file; nothing if there is none.
pub(super) fn read_meta(log: &Path) -> Result<Option<LogLayout>, LogError> {
    let path = meta_path(log);
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(META_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &path, &error)),
    }
    let layout = decode_meta(&text).ok_or_else(|| LogError::Fatal(format!("{} is damaged or of a later version", path.display())))?;
    Ok(Some(layout))
}

fn encode_meta(layout: LogLayout) -> String {
    let fields = format!("roost log {META_VERSION}\ngeneration {}\npartitions {}\n", layout.generation, layout.partitions);
    let checksum = crc32c::crc32c(fields.as_bytes());
    format!("{fields}checksum {checksum:08x}\n")
}

fn decode_meta(text: &str) -> Option<LogLayout> {
    let mut lines = text.lines();
    let version: u32 = lines.next()?.strip_prefix("roost log ")?.parse().ok()?;
    let generation = lines.next()?.strip_prefix("generation ")?.parse().ok()?;
    let partitions = lines.next()?.strip_prefix("partitions ")?.parse().ok()?;
    let layout = LogLayout { generation, partitions };
    (version == META_VERSION && text == encode_meta(layout)).then_some(layout)
}

/// Refuses layouts that ids cannot name.
pub(super) fn check_layout(layout: LogLayout) -> Result<(), LogError> {
    if layout.generation == 0 || !(1..=PARTITIONS_MAX).contains(&layout.partitions) {
        let LogLayout { generation, partitions } = layout;
        let cause = format!("generations count from 1, partitions go up to {PARTITIONS_MAX}: got {generation} and {partitions}");
        return Err(LogError::Fatal(cause));
    }
    Ok(())
}

/// How long a lock that somebody holds is tried for.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);
/// The pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The lock on a log's folder, held until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock for a process that writes.
    pub(super) fn exclusive(log: &Path) -> Result<Self, LogError> {
        let path = log.join("lock");
        let open = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| failed("open", &path, &error))?;
        taken(patiently(|| file.try_lock()), log, &mut file)?;
        // Who holds it is a help to people, not part of the lock: a full disk must not keep the log from being read.
        if let Err(error) = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())) {
            tracing::warn!(%error, path = %path.display(), "cannot note the holder of the lock");
        }
        Ok(Self { _file: file })
    }

    /// Takes the lock for a process that only reads: it excludes writers, not other readers.
    pub(super) fn shared(log: &Path) -> Result<Self, LogError> {
        let path = log.join("lock");
        let mut file = File::open(&path).map_err(|error| failed("open", &path, &error))?;
        taken(patiently(|| file.try_lock_shared()), log, &mut file)?;
        Ok(Self { _file: file })
    }
}

/// Tries again for a moment: a process that is being started from the former holder has its files open until it runs its own program.
fn patiently(attempt: impl Fn() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => std::thread::sleep(LOCK_PAUSE),
            outcome => return outcome,
        }
    }
}

fn taken(attempt: Result<(), TryLockError>, log: &Path, file: &mut File) -> Result<(), LogError> {
    match attempt {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(failed("lock", log, &error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let readable = file.take(20).read_to_string(&mut holder).is_ok();
            let holder = Some(holder.trim()).filter(|pid| readable && !pid.is_empty());
            let holder = holder.map_or(String::new(), |pid| format!(" (last writer: pid {pid})"));
            Err(LogError::Locked(format!("{}{holder}", log.display())))
        }
    }
}

/// The base offsets of the files with `extension` in a partition's folder, in order.
pub(super) fn list(folder: &Path, extension: &str) -> Result<Vec<Offset>, LogError> {
    let error = |error| failed("list", folder, &error);
    let mut bases = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|it| it == extension) {
            bases.extend(base_of(&path));
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meta_file_is_stable() {
        let layout = LogLayout { generation: 3, partitions: 8 };
        // Persisted: this text must never change.
        assert_eq!(encode_meta(layout), "roost log 1\ngeneration 3\npartitions 8\nchecksum c8134985\n");
        assert_eq!(decode_meta(&encode_meta(layout)), Some(layout));
    }

    #[test]
    fn an_altered_meta_file_is_refused() {
        let text = encode_meta(LogLayout { generation: 3, partitions: 8 });
        for flip in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[flip / 8] ^= 1 << (flip % 8);
            assert_eq!(String::from_utf8(bytes).ok().and_then(|text| decode_meta(&text)), None, "bit {flip}");
        }
    }

    #[test]
    fn names_come_back() {
        let path = segment_path(Path::new("x"), 301_775);
        assert_eq!((path.to_str(), base_of(&path)), (Some("x/00000000000000301775.seg"), Some(301_775)));
        assert_eq!(base_of(Path::new("12.seg")), None);
    }
}
