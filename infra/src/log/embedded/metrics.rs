//! The log's metrics, with handles taken once for each writer thread.

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

const APPEND: &str = "roost_log_append_seconds";
const FSYNC: &str = "roost_log_fsync_seconds";
const GROUP: &str = "roost_log_group_records";
const BYTES: &str = "roost_log_bytes_total";

#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) append_seconds: Histogram,
    pub(super) fsync_seconds: Histogram,
    pub(super) group_records: Histogram,
    pub(super) bytes: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        describe_histogram!(APPEND, Unit::Seconds, "from an append's call to its durable answer");
        describe_histogram!(FSYNC, Unit::Seconds, "one sync of a segment");
        describe_histogram!(GROUP, Unit::Count, "records that share one sync");
        describe_counter!(BYTES, Unit::Bytes, "bytes of frames made durable");
        Self {
            append_seconds: histogram!(APPEND),
            fsync_seconds: histogram!(FSYNC),
            group_records: histogram!(GROUP),
            bytes: counter!(BYTES),
        }
    }
}
