//! Redis as a store of home timelines: a list per reader that is pushed to and trimmed, or a sorted set that is added to and trimmed by rank.
//!
//! Nothing is saved to the disk, as our rings are not: both are made anew from the log. It holds ids of posts alone, where a ring also knows
//! author and flags. One connection sends blocks of commands and has two under way, so that neither side waits for the other.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::super::report::Report;
use super::super::w1::W1;
use super::fanout::{Delivered, FanoutPeer, Post, Size};
use super::resp::{Connection, Reply};
use super::seconds;
use super::servers::{Server, User, command, folder, program};

/// Commands that leave at once, to be tried.
const DEPTHS: [usize; 4] = [64, 512, 4_096, 16_384];
/// Posts are so many bits right of their milliseconds: a score must be exact in 53 bits, and those of one millisecond go by their id.
const BELOW_MS_BITS: u32 = 16;

/// How a timeline lies in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// LPUSH and LTRIM.
    List,
    /// ZADD and ZREMRANGEBYRANK.
    SortedSet,
}

/// A Redis with the timelines of some readers.
pub(super) struct Redis {
    shape: Shape,
    connection: Connection,
    server: Server,
    version: String,
    depth: usize,
    slots: usize,
    empty_bytes: u64,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// Starts a Redis of its own.
    ///
    /// # Errors
    /// Fails where it is not installed or does not start.
    pub(super) fn start(parent: &Path, shape: Shape, slots: usize) -> Result<Self> {
        let among = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
        let user = User::without_rights(&["redis", "nobody"])?;
        let folder = folder(parent, user.as_ref())?;
        let socket = folder.path().join("socket");
        let mut command = command(&program("redis-server", &among, "redis-server")?, user.as_ref(), "KILL");
        command.args(["--port", "0", "--unixsocket"]).arg(&socket).arg("--dir").arg(folder.path());
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        let server = Server::start("redis", &mut command, folder.path().join("log"), Signal::TERM, &|| {
            Connection::open(&socket).and_then(|mut connection| connection.ask(&[b"PING"])).is_ok()
        })?;
        let mut redis = Self {
            shape,
            connection: Connection::open(&socket)?,
            server,
            version: String::new(),
            depth: DEPTHS[0],
            slots,
            empty_bytes: 0,
            _folder: folder,
        };
        redis.version = redis.info("redis_version")?;
        redis.empty_bytes = redis.info("used_memory")?.parse()?;
        Ok(redis)
    }

    fn info(&mut self, name: &str) -> Result<String> {
        let Reply::Bulk(Some(text)) = self.connection.ask(&[b"INFO"])? else { bail!("redis gives no INFO") };
        let text = String::from_utf8_lossy(&text).into_owned();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(found.with_context(|| format!("INFO has no {name}"))?.trim().to_owned())
    }

    /// Adds a delivery and its trimming, two commands.
    fn add(&mut self, reader: u32, post: &str, trim: &[u8]) {
        let key = reader.to_le_bytes();
        match self.shape {
            Shape::List => {
                self.connection.add(&[b"LPUSH", &key, post.as_bytes()]);
                self.connection.add(&[b"LTRIM", &key, b"0", trim]);
            }
            Shape::SortedSet => {
                let score = post.parse::<u64>().unwrap_or_default() >> BELOW_MS_BITS;
                self.connection.add(&[b"ZADD", &key, score.to_string().as_bytes(), post.as_bytes()]);
                self.connection.add(&[b"ZREMRANGEBYRANK", &key, b"0", trim]);
            }
        }
    }

