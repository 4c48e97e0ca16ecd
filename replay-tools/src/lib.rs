//! The operators' and analysts' tools over a deployment: what the log says (`inspect`), views made anew (`rebuild`) and compared with the
//! log (`verify`), dead letters, a log moved to another place (`copy`), and what a size takes (`capacity`). The binary `replay-tools` is
//! their command line; a running server offers the same through its operators' port (`ops`).

pub mod capacity;
pub mod copy;
pub mod inspect;
pub mod letters;
pub mod offline;
pub mod ops;
pub mod rebuild;
pub mod remote;
pub mod verify;
