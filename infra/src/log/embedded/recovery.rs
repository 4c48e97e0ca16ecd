//! Opening a partition's folder: checks that its segments continue one another, finds the end, cuts a torn tail off, refuses damage.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use schemas::PartitionId;
use schemas::log::{Offset, Validity};

use super::files::{UNFINISHED, is_full};
use super::folder::{SEAL, SEGMENT, failed, list, segment_path};
use super::format::{Link, SegmentHeader};
use super::scan::{Found, Scan};
use super::seal::{Seal, seal_path};
use super::segment::{Segment, damaged, open_to_write, read_header};
use super::tail::{Tail, judge};
use crate::log::LogError;

/// What to open, and how.
pub(super) struct Recovery<'a> {
    pub(super) folder: &'a Path,
    pub(super) generation: u32,
    pub(super) partition: PartitionId,
    /// Whether torn tails may be cut off and missing seals written.
    pub(super) writable: bool,
    /// Sealed bytes to verify in full, the newest first.
    pub(super) verify_bytes: u64,
}

/// A partition as it was found.
pub(super) struct Recovered {
    /// All segments, in order, the active one last.
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) active: Arc<Segment>,
    pub(super) head: Head,
    /// Sealed segments that were not verified in full.
    pub(super) unverified: Vec<Sealed>,
}

/// Where writing goes on.
pub(super) struct Head {
    pub(super) file: File,
    pub(super) header: SegmentHeader,
    /// Where the next frame goes in the file.
    pub(super) position: u64,
    pub(super) link: Link,
    pub(super) validity: Validity,
}

/// A complete segment, with what its seal says.
pub(super) struct Sealed {
    path: PathBuf,
    header: SegmentHeader,
    seal: Seal,
}

/// How the next segment must begin.
#[derive(PartialEq, Eq)]
struct Next {
    base: Offset,
    previous: u32,
    validity: Validity,
}

