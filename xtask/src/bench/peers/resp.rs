//! Redis's protocol, as far as benches need it (RESP2, redis.io/docs/latest/develop/reference/protocol-spec): commands are arrays of bulk
//! strings, written into a buffer so that many leave at once; replies are read one after the other.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A reply.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// `+OK`
    Simple(String),
    /// `:1`
    Integer(i64),
    /// `$3\r\nabc`, or nothing at all.
    Bulk(Option<Vec<u8>>),
    /// `*2`, then its parts.
    Array(Vec<Reply>),
}

/// A connection with commands to be sent.
#[derive(Debug)]
pub(super) struct Connection {
    replies: BufReader<UnixStream>,
    commands: Vec<u8>,
}

impl Connection {
    /// Connects to the server behind a socket.
    pub(super) fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).context("cannot connect to redis")?;
        Ok(Self { replies: BufReader::with_capacity(1 << 18, stream), commands: Vec::new() })
    }

    /// Adds a command to those to be sent.
    pub(super) fn add(&mut self, words: &[&[u8]]) {
        encode(&mut self.commands, words, words.len());
    }

    /// Adds a command of a few words and `count` more.
    pub(super) fn add_long<'a>(&mut self, words: &[&[u8]], count: usize, more: impl Iterator<Item = &'a [u8]>) {
        encode(&mut self.commands, words, words.len() + count);
        more.for_each(|word| put(&mut self.commands, word));
    }

    /// Sends what was added.
    pub(super) fn send(&mut self) -> Result<()> {
        self.replies.get_mut().write_all(&self.commands).context("redis takes no more commands")?;
        self.commands.clear();
        Ok(())
    }

    /// Reads the reply to the oldest command that has none yet.
    ///
    /// # Errors
    /// Fails where the reply is an error, with its text.
    pub(super) fn reply(&mut self) -> Result<Reply> {
        decode(&mut self.replies)
    }

    /// Sends one command and reads its reply; no other may be waiting.
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.add(words);
        self.send()?;
        self.reply()
    }
}

/// Writes a command's number of words, and the first ones.
fn encode(into: &mut Vec<u8>, words: &[&[u8]], count: usize) {
    head(into, b'*', count);
    words.iter().for_each(|word| put(into, word));
}

fn put(into: &mut Vec<u8>, word: &[u8]) {
    head(into, b'$', word.len());
    into.extend_from_slice(word);
    into.extend_from_slice(b"\r\n");
}

/// Writes a mark and a length; nearly all are below a hundred, and millions are written.
fn head(into: &mut Vec<u8>, mark: u8, number: usize) {
    into.push(mark);
    if number < 100 {
        if number >= 10 {
            into.push(b'0' + (number / 10) as u8);
        }
        into.push(b'0' + (number % 10) as u8);
    } else {
        into.extend_from_slice(number.to_string().as_bytes());
    }
    into.extend_from_slice(b"\r\n");
}

fn decode(from: &mut impl BufRead) -> Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line).context("redis sends no reply")?;
    let text = line.trim_end().get(1..).unwrap_or_default();
    Ok(match line.as_bytes().first() {
        Some(b'+') => Reply::Simple(text.to_owned()),
        Some(b':') => Reply::Integer(text.parse().context("redis sends no number")?),
        Some(b'$') if text == "-1" => Reply::Bulk(None),
        Some(b'$') => {
            let mut bytes = vec![0; text.parse::<usize>().context("redis sends no length")? + 2];
            from.read_exact(&mut bytes).context("a reply of redis is cut off")?;
            bytes.truncate(bytes.len() - 2);
            Reply::Bulk(Some(bytes))
        }
        Some(b'*') => {
            let count: usize = text.parse().context("redis sends no count")?;
            Reply::Array((0..count).map(|_| decode(from)).collect::<Result<_>>()?)
        }
        Some(b'-') => bail!("redis refuses: {text}"),
        _ => bail!("redis ended the connection"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        let check = |words: &[&[u8]], expected: &str| {
            let mut bytes = Vec::new();
            let (first, more) = words.split_at(1);
            encode(&mut bytes, first, words.len());
            more.iter().for_each(|word| put(&mut bytes, word));
            assert_eq!(String::from_utf8_lossy(&bytes), expected);
        };
        check(&[b"PING"], "*1\r\n$4\r\nPING\r\n");
        check(&[b"SET", b"k", b"0123456789"], "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n0123456789\r\n");
        let long = "x".repeat(100);
        check(&[long.as_bytes()], &format!("*1\r\n$100\r\n{long}\r\n"));
    }

    #[test]
    fn replies_are_read_to_their_end() {
        let check = |text: &str, expected: Option<Reply>| assert_eq!(decode(&mut text.as_bytes()).ok(), expected, "{text}");
        check("+OK\r\n", Some(Reply::Simple("OK".to_owned())));
        check(":-7\r\n", Some(Reply::Integer(-7)));
        check("$-1\r\n", Some(Reply::Bulk(None)));
        check("*2\r\n$1\r\na\r\n:2\r\n", Some(Reply::Array(vec![Reply::Bulk(Some(b"a".to_vec())), Reply::Integer(2)])));
        check("$5\r\nab", None);
        check("", None);
        assert_eq!(decode(&mut "-ERR no\r\n".as_bytes()).expect_err("refused").to_string(), "redis refuses: ERR no");
    }
}
