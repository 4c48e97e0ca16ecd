//! The mappings of the search index on Elasticsearch, versioned files like the Avro contract: never edited once an index was made from one.

/// Settings and mappings of format 1, as the body of an index's creation.
pub const SEARCH_V1: &str = include_str!("../elastic/search.v1.json");

/// The format that indexes are made in now; stands in the mappings as `_meta.format`.
pub const SEARCH_FORMAT: u64 = 1;
