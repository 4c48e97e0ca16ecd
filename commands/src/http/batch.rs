//! Many writes in one request: a command in each line, a result in each line of the answer, in the same order.
//!
//! A line is checked as the resource of its operation checks it, by the same functions, and takes effect on its own: what is refused stops
//! nothing else. Commands go to the write loop in order, a window of them at a time, and so share what durability costs. The answer does not
//! wait for the views. See docs/decisions/0020-batches-of-commands.md.

mod line;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use infra::http::{ApiError, Caller, Edge, Quota, Rule, Subject, reply, whole_body};
use schemas::log::PositionToken;

use self::line::{Line, lines_of};
use super::Writes;

#[cfg(test)]
pub(super) use self::line::OPERATIONS;

/// Bytes of a whole batch at the most.
pub(super) const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Lines of a batch at the most, blank ones not counted.
pub(super) const BATCH_LINES_MAX: usize = 1_000;
/// Commands of a batch that may wait for their outcome at once.
const IN_FLIGHT_MAX: usize = 256;
/// Lines of a batch that are checked against the views at once.
const CHECKED_AT_ONCE: usize = 16;

/// `roost.batch`
pub(super) async fn run(State(writes): State<Arc<Writes>>, caller: Caller, request: Request) -> Result<Response, ApiError> {
    caller.user()?;
    let body = whole_body(request, BATCH_BYTES_MAX).await?;
    let text = std::str::from_utf8(&body).map_err(|error| ApiError::BadRequest(format!("The body is not UTF-8: {error}")))?;
    // One more than may be: a body of line breaks is not counted to its end.
    let lines: Vec<Line<'_>> = lines_of(text).take(BATCH_LINES_MAX + 1).collect();
    if lines.len() > BATCH_LINES_MAX {
        return Err(ApiError::TooLarge);
    }
    let (mut count, mut results) = (Count::default(), Results::default());
    for window in lines.chunks(IN_FLIGHT_MAX) {
        execute(&writes, &caller, window, &mut count, &mut results).await?;
    }
    let mut response = reply::lines(results.body.into());
    if let Some(quota) = count.quota {
        response.extensions_mut().insert(quota);
    }
    if results.positions.0.is_empty() {
        return Ok(response);
    }
    Ok(writes.position(&results.positions, response))
}

/// Checks the lines, sends the commands of those that are good, and notes what became of each.
async fn execute(writes: &Writes, caller: &Caller, lines: &[Line<'_>], count: &mut Count, results: &mut Results) -> Result<(), ApiError> {
    let mut checks = Vec::with_capacity(lines.len());
    for line in lines {
        let admitted = count.admit(writes, caller)?;
        checks.push(async move {
            admitted?;
            line.check(writes, caller).await
        });
    }
    let mut checks = stream::iter(checks).buffered(CHECKED_AT_ONCE);
    let (mut checked, mut envelopes) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
    while let Some(check) = checks.next().await {
        checked.push(check.map(|(shows, envelope)| {
            envelopes.push(envelope);
            shows
        }));
    }
    let mut receipts = writes.bus.execute_all(envelopes).await.into_iter();
    for (line, checked) in lines.iter().zip(checked) {
        let done = match checked {
            Ok(shows) => match receipts.next().expect("the bus gives a result for each command") {
                Ok(receipt) => Ok((shows.id(&receipt), receipt.positions)),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        match done {
            Ok((id, positions)) => results.done(line, id, positions),
            Err(error) => results.refused(line, &error),
        }
    }
    Ok(())
}

/// Counts the lines as calls. The gate has counted one, which is the first line's.
#[derive(Default)]
struct Count {
    is_first_counted: bool,
    quota: Option<Quota>,
}

impl Count {
    /// The inner error is the line's own: one too many.
    fn admit(&mut self, writes: &Writes, caller: &Caller) -> Result<Result<(), ApiError>, ApiError> {
        if !self.is_first_counted {
            self.is_first_counted = true;
            return Ok(Ok(()));
        }
        let now_ms = Edge::now_ms();
        match writes.edge.limits.count(Rule::Api, Subject::Account(caller.user()?), now_ms) {
            Ok(quota) => {
                self.quota = quota;
                Ok(Ok(()))
            }
            Err(quota) => {
                self.quota = Some(quota);
                Ok(Err(ApiError::TooMany(quota.reset_ms.saturating_sub(now_ms).div_ceil(1_000))))
            }
        }
    }
}

/// What became of the lines so far.
#[derive(Default)]
struct Results {
    body: String,
    positions: PositionToken,
    is_fault_logged: bool,
}

impl Results {
    fn done(&mut self, line: &Line<'_>, id: u64, positions: PositionToken) {
        positions.0.into_iter().for_each(|position| self.positions.add(position));
        self.body.push_str(&format!("{{\"line\":{},\"status\":200,\"id\":\"{id}\"}}\n", line.number));
        metrics::counter!("roost_batch_lines_total", "outcome" => "done").increment(1);
    }

    /// The error's body with the line and status in front.
    fn refused(&mut self, line: &Line<'_>, error: &ApiError) {
        let status = error.status();
        // Of many lines that fail at once, one tells operators why.
        if status.is_server_error() && !self.is_fault_logged {
            self.is_fault_logged = true;
            error.log();
        }
        let body = error.body().to_string();
        let fields = body.strip_prefix('{').unwrap_or_default();
        self.body.push_str(&format!("{{\"line\":{},\"status\":{},{fields}\n", line.number, status.as_u16()));
        metrics::counter!("roost_batch_lines_total", "outcome" => "refused").increment(1);
    }
}
