//! Positions in the log, and the authenticated token that carries them outside.
//!
//! One token serves as write receipt, read-your-writes token, stream resume id, polling cursor, webhook offset and checkpoint.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::ids::PartitionId;

/// An offset within a partition: dense, from 0.
pub type Offset = u64;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The log generation: a topic, with its fixed number of partitions.
    pub generation: u32,
    /// The partition within the generation.
    pub partition: PartitionId,
    /// The offset within the partition.
    pub offset: Offset,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.generation, self.partition, self.offset)
    }
}

/// The most positions in one token: a command and the follow-ups that it caused on other partitions.
pub const TOKEN_POSITIONS_MAX: usize = 8;
const TOKEN_VERSION: u8 = 1;
const POSITION_BYTES: usize = 14;
const MAC_BYTES: usize = 12;

/// Positions that a client hands back to us, as text that only this instance can make.
///
/// Text: unpadded base64url of version (1 byte), positions (generation u32, partition u16, offset u64, big-endian) and the first
/// 12 bytes of HMAC-SHA-256 over what precedes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PositionToken(pub Vec<Position>);

/// Why a token's text is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position token of this instance")]
pub struct BadToken;

impl PositionToken {
    /// Adds a position, keeping only the furthest of each partition.
    pub fn add(&mut self, position: Position) {
        let room = self.0.len() < TOKEN_POSITIONS_MAX;
        match self.0.iter_mut().find(|known| known.generation == position.generation && known.partition == position.partition) {
            Some(known) => known.offset = known.offset.max(position.offset),
            None if room => self.0.push(position),
            None => {}
        }
    }

    /// Renders the token under the instance's `key`.
    pub fn encode(&self, key: &[u8]) -> String {
        let mut bytes = vec![TOKEN_VERSION];
        for position in self.0.iter().take(TOKEN_POSITIONS_MAX) {
            bytes.extend(position.generation.to_be_bytes());
            bytes.extend(position.partition.0.to_be_bytes());
            bytes.extend(position.offset.to_be_bytes());
        }
        let tag = mac(key, &bytes).finalize().into_bytes();
        bytes.extend(tag.iter().take(MAC_BYTES));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token, refusing any that was not made under `key`.
    pub fn decode(text: &str, key: &[u8]) -> Result<Self, BadToken> {
        let longest = (1 + TOKEN_POSITIONS_MAX * POSITION_BYTES + MAC_BYTES).div_ceil(3) * 4;
        if text.len() > longest {
            return Err(BadToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadToken)?;
        let body_len = bytes.len().checked_sub(MAC_BYTES).ok_or(BadToken)?;
        let (body, tag) = bytes.split_at(body_len);
        mac(key, body).verify_truncated_left(tag).map_err(|_| BadToken)?;
        let [TOKEN_VERSION, positions @ ..] = body else { return Err(BadToken) };
        let (chunks, rest) = positions.as_chunks::<POSITION_BYTES>();
        if !rest.is_empty() {
            return Err(BadToken);
        }
        Ok(Self(chunks.iter().map(position_from).collect()))
    }
}

fn position_from(bytes: &[u8; POSITION_BYTES]) -> Position {
    let [g0, g1, g2, g3, p0, p1, offset @ ..] = *bytes;
    Position {
        generation: u32::from_be_bytes([g0, g1, g2, g3]),
        partition: PartitionId(u16::from_be_bytes([p0, p1])),
        offset: u64::from_be_bytes(offset),
    }
}

fn mac(key: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position() -> impl Strategy<Value = Position> {
        (any::<u32>(), 0..256_u16, any::<u64>()).prop_map(|(generation, partition, offset)| Position {
            generation,
            partition: PartitionId(partition),
            offset,
        })
    }

    proptest! {
        #[test]
        fn tokens_round_trip_under_their_key_only(positions in proptest::collection::vec(position(), 0..TOKEN_POSITIONS_MAX)) {
            let token = PositionToken(positions);
            let text = token.encode(b"key");
            prop_assert_eq!(PositionToken::decode(&text, b"key"), Ok(token));
            prop_assert_eq!(PositionToken::decode(&text, b"other"), Err(BadToken));
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".{0,200}") {
            prop_assert_eq!(PositionToken::decode(&text, b"key"), Err(BadToken));
        }
    }

    #[test]
    fn the_furthest_position_of_a_partition_stays() {
        let at = |offset| Position { generation: 1, partition: PartitionId(2), offset };
        let mut token = PositionToken::default();
        for offset in [5, 9, 7] {
            token.add(at(offset));
        }
        assert_eq!(token.0, [at(9)]);
    }
}
