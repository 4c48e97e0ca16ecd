//! One segment file: making it, opening it, and what the readers of its partition share about it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use parking_lot::RwLock;
use schemas::PartitionId;
use schemas::log::Offset;

use super::files::write_whole;
use super::folder::segment_path;
use super::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::seal::Index;
use crate::log::LogError;

/// What readers know of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    /// The checksum of its header.
    pub(super) seed: u32,
    pub(super) path: PathBuf,
    /// Grows while the segment is the active one.
    pub(super) index: RwLock<Index>,
}

/// Makes a segment in `folder`, whole and durable or not at all, and opens it for writing.
pub(super) fn create(folder: &Path, header: &SegmentHeader) -> io::Result<(File, Segment)> {
    let path = segment_path(folder, header.base);
    let (bytes, seed) = header.encode();
    write_whole(&path, &bytes)?;
    let file = open_to_write(&path)?;
    Ok((file, Segment { base: header.base, seed, path, index: RwLock::default() }))
}

/// Opens an existing segment for reading and writing.
pub(super) fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Reads a segment's header, with the seed of its frames; the inner error says what is wrong with its bytes.
pub(super) fn read_header(file: &File) -> io::Result<Result<(SegmentHeader, u32), String>> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(SegmentHeader::decode(&bytes).map_err(|error| error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Err("segment header is cut short".into())),
        Err(error) => Err(error),
    }
}

/// The error that names a damaged place: `cause`, byte and file.
pub(super) fn damaged(partition: PartitionId, offset: Offset, path: &Path, position: u64, cause: &str) -> LogError {
    LogError::Damaged { partition, offset, cause: format!("{cause}: byte {position} of {}", path.display()) }
}
