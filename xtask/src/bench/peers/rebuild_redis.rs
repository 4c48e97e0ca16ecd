//! Redis loaded in bulk: of a block of posts each reader's entries go into one command, whole, and another trims.
//!
//! The larger a block, the more entries a command has, and the longer the server waits for the first one. The loader gathers a block while
//! the server works on what was sent of the one before.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use schemas::PostId;

use super::super::rebuild::{Piece, Side, Turns};
use super::super::report::{Report, whole};
use super::super::w1::W1;
use super::fanout::FanoutPeer;
use super::redis::{Id, Redis, Shape};
use super::seconds;

/// Posts of a block, to be tried.
const BLOCKS: [usize; 4] = [256, 1_024, 4_096, 16_384];
/// Commands that leave at once.
const DEPTH: usize = 512;

/// A Redis with the timelines of some readers.
pub(super) struct RedisLoad {
    redis: Redis,
    w1: Arc<W1>,
    hot: Vec<bool>,
    block: usize,
}

impl RedisLoad {
    /// Starts a Redis of its own.
    ///
    /// # Errors
    /// Fails where it is not installed or does not start.
    pub(super) fn start(parent: &Path, shape: Shape, w1: &Arc<W1>, hot: &[bool], slots: usize) -> Result<Self> {
        let mut redis = Redis::start(parent, shape, slots)?;
        redis.depth = DEPTH;
        Ok(Self { redis, w1: w1.clone(), hot: hot.to_vec(), block: BLOCKS[0] })
    }

    /// Loads posts, the oldest first.
    fn load(&mut self, piece: &Piece) -> Result<()> {
        let mut deliveries = 0;
        for posts in piece.posts.chunks(self.block) {
            let ids: Vec<Id> = posts.iter().map(|(post, _)| Id::new(*post)).collect();
            let authors = posts.iter().map(|(_, author)| *author);
            let timelines = gather(&self.w1, &self.hot, usize::MAX, ids.iter().zip(authors));
            for (reader, ids) in (0..).zip(&timelines).filter(|(_, ids)| !ids.is_empty()) {
                self.redis.add(reader, ids.iter().copied())?;
                deliveries += ids.len() as u64;
            }
        }
        self.redis.settle()?;
        ensure!(deliveries == piece.deliveries, "{} made {deliveries} deliveries of {}", self.name(), piece.deliveries);
        Ok(())
    }
}

/// What each account gets of posts, in their order, up to so many; empty for those who are not hot. Ends where all have as many.
fn gather<'a>(w1: &W1, hot: &[bool], slots: usize, posts: impl Iterator<Item = (&'a Id, u32)>) -> Vec<Vec<&'a Id>> {
    let mut timelines: Vec<Vec<&Id>> = vec![Vec::new(); hot.len()];
    let mut open = hot.iter().filter(|hot| **hot).count();
    for (id, author) in posts {
        if open == 0 {
            break;
        }
        for reader in w1.followers(author).iter().chain([&author]).map(|reader| *reader as usize) {
            if let (Some(true), Some(timeline)) = (hot.get(reader), timelines.get_mut(reader))
                && timeline.len() < slots
            {
                timeline.push(id);
                open -= usize::from(timeline.len() == slots);
            }
        }
    }
    timelines
}

impl Side for RedisLoad {
    fn name(&self) -> &'static str {
        self.redis.name()
    }

    fn warm_up(&mut self, piece: &Piece) -> Result<()> {
        let mut tried = Vec::new();
        for block in BLOCKS {
            self.block = block;
            let began = Instant::now();
            self.load(piece)?;
            tried.push((seconds(began.elapsed()), block));
            self.redis.wipe()?;
        }
        self.block = tried.iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("blocks are tried")?.1;
        self.load(piece)
    }

    fn deliver(&mut self, piece: &Piece) -> Result<()> {
        self.load(piece)
    }

    fn empty(&mut self) -> Result<()> {
        self.redis.wipe()
    }

    fn fill(&mut self, piece: &Piece) -> Result<()> {
        let ids: Vec<Id> = piece.posts.iter().map(|(post, _)| Id::new(*post)).collect();
        let posts = ids.iter().zip(piece.posts.iter().map(|(_, author)| *author)).rev();
        let timelines = gather(&self.w1, &self.hot, self.redis.slots, posts);
        for (reader, ids) in (0..).zip(&timelines).filter(|(_, ids)| !ids.is_empty()) {
            // What is pushed last is the newest.
            self.redis.add(reader, ids.iter().rev().copied())?;
        }
        self.redis.settle()
    }

    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>> {
        Ok(self.redis.page(reader, limit)?.into_iter().map(PostId).collect())
    }

    fn other_cpu_s(&self) -> f64 {
        self.redis.server_cpu_s()
    }

    fn report(&mut self, turns: &Turns, readers: &[u32], report: &mut Report) -> Result<()> {
        let (name, size) = (self.name(), self.redis.size(readers)?);
        report.add(format!("{name}_server_cpu_s_per_million"), turns.other_cpu_s / turns.millions());
        report.add(format!("{name}_client_cpu_s_per_million"), turns.own_cpu_s / turns.millions());
        report.add(format!("{name}_entries"), whole(size.entries));
        report.add(format!("{name}_entry_bytes"), whole(size.bytes) / whole(size.entries.max(1)));
        let about = self.redis.about();
        report.note(
            name,
            format!(
                "{about}; {} posts a block (the best of {BLOCKS:?}), a reader's entries of a block in one command, and trimmed; ids alone",
                self.block
            ),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timelines_take_posts_of_whom_their_readers_follow_until_they_are_full() {
        let w1 = W1::generate(100, 1);
        let hot: Vec<bool> = (0..100).map(|account| account % 3 == 0).collect();
        let ids: Vec<Id> = (1..=5_000).map(Id::new).collect();
        let authors: Vec<u32> = (0..5_000).map(|n| n * 7 % 100).collect();
        for slots in [8, usize::MAX] {
            let timelines = gather(&w1, &hot, slots, ids.iter().zip(authors.iter().copied()));
            for (reader, timeline) in (0..).zip(&timelines) {
                let mine = |author: u32| author == reader || w1.followees(reader).contains(&author);
                let wanted = ids.iter().zip(&authors).filter(|(_, author)| reader % 3 == 0 && mine(**author)).map(|(id, _)| id).take(slots);
                assert!(timeline.iter().copied().eq(wanted), "{reader}");
            }
        }
    }
}
