//! Bytes of the fjall store: row keys, keys of the meta keyspace, checkpoints. Persisted: never change one, add a version.
//!
//! ```text
//! row key     table u8 │ length of pk u16 BE │ pk │ sk        in the keyspace of (view, version)
//! format      'f'                                             in "meta" -> u8
//! registry    'v' │ view u8                                   in "meta" -> views::registry
//! birth       0                                               in the keyspace of (view, version) -> u8, the format it was made under
//! checkpoint  0 │ 'c' │ partition u16 BE                        in the keyspace of (view, version) -> encode_checkpoint
//! newest post 0 │ 'n'                                         in the keyspace of (view, version) -> encode_newest
//! ```
//!
//! Format 3 has the newest post: no row of the version that is about a post ([`schemas::rows::keys::post_of`]) is about one above it.
//!
//! Format 4 has the same bytes; the files of versions made under it are merged by age (`merge.rs`), which an older build would not go on with.
//!
//! Format 1 had its checkpoints in "meta", under 'c' │ view u8 │ version u32 BE │ partition u16 BE. They are read where a keyspace has none of
//! its own.
//!
//! The length keeps neighbouring partition keys apart whatever their bytes, and lets a dump cut a key into its parts.

use schemas::PartitionId;
use schemas::log::{Validity, WriterId};
use schemas::rows::{Checkpoint, KeyPart, RowKey, Table, View};
use smallvec::SmallVec;

use crate::views::{Scan, ViewError};

/// The keyspace of formats, registries and checkpoints.
pub(super) const META: &str = "meta";
/// The key of the store's format version.
pub(super) const FORMAT_KEY: &[u8] = b"f";
/// The format that this build writes; older ones are read.
pub(super) const FORMAT: u8 = 4;
/// Those that it reads.
pub(super) const FORMATS_READ: [u8; 4] = [1, 2, 3, FORMAT];
/// The first format that notes the newest post.
const FORMAT_WITH_NEWEST: u8 = 3;
/// The longest row key that fjall takes, bytes.
const KEY_BYTES_MAX: usize = u16::MAX as usize;
const PREFIX_BYTES: usize = 3;
const CHECKPOINT_FORMAT: u8 = 1;
const CHECKPOINT_BYTES: usize = 33;

/// A key on the stack, as most are.
pub(super) type KeyBytes = SmallVec<[u8; 64]>;

/// The bytes that start every key of a partition key.
pub(super) fn prefix(table: Table, pk: &KeyPart) -> Result<KeyBytes, ViewError> {
    let length = u16::try_from(pk.len()).map_err(|_| too_long(pk.len()))?;
    let mut bytes = KeyBytes::new();
    bytes.push(table as u8);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(pk);
    Ok(bytes)
}

/// The bytes of a row's key.
pub(super) fn row_key(key: &RowKey) -> Result<KeyBytes, ViewError> {
    key_of(key.table, &key.pk, &key.sk)
}

/// The bytes of the key of these parts.
pub(super) fn key_of(table: Table, pk: &KeyPart, sk: &KeyPart) -> Result<KeyBytes, ViewError> {
    let mut bytes = prefix(table, pk)?;
    bytes.extend_from_slice(sk);
    match bytes.len() {
        length if length > KEY_BYTES_MAX => Err(too_long(length)),
        _ => Ok(bytes),
    }
}

/// Makes sure that the store can take the key.
pub(super) fn check_key(key: &RowKey) -> Result<(), ViewError> {
    match PREFIX_BYTES + key.pk.len() + key.sk.len() {
        bytes if bytes > KEY_BYTES_MAX => Err(too_long(bytes)),
        _ => Ok(()),
    }
}

fn too_long(bytes: usize) -> ViewError {
    ViewError::Fatal(format!("row key of {bytes} bytes is over the limit of {KEY_BYTES_MAX}: bound the text in it"))
}

/// Cuts a row key of `table` into its parts; `None` for bytes that are no such key.
pub(super) fn read_row_key(table: Table, bytes: &[u8]) -> Option<RowKey> {
    let [tag, l0, l1, parts @ ..] = bytes else { return None };
    let (pk, sk) = parts.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
    (*tag == table as u8).then(|| RowKey::new(table, KeyPart::from_slice(pk), KeyPart::from_slice(sk)))
}

