//! Faults of the embedded log: torn tails, flipped bits, second openers, full and failing disks, killed processes.

#![allow(clippy::indexing_slicing, reason = "in a test an index out of bounds is a failure like any other")]

mod bit_flips;
mod failing_disk;
mod folder;
mod killed;
mod power_loss;
mod segments;
mod support;
mod torn_tail;
