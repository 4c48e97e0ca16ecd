//! The fields of the index, and what a document puts in them.
//!
//! ```text
//! key     identity (kind u8, id u64 BE or tag name)     found by, to be replaced
//! order   id of the post or account, 0 for tags         sorts each segment, newest first
//! print   fingerprint of the whole document              compared with the log's by `verify`
//! text    words of a post, with positions               author  who wrote it
//! name    words of an account's names                   handle  folded
//! tag     folded name, zero, name
//! ```
//!
//! No text is stored and nothing is scored: hits are ids, and their order is the order of the documents.

use std::mem;

use ::tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use ::tantivy::store::Compressor;
use ::tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use ::tantivy::{IndexSettings, IndexSortByField, Order, TantivyDocument, Term};
use schemas::{AccountId, PostId};

use crate::search::{Item, SearchDocument, analysis};

/// The name of the fast field that sorts documents.
pub(super) const ORDER: &str = "order";
/// The name of the fast field that holds fingerprints.
pub(super) const FINGERPRINT: &str = "print";
/// The name of our tokenizer.
pub(super) const TOKENIZER: &str = "roost";
/// Ends the folded name of a tag; folded names do not hold it.
const TAG_END: char = '\0';

/// The fields, in the order of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) key: Field,
    order: Field,
    print: Field,
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
            key: schema.add_bytes_field("key", INDEXED),
            order: schema.add_u64_field(ORDER, FAST),
            print: schema.add_u64_field(FINGERPRINT, FAST),
            text: schema.add_text_field("text", indexed(TOKENIZER, IndexRecordOption::WithFreqsAndPositions)),
            author: schema.add_u64_field("author", INDEXED),
            name: schema.add_text_field("name", indexed(TOKENIZER, IndexRecordOption::Basic)),
            handle: schema.add_text_field("handle", indexed("raw", IndexRecordOption::Basic)),
            tag: schema.add_text_field("tag", indexed("raw", IndexRecordOption::Basic)),
        };
        (schema.build(), fields)
    }

    /// The term that a document is replaced by.
    pub(super) fn key_term(&self, item: &Item) -> Term {
        Term::from_field_bytes(self.key, &key(item))
    }

    /// What the index holds of a document.
    pub(super) fn document(&self, document: SearchDocument) -> TantivyDocument {
        let mut into = TantivyDocument::new();
        into.add_bytes(self.key, &key(&document.item()));
        into.add_u64(self.print, document.fingerprint());
        match document {
            SearchDocument::Account { id, handle, display_name } => {
                into.add_u64(self.order, id.0);
                into.add_text(self.name, analysis::name_text(&handle, &display_name));
                into.add_text(self.handle, analysis::folded(&handle));
            }
            SearchDocument::Status { id, author, text } => {
                into.add_u64(self.order, id.0);
                into.add_u64(self.author, author.0);
                into.add_text(self.text, text);
            }
            SearchDocument::Tag { name } => {
                into.add_u64(self.order, 0);
                into.add_text(self.tag, format!("{}{TAG_END}{name}", analysis::folded(&name)));
            }
        }
        into
    }
}

/// The name of the tag whose term this is.
pub(super) fn tag_name(term: &[u8]) -> Option<String> {
    let (_, name) = std::str::from_utf8(term).ok()?.split_once(TAG_END)?;
    Some(name.to_owned())
}

/// The identity at rest; keys sort as items do.
pub(super) fn key(item: &Item) -> Vec<u8> {
    let (kind, id) = match item {
        Item::Account(id) => (1, id.0),
        Item::Status(id) => (2, id.0),
        Item::Tag(name) => return [&[3], name.as_bytes()].concat(),
    };
    let mut bytes = vec![kind];
    bytes.extend(id.to_be_bytes());
    bytes
}

/// The item of a key.
pub(super) fn item(key: &[u8]) -> Option<Item> {
    let (kind, rest) = key.split_first()?;
    let id = || Some(u64::from_be_bytes(rest.try_into().ok()?));
    match kind {
        1 => Some(Item::Account(AccountId(id()?))),
        2 => Some(Item::Status(PostId(id()?))),
        3 => Some(Item::Tag(std::str::from_utf8(rest).ok()?.to_owned())),
        _ => None,
    }
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

/// [`analysis`] as tantivy calls it.
#[derive(Debug, Clone, Default)]
struct Analysis {
    folded: String,
    token: Token,
}

/// The tokenizer of all text fields.
pub(super) fn tokenizer() -> TextAnalyzer {
    TextAnalyzer::from(Analysis::default())
}

struct Tokens<'a> {
    words: analysis::Words<'a>,
    token: &'a mut Token,
}

impl Tokenizer for Analysis {
    type TokenStream<'a> = Tokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        let mut folded = mem::take(&mut self.folded);
        folded.clear();
        analysis::fold(text, &mut folded);
        self.folded = folded;
        self.token.reset();
        Tokens { words: analysis::words(&self.folded), token: &mut self.token }
    }
}

impl TokenStream for Tokens<'_> {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
        // Offsets are for snippets, which nobody asks for.
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(word);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
