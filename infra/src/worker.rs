//! Threads that an adapter has of its own, and that end with it.

use std::io;
use std::thread::{Builder, JoinHandle};

/// A thread that is waited for when this is dropped; whoever drops it has told it to end.
#[derive(Debug)]
pub(crate) struct Worker(Option<JoinHandle<()>>);

impl Worker {
    /// Starts a thread of that name.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Ok(Self(Some(Builder::new().name(name.to_owned()).spawn(work)?)))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}
