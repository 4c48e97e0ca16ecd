//! Rebuilding beside a peer: the same pieces of a history go to the same readers, in turns with the engine and with bare ring writes.
//!
//! A peer loads in bulk, as its users do who have all posts at hand: what a piece brings to a reader is gathered by the loader in memory,
//! and written at once. How much at once, and by which of its ways, is tried on the first piece, which is not timed.

use std::sync::Arc;

use anyhow::Result;

use super::super::rebuild::Side;
use super::super::w1::W1;
use super::rebuild_redis::RedisLoad;
use super::rebuild_rocks::RocksLoad;
use super::redis::Shape;

/// With what to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// Lists, then sorted sets, pushed to by commands of many entries.
    Redis,
    /// Sorted files that are taken in, or memory tables made for loading.
    Rocksdb,
}

/// Starts a peer, with timelines of the readers that keep `slots` entries each, and none in them.
///
/// # Errors
/// Fails where it is not installed, cannot be built or does not start.
pub(crate) fn start(peer: Peer, w1: &Arc<W1>, readers: &[u32], slots: usize) -> Result<Vec<Box<dyn Side>>> {
    let parent = crate::root::target()?;
    let mut hot = vec![false; w1.accounts() as usize];
    for reader in readers {
        if let Some(hot) = hot.get_mut(*reader as usize) {
            *hot = true;
        }
    }
    Ok(match peer {
        Peer::Redis => vec![
            Box::new(RedisLoad::start(&parent, Shape::ListByTail, w1, &hot, slots)?),
            Box::new(RedisLoad::start(&parent, Shape::SortedSet, w1, &hot, slots)?),
        ],
        Peer::Rocksdb => vec![Box::new(RocksLoad::start(&parent, w1, &hot, slots)?)],
    })
}
