//! The fields of the index, and what a document puts in them.
//!
//! ```text
//! kind    1 account, 2 post, 3 tag                      a column
//! order   id of the post or account, 0 for tags         a column, which sorts each segment, newest first: found by, to be replaced
//! print   fingerprint of the whole document              a column, compared with the log's by `verify`
//! text    words of a post, with positions               author  who wrote it
//! name    words of an account's names                   handle  folded
//! tag     folded name, zero, name                       key     name of a tag: found by, to be replaced
//! ```
//!
//! No text is stored and nothing is scored: hits are ids, and their order is the order of the documents. Posts and accounts have no term of
//! their own: each would be an entry in the dictionary of every segment that the document is merged into, and the sorted column finds them.

use ::tantivy::query::{Query, TermQuery};
use ::tantivy::schema::{BytesOptions, FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use ::tantivy::store::Compressor;
use ::tantivy::{IndexSettings, IndexSortByField, Order, Term};

use super::numbered::Numbered;
use crate::search::Item;

/// The name of the column of kinds.
pub(super) const KIND: &str = "kind";
/// The name of the column that sorts documents.
pub(super) const ORDER: &str = "order";
/// The name of the column of fingerprints.
pub(super) const FINGERPRINT: &str = "print";
/// The name of our tokenizer.
pub(super) const TOKENIZER: &str = "roost";
/// Ends the folded name of a tag; folded names do not hold it.
pub(super) const TAG_END: char = '\0';

/// In the column of kinds: an account.
pub(super) const ACCOUNT: u64 = 1;
/// A post.
pub(super) const STATUS: u64 = 2;
/// A tag.
pub(super) const TAG: u64 = 3;

/// The fields, in the order of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) key: Field,
    pub(super) kind: Field,
    pub(super) order: Field,
    pub(super) print: Field,
    pub(super) text: Field,
    pub(super) author: Field,
    pub(super) name: Field,
    pub(super) handle: Field,
    pub(super) tag: Field,
}

impl Fields {
    /// The schema and its fields.
    pub(super) fn schema() -> (Schema, Self) {
        let indexed = |tokenizer: &str, record| {
            let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_fieldnorms(false).set_index_option(record);
            TextOptions::default().set_indexing_options(indexing)
        };
        let mut schema = Schema::builder();
        let fields = Self {
            key: schema.add_bytes_field("key", BytesOptions::default().set_indexed()),
            kind: schema.add_u64_field(KIND, FAST),
            order: schema.add_u64_field(ORDER, FAST),
            print: schema.add_u64_field(FINGERPRINT, FAST),
            text: schema.add_text_field("text", indexed(TOKENIZER, IndexRecordOption::WithFreqsAndPositions)),
            author: schema.add_u64_field("author", NumericOptions::default().set_indexed()),
            name: schema.add_text_field("name", indexed(TOKENIZER, IndexRecordOption::Basic)),
            handle: schema.add_text_field("handle", indexed("raw", IndexRecordOption::Basic)),
            tag: schema.add_text_field("tag", indexed("raw", IndexRecordOption::Basic)),
        };
        (schema.build(), fields)
    }

    /// The documents of an item, which a newer one replaces.
    pub(super) fn of(&self, item: &Item) -> Box<dyn Query> {
        match item {
            Item::Account(id) => Box::new(Numbered { kind: ACCOUNT, id: id.0 }),
            Item::Status(id) => Box::new(Numbered { kind: STATUS, id: id.0 }),
            Item::Tag(name) => Box::new(TermQuery::new(Term::from_field_bytes(self.key, name.as_bytes()), IndexRecordOption::Basic)),
        }
    }
}

/// The name of the tag whose term this is.
pub(super) fn tag_name(term: &[u8]) -> Option<String> {
    let (_, name) = std::str::from_utf8(term).ok()?.split_once(TAG_END)?;
    Some(name.to_owned())
}

/// Segments in time order, the newest document first; no store to speak of.
pub(super) fn settings() -> IndexSettings {
    IndexSettings {
        sort_by_field: Some(IndexSortByField { field: ORDER.to_owned(), order: Order::Desc }),
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}
