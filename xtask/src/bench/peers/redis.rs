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
    /// RPUSH and LTRIM, the newest at the tail: a command of many entries is quicker there, as nothing has to move for them.
    ListByTail,
    /// ZADD and ZREMRANGEBYRANK.
    SortedSet,
}

/// A post as commands name it.
#[derive(Debug, PartialEq)]
pub(super) struct Id {
    text: String,
    score: String,
}

impl Id {
    pub(super) fn new(post: u64) -> Self {
        Self { text: post.to_string(), score: (post >> BELOW_MS_BITS).to_string() }
    }
}

/// A Redis with the timelines of some readers.
pub(super) struct Redis {
    shape: Shape,
    connection: Connection,
    server: Server,
    version: String,
    /// Commands that leave at once.
    pub(super) depth: usize,
    /// Commands that wait to leave, and those that have left last.
    added: usize,
    under_way: usize,
    /// Entries of a reader that are kept.
    pub(super) slots: usize,
    /// A list keeps what lies before or after this, a sorted set loses what has too low a rank.
    trim: String,
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
        let trim = match shape {
            Shape::List => (slots - 1).to_string(),
            Shape::ListByTail => format!("-{slots}"),
            Shape::SortedSet => format!("-{}", slots + 1),
        };
        let mut redis = Self {
            shape,
            connection: Connection::open(&socket)?,
            server,
            version: String::new(),
            depth: DEPTHS[0],
            added: 0,
            under_way: 0,
            slots,
            trim,
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

    /// Adds deliveries to a reader, the oldest first, and their trimming: two commands, which leave with others.
    pub(super) fn add<'a>(&mut self, reader: u32, ids: impl ExactSizeIterator<Item = &'a Id>) -> Result<()> {
        let (key, count, trim) = (reader.to_le_bytes(), ids.len(), self.trim.as_bytes());
        match self.shape {
            Shape::List => {
                self.connection.add_long(&[b"LPUSH", &key], count, ids.map(|id| id.text.as_bytes()));
                self.connection.add(&[b"LTRIM", &key, b"0", trim]);
            }
            Shape::ListByTail => {
                self.connection.add_long(&[b"RPUSH", &key], count, ids.map(|id| id.text.as_bytes()));
                self.connection.add(&[b"LTRIM", &key, trim, b"-1"]);
            }
            Shape::SortedSet => {
                let words = ids.flat_map(|id| [id.score.as_bytes(), id.text.as_bytes()]);
                self.connection.add_long(&[b"ZADD", &key], 2 * count, words);
                self.connection.add(&[b"ZREMRANGEBYRANK", &key, b"0", trim]);
            }
        }
        self.added += 2;
        if self.added < self.depth { Ok(()) } else { self.send() }
    }

    /// Sends what was added, and waits for what was sent before it.
    fn send(&mut self) -> Result<()> {
        self.connection.send()?;
        for _ in 0..self.under_way {
            self.connection.reply()?;
        }
        (self.under_way, self.added) = (self.added, 0);
        Ok(())
    }

    /// Sends what is left, and waits for all.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.send()?;
        self.send()
    }

    /// Version, settings and durability.
    pub(super) fn about(&self) -> String {
        format!(
            "Redis {} (Debian), in memory as the rings are: save \"\", appendonly no; unix socket, one connection, {} commands at once and two \
             such blocks under way",
            self.version, self.depth
        )
    }

    /// Forgets all timelines.
    pub(super) fn wipe(&mut self) -> Result<()> {
        self.connection.ask(&[b"FLUSHALL"]).map(drop)
    }

    /// Sends the deliveries of posts in blocks of `depth` commands.
    fn push(&mut self, posts: &[Post], w1: &W1, hot: &[bool], depth: usize) -> Result<u64> {
        self.depth = depth;
        let mut deliveries = 0;
        for post in posts {
            let id = Id::new(post.id);
            for reader in w1.followers(post.author).iter().chain([&post.author]) {
                if !hot.get(*reader as usize).copied().unwrap_or_default() {
                    continue;
                }
                self.add(*reader, std::iter::once(&id))?;
                deliveries += 1;
            }
        }
        self.settle()?;
        Ok(deliveries)
    }
}

impl FanoutPeer for Redis {
    fn name(&self) -> &'static str {
        match self.shape {
            Shape::List | Shape::ListByTail => "redis_list",
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
        let (key, last, first) = (reader.to_le_bytes(), (limit - 1).to_string(), format!("-{limit}"));
        let range: [&[u8]; 4] = match self.shape {
            Shape::List => [b"LRANGE", &key, b"0", last.as_bytes()],
            Shape::ListByTail => [b"LRANGE", &key, first.as_bytes(), b"-1"],
            Shape::SortedSet => [b"ZREVRANGE", &key, b"0", last.as_bytes()],
        };
        let Reply::Array(mut found) = self.connection.ask(&range)? else { bail!("redis gives no list") };
        if self.shape == Shape::ListByTail {
            found.reverse();
        }
        let id = |reply: Reply| match reply {
            Reply::Bulk(Some(text)) => Ok(String::from_utf8(text)?.parse()?),
            other => bail!("{other:?} is no id"),
        };
        found.into_iter().map(id).collect()
    }

    fn size(&mut self, readers: &[u32]) -> Result<Size> {
        let count: &[u8] = if self.shape == Shape::SortedSet { b"ZCARD" } else { b"LLEN" };
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
        format!("{} (the best of {DEPTHS:?}), trimmed to {} at each delivery; ids alone", self.about(), self.slots)
    }

    fn report(&self, _: &mut Report) {}
}
