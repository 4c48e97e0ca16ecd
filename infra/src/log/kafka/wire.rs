//! A record as a message: the body is the value, the header is one Kafka header (docs/decisions/0009-kafka-log.md).

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use schemas::log::{Offset, RecordHeader, StoredRecord};

/// The name of the Kafka header. Persisted in every message.
const HEADER_NAME: &str = "roost";

/// The Kafka headers of a record.
pub(super) fn headers(header: &RecordHeader) -> OwnedHeaders {
    let bytes = header.encode();
    OwnedHeaders::new_with_capacity(1).insert(Header { key: HEADER_NAME, value: Some(&bytes) })
}

/// The record that a message is.
///
/// Errors: what is wrong with it, when it is none.
pub(super) fn record(message: &BorrowedMessage<'_>) -> Result<StoredRecord, String> {
    let offset = Offset::try_from(message.offset()).map_err(|_| format!("offset {}", message.offset()))?;
    let headers = message.headers().ok_or("it has no header: another program wrote it")?;
    let header = headers.iter().find(|header| header.key == HEADER_NAME).and_then(|header| header.value);
    let header = header.ok_or("it has no header `roost`: another program wrote it")?;
    let header = RecordHeader::decode(header).map_err(|error| error.to_string())?;
    let body = message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice);
    Ok(StoredRecord { offset, header, body })
}
