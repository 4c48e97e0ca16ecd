//! The log on Kafka against a real broker: the port's contract, zombies, gaps, hints, readers, closing, and the group of owners.
//!
//! Compiled only with the features `kafka` and `contract`, and then `ROOST_TEST_KAFKA=host:port` must name a broker: without it every test
//! here fails. `cargo xtask cluster up` starts one and says how to set the variable; then
//! `cargo test -p infra --features kafka,contract --test log_kafka`. Topics are made with random names and left behind.

#![allow(clippy::indexing_slicing, reason = "in a test an index out of bounds is a failure like any other")]

mod closing;
mod contract;
mod hints;
mod ownership;
mod readers;
mod support;
mod zombies;