impl Recovery<'_> {
    /// Opens the partition.
    ///
    /// Errors: [`LogError::Damaged`] with the first offset that is not as it was written; [`LogError::Fatal`] when the operating system fails.
    pub(super) fn run(&self) -> Result<Recovered, LogError> {
        let bases = list(self.folder, SEGMENT)?;
        let seals = list(self.folder, SEAL)?;
        if self.writable {
            self.remove_unfinished()?;
        }
        let mut next = Next { base: 0, previous: 0, validity: Validity::default() };
        let (mut segments, mut sealed) = (Vec::new(), Vec::new());
        let Some((last, complete)) = bases.split_last() else { return Err(self.missing(0)) };
        for base in complete {
            let (path, file, header, seed) = self.open_segment(*base, &next)?;
            let seal = if seals.binary_search(base).is_ok() {
                self.read_seal(&path, &file, &header, seed)?
            } else {
                self.seal_late(&path, &file, &header, seed)?
            };
            next = Next { base: seal.end, previous: seal.last, validity: seal.validity };
            segments.push(Arc::new(Segment { base: *base, seed, path: path.clone(), index: RwLock::new(seal.index.clone()) }));
            sealed.push(Sealed { path, header, seal });
        }
        let (path, file, header, seed) = self.open_segment(*last, &next)?;
        if seals.binary_search(last).is_ok() {
            let seal = self.read_seal(&path, &file, &header, seed)?;
            return Err(self.missing(seal.end));
        }
        let (head, active) = self.find_end(path, file, header, seed)?;
        let active = Arc::new(active);
        segments.push(Arc::clone(&active));
        let unverified = self.verify_newest(sealed)?;
        Ok(Recovered { segments, active, head, unverified })
    }

    fn missing(&self, base: Offset) -> LogError {
        let path = segment_path(self.folder, base);
        LogError::Damaged { partition: self.partition, offset: base, cause: format!("segment {} is missing", path.display()) }
    }

    fn remove_unfinished(&self) -> Result<(), LogError> {
        let error = |error| failed("clean up", self.folder, &error);
        for entry in fs::read_dir(self.folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.extension().is_some_and(|it| it == UNFINISHED) {
                fs::remove_file(path).map_err(error)?;
            }
        }
        Ok(())
    }

    fn open_segment(&self, base: Offset, next: &Next) -> Result<(PathBuf, File, SegmentHeader, u32), LogError> {
        if base > next.base {
            return Err(self.missing(next.base));
        }
        let path = segment_path(self.folder, base);
        let error = |error| failed("read", &path, &error);
        let file = if self.writable { open_to_write(&path) } else { File::open(&path) }.map_err(error)?;
        let damaged = |cause: &str| damaged(self.partition, base, &path, 0, cause);
        let (header, seed) = read_header(&file).map_err(error)?.map_err(|cause| damaged(&cause))?;
        if (header.generation, header.partition, header.base) != (self.generation, self.partition, base) {
            return Err(damaged("the segment belongs elsewhere"));
        }
        if (Next { base: header.base, previous: header.previous, validity: header.validity }) != *next {
            return Err(damaged("the segment does not continue the one before"));
        }
        Ok((path, file, header, seed))
    }

    fn read_seal(&self, path: &Path, file: &File, header: &SegmentHeader, seed: u32) -> Result<Seal, LogError> {
        let seal_path = seal_path(path);
        let bytes = fs::read(&seal_path).map_err(|error| failed("read", &seal_path, &error))?;
        let length = file.metadata().map_err(|error| failed("read", path, &error))?.len();
        let altered = "the seal was altered (remove it to have the segment read in full and sealed anew)";
        let damaged = |cause| damaged(self.partition, header.base, &seal_path, 0, cause);
        let seal = Seal::decode(&bytes).ok_or_else(|| damaged(altered))?;
        let is_of = (seal.generation, seal.partition, seal.base, seal.seed) == (header.generation, header.partition, header.base, seed);
        if !is_of || length < seal.length {
            return Err(damaged("the seal and its segment do not belong together"));
        }
        Ok(seal)
    }

    /// Reads a complete segment in full that a crash left without its seal.
    fn seal_late(&self, path: &Path, file: &File, header: &SegmentHeader, seed: u32) -> Result<Seal, LogError> {
        let error = |error| failed("read", path, &error);
        let mut scan = Scan::new(file, header, seed).map_err(error)?;
        let cause = scan.walk_to_end().map_err(error)?;
        if scan.position != scan.window.length() {
            return Err(damaged(self.partition, scan.link.offset, path, scan.position, cause));
        }
        let seal = seal_of(header, seed, &scan);
        if self.writable {
            let (partition, base) = (self.partition.0, header.base);
            match seal.write(path) {
                Ok(()) => tracing::info!(partition, base, "sealed a segment of an interrupted run"),
                Err(error) if is_full(&error) => tracing::warn!(partition, base, "no space left to seal a segment of an interrupted run"),
                Err(error) => return Err(failed("seal", path, &error)),
            }
        }
        Ok(seal)
    }

    fn find_end(&self, path: PathBuf, file: File, header: SegmentHeader, seed: u32) -> Result<(Head, Segment), LogError> {
        let error = |error| failed("read", &path, &error);
        let mut scan = Scan::new(&file, &header, seed).map_err(error)?;
        let cause = scan.walk_to_end().map_err(error)?;
        let (position, length, link) = (scan.position, scan.window.length(), scan.link);
        if !scan.window.only_zeros_from(position).map_err(error)? {
            let mut rest = vec![0; usize::try_from(length - position).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut rest, position).map_err(error)?;
            match judge(seed, link.offset, position, &rest) {
                Tail::Damaged(proof) => {
                    return Err(damaged(self.partition, link.offset, &path, position, &format!("{cause}, and {proof}")));
                }
                Tail::Clean | Tail::Torn => {
                    let (partition, bytes) = (self.partition.0, length - position);
                    tracing::warn!(
                        partition,
                        offset = link.offset,
                        bytes,
                        cause,
                        "the last write of the log was interrupted: cut off its remains"
                    );
                }
            }
        }
        if self.writable {
            // What a killed process had written may not be on the disk yet; from here on it is served.
            file.set_len(position).and_then(|()| file.sync_all()).map_err(|error| failed("sync", &path, &error))?;
        }
        let (validity, index) = (scan.validity, RwLock::new(scan.index));
        Ok((Head { file, header, position, link, validity }, Segment { base: header.base, seed, path, index }))
    }

    fn verify_newest(&self, mut sealed: Vec<Sealed>) -> Result<Vec<Sealed>, LogError> {
        let mut budget = self.verify_bytes;
        while let Some(newest) = sealed.pop() {
            match budget.checked_sub(newest.seal.length) {
                Some(left) => budget = left,
                None => {
                    sealed.push(newest);
                    break;
                }
            }
            newest.verify(&AtomicBool::new(false))?;
        }
        Ok(sealed)
    }
}

impl Sealed {
    /// Reads the segment in full and compares it with its seal; gives up, and finds nothing, when told to `stop`.
    ///
    /// Errors: [`LogError::Damaged`] with the first offset that is not as it was written; [`LogError::Fatal`] when the operating system fails.
    pub(super) fn verify(&self, stop: &AtomicBool) -> Result<(), LogError> {
        let error = |error| failed("read", &self.path, &error);
        let file = File::open(&self.path).map_err(error)?;
        let mut scan = Scan::new(&file, &self.header, self.seal.seed).map_err(error)?;
        let cause = loop {
            match scan.step().map_err(error)? {
                Found::Nothing(cause) => break cause,
                Found::Record | Found::Mark if stop.load(Ordering::Relaxed) => return Ok(()),
                Found::Record | Found::Mark => {}
            }
        };
        if scan.window.length() == self.seal.length && seal_of(&self.header, self.seal.seed, &scan) == self.seal {
            return Ok(());
        }
        Err(damaged(self.header.partition, scan.link.offset, &self.path, scan.position, cause))
    }
}

/// What a scan that reached the end of a complete segment found.
pub(super) fn seal_of(header: &SegmentHeader, seed: u32, scan: &Scan<'_>) -> Seal {
    Seal {
        generation: header.generation,
        partition: header.partition,
        base: header.base,
        end: scan.link.offset,
        length: scan.position,
        seed,
        last: scan.link.previous,
        validity: scan.validity,
        index: scan.index.clone(),
    }
}
