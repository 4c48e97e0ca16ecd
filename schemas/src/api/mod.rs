//! The public API's shapes: the table of operations (and, beside it, what entities look like).

pub mod operations;

pub use operations::{Access, OPERATIONS, Operation, Side, operation};
