//! The heart of a step, pure: which rows a stretch reads, and what its records make of them.
//!
//! A record that panics is taken back as a whole and becomes a dead letter, with whatever touches the same things after it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustc_hash::{FxHashMap, FxHashSet};
use schemas::log::Offset;
use schemas::rows::{LetterCause, RowKey, View};

use crate::batch::{Batch, Fact};
use crate::group::Cursor;
use crate::letters::Letter;
use crate::rows::Rows;
use crate::touches;
use crate::views::{Context, Projection};

/// What a stretch reads.
pub(crate) struct Reads {
    /// The rows, each once.
    pub(crate) keys: Vec<RowKey>,
    /// The records of which not even that can be told.
    pub(crate) unreadable: FxHashMap<(View, Offset), String>,
}

fn context(batch: &Batch, fact: &Fact) -> Context {
    Context { partition: batch.partition, offset: fact.offset, time_ms: fact.header.time_ms }
}

/// The rows that the views need for the records which they do not have yet.
pub(crate) fn reads(cursors: &[&Cursor], batch: &Batch) -> Reads {
    let (mut keys, mut unreadable) = (Vec::new(), FxHashMap::default());
    for cursor in cursors {
        for fact in batch.facts.iter().filter(|fact| fact.offset >= cursor.at.next) {
            match reads_of(cursor.projection, &context(batch, fact), fact) {
                Ok(of_fact) => keys.extend(of_fact),
                Err(panic) => drop(unreadable.insert((cursor.projection.view(), fact.offset), panic)),
            }
        }
    }
    let mut seen = FxHashSet::default();
    keys.retain(|key| seen.insert(key.clone()));
    Reads { keys, unreadable }
}

/// The rows that a view needs for one record, or the message of a panic.
pub(crate) fn reads_of(projection: &dyn Projection, context: &Context, fact: &Fact) -> Result<Vec<RowKey>, String> {
    let mut keys = Vec::new();
    let read = || fact.events().iter().for_each(|event| projection.reads(event, context, &mut keys));
    let outcome = catch_unwind(AssertUnwindSafe(read));
    outcome.map(|()| keys).map_err(|panic| message(&*panic))
}

/// Projects the records in order; answers with those that no rows were made of.
pub(crate) fn project(cursors: &[&Cursor], batch: &Batch, unreadable: &FxHashMap<(View, Offset), String>, rows: &mut Rows) -> Vec<Letter> {
    let mut letters = Vec::new();
    for cursor in cursors {
        let mut holds = cursor.holds.clone();
        let view = cursor.projection.view();
        for fact in batch.facts.iter().filter(|fact| fact.offset >= cursor.at.next) {
            let cause = match (&fact.events, unreadable.get(&(view, fact.offset))) {
                (Err(cause), _) => Err(LetterCause::Undecodable(cause.clone())),
                (_, Some(panic)) => Err(LetterCause::Panicked(panic.clone())),
                (Ok(events), None) if holds.hold(events) => Err(LetterCause::Held),
                (Ok(_), None) => apply(cursor.projection, &context(batch, fact), fact, rows),
            };
            if let Err(cause) = cause {
                let letter = Letter::new(view, cursor.number, fact, cause);
                holds.add(&letter.row.touches);
                letters.push(letter);
            }
        }
    }
    letters
}

/// Projects one record into one view, or leaves the rows as they were.
pub(crate) fn apply(projection: &dyn Projection, context: &Context, fact: &Fact, rows: &mut Rows) -> Result<(), LetterCause> {
    let trace = fact.header.trace;
    let span = tracing::debug_span!(
        "project",
        view = projection.view().name(),
        partition = context.partition.0,
        offset = context.offset,
        trace_id = trace_text(trace.trace_id),
        parent_span_id = trace.span_id,
    );
    let _entered = span.enter();
    rows.begin(fact.offset);
    let outcome = catch_unwind(AssertUnwindSafe(|| fact.events().iter().for_each(|event| projection.project(event, context, rows))));
    outcome.map_err(|panic| {
        rows.roll_back();
        LetterCause::Panicked(message(&*panic))
    })
}

fn trace_text(trace_id: u128) -> Option<tracing::field::DisplayValue<String>> {
    // Formatted only for records of a trace: this runs for every record and view.
    (trace_id != 0).then(|| tracing::field::display(format!("{trace_id:032x}")))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

/// What a record touches, also when it cannot be decoded: then no more is known than who acted.
pub(crate) fn touched(fact: &Fact) -> Vec<u64> {
    match &fact.events {
        Ok(events) => touches::of_record(events),
        Err(_) => Some(fact.header.actor.0).filter(|actor| *actor != 0).into_iter().collect(),
    }
}
