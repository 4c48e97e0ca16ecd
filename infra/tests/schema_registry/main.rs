//! Schema ids from a registry: a real one, which `ROOST_TEST_REGISTRY` names (http://host:port/apis/ccompat/v7; without it these tests
//! fail), and a small false one that fails as it is told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod failures;
mod fake;
mod real;
