//! Deliveries of several partitions, written together: whoever waits shares the next write, without a timer.
//!
//! More posts in one write mean more entries in a block, and so fewer rows: the busier the projector, the better they pack.

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Core;
use crate::timelines::{TimelineError, TimelineOp};

/// Operations taken into one write at the most; a single caller's are never cut.
const OPS_MAX: usize = 16_384;

type Outcome = Result<(), (bool, String)>;

/// Callers that wait for the next write.
#[derive(Default)]
pub(super) struct Together {
    /// In the order of their coming. As many as there are partitions at the most: each waits for its own.
    waiting: Mutex<Vec<(Vec<TimelineOp>, oneshot::Sender<Outcome>)>>,
    /// Held by whoever writes.
    turn: tokio::sync::Mutex<()>,
}

impl Core {
    /// Delivers the operations with those of others who wait.
    pub(super) async fn deliver_together(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        let (done, mut outcome) = oneshot::channel();
        self.together.waiting.lock().push((ops.to_vec(), done));
        let turn = self.together.turn.lock().await;
        // Somebody else's write had them already, or this one has.
        while outcome.is_empty() {
            let (mut ops, mut callers) = (Vec::new(), Vec::new());
            {
                let mut waiting = self.together.waiting.lock();
                while !waiting.is_empty() && (ops.is_empty() || ops.len() < OPS_MAX) {
                    let (more, caller) = waiting.remove(0);
                    ops.extend(more);
                    callers.push(caller);
                }
            }
            if callers.is_empty() {
                // Ours was taken by a writer that went away.
                break;
            }
            let result = self.deliver(&ops).boxed().await.map_err(told);
            for caller in callers {
                // Who went away meanwhile asks again.
                let _ = caller.send(result.clone());
            }
        }
        drop(turn);
        let gone = |_| TimelineError::Retryable("the write was given up".to_owned());
        outcome.try_recv().map_err(gone)?.map_err(|(retryable, cause)| match retryable {
            true => TimelineError::Retryable(cause),
            false => TimelineError::Fatal(cause),
        })
    }
}

fn told(error: TimelineError) -> (bool, String) {
    match error {
        TimelineError::Retryable(cause) => (true, cause),
        TimelineError::Fatal(cause) => (false, cause),
    }
}
