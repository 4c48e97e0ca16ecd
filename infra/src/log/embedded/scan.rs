//! Reading a segment from its header on, each frame checked against the one before: how recovery and verification see the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use schemas::log::record::HEADER_BYTES;
use schemas::log::{Offset, RecordHeader, Validity};

use super::format::{Link, PREFIX_BYTES, Prefix, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::seal::Index;
use crate::log::RECORD_BYTES_MAX;

const WINDOW_BYTES: usize = 1 << 20;

/// A file seen through a buffer of bounded size.
pub(super) struct Window<'a> {
    file: &'a File,
    length: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a File) -> io::Result<Self> {
        Ok(Self { file, length: file.metadata()?.len(), buffer: Vec::new(), start: 0 })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// `count` bytes at `position`, or as many as there are.
    pub(super) fn bytes(&mut self, position: u64, count: usize) -> io::Result<&[u8]> {
        let count = usize::try_from(self.length.saturating_sub(position)).map_or(count, |left| left.min(count));
        let held = position.checked_sub(self.start).is_some_and(|skip| skip + count as u64 <= self.buffer.len() as u64);
        if !held {
            let left = self.length.saturating_sub(position);
            self.buffer.resize(usize::try_from(left).map_or(WINDOW_BYTES, |left| left.min(count.max(WINDOW_BYTES))), 0);
            self.file.read_exact_at(&mut self.buffer, position)?;
            self.start = position;
        }
        let skip = (position - self.start) as usize;
        Ok(self.buffer.get(skip..skip + count).unwrap_or_default())
    }

    /// Whether only zeros stand from `position` to the end of the file.
    pub(super) fn only_zeros_from(&mut self, mut position: u64) -> io::Result<bool> {
        while position < self.length {
            let bytes = self.bytes(position, WINDOW_BYTES)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            position += bytes.len() as u64;
        }
        Ok(true)
    }
}

/// What stands at a place of a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// A good record; the scan has moved past it.
    Record,
    /// A good mark; the scan has moved past it.
    Mark,
    /// No good frame that continues the chain: the end, a torn tail, or damage.
    Nothing(&'static str),
}

/// A walk along the frames of one segment.
pub(super) struct Scan<'a> {
    pub(super) window: Window<'a>,
    /// Where the next frame stands in the file.
    pub(super) position: u64,
    /// Where it stands in the chain.
    pub(super) link: Link,
    /// The state of the validity rule before it.
    pub(super) validity: Validity,
    pub(super) index: Index,
    base: Offset,
}

impl<'a> Scan<'a> {
    /// Starts behind the segment's header, which has the checksum `seed`.
    pub(super) fn new(file: &'a File, header: &SegmentHeader, seed: u32) -> io::Result<Self> {
        Ok(Self {
            window: Window::new(file)?,
            position: SEGMENT_HEADER_BYTES as u64,
            link: Link { seed, previous: seed, offset: header.base },
            validity: header.validity,
            index: Index::default(),
            base: header.base,
        })
    }

    /// Looks at the next frame.
    pub(super) fn step(&mut self) -> io::Result<Found> {
        let Some(prefix) = Prefix::decode(self.link.seed, self.window.bytes(self.position, PREFIX_BYTES)?) else {
            return Ok(Found::Nothing("no frame stands here"));
        };
        if prefix.previous != self.link.previous || prefix.offset != self.link.offset || prefix.durable > prefix.offset {
            return Ok(Found::Nothing("the frame does not continue the one before"));
        }
        let length = prefix.length as usize;
        if length > RECORD_BYTES_MAX {
            return Ok(Found::Nothing("the frame is over the limit"));
        }
        let payload = self.window.bytes(self.position + PREFIX_BYTES as u64, length)?;
        if payload.len() < length {
            return Ok(Found::Nothing("the frame is cut short"));
        }
        if !prefix.matches(payload) {
            return Ok(Found::Nothing("the frame fails its checksum"));
        }
        let found = if length == 0 {
            Found::Mark
        } else {
            let header = payload.get(..HEADER_BYTES).and_then(|header| RecordHeader::decode(header).ok());
            let Some(header) = header else { return Ok(Found::Nothing("the record's header cannot be read by this version")) };
            self.validity.admit(&header);
            self.index.note(prefix.offset - self.base, self.position);
            self.link.offset += 1;
            Found::Record
        };
        self.link.previous = prefix.crc;
        self.position += prefix.frame_bytes();
        Ok(found)
    }

    /// Walks on to the first place where no good frame stands; says why.
    pub(super) fn walk_to_end(&mut self) -> io::Result<&'static str> {
        loop {
            if let Found::Nothing(cause) = self.step()? {
                return Ok(cause);
            }
        }
    }
}
