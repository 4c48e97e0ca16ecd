//! Power lost at random moments: of what was not synced, any sectors may have reached the disk. What was acknowledged is there, and the
//! remains of the rest are never taken for damage.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use infra::log::EventLog;
use infra::log::embedded::{EmbeddedLog, EmbeddedOptions, FileLayer, OsFiles};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::support::{P0, append, ids, ids_in, options, own, quick_folder, record};

const SECTOR: usize = 512;
const SEEDS: u64 = 150;

/// Files that remember what is surely on the disk, and fail when the power goes.
struct Power {
    syncs_left: Mutex<u64>,
    /// By inode: the content that is on the disk.
    durable: Mutex<HashMap<u64, Vec<u8>>>,
}

impl Power {
    fn content(file: &File) -> io::Result<(u64, Vec<u8>)> {
        let metadata = file.metadata()?;
        let mut bytes = vec![0; metadata.len() as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok((metadata.ino(), bytes))
    }

    /// What the disk holds after the loss: the durable content, and any of the sectors that were written since.
    fn after_loss(&self, path: &Path, random: &mut StdRng) -> Vec<u8> {
        let (inode, written) = Self::content(&File::open(path).expect("a file")).expect("a readable file");
        let durable = self.durable.lock();
        let Some(mut held) = durable.get(&inode).cloned() else { return written };
        held.resize(written.len(), 0);
        let likely = random.random_range(0.0..=1.0);
        for (old, new) in held.chunks_mut(SECTOR).zip(written.chunks(SECTOR)) {
            if old != new && random.random_bool(likely) {
                old.copy_from_slice(new);
            }
        }
        held
    }
}

impl FileLayer for Power {
    fn write_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        let (inode, before) = Self::content(file)?;
        self.durable.lock().entry(inode).or_insert(before);
        OsFiles.write_at(file, bytes, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut left = self.syncs_left.lock();
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("injected: the power is gone"))?;
        let (inode, now) = Self::content(file)?;
        self.durable.lock().insert(inode, now);
        Ok(())
    }

    fn allocate(&self, file: &File, position: u64, _: u64) -> io::Result<()> {
        // Less than a server reserves: the files are read whole at each call.
        file.set_len(file.metadata()?.len().max(position + 20_000))
    }
}

async fn check(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let home = quick_folder();
    let (folder, lost) = (home.path().join("log"), home.path().join("lost"));
    let files = Arc::new(Power { syncs_left: Mutex::new(random.random_range(1..40)), durable: Mutex::default() });
    let with = EmbeddedOptions { files: files.clone(), on_fatal: Arc::new(|_| {}), segment_bytes: 30_000, ..options() };
    let log = EmbeddedLog::open(&folder, with).expect("a log");
    let Ok(writer) = log.open_writer(P0, "test").await else { return };
    let (mut acknowledged, mut next) = (Vec::new(), 0_u64);
    loop {
        let group: Vec<u64> = (next..next + random.random_range(1..8)).collect();
        next += group.len() as u64;
        let calls: Vec<_> = group.iter().map(|id| writer.append(vec![record(*id, random.random_range(0..2_000))])).collect();
        let results = join_all(calls).await;
        acknowledged.extend(group.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(id, _)| *id));
        if results.iter().any(Result::is_err) {
            break;
        }
    }
    drop((log, writer));
    for entry in ["", "000"].into_iter().flat_map(|part| fs::read_dir(folder.join(part)).expect("a folder")) {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let copy = lost.join(path.strip_prefix(&folder).expect("it lies in the log"));
            fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            fs::write(copy, files.after_loss(&path, &mut random)).expect("a file");
        }
    }
    let found = ids_in(&lost).await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert!(found.starts_with(&acknowledged), "seed {seed}: {found:?} against {acknowledged:?}");
    assert!(found.iter().enumerate().all(|(at, id)| *id == at as u64), "seed {seed}: no hole in {found:?}");
    let log = EmbeddedLog::open(&lost, options()).expect("a log recovered once");
    append(&own(&log).await, [next], 100).await;
    assert_eq!(ids(&log).await, found.into_iter().chain([next]).collect::<Vec<_>>(), "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_refused() {
    for seed in 0..SEEDS {
        check(seed).await;
    }
}
