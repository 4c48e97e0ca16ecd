//! The search index on a real Elasticsearch, which `ROOST_TEST_ELASTIC` names (host:port); without it these tests fail.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod documents;
mod failures;
mod port;
mod support;
mod versions;
