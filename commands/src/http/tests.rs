//! Resources against in-memory ports.
