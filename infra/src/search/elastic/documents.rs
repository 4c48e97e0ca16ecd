//! What rests in the index: JSON documents under the mappings of `schemas/elastic/search.v1.json`. Persisted, keep stable.
//!
//! ```text
//! s:17     status      order, author, text          words of the text, joined by spaces
//! a:17     account     order, handle, name          the folded handle; words of the names
//! t:cats   tag         tag, tag_name                the folded name, the name
//! any of these         item, print                  its key, which sorts as items do; its fingerprint in hexadecimal
//! any      gone        gone_ms                      what was deleted, and when
//! any      refused     refused                      what could not be indexed, and why
//! c:3      checkpoint  entry                        how far a partition has come
//! ```

use schemas::log::{Validity, WriterId};
use schemas::rows::Checkpoint;
use schemas::{AccountId, PartitionId, PostId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::search::{Item, SearchDocument, SearchError, analysis};

/// The format of checkpoints.
const FORMAT: u32 = 1;
/// Bytes of a tag's name in an `_id`, which Elasticsearch limits to 512 bytes; a longer one goes by its hash.
const TAG_ID_BYTES_MAX: usize = 400;

/// One document as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Document {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    print: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
}

/// A checkpoint as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    format: u32,
    generation: u32,
    next: u64,
    epoch: u32,
    writer: u64,
    sequence: u64,
}

/// The `_id` of an item.
pub(super) fn item_id(item: &Item) -> String {
    match item {
        Item::Status(id) => format!("s:{}", id.0),
        Item::Account(id) => format!("a:{}", id.0),
        Item::Tag(name) if name.len() <= TAG_ID_BYTES_MAX => format!("t:{name}"),
        Item::Tag(name) => format!("h:{}", hex::encode(Sha256::digest(name.as_bytes()))),
    }
}

/// The key that sorts as items do.
pub(super) fn item_key(item: &Item) -> String {
    match item {
        Item::Account(id) => format!("1{:016x}", id.0),
        Item::Status(id) => format!("2{:016x}", id.0),
        Item::Tag(name) => format!("3{name}"),
    }
}

/// The item of a key.
pub(super) fn item_of(key: &str) -> Option<Item> {
    let (kind, rest) = key.split_at_checked(1)?;
    let id = || u64::from_str_radix(rest, 16).ok();
    match kind {
        "1" => Some(Item::Account(AccountId(id()?))),
        "2" => Some(Item::Status(PostId(id()?))),
        "3" => Some(Item::Tag(rest.to_owned())),
        _ => None,
    }
}

/// The `_id` of a partition's checkpoint.
pub(super) fn checkpoint_id(partition: PartitionId) -> String {
    format!("c:{}", partition.0)
}

/// The words of a text, as one text that the whitespace analyzer cuts into them again.
fn joined_words(text: &str) -> String {
    let folded = analysis::folded(text);
    let mut joined = String::with_capacity(folded.len());
    for word in analysis::words(&folded) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined
}

impl Document {
    pub(super) fn of(document: SearchDocument) -> Self {
        let (item, print) = (Some(item_key(&document.item())), Some(format!("{:016x}", document.fingerprint())));
        let found_by = Self { item, print, ..Self::default() };
        match document {
            SearchDocument::Status { id, author, text } => {
                Self { kind: "status", order: Some(id.0), author: Some(author.0.to_string()), text: Some(joined_words(&text)), ..found_by }
            }
            SearchDocument::Account { id, handle, display_name } => Self {
                kind: "account",
                order: Some(id.0),
                handle: Some(analysis::folded(&handle)),
                name: Some(joined_words(&analysis::name_text(&handle, &display_name))),
                ..found_by
            },
            SearchDocument::Tag { name } => Self { kind: "tag", tag: Some(analysis::folded(&name)), tag_name: Some(name), ..found_by },
        }
    }

    /// A tombstone. `now_ms`: milliseconds since 1970, for the sweep that takes it away.
    pub(super) fn gone(now_ms: u64) -> Self {
        Self { kind: "gone", gone_ms: Some(now_ms), ..Self::default() }
    }

