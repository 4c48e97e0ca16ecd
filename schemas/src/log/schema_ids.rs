//! Which schema ids bodies carry: compiled in within the process, a registry's on the wire (docs/decisions/0013-schema-registry.md).
//!
//! ```text
//! in the process   0 | compiled-in id | datum   ── outward ──>   0 | registry's id | datum   on Kafka
//!                                               <── inward ───
//! ```

use std::sync::LazyLock;

use bytes::Bytes;
use serde_avro_fast::Schema;

use super::body::{SCHEMA_ID_V1, SCHEMA_V1};

const MAGIC: u8 = 0;
const PREFIX_BYTES: usize = 5;
/// Bytes of a schema's text at the most: what a registry sends is not trusted.
const TEXT_BYTES_MAX: usize = 4_000_000;

/// A version of the Avro contract that this build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaVersion {
    /// `record.v1.avsc`.
    V1,
}

/// Fingerprints of all versions.
static FINGERPRINTS: LazyLock<Vec<([u8; 8], SchemaVersion)>> = LazyLock::new(|| {
    let of = |version: SchemaVersion| fingerprint(version.text()).expect("compiled-in schemas are valid: a test parses them");
    SchemaVersion::ALL.into_iter().map(|version| (of(version), version)).collect()
});

impl SchemaVersion {
    /// All versions, the oldest first.
    pub const ALL: [Self; 1] = [Self::V1];

    /// The version that is written.
    pub const NEWEST: Self = Self::V1;

    /// Its number, from 1.
    pub fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::V1 => SCHEMA_V1,
        }
    }

    /// The id in bodies within the process and in embedded logs. Persisted. Those of versions after the first start at 2^31, where
    /// registries hand out none.
    pub fn compiled_in_id(self) -> u32 {
        match self {
            Self::V1 => SCHEMA_ID_V1,
        }
    }

    /// The version whose canonical form a text has.
    pub fn of_text(text: &str) -> Option<Self> {
        let wanted = fingerprint(text)?;
        FINGERPRINTS.iter().find(|(known, _)| *known == wanted).map(|(_, version)| *version)
    }
}

/// The Rabin fingerprint of a schema's Parsing Canonical Form (Avro specification, "Schema Fingerprints").
fn fingerprint(text: &str) -> Option<[u8; 8]> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let schema: Schema = text.parse().ok()?;
    Some(*schema.rabin_fingerprint())
}

/// An id that a registry gave one version is compiled in for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the registry gave version {given} of the record schema the id {id}, which embedded logs use for version {compiled_in}: register the versions in order, in a registry or context where that id is free", given = .given.number(), compiled_in = .compiled_in.number())]
pub struct IdClash {
    /// The id.
    pub id: u32,
    /// What the registry means by it.
    pub given: SchemaVersion,
    /// What embedded logs mean by it.
    pub compiled_in: SchemaVersion,
}

/// The ids that are known: a registry's, and behind them the compiled-in ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaIds {
    /// In the order in which they were learned.
    registered: Vec<(u32, SchemaVersion)>,
}

impl SchemaIds {
    /// These and one more that a registry gave.
    pub fn with(&self, id: u32, given: SchemaVersion) -> Result<Self, IdClash> {
        if let Some(compiled_in) = compiled_in(id).filter(|compiled_in| *compiled_in != given) {
            return Err(IdClash { id, given, compiled_in });
        }
        let mut registered = self.registered.clone();
        if !registered.contains(&(id, given)) {
            registered.push((id, given));
        }
        Ok(Self { registered })
    }

    /// The version that an id names.
    pub fn version(&self, id: u32) -> Option<SchemaVersion> {
        let known = self.registered.iter().find(|(registered, _)| *registered == id).map(|(_, version)| *version);
        known.or_else(|| compiled_in(id))
    }

    /// The id that a registry gave a version, the first one learned.
    pub fn registered(&self, version: SchemaVersion) -> Option<u32> {
        self.registered.iter().find(|(_, registered)| *registered == version).map(|(id, _)| *id)
    }

    /// A body of this process as it leaves. What carries no compiled-in id stays as it is.
    pub fn outward(&self, body: &Bytes) -> Bytes {
        let Some((id, datum)) = split(body) else { return body.clone() };
        match compiled_in(id).and_then(|version| self.registered(version)) {
            Some(registered) if registered != id => framed(registered, datum),
            _ => body.clone(),
        }
    }

    /// A body that comes in as this process handles it; what is in no frame stays as it is. The error is an id that is not known.
    pub fn inward(&self, body: &Bytes) -> Result<Bytes, u32> {
        let Some((id, datum)) = split(body) else { return Ok(body.clone()) };
        match self.version(id).map(SchemaVersion::compiled_in_id) {
            Some(inner) if inner == id => Ok(body.clone()),
            Some(inner) => Ok(framed(inner, datum)),
            None => Err(id),
        }
    }
}

