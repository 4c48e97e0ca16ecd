//! How many documents wait between `apply` and the thread that indexes: tantivy bounds the batches that wait, not what is in them.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Documents that may wait.
const WAITING_MAX: usize = 10_000;

/// The documents that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<usize>,
    room: Condvar,
}

/// The room of some documents, free again when it is dropped.
pub(super) struct Ticket {
    queue: Arc<Queue>,
    documents: usize,
}

impl Queue {
    /// Waits until there is room, which there always is for a first batch, whatever its size.
    pub(super) fn enter(self: &Arc<Self>, documents: usize) -> Ticket {
        let mut waiting = self.waiting.lock();
        while *waiting > 0 && *waiting + documents > WAITING_MAX {
            self.room.wait(&mut waiting);
        }
        *waiting += documents;
        Ticket { queue: self.clone(), documents }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.queue.waiting.lock() -= self.documents;
        self.queue.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn whoever_finds_no_room_waits_for_it() {
        let queue = Arc::new(Queue::default());
        let large = queue.enter(WAITING_MAX * 2);
        let waiting = std::thread::spawn({
            let queue = queue.clone();
            move || queue.enter(1).documents
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished(), "there is no room for one more");
        drop(large);
        assert_eq!(waiting.join().unwrap(), 1);
        assert_eq!(*queue.waiting.lock(), 0, "all room is free again");
    }
}