    fn replies(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.connection.reply()?;
        }
        Ok(())
    }

    /// Sends the deliveries of posts in blocks of `depth` commands.
    fn push(&mut self, posts: &[Post], w1: &W1, hot: &[bool], depth: usize) -> Result<u64> {
        // A list keeps what lies before the end, a sorted set loses what has too low a rank.
        let trim = match self.shape {
            Shape::List => (self.slots - 1).to_string(),
            Shape::SortedSet => format!("-{}", self.slots + 1),
        };
        let (mut deliveries, mut added, mut under_way) = (0, 0, 0);
        for post in posts {
            let text = post.id.to_string();
            for reader in w1.followers(post.author).iter().chain([&post.author]) {
                if !hot.get(*reader as usize).copied().unwrap_or_default() {
                    continue;
                }
                self.add(*reader, &text, trim.as_bytes());
                deliveries += 1;
                added += 2;
                if added >= depth {
                    self.connection.send()?;
                    self.replies(under_way)?;
                    (under_way, added) = (added, 0);
                }
            }
        }
        self.connection.send()?;
        self.replies(under_way + added)?;
        Ok(deliveries)
    }
}

impl FanoutPeer for Redis {
    fn name(&self) -> &'static str {
        match self.shape {
            Shape::List => "redis_list",
            Shape::SortedSet => "redis_zset",
        }
    }

    fn fill(&mut self, posts: &[Post], w1: &W1, hot: &[bool]) -> Result<u64> {
        let mut tried: Vec<(usize, f64)> = DEPTHS.iter().map(|depth| (*depth, 0.0)).collect();
        let (mut deliveries, part) = (0, posts.len().div_ceil(tried.len() * 2).max(1));
        // The first half only fills; each depth then has an eighth.
        let (first, second) = posts.split_at(posts.len() / 2);
        deliveries += self.push(first, w1, hot, self.depth)?;
        for ((depth, rate), posts) in tried.iter_mut().zip(second.chunks(part)) {
            let began = Instant::now();
            let done = self.push(posts, w1, hot, *depth)?;
            *rate = done as f64 / seconds(began.elapsed());
            deliveries += done;
        }
        let best = tried.iter().max_by(|a, b| a.1.total_cmp(&b.1)).context("depths are tried")?;
        self.depth = best.0;
        Ok(deliveries)
    }

    fn deliver(&mut self, posts: &[Post], w1: &W1, hot: &[bool]) -> Result<Delivered> {
        let began = Instant::now();
        let deliveries = self.push(posts, w1, hot, self.depth)?;
        Ok(Delivered { deliveries, wall_s: seconds(began.elapsed()) })
    }

    fn page(&mut self, reader: u32, limit: usize) -> Result<Vec<u64>> {
        let (key, last) = (reader.to_le_bytes(), (limit - 1).to_string());
        let range: &[u8] = if self.shape == Shape::List { b"LRANGE" } else { b"ZREVRANGE" };
        let Reply::Array(found) = self.connection.ask(&[range, &key, b"0", last.as_bytes()])? else { bail!("redis gives no list") };
        let id = |reply: Reply| match reply {
            Reply::Bulk(Some(text)) => Ok(String::from_utf8(text)?.parse()?),
            other => bail!("{other:?} is no id"),
        };
        found.into_iter().map(id).collect()
    }

    fn size(&mut self, readers: &[u32]) -> Result<Size> {
        let count: &[u8] = if self.shape == Shape::List { b"LLEN" } else { b"ZCARD" };
        for reader in readers {
            self.connection.add(&[count, &reader.to_le_bytes()]);
        }
        self.connection.send()?;
        let mut entries = 0;
        for _ in readers {
            let Reply::Integer(held) = self.connection.reply()? else { bail!("redis gives no count") };
            ensure!(held <= self.slots as i64, "redis holds {held} entries of a reader, more than {}", self.slots);
            entries += held.unsigned_abs();
        }
        let bytes = self.info("used_memory")?.parse::<u64>()?.saturating_sub(self.empty_bytes);
        Ok(Size { entries, bytes })
    }

    fn server_cpu_s(&self) -> f64 {
        self.server.cpu_s()
    }

    fn setup(&self) -> String {
        format!(
            "Redis {} (Debian), in memory as the rings are: save \"\", appendonly no; unix socket, one connection, {} commands at once and two \
             such blocks under way (the best of {DEPTHS:?}), trimmed to {} at each delivery; ids alone",
            self.version, self.depth, self.slots
        )
    }

    fn report(&self, _: &mut Report) {}
}