fn compiled_in(id: u32) -> Option<SchemaVersion> {
    SchemaVersion::ALL.into_iter().find(|version| version.compiled_in_id() == id)
}

fn split(body: &[u8]) -> Option<(u32, &[u8])> {
    let (&[MAGIC, a, b, c, d], datum) = body.split_first_chunk::<PREFIX_BYTES>()? else { return None };
    Some((u32::from_be_bytes([a, b, c, d]), datum))
}

fn framed(id: u32, datum: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(PREFIX_BYTES + datum.len());
    body.push(MAGIC);
    body.extend(id.to_be_bytes());
    body.extend(datum);
    Bytes::from(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(id: u32, datum: &[u8]) -> Bytes {
        framed(id, datum)
    }

    #[test]
    fn versions_are_known_by_their_canonical_form() {
        for version in SchemaVersion::ALL {
            let value: serde_json::Value = serde_json::from_str(version.text()).unwrap();
            let reformatted = serde_json::to_string(&value).unwrap();
            assert_ne!(reformatted, version.text());
            assert_eq!(SchemaVersion::of_text(&reformatted), Some(version));
            let documented = reformatted.replacen("\"doc\":\"", "\"doc\":\"otherwise ", 1);
            assert_eq!(SchemaVersion::of_text(&documented), Some(version), "documentation does not count");
            let another = reformatted.replacen("\"AccountRegistered\"", "\"AccountEnrolled\"", 1);
            assert_eq!(SchemaVersion::of_text(&another), None);
        }
        assert_eq!((SchemaVersion::of_text(""), SchemaVersion::of_text("\"string\"")), (None, None));
    }

    /// The fingerprint is persisted by registries' users; the reference implementation finds the same one.
    #[test]
    fn the_reference_implementation_has_the_same_fingerprint() {
        let schema = apache_avro::Schema::parse_str(SCHEMA_V1).unwrap();
        let theirs = schema.fingerprint::<apache_avro::rabin::Rabin>().bytes;
        assert_eq!(fingerprint(SCHEMA_V1).unwrap().as_slice(), theirs.as_slice());
    }

    #[test]
    fn without_a_registry_bodies_stay_as_they_are() {
        let ids = SchemaIds::default();
        let ours = body(SCHEMA_ID_V1, b"datum");
        assert_eq!((ids.outward(&ours), ids.inward(&ours)), (ours.clone(), Ok(ours)));
        assert_eq!(ids.inward(&body(7, b"datum")), Err(7));
    }

    #[test]
    fn a_registrys_id_is_put_in_and_taken_out() {
        let ids = SchemaIds::default().with(7, SchemaVersion::V1).unwrap();
        let ours = body(SCHEMA_ID_V1, b"datum");
        assert_eq!(ids.outward(&ours), body(7, b"datum"));
        assert_eq!(ids.inward(&body(7, b"datum")), Ok(ours.clone()));
        assert_eq!(ids.inward(&ours), Ok(ours.clone()), "copied from an embedded log");
        assert_eq!(ids.inward(&body(8, b"datum")), Err(8));
        // Registered twice: both are read, the first is written.
        let twice = ids.with(9, SchemaVersion::V1).unwrap().with(7, SchemaVersion::V1).unwrap();
        assert_eq!((twice.inward(&body(9, b"datum")), twice.outward(&ours)), (Ok(ours), body(7, b"datum")));
        for unframed in [&b""[..], b"\0\0\0", b"1.2.3.4:80"] {
            let unframed = Bytes::copy_from_slice(unframed);
            assert_eq!((ids.outward(&unframed), ids.inward(&unframed)), (unframed.clone(), Ok(unframed)));
        }
    }

    #[test]
    fn golden_bodies_come_back_to_the_byte() {
        let ids = SchemaIds::default().with(u32::MAX, SchemaVersion::V1).unwrap();
        for line in include_str!("../../golden/record.v1.jsonl").lines() {
            let golden: serde_json::Value = serde_json::from_str(line).unwrap();
            let ours = Bytes::from(hex::decode(golden["hex"].as_str().unwrap()).unwrap());
            let wire = ids.outward(&ours);
            assert_eq!((wire.get(..5), wire.get(5..)), (Some(&[0, 255, 255, 255, 255][..]), ours.get(5..)));
            assert_eq!(ids.inward(&wire), Ok(ours));
        }
    }

    proptest! {
        #[test]
        fn any_body_goes_out_and_comes_back(id in any::<u32>(), bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let ids = SchemaIds::default().with(id, SchemaVersion::V1).unwrap();
            for body in [Bytes::from(bytes.clone()), framed(SCHEMA_ID_V1, &bytes)] {
                // Foreign ids come in as errors; what went out from here always comes back.
                if split(&body).is_none_or(|(id, _)| id == SCHEMA_ID_V1) {
                    prop_assert_eq!(ids.inward(&ids.outward(&body)), Ok(body));
                }
            }
        }
    }
}
