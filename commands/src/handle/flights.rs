//! Batches between the loop and the disk, in order, with the answers that wait for them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use infra::log::LogError;
use schemas::commands::{CommandError, Envelope};
use schemas::log::Offset;
use tokio::sync::oneshot;

use super::Answer;
use crate::state::FirstReceipt;

type Append = Pin<Box<dyn Future<Output = Result<Offset, LogError>> + Send>>;

/// What a command came to, ahead of the disk.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A record of the batch.
    Recorded { sequence: u64, id: u64, follow_ups: Vec<Envelope> },
    /// Everything is as the command wants it.
    Unchanged { id: u64 },
    /// A command that was decided before and is, or will be, durable when this is answered.
    Repeated { sequence: u64, id: u64 },
    /// A command that the view knows.
    Known(FirstReceipt),
    /// Refused.
    Refused(CommandError),
}

impl Outcome {
    /// The label in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Recorded { .. } => "recorded",
            Self::Unchanged { .. } => "unchanged",
            Self::Repeated { .. } | Self::Known(_) => "repeated",
            Self::Refused(CommandError::Rejected(_)) => "rejected",
            Self::Refused(_) => "failed",
        }
    }
}

/// An answer that waits.
pub(super) struct Reply {
    pub(super) to: oneshot::Sender<Answer>,
    pub(super) outcome: Outcome,
    pub(super) kind: &'static str,
    pub(super) since: Instant,
}

/// A batch on its way.
pub(super) struct Flight {
    append: Append,
    landed: Option<Result<Offset, LogError>>,
    /// The sequence of its first record.
    pub(super) first: u64,
    /// Its records.
    pub(super) records: u64,
    /// Who waits for it.
    pub(super) replies: Vec<Reply>,
}

/// Batches on their way, the oldest first.
#[derive(Default)]
pub(super) struct Flights {
    line: VecDeque<Flight>,
    launched: u64,
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// How many were launched so far.
    pub(super) fn launched(&self) -> u64 {
        self.launched
    }

    /// How many have landed so far.
    pub(super) fn landed(&self) -> u64 {
        self.launched - self.line.len() as u64
    }

    /// The newest one.
    pub(super) fn newest(&mut self) -> Option<&mut Flight> {
        self.line.back_mut()
    }

    /// Takes a batch that was put in line. False if the log has refused it at once: then nothing may be put in line behind it.
    pub(super) fn launch(&mut self, mut append: Append, first: u64, records: u64, replies: Vec<Reply>) -> bool {
        let landed = match append.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        };
        let refused = matches!(landed, Some(Err(_)));
        self.line.push_back(Flight { append, landed, first, records, replies });
        self.launched += 1;
        !refused
    }

    /// Waits for the oldest one; forever if there is none. May be dropped and called again.
    pub(super) async fn land(&mut self) -> (Flight, Result<Offset, LogError>) {
        let Some(oldest) = self.line.front_mut() else { return std::future::pending().await };
        let result = match oldest.landed.take() {
            Some(result) => result,
            None => oldest.append.as_mut().await,
        };
        (self.line.pop_front().expect("the oldest one is there"), result)
    }
}
