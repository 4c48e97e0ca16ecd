//! Reading records from segment files, each checked against its checksum, in bounded memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{Offset, RecordHeader, StoredRecord};

use super::folder::failed;
use super::format::{PREFIX_BYTES, Prefix};
use super::partition::Partition;
use super::segment::{Segment, damaged};
use crate::log::{LogError, ReadLimits, Room};

const CHUNK_BYTES_MIN: usize = 64 << 10;
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// What a record takes in a segment, at a guess.
const FRAME_BYTES_GUESS: usize = 512;

/// Reads records from `from` up to `end`, which are durable, within the limits.
pub(super) fn read(partition: &Partition, from: Offset, end: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
    let mut records = Vec::new();
    let mut room = limits.start();
    let mut at = from;
    while at < end {
        let Some((segment, segment_end)) = partition.segment_of(at, end) else {
            return Err(LogError::OutOfRange { partition: partition.id, offset: at });
        };
        let mut walk = Walk::start(partition, &segment, at, limits)?;
        while walk.offset < segment_end {
            match walk.pass(at, &mut room)? {
                Passed::Before => {}
                Passed::Wanted(record) => records.push(record),
                Passed::NoRoom => return Ok(records),
            }
        }
        at = segment_end;
    }
    Ok(records)
}

/// What came of one record.
enum Passed {
    /// It stands before the first one asked for.
    Before,
    Wanted(StoredRecord),
    /// It is not read, for the limits are reached.
    NoRoom,
}

/// A walk along the frames of a segment.
struct Walk<'a> {
    partition: &'a Partition,
    path: &'a Path,
    seed: u32,
    file: File,
    chunk: Bytes,
    chunk_bytes: usize,
    /// Where the chunk starts in the file.
    chunk_position: u64,
    /// Where the next frame starts in the chunk.
    skip: usize,
    /// The offset of the next record.
    offset: Offset,
    /// The checksum of the frame before, once there is one.
    previous: Option<u32>,
}

impl<'a> Walk<'a> {
    /// Starts at or a little before `from`.
    fn start(partition: &'a Partition, segment: &'a Segment, from: Offset, limits: ReadLimits) -> Result<Self, LogError> {
        let path = segment.path.as_path();
        let file = File::open(path).map_err(|error| failed("open", path, &error))?;
        let (record, position) = segment.index.read().find(from - segment.base);
        Ok(Self {
            partition,
            path,
            seed: segment.seed,
            file,
            chunk: Bytes::new(),
            chunk_bytes: limits.records.saturating_mul(FRAME_BYTES_GUESS).min(limits.bytes).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX),
            chunk_position: position,
            skip: 0,
            offset: segment.base + record,
            previous: None,
        })
    }

    /// Looks at the next record; those from `from` on are wanted.
    fn pass(&mut self, from: Offset, room: &mut Room) -> Result<Passed, LogError> {
        let prefix = loop {
            let prefix = Prefix::decode(self.seed, &self.bytes(PREFIX_BYTES)?).ok_or_else(|| self.damaged("no frame stands here"))?;
            let continues = self.previous.is_none_or(|previous| previous == prefix.previous);
            if prefix.offset != self.offset || !continues {
                return Err(self.damaged("the frame does not continue the one before"));
            }
            self.previous = Some(prefix.crc);
            if prefix.length != 0 {
                break prefix;
            }
            self.skip += PREFIX_BYTES;
        };
        let frame_bytes = PREFIX_BYTES + prefix.length as usize;
        let mut passed = Passed::Before;
        if prefix.offset >= from {
            if !room.admits((prefix.length as usize).saturating_sub(HEADER_BYTES)) {
                return Ok(Passed::NoRoom);
            }
            let payload = self.bytes(frame_bytes)?.slice(PREFIX_BYTES..);
            if !prefix.matches(&payload) {
                return Err(self.damaged("the frame fails its checksum"));
            }
            let header = RecordHeader::decode(&payload).map_err(|error| self.damaged(&error.to_string()))?;
            passed = Passed::Wanted(StoredRecord { offset: prefix.offset, header, body: payload.slice(HEADER_BYTES..) });
        }
        self.skip += frame_bytes;
        self.offset += 1;
        Ok(passed)
    }

    /// The next `count` bytes, from the chunk or the next one.
    fn bytes(&mut self, count: usize) -> Result<Bytes, LogError> {
        if self.skip + count > self.chunk.len() {
            let error = |error| failed("read", self.path, &error);
            self.chunk_position += self.skip as u64;
            self.skip = 0;
            let mut chunk = Vec::with_capacity(self.chunk_bytes.max(count));
            read_up_to(&self.file, &mut chunk, self.chunk_position).map_err(error)?;
            self.chunk = Bytes::from(chunk);
            if self.chunk.len() < count {
                return Err(self.damaged("the file is cut short"));
            }
        }
        Ok(self.chunk.slice(self.skip..self.skip + count))
    }

    fn damaged(&self, cause: &str) -> LogError {
        damaged(self.partition.id, self.offset, self.path, self.chunk_position + self.skip as u64, cause)
    }
}

/// Fills the spare room of `buffer` from `position` on, or as much of it as the file has: it may shrink to its last frame meanwhile.
fn read_up_to(file: &File, buffer: &mut Vec<u8>, position: u64) -> io::Result<()> {
    buffer.resize(buffer.capacity(), 0);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, position + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(())
}
