//! The public API's shapes: the table of operations, and what entities look like.

pub mod entities;
pub mod html;
pub mod openapi;
pub mod operations;

pub use operations::{Access, OPERATIONS, Operation, Side, operation};