/// A range of keys: from `start`, itself included if so said, up to `end`, excluded.
pub(super) struct KeyRange {
    /// The first bytes.
    pub(super) start: KeyBytes,
    /// Whether a row at `start` belongs to the range.
    pub(super) includes_start: bool,
    /// The first bytes beyond.
    pub(super) end: KeyBytes,
    /// The bytes before each sort key.
    pub(super) prefix_bytes: usize,
}

/// The keys of a scan; `None` where its bounds leave nothing.
pub(super) fn scan_range(scan: &Scan) -> Result<Option<KeyRange>, ViewError> {
    let prefix = prefix(scan.table, &scan.pk)?;
    let joined = |sk: &KeyPart| prefix.iter().chain(sk).copied().collect::<KeyBytes>();
    let start = scan.above.as_ref().map(joined);
    let end = scan.below.as_ref().map(joined).unwrap_or_else(|| successor(&prefix));
    let range =
        KeyRange { includes_start: start.is_none(), prefix_bytes: prefix.len(), start: start.unwrap_or_else(|| prefix.clone()), end };
    Ok((range.start < range.end).then_some(range))
}

/// The keys of a table after a row.
pub(super) fn dump_range(table: Table, after: Option<&RowKey>) -> Result<KeyRange, ViewError> {
    let start = after.map(row_key).transpose()?;
    Ok(KeyRange {
        includes_start: start.is_none(),
        start: start.unwrap_or_else(|| SmallVec::from_slice(&[table as u8])),
        end: successor(&[table as u8]),
        prefix_bytes: PREFIX_BYTES,
    })
}

/// The smallest bytes that no key with this prefix reaches. A table's tag is below 255, so there always are some.
fn successor(prefix: &[u8]) -> KeyBytes {
    let mut bytes = KeyBytes::from_slice(prefix);
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            break;
        }
    }
    bytes
}

/// The keyspace of a version of a view.
pub(super) fn keyspace_name(view: View, version: u32) -> String {
    format!("{}.{version}", view.name())
}

/// The meta key of a view's registry.
pub(super) fn registry_key(view: View) -> [u8; 2] {
    [b'v', view as u8]
}

/// The key of a checkpoint among the rows that it speaks of: no table has the tag 0.
pub(super) fn own_checkpoint_key(partition: PartitionId) -> [u8; 4] {
    let [high, low] = partition.0.to_be_bytes();
    [0, b'c', high, low]
}

/// What every keyspace of a version holds from its beginning: no table has the tag 0.
pub(super) const BIRTH_KEY: [u8; 1] = [0];

/// The key of the newest post: behind those of checkpoints, before all rows.
pub(super) const NEWEST_KEY: [u8; 2] = [0, b'n'];

/// Version 1: the id, u64 BE. Persisted.
pub(super) fn encode_newest(post: u64) -> [u8; 8] {
    post.to_be_bytes()
}

/// The post that no row is above, by what a keyspace holds of it: a version of an older format may have rows of any.
pub(super) fn newest_of(birth: Option<&[u8]>, newest: Option<&[u8]>) -> u64 {
    match (birth, newest.map(<[u8; 8]>::try_from)) {
        (Some([born, ..]), Some(Ok(bytes))) if *born >= FORMAT_WITH_NEWEST => u64::from_be_bytes(bytes),
        (Some([born, ..]), None) if *born >= FORMAT_WITH_NEWEST => 0,
        _ => u64::MAX,
    }
}

/// The start of the meta keys of a version's checkpoints, as format 1 has them.
pub(super) fn checkpoints_prefix(view: View, version: u32) -> [u8; 6] {
    let [a, b, c, d] = version.to_be_bytes();
    [b'c', view as u8, a, b, c, d]
}

