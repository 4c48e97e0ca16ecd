//! Commands and their answers between the processes of one deployment: a version byte, then postcard
//! (<https://postcard.jamesmunns.com/wire-format>).
//!
//! Nothing of it rests anywhere. Two builds meet during an upgrade only: a process that gets another version refuses, and the sender tries
//! again until the partition is decided by a process that it understands.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{CommandError, Envelope, Receipt};

/// The version of both shapes.
const VERSION: u8 = 1;

/// What an owner answers to a command that was passed on to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// What the command came to.
    Decided(Result<Receipt, CommandError>),
    /// The partition is not decided there (any more).
    NotHere,
}

/// Why bytes are no command or answer of this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// From another build.
    #[error("message between processes has version {0}, this build speaks {VERSION}")]
    Version(u8),
    /// Damaged.
    #[error("message between processes cannot be decoded: {0}")]
    Malformed(String),
}

/// Encodes a command.
pub fn encode_envelope(envelope: &Envelope) -> Bytes {
    encode(envelope)
}

/// Decodes a command.
pub fn decode_envelope(bytes: &[u8]) -> Result<Envelope, BadMessage> {
    decode(bytes)
}

/// Encodes an answer.
pub fn encode_answer(answer: &Answer) -> Bytes {
    encode(answer)
}

/// Decodes an answer.
pub fn decode_answer(bytes: &[u8]) -> Result<Answer, BadMessage> {
    decode(bytes)
}

/// Encodes commands of one partition, in order.
pub fn encode_envelopes(envelopes: &[Envelope]) -> Bytes {
    encode(&envelopes)
}

/// Decodes commands of one partition, in order.
pub fn decode_envelopes(bytes: &[u8]) -> Result<Vec<Envelope>, BadMessage> {
    decode(bytes)
}

/// Encodes an answer for each of many commands, in their order.
pub fn encode_answers(answers: &[Answer]) -> Bytes {
    encode(&answers)
}

/// Decodes an answer for each of many commands, in their order.
pub fn decode_answers(bytes: &[u8]) -> Result<Vec<Answer>, BadMessage> {
    decode(bytes)
}

fn encode<T: Serialize>(message: &T) -> Bytes {
    postcard::to_extend(message, vec![VERSION]).map(Bytes::from).expect("messages are plain data: writing them to memory cannot fail")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadMessage> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|error| BadMessage::Malformed(error.to_string())),
        Some((&other, _)) => Err(BadMessage::Version(other)),
        None => Err(BadMessage::Malformed("no bytes".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Command, Content, PublishPost, Rejection};
    use crate::events::Visibility;
    use crate::ids::{AccountId, AppId, PartitionId};
    use crate::log::{CommandId, Position, PositionToken, TraceContext};

    fn envelope() -> Envelope {
        let content = Content { text: "hi".into(), tags: vec!["rust".into()], ..Content::default() };
        let post = PublishPost { account: AccountId(1), content, visibility: Visibility::Public, in_reply_to: None, app: AppId(0) };
        let (id, trace) = (CommandId(u128::MAX - 7), TraceContext::default());
        Envelope { id, maybe_repeated: true, actor: AccountId(1), causation: CommandId(9), trace, command: Command::PublishPost(post) }
    }

    #[test]
    fn commands_and_answers_come_back() {
        assert_eq!(decode_envelope(&encode_envelope(&envelope())), Ok(envelope()));
        let positions = PositionToken(vec![Position { generation: 1, partition: PartitionId(3), offset: 70_000 }]);
        let decided = |result| Answer::Decided(result);
        for answer in [
            decided(Ok(Receipt { positions, id: u64::MAX, repeated: true })),
            decided(Err(CommandError::Rejected(Rejection::FollowCap { limit: 7_500 }))),
            decided(Err(CommandError::Unknown("cut off".into()))),
            Answer::NotHere,
        ] {
            assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer.clone()));
            let many = vec![answer, Answer::NotHere];
            assert_eq!(decode_answers(&encode_answers(&many)), Ok(many));
        }
        let many = vec![envelope(); 2];
        assert_eq!(decode_envelopes(&encode_envelopes(&many)), Ok(many));
    }

    #[test]
    fn what_is_cut_or_of_another_build_is_refused() {
        let bytes = encode_envelope(&envelope());
        for cut in 0..bytes.len() {
            assert!(decode_envelope(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut other = bytes.to_vec();
        other[0] = 2;
        assert_eq!(decode_envelope(&other), Err(BadMessage::Version(2)));
    }
}
