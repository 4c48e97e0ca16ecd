//! Verifies behind, once, the complete segments that a start left unread, so that no damage stays unseen for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::EmbeddedOptions;
use super::start::Unverified;
use crate::log::LogError;

/// The verifier rests this many times as long as it works: the disk belongs to the writers.
const REST_FACTOR: u32 = 3;

/// The thread that verifies; dropping it ends the thread.
pub(super) struct Verifier {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Verifier {
    /// Starts on the newest segments of each partition.
    pub(super) fn start(unverified: Vec<Unverified>, options: Arc<EmbeddedOptions>) -> Result<Self, LogError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("log-verify".into()).spawn(move || verify(unverified, &options, &stopped));
        let thread = thread.map_err(|error| LogError::Fatal(format!("cannot start its verifier: {error}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A verifier that panicked has nothing to say.
            let _ = thread.join();
        }
    }
}

fn verify(unverified: Vec<Unverified>, options: &EmbeddedOptions, stop: &AtomicBool) {
    let mut segments = 0_usize;
    for (partition, mut rest) in unverified {
        while let Some(sealed) = rest.pop() {
            let start = Instant::now();
            if let Err(error) = sealed.verify(stop) {
                partition.queue.finish(&error.to_string());
                return (options.on_fatal)(&error);
            }
            segments += 1;
            rest_for(start.elapsed() * REST_FACTOR, stop);
            if stop.load(Ordering::Acquire) {
                return;
            }
        }
    }
    tracing::info!(segments, "verified the log's older segments");
}

fn rest_for(duration: Duration, stop: &AtomicBool) {
    let until = Instant::now() + duration;
    while !stop.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
