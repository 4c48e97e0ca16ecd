//! Record bodies: Avro in the Confluent wire format (magic 0, schema id as big-endian u32, datum).
//!
//! Source of the format: Confluent, "Wire format" of the Schema Registry serializers. The embedded deployment has its schemas compiled
//! in, under fixed ids; upcasters lift bodies of every version ever written to today's events.

use std::io::BufRead;
use std::sync::LazyLock;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::SerializerConfig;

use crate::events::Event;

/// The text of the Avro contract of version 1.
pub const SCHEMA_V1: &str = include_str!("../../avro/record.v1.avsc");

/// The compiled-in schema id of version 1. Persisted in every body.
pub const SCHEMA_ID_V1: u32 = 1;

/// Bytes of a record body at the most: what a broker takes by default, less room for headers.
pub const BODY_BYTES_MAX: usize = 900_000;

/// Events in a record at the most.
pub const EVENTS_MAX: usize = 1_024;

/// Items of one Avro sequence at the most: bounds what a damaged length can make the decoder allocate.
const SEQUENCE_ITEMS_MAX: usize = BODY_BYTES_MAX;

const MAGIC: u8 = 0;
const PREFIX_BYTES: usize = 5;

static V1: LazyLock<Schema> = LazyLock::new(|| SCHEMA_V1.parse().expect("the compiled-in schema is valid: a test parses it"));

/// The Avro record: the events of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    events: Vec<Event>,
}

#[derive(Serialize)]
struct BodyRef<'a> {
    events: &'a [Event],
}

/// Why a body cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not in the Confluent wire format.
    #[error("record body does not start with magic 0 and a schema id")]
    NotFramed,
    /// Written under a schema that this build does not have.
    #[error("record body has schema id {0}, which this build does not know")]
    UnknownSchema(u32),
    /// The datum does not follow its schema.
    #[error("record body does not follow schema {schema_id}: {cause}")]
    Malformed {
        /// The schema that it names.
        schema_id: u32,
        /// What the decoder met.
        cause: String,
    },
    /// Over [`BODY_BYTES_MAX`] or [`EVENTS_MAX`].
    #[error("record body of {bytes} bytes and {events} events is over the limit")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// Its events.
        events: usize,
    },
}

/// Encodes the events of one command under the newest schema.
pub fn encode(events: &[Event]) -> Result<Bytes, BodyError> {
    let malformed = |cause: String| BodyError::Malformed { schema_id: SCHEMA_ID_V1, cause };
    let mut bytes = Vec::with_capacity(512);
    bytes.push(MAGIC);
    bytes.extend(SCHEMA_ID_V1.to_be_bytes());
    let mut config = SerializerConfig::new(&V1);
    let bytes = serde_avro_fast::to_datum(&BodyRef { events }, bytes, &mut config).map_err(|error| malformed(error.to_string()))?;
    if bytes.len() > BODY_BYTES_MAX || events.len() > EVENTS_MAX {
        return Err(BodyError::TooLarge { bytes: bytes.len(), events: events.len() });
    }
    Ok(Bytes::from(bytes))
}

/// Decodes a body of any version into today's events.
pub fn decode(body: &[u8]) -> Result<Vec<Event>, BodyError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BodyError::TooLarge { bytes: body.len(), events: 0 });
    }
    let Some((&[MAGIC, a, b, c, d], datum)) = body.split_first_chunk::<PREFIX_BYTES>() else { return Err(BodyError::NotFramed) };
    match u32::from_be_bytes([a, b, c, d]) {
        SCHEMA_ID_V1 => decode_v1(datum),
        other => Err(BodyError::UnknownSchema(other)),
    }
}

fn decode_v1(datum: &[u8]) -> Result<Vec<Event>, BodyError> {
    let malformed = |cause: String| BodyError::Malformed { schema_id: SCHEMA_ID_V1, cause };
    let mut config = DeserializerConfig::new(&V1);
    config.max_seq_size = SEQUENCE_ITEMS_MAX;
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let body = Body::deserialize(state.deserializer()).map_err(|error| malformed(error.to_string()))?;
    match state.into_reader().fill_buf() {
        Ok([]) => Ok(body.events),
        Ok(rest) => Err(malformed(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOLDEN: &str = include_str!("../../golden/record.v1.jsonl");

    #[derive(Deserialize)]
    struct Golden {
        hex: String,
        events: Vec<Event>,
    }

    /// Bodies written by version 1, forever readable; the encoder still makes the same bytes.
    #[test]
    fn golden_bodies_decode_and_encode_to_the_byte() {
        for line in GOLDEN.lines() {
            let golden: Golden = serde_json::from_str(line).expect("golden lines are JSON");
            let kind = golden.events.first().map_or("none", Event::kind);
            let encoded = encode(&golden.events).expect("golden events encode");
            assert_eq!(hex::encode(&encoded), golden.hex, "{kind}");
            assert_eq!(decode(&encoded).expect("golden bodies decode"), golden.events, "{kind}");
        }
    }

    #[test]
    fn every_kind_of_event_has_a_golden_body() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA_V1).expect("the contract is JSON");
        let branches = schema["fields"][0]["type"]["items"].as_array().expect("the events are a union");
        for branch in branches {
            let name = branch["name"].as_str().expect("branches are records");
            assert!(GOLDEN.contains(&format!("{{\"{name}\":")), "no golden body holds {name}");
        }
    }

    #[test]
    fn the_reference_implementation_reads_the_contract_and_the_bodies() {
        let schema = apache_avro::Schema::parse_str(SCHEMA_V1).expect("apache-avro parses the contract");
        for line in GOLDEN.lines() {
            let golden: Golden = serde_json::from_str(line).expect("golden lines are JSON");
            let bytes = hex::decode(golden.hex).expect("golden bodies are hex");
            let datum = bytes.split_at(PREFIX_BYTES).1;
            let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().expect("the reader takes the contract");
            let value = reader.read_value(&mut &*datum).expect("apache-avro reads the body");
            assert!(matches!(value, apache_avro::types::Value::Record(_)));
        }
    }

    #[test]
    fn a_body_cut_anywhere_is_refused() {
        let line = GOLDEN.lines().next().expect("there are golden bodies");
        let golden: Golden = serde_json::from_str(line).expect("golden lines are JSON");
        let bytes = hex::decode(golden.hex).expect("golden bodies are hex");
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(decode(&longer).is_err(), "a byte too many");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(datum in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut body = vec![0, 0, 0, 0, 1];
            body.extend(datum);
            let _ = decode(&body);
        }
    }
}
