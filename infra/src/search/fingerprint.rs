//! The fingerprint of a document: what an index keeps beside it, so that `verify` can tell whether it is the one that the log says.
//!
//! FNV-1a, 64 bits, over the kind, the ids as big-endian numbers, and each text behind its length in bytes (u32, big-endian). It guards
//! against faults, not against forgers. Persisted: a change of it is a new format of every index.

use super::SearchDocument;

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

struct Fnv(u64);

impl Fnv {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
        self
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn text(self, text: &str) -> Self {
        // A text is bounded by its record, far below 4 GiB.
        self.bytes(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()).bytes(text.as_bytes())
    }
}

impl SearchDocument {
    /// 64 bits that differ where the documents do.
    pub fn fingerprint(&self) -> u64 {
        let hash = Fnv(BASIS);
        let hash = match self {
            Self::Account { id, handle, display_name } => hash.bytes(&[1]).number(id.0).text(handle).text(display_name),
            Self::Status { id, author, text } => hash.bytes(&[2]).number(id.0).number(author.0).text(text),
            Self::Tag { name } => hash.bytes(&[3]).text(name),
        };
        hash.0
    }
}

#[cfg(test)]
mod tests {
    use schemas::{AccountId, PostId};

    use super::*;

    fn account(handle: &str, display_name: &str) -> SearchDocument {
        SearchDocument::Account { id: AccountId(7), handle: handle.to_owned(), display_name: display_name.to_owned() }
    }

    #[test]
    fn version_1_stays_as_it_is() {
        let status = SearchDocument::Status { id: PostId(1 << 60), author: AccountId(7), text: "an öwl".to_owned() };
        let documents = [account("ana", "Ana"), status, SearchDocument::Tag { name: "owls".to_owned() }];
        let prints: Vec<String> = documents.iter().map(|document| format!("{:016x}", document.fingerprint())).collect();
        assert_eq!(prints, include_str!("golden/fingerprint.v1.txt").lines().collect::<Vec<_>>());
    }

    #[test]
    fn what_moves_from_one_text_to_the_next_is_seen() {
        assert_ne!(account("ana", "b").fingerprint(), account("an", "ab").fingerprint());
        assert_ne!(account("", "").fingerprint(), SearchDocument::Tag { name: String::new() }.fingerprint());
    }
}
