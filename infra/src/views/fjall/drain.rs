//! From memory to the files: a generation of commits, sorted, goes to each keyspace as a table of its own or, where it has little, to the
//! journal.
//!
//! A table holds the rows of one version of a view together with its checkpoints and is taken in as a whole, so a view is never torn
//! wherever the process ends; what was not drained is read again from the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::fjall::{AbstractTree, Keyspace, OwnedWriteBatch};
use parking_lot::{Condvar, Mutex};

use super::front::{Generation, Rows};
use super::layout::{self, KeyBytes};
use super::open::Spaces;
use super::{Inner, failed, no_thread, waits_in_memory};
use crate::priority::give_way;
use crate::views::{Version, ViewError};
use crate::worker::Worker;

/// How long a commit waits in memory: what a kill costs in reading the log again.
const DRAIN_AFTER: Duration = Duration::from_secs(2);

/// Tables of one version of a view that no merge has taken yet, from which on the next one waits: each costs every look-up a filter more.
const UNMERGED_MAX: usize = 16;
/// How often it is looked whether there are fewer, and how often at the most.
const MERGED_EVERY: Duration = Duration::from_millis(10);
const MERGED_LOOKS_MAX: u32 = 1_000;

/// A row, by the bytes of its key.
type Sorted<'a> = Vec<(KeyBytes, Option<&'a [u8]>)>;

impl Inner {
    /// Brings all that is committed to the files. One at a time; whoever comes meanwhile waits.
    pub(super) fn drain(&self) -> Result<(), ViewError> {
        let _alone = self.draining.lock();
        if let Some(cause) = self.broken.get() {
            return Err(ViewError::Fatal(cause.clone()));
        }
        let Some(generation) = self.front.write().turn() else { return Ok(()) };
        let began = Instant::now();
        if let Err(error) = self.write_out(&self.spaces(), &generation) {
            // Reads go on from memory; nothing more is taken.
            drop(self.broken.set(error.to_string()));
            return Err(error);
        }
        let drained = self.front.write().drained();
        // Freeing so many rows takes its time: not under the lock.
        drop((drained, generation));
        self.merging.drained();
        metrics::histogram!("roost_views_drain_seconds").record(began.elapsed().as_secs_f64());
        Ok(())
    }

    fn write_out(&self, spaces: &Spaces, generation: &Generation) -> Result<(), ViewError> {
        let (mut few, mut without_rows) = (self.database.batch(), Vec::new());
        for ((view, number), rows) in generation.spaces() {
            let (_, space) = spaces.resolve(view, Version::Number(number))?;
            if !waits_in_memory(view) {
                without_rows.push(((view, number), space, rows));
                continue;
            }
            let sorted = sorted(rows)?;
            // As of now: it may say more than these rows need, not less.
            let newest = layout::encode_newest(self.front.read().newest_post((view, number)));
            if rows.count() < self.options.table_rows {
                put_few(&mut few, space, rows, sorted);
                few.insert(space, layout::NEWEST_KEY, newest);
                continue;
            }
            wait_for_merges(space);
            let begins = self.changing();
            let mut table = space.start_ingestion().map_err(failed)?;
            drop(begins);
            for (partition, checkpoint) in rows.checkpoints() {
                table.write(layout::own_checkpoint_key(partition), layout::encode_checkpoint(checkpoint)).map_err(failed)?;
            }
            table.write(layout::NEWEST_KEY, newest).map_err(failed)?;
            for (key, value) in sorted {
                match value {
                    Some(value) => table.write(key.as_slice(), value),
                    None => table.write_tombstone(key.as_slice()),
                }
                .map_err(failed)?;
            }
            let _ends = self.changing();
            table.finish().map_err(failed)?;
        }
        let _journaling = self.journaling.lock();
        for (of_view, space, rows) in without_rows {
            for (partition, checkpoint) in rows.checkpoints() {
                let stored = self.stored_checkpoint(of_view, space, partition)?;
                // A later one may have come with rows, which the journal took at once.
                if stored.is_none_or(|stored| (stored.generation, stored.next) < (checkpoint.generation, checkpoint.next)) {
                    few.insert(space, layout::own_checkpoint_key(partition), layout::encode_checkpoint(checkpoint));
                }
            }
        }
        few.commit().map_err(failed)
    }
}

