//! What the clients of the bench write: posts by authors drawn from workload W1, and what was acknowledged.

use super::super::dice::Dice;
use super::super::http::{STATIC, Talk, client};
use super::super::text::Texts;
use super::world::World;
use anyhow::{Context, Result};
use parking_lot::Mutex;
use schemas::PostId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Texts made beforehand, so that the client costs little.
pub(in crate::bench) const TEXTS: usize = 4_096;

/// A request that publishes.
pub(super) fn request(path: &str, token: &str, text: &str) -> Vec<u8> {
    let mut request = Vec::new();
    render(&mut request, path, token, text);
    request
}

/// Texts are of letters, digits and spaces: nothing in them is to be escaped.
fn render(into: &mut Vec<u8>, path: &str, token: &str, text: &str) {
    let length = text.len() + r#"{"status":""}"#.len();
    into.clear();
    for part in ["POST ", path, " HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\nAuthorization: Bearer ", token] {
        into.extend_from_slice(part.as_bytes());
    }
    into.extend_from_slice(format!("\r\nContent-Length: {length}\r\n\r\n{{\"status\":\"{text}\"}}").as_bytes());
}

/// The id of the post that an answer shows.
pub(super) fn post_id(body: &[u8]) -> Result<PostId> {
    let start = body.get(..64).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let id = text.strip_prefix(r#"{"id":""#).and_then(|rest| rest.split('"').next()).with_context(|| format!("no post in {text}"))?;
    Ok(id.parse()?)
}

/// What was acknowledged.
#[derive(Default)]
pub(super) struct Written {
    posts: Mutex<Vec<(PostId, u32)>>,
    stale: AtomicU64,
    probes: AtomicU64,
}

impl Written {
    pub(super) fn add(&self, post: PostId, author: u32) {
        self.posts.lock().push((post, author));
    }

    /// Every post with its author, newest first.
    pub(super) fn newest_first(&self) -> Vec<(PostId, u32)> {
        let mut posts = self.posts.lock().clone();
        posts.sort_unstable_by(|a, b| b.cmp(a));
        posts
    }

    /// Answers that said that the views were not fresh in time.
    pub(super) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    pub(super) fn next_probe(&self) -> u64 {
        self.probes.fetch_add(1, Ordering::Relaxed)
    }
}

/// Texts that all connections share.
pub(in crate::bench) fn texts(dice: &mut Dice) -> Arc<Vec<String>> {
    let texts = Texts::new();
    Arc::new((0..TEXTS).map(|_| texts.post(dice)).collect())
}

/// One connection, over which many authors post.
pub(super) struct Writing {
    world: Arc<World>,
    texts: Arc<Vec<String>>,
    dice: Dice,
    /// Where posts go: without it, to the static body.
    written: Option<Arc<Written>>,
    author: u32,
    buffer: Vec<u8>,
}

impl Writing {
    pub(super) fn new(world: &Arc<World>, texts: &Arc<Vec<String>>, dice: Dice, written: Option<&Arc<Written>>) -> Self {
        Self { world: world.clone(), texts: texts.clone(), dice, written: written.cloned(), author: 0, buffer: Vec::new() }
    }
}

impl Talk for Writing {
    fn ask(&mut self) -> &[u8] {
        self.author = self.world.posters.draw(&mut self.dice);
        let token = self.world.members.get(self.author as usize).map_or("", |member| member.token.as_str());
        let text = self.texts.get(self.dice.below(TEXTS as u32) as usize).map_or("", String::as_str);
        let path = if self.written.is_some() { "/api/v1/statuses" } else { STATIC };
        render(&mut self.buffer, path, token, text);
        &self.buffer
    }

    fn heard(&mut self, head: &[u8], body: &[u8]) -> Result<()> {
        let Some(written) = &self.written else { return Ok(()) };
        written.add(post_id(body)?, self.author);
        if client::value(std::str::from_utf8(head)?, "roost-stale").is_some() {
            written.stale.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_length_it_says() {
        let request = String::from_utf8(request("/x", "t", "two words")).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, r#"{"status":"two words"}"#);
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("Authorization: Bearer t\r\n"));
    }

    #[test]
    fn an_answer_names_its_post() {
        assert_eq!(post_id(br#"{"id":"123","created_at":"2024"}"#).unwrap(), PostId(123));
        assert!(post_id(br#"{"error":"no"}"#).is_err());
    }
}
