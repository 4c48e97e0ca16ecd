//! A document on its way into tantivy: it lends its texts, so that none is copied or encoded before it is cut into words.

use std::iter::Empty;

use ::tantivy::schema::Field;
use ::tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};

use super::fields::{ACCOUNT, Fields, STATUS, TAG, TAG_END};
use super::queue::Ticket;
use crate::search::{SearchDocument, analysis};

/// A document and its place in the queue.
pub(super) struct Entry {
    fields: Fields,
    kind: u64,
    order: u64,
    print: u64,
    found_by: FoundBy,
    /// Of those that were handed over together, the last one has it.
    _ticket: Option<Ticket>,
}

enum FoundBy {
    Account { name: String, handle: String },
    Status { author: u64, text: String },
    Tag { key: String, tag: String },
}

impl Entry {
    /// What the index holds of a document.
    pub(super) fn new(fields: Fields, document: SearchDocument) -> Self {
        let print = document.fingerprint();
        let (kind, order, found_by) = match document {
            SearchDocument::Account { id, handle, display_name } => {
                let (name, handle) = (analysis::name_text(&handle, &display_name), analysis::folded(&handle));
                (ACCOUNT, id.0, FoundBy::Account { name, handle })
            }
            SearchDocument::Status { id, author, text } => (STATUS, id.0, FoundBy::Status { author: author.0, text }),
            SearchDocument::Tag { name } => {
                let tag = format!("{}{TAG_END}{name}", analysis::folded(&name));
                (TAG, 0, FoundBy::Tag { key: name, tag })
            }
        };
        Self { fields, kind, order, print, found_by, _ticket: None }
    }

    /// Gives the ticket back when this document has been indexed.
    pub(super) fn with(self, ticket: Ticket) -> Self {
        Self { _ticket: Some(ticket), ..self }
    }
}

/// A value that a document lends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lent<'a> {
    Number(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> for Lent<'a> {
    type ArrayIter = Empty<Self>;
    type ObjectIter = Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match *self {
            Self::Number(number) => ReferenceValueLeaf::U64(number),
            Self::Text(text) => ReferenceValueLeaf::Str(text),
            Self::Bytes(bytes) => ReferenceValueLeaf::Bytes(bytes),
        })
    }
}

impl Document for Entry {
    type Value<'a> = Lent<'a>;
    type FieldsValuesIter<'a> = std::array::IntoIter<(Field, Lent<'a>), 5>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let fields = &self.fields;
        let [one, other] = match &self.found_by {
            FoundBy::Account { name, handle } => [(fields.name, Lent::Text(name)), (fields.handle, Lent::Text(handle))],
            FoundBy::Status { author, text } => [(fields.text, Lent::Text(text)), (fields.author, Lent::Number(*author))],
            FoundBy::Tag { key, tag } => [(fields.key, Lent::Bytes(key.as_bytes())), (fields.tag, Lent::Text(tag))],
        };
        let columns = [(fields.kind, self.kind), (fields.order, self.order), (fields.print, self.print)];
        let [kind, order, print] = columns.map(|(field, number)| (field, Lent::Number(number)));
        [kind, order, print, one, other].into_iter()
    }
}