    /// Stands for a document that Elasticsearch would not take.
    pub(super) fn refused(cause: String) -> Self {
        Self { kind: "refused", refused: Some(cause), ..Self::default() }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    pub(super) fn checkpoint(at: &Checkpoint) -> Self {
        let Validity { epoch, writer, sequence } = at.validity;
        let entry = Entry { format: FORMAT, generation: at.generation, next: at.next, epoch, writer: writer.0, sequence };
        Self { kind: "checkpoint", entry: Some(entry), ..Self::default() }
    }
}

/// Reads a checkpoint out of what `GET INDEX/_doc/ID` answered; `None` where there is none.
pub(super) fn read_checkpoint(body: &[u8]) -> Result<Option<Checkpoint>, SearchError> {
    #[derive(Deserialize)]
    struct Got {
        #[serde(default)]
        found: bool,
        #[serde(rename = "_source")]
        source: Option<Source>,
    }
    #[derive(Deserialize)]
    struct Source {
        entry: Entry,
    }
    let damaged = |cause: String| SearchError::Fatal(format!("a checkpoint of the search index cannot be read: {cause}"));
    let got: Got = serde_json::from_slice(body).map_err(|error| damaged(error.to_string()))?;
    let Some(Source { entry }) = got.source.filter(|_| got.found) else { return Ok(None) };
    if entry.format != FORMAT {
        return Err(damaged(format!("it has format {}, this build reads {FORMAT}: use the version of Roost that wrote it", entry.format)));
    }
    let validity = Validity { epoch: entry.epoch, writer: WriterId(entry.writer), sequence: entry.sequence };
    Ok(Some(Checkpoint { generation: entry.generation, next: entry.next, validity }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checkpoint(next: u64, writer: u64) -> Checkpoint {
        Checkpoint { generation: 3, next, validity: Validity { epoch: 2, writer: WriterId(writer), sequence: next / 2 } }
    }

    #[test]
    fn version_1_stays_as_it_is() {
        let status = SearchDocument::Status { id: PostId(17), author: AccountId(5), text: "Le Café, d'Été! 東京".to_owned() };
        let account = SearchDocument::Account { id: AccountId(9), handle: "Ana_B".to_owned(), display_name: "Zoë".to_owned() };
        let tag = SearchDocument::Tag { name: "Caturday".to_owned() };
        let long = SearchDocument::Tag { name: "x".repeat(TAG_ID_BYTES_MAX + 1) };
        let mut lines = String::new();
        for document in [status, account, tag] {
            let id = item_id(&document.item());
            lines += &format!("{id} {}\n", serde_json::to_string(&Document::of(document)).unwrap());
        }
        lines += &format!("{}\n", item_id(&long.item()));
        let others =
            [Document::gone(1_700_000_000_000), Document::refused("why".to_owned()), Document::checkpoint(&checkpoint(12, u64::MAX))];
        for document in others {
            lines += &format!("{}\n", serde_json::to_string(&document).unwrap());
        }
        assert_eq!(lines, include_str!("../golden/elastic.v1.txt"));
    }

    #[test]
    fn absent_and_foreign_checkpoints() {
        assert_eq!(read_checkpoint(br#"{"_id":"c:1","found":false}"#).unwrap(), None);
        let newer = r#"{"found":true,"_source":{"entry":{"format":2,"generation":1,"next":1,"epoch":1,"writer":1,"sequence":1}}}"#;
        assert!(read_checkpoint(newer.as_bytes()).is_err_and(|error| error.to_string().contains("format 2")));
        assert!(read_checkpoint(b"").is_err());
    }

    #[test]
    fn every_field_is_in_the_mappings() {
        let mappings: serde_json::Value = serde_json::from_str(schemas::elastic::SEARCH_V1).unwrap();
        let known = mappings["mappings"]["properties"].as_object().unwrap();
        for line in include_str!("../golden/elastic.v1.txt").lines() {
            let Some(start) = line.find('{') else { continue };
            let document: serde_json::Value = serde_json::from_str(&line[start..]).unwrap();
            for field in document.as_object().unwrap().keys() {
                assert!(known.contains_key(field), "{field}");
            }
        }
        assert_eq!(mappings["mappings"]["_meta"]["format"], schemas::elastic::SEARCH_FORMAT);
    }

    proptest! {
        #[test]
        fn checkpoints_round_trip(next in any::<u64>(), writer in any::<u64>()) {
            let written = checkpoint(next, writer);
            let body = serde_json::json!({ "found": true, "_source": Document::checkpoint(&written) }).to_string();
            prop_assert_eq!(read_checkpoint(body.as_bytes()).unwrap(), Some(written));
        }

        #[test]
        fn keys_sort_as_items_do_and_come_back(one in any::<(u8, u64, String)>(), other in any::<(u8, u64, String)>()) {
            let item = |(kind, id, name): (u8, u64, String)| match kind % 3 {
                0 => Item::Account(AccountId(id)),
                1 => Item::Status(PostId(id)),
                _ => Item::Tag(name),
            };
            let (one, other) = (item(one), item(other));
            prop_assert_eq!(item_key(&one).cmp(&item_key(&other)), one.cmp(&other));
            prop_assert_eq!(item_of(&item_key(&one)), Some(one));
        }

        #[test]
        fn joined_words_are_the_words(text in ".{0,60}") {
            let folded = analysis::folded(&text);
            let joined = joined_words(&text);
            prop_assert!(joined.split_whitespace().eq(analysis::words(&folded)));
        }
    }
}
