//! The write side: pure rules, one write loop, the HTTP resources that write.
//!
//! **Deciding does no I/O**: `domain` and `state` know no clock, no store and no runtime; `handle` brings them together.

pub mod accounts;
pub mod domain;
pub mod forward;
pub mod handle;
pub mod http;
pub mod registration;
pub mod state;
