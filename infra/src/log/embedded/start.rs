//! Opening a log's folder: lock, layout, recovery of all partitions side by side.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::Validity;

use super::files::sync_folder_of;
use super::folder::{FolderLock, SEGMENT, check_layout, failed, list, partition_folder, read_meta, segment_path, write_meta};
use super::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::partition::Partition;
use super::queue::{Bounds, Queue};
use super::recovery::{Recovered, Recovery, Sealed};
use super::segment::create;
use super::verifier::Verifier;
use super::writer::Writer;
use super::{EmbeddedLog, EmbeddedOptions, Slot};
use crate::log::recent::Recent;
use crate::log::stamp::now_ms;
use crate::log::{LogError, LogLayout};

/// Positions within a segment fit 32 bits, with room for one group over the limit.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// A partition's segments that are still to be verified.
pub(super) type Unverified = (Arc<Partition>, Vec<Sealed>);

/// Opens a log for writing, or makes it.
pub(super) fn open(path: &Path, mut options: EmbeddedOptions) -> Result<EmbeddedLog, LogError> {
    check_layout(options.layout)?;
    options.segment_bytes = options.segment_bytes.min(SEGMENT_BYTES_MAX);
    fs::create_dir_all(path).map_err(|error| failed("make", path, &error))?;
    let lock = Arc::new(FolderLock::exclusive(path)?);
    match read_meta(path)? {
        Some(found) => check_same(path, found, options.layout)?,
        None => make(path, options.layout)?,
    }
    let found = recover_all(path, options.layout, true, options.verify_at_open_bytes)?;
    let options = Arc::new(options);
    let (mut slots, mut unverified) = (Vec::new(), Vec::new());
    for (id, recovered) in options.layout.partition_ids().zip(found) {
        let (slot, rest) = slot(path, id, recovered, &options, Some(&lock));
        unverified.push((Arc::clone(&slot.partition), rest));
        slots.push(slot);
    }
    unverified.retain(|(_, rest)| !rest.is_empty());
    let verifier = if unverified.is_empty() { None } else { Some(Verifier::start(unverified, Arc::clone(&options))?) };
    Ok(EmbeddedLog { layout: options.layout, slots, lock: Mutex::new(Some(lock)), verifier: Mutex::new(verifier) })
}

/// Opens a log for offline tools.
pub(super) fn open_read_only(path: &Path) -> Result<EmbeddedLog, LogError> {
    let layout = read_meta(path)?.ok_or_else(|| LogError::Fatal(format!("there is no log in {}", path.display())))?;
    let lock = Arc::new(FolderLock::shared(path)?);
    let options = Arc::new(EmbeddedOptions::new(layout));
    let found = recover_all(path, layout, false, options.verify_at_open_bytes)?;
    let slots = layout.partition_ids().zip(found).map(|(id, recovered)| {
        let (slot, _) = slot(path, id, recovered, &options, None);
        slot.partition.queue.finish("it is open for reading only");
        slot.partition.end_here("it is open for reading only");
        slot
    });
    Ok(EmbeddedLog { layout, slots: slots.collect(), lock: Mutex::new(Some(lock)), verifier: Mutex::default() })
}

fn check_same(path: &Path, found: LogLayout, asked: LogLayout) -> Result<(), LogError> {
    if found == asked {
        return Ok(());
    }
    let text = |layout: LogLayout| format!("generation {} with {} partitions", layout.generation, layout.partitions);
    let (path, found, asked) = (path.display(), text(found), text(asked));
    Err(LogError::Fatal(format!("{path} holds {found}, the configuration asks for {asked}: set it back, or name another folder")))
}

/// Makes an empty log. Its meta file comes last: without one, a later start makes it again, unless something was written to it.
fn make(path: &Path, layout: LogLayout) -> Result<(), LogError> {
    for partition in layout.partition_ids() {
        let folder = partition_folder(path, partition);
        let error = |error| failed("make", &folder, &error);
        fs::create_dir_all(&folder).map_err(error)?;
        for base in list(&folder, SEGMENT)? {
            let left = segment_path(&folder, base);
            if fs::metadata(&left).map_err(error)?.len() > SEGMENT_HEADER_BYTES as u64 {
                return Err(LogError::Fatal(format!("{} has records but no meta file: restore it", path.display())));
            }
            fs::remove_file(&left).map_err(error)?;
        }
        let header = SegmentHeader {
            generation: layout.generation,
            partition,
            base: 0,
            created_ms: now_ms(),
            validity: Validity::default(),
            previous: 0,
            salt: rand::random(),
        };
        create(&folder, &header).map_err(error)?;
    }
    let synced = sync_folder_of(&path.join("meta")).and_then(|()| sync_folder_of(path));
    synced.map_err(|error| failed("sync", path, &error))?;
    write_meta(path, layout)
}

/// Recovers the partitions on as many threads as there are processors; of several errors, the one of the first partition counts.
fn recover_all(path: &Path, layout: LogLayout, writable: bool, verify_bytes: u64) -> Result<Vec<Recovered>, LogError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(usize::from(layout.partitions));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(partition) = u16::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().filter(|it| *it < layout.partitions) {
            let folder = partition_folder(path, PartitionId(partition));
            let recovery = Recovery {
                folder: &folder,
                generation: layout.generation,
                partition: PartitionId(partition),
                writable,
                verify_bytes: verify_bytes / u64::from(layout.partitions),
            };
            done.push((partition, recovery.run()));
        }
        done
    };
    let mut all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| LogError::Fatal("its recovery panicked".into())));
        joined.collect::<Result<Vec<_>, _>>().map(|parts| parts.into_iter().flatten().collect::<Vec<_>>())
    })?;
    all.sort_unstable_by_key(|(partition, _)| *partition);
    all.into_iter().map(|(_, recovered)| recovered).collect()
}

/// Puts a recovered partition together; with a lock it can be written to. The segments not yet verified are given back.
fn slot(
    path: &Path,
    id: PartitionId,
    recovered: Recovered,
    options: &Arc<EmbeddedOptions>,
    lock: Option<&Arc<FolderLock>>,
) -> (Slot, Vec<Sealed>) {
    let Recovered { segments, active, head, unverified } = recovered;
    let queue = Queue::new(Bounds { records: options.queue_records, bytes: options.queue_bytes });
    let partition = Arc::new(Partition::new(id, head.link.offset, segments, queue, Recent::new(options.recent_bytes)));
    let writer = lock.map(|lock| {
        let folder = partition_folder(path, id);
        Writer::new(Arc::clone(&partition), Arc::clone(options), folder, head, active, Arc::clone(lock))
    });
    (Slot { partition, idle: Mutex::new(writer), thread: Mutex::default() }, unverified)
}