/// Lets the store catch up with merging; meanwhile commits gather in memory, and beyond its bound whoever commits waits as well.
fn wait_for_merges(space: &Keyspace) {
    for _ in 0..MERGED_LOOKS_MAX {
        if space.tree.l0_run_count() < UNMERGED_MAX {
            return;
        }
        std::thread::sleep(MERGED_EVERY);
    }
    tracing::warn!(space = &**space.name(), "the view store does not keep up with merging its files");
}

fn sorted(rows: &Rows) -> Result<Sorted<'_>, ViewError> {
    let mut sorted = Vec::with_capacity(rows.count());
    for (table, pk, sk, value) in rows.all() {
        sorted.push((layout::key_of(table, pk, sk)?, value.as_deref()));
    }
    sorted.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(sorted)
}

fn put_few(few: &mut OwnedWriteBatch, space: &Keyspace, rows: &Rows, sorted: Sorted<'_>) {
    for (key, value) in sorted {
        match value {
            Some(value) => few.insert(space, key.as_slice(), value),
            None => few.remove(space, key.as_slice()),
        }
    }
    for (partition, checkpoint) in rows.checkpoints() {
        few.insert(space, layout::own_checkpoint_key(partition), layout::encode_checkpoint(checkpoint));
    }
}

#[derive(Default)]
struct State {
    /// Since when something waits.
    since: Option<Instant>,
    full: bool,
    over: bool,
}

/// What the thread waits for.
#[derive(Default)]
struct Bell {
    state: Mutex<State>,
    ring: Condvar,
}

/// The thread that drains when it is time. Dropping it drains what is left.
pub(super) struct Drainer {
    bell: Arc<Bell>,
    /// From so many bytes on, what is committed waits no longer.
    full_bytes: usize,
    _thread: Worker,
}

impl Drainer {
    /// Starts the thread.
    pub(super) fn start(inner: Arc<Inner>) -> Result<Self, ViewError> {
        let (bell, full_bytes) = (Arc::new(Bell::default()), inner.options.waiting_bytes);
        let of_thread = bell.clone();
        let thread = Worker::start("views-drain", move || {
            give_way();
            while of_thread.wait() {
                // Whoever commits or flushes next is told as well.
                if let Err(error) = inner.drain() {
                    tracing::error!(%error, "the view store cannot write its files");
                }
            }
        });
        Ok(Self { bell, full_bytes, _thread: thread.map_err(no_thread)? })
    }

    /// Something was committed: since when some waits, and how many bytes. True if there is too much to take more.
    pub(super) fn tell(&self, since: Option<Instant>, bytes: usize) -> bool {
        let full = bytes >= self.full_bytes;
        let mut state = self.bell.state.lock();
        if state.since != since || state.full != full {
            (state.since, state.full) = (since, full);
            self.bell.ring.notify_one();
        }
        bytes >= 2 * self.full_bytes
    }
}

impl Drop for Drainer {
    fn drop(&mut self) {
        self.bell.state.lock().over = true;
        self.bell.ring.notify_one();
    }
}

impl Bell {
    /// Waits until it is time to drain; false after the last time.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.over {
                // What was committed last is drained before the thread ends.
                return state.since.take().is_some();
            }
            match state.since {
                Some(since) if state.full || since.elapsed() >= DRAIN_AFTER => {
                    (state.since, state.full) = (None, false);
                    return true;
                }
                Some(since) => drop(self.ring.wait_until(&mut state, since + DRAIN_AFTER)),
                None => self.ring.wait(&mut state),
            }
        }
    }
}