/// The meta key of a checkpoint, as format 1 has it.
pub(super) fn checkpoint_key(view: View, version: u32, partition: PartitionId) -> [u8; 8] {
    let [a, b, c, d, e, f] = checkpoints_prefix(view, version);
    let [g, h] = partition.0.to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Version 1, little-endian: format u8, generation u32, next u64, epoch u32, writer u64, sequence u64. Persisted.
pub(crate) fn encode_checkpoint(checkpoint: &Checkpoint) -> [u8; CHECKPOINT_BYTES] {
    let mut bytes = SmallVec::<[u8; CHECKPOINT_BYTES]>::new();
    bytes.push(CHECKPOINT_FORMAT);
    bytes.extend_from_slice(&checkpoint.generation.to_le_bytes());
    bytes.extend_from_slice(&checkpoint.next.to_le_bytes());
    bytes.extend_from_slice(&checkpoint.validity.epoch.to_le_bytes());
    bytes.extend_from_slice(&checkpoint.validity.writer.0.to_le_bytes());
    bytes.extend_from_slice(&checkpoint.validity.sequence.to_le_bytes());
    bytes.into_inner().expect("the fields fill the array")
}

/// Reads any version that was ever written; `None` for bytes that are none of ours.
pub(crate) fn decode_checkpoint(bytes: &[u8]) -> Option<Checkpoint> {
    let [CHECKPOINT_FORMAT, rest @ ..] = bytes else { return None };
    let (generation, rest) = rest.split_first_chunk()?;
    let (next, rest) = rest.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (writer, rest) = rest.split_first_chunk()?;
    let (sequence, []) = rest.split_first_chunk()? else { return None };
    let validity = Validity {
        epoch: u32::from_le_bytes(*epoch),
        writer: WriterId(u64::from_le_bytes(*writer)),
        sequence: u64::from_le_bytes(*sequence),
    };
    Some(Checkpoint { generation: u32::from_le_bytes(*generation), next: u64::from_le_bytes(*next), validity })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part() -> impl Strategy<Value = KeyPart> {
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| KeyPart::from_slice(&bytes))
    }

    proptest! {
        #[test]
        fn row_keys_round_trip_and_stay_in_their_range(table in 0..Table::ALL.len(), pk in part(), sk in part()) {
            let key = RowKey::new(Table::ALL[table], pk.clone(), sk);
            let bytes = row_key(&key).unwrap();
            prop_assert_eq!(read_row_key(key.table, &bytes), Some(key.clone()));
            let scan = Scan { table: key.table, pk, above: None, below: None, descending: false, limit: 1 };
            let range = scan_range(&scan).unwrap().unwrap();
            prop_assert!(range.start <= bytes && bytes < range.end);
            let dump = dump_range(key.table, None).unwrap();
            prop_assert!(dump.start <= bytes && bytes < dump.end);
        }

        #[test]
        fn checkpoints_round_trip(generation in any::<u32>(), next in any::<u64>(), epoch in any::<u32>(), writer in any::<u64>(), sequence in any::<u64>()) {
            let checkpoint = Checkpoint { generation, next, validity: Validity { epoch, writer: WriterId(writer), sequence } };
            prop_assert_eq!(decode_checkpoint(&encode_checkpoint(&checkpoint)), Some(checkpoint));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_checkpoint(&bytes);
            let _ = read_row_key(Table::Account, &bytes);
        }
    }

    #[test]
    fn version_1_reads_forever() {
        let validity = Validity { epoch: 3, writer: WriterId(0x0102_0304_0506_0708), sequence: 41 };
        let checkpoint = Checkpoint { generation: 1, next: 258, validity };
        assert_eq!(hex::encode(encode_checkpoint(&checkpoint)), include_str!("../golden/checkpoint.v1.hex").trim());
        let key = RowKey::new(Table::Status, KeyPart::from_slice(&[0, 1]), KeyPart::from_slice(b"sk"));
        assert_eq!(hex::encode(row_key(&key).unwrap()), include_str!("../golden/row_key.v1.hex").trim());
        assert_eq!(checkpoint_key(View::Statuses, 2, PartitionId(5)), [b'c', 3, 0, 0, 0, 2, 0, 5]);
        assert_eq!(own_checkpoint_key(PartitionId(258)), [0, b'c', 1, 2]);
        assert_eq!((BIRTH_KEY, NEWEST_KEY, encode_newest(258)), ([0], [0, b'n'], [0, 0, 0, 0, 0, 0, 1, 2]));
    }

    #[test]
    fn only_versions_that_note_it_from_their_beginning_know_the_newest_post() {
        let post = encode_newest(258);
        assert_eq!(newest_of(Some(&[3]), Some(&post)), 258);
        assert_eq!(newest_of(Some(&[3]), None), 0);
        for (birth, newest) in [(Some(&[2][..]), Some(&post[..])), (Some(&[1]), None), (None, None), (Some(&[3]), Some(&[1, 2]))] {
            assert_eq!(newest_of(birth, newest), u64::MAX, "{birth:?} {newest:?}");
        }
    }
}
