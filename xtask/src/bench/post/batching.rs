//! Posts in batches: what writers reach who have many. A batch is answered when it is durable; sent with the position that the one before
//! ended at, as our documentation advises, it begins when the views have passed that. So they bound how far such a writer runs ahead.

use super::super::dice::Dice;
use super::super::http::{Load, Pace, Stack, TURNS, Talk, client};
use super::super::report::{Report, whole};
use super::settle::{Seen, Settled};
use super::world::World;
use super::writing::Written;
use super::{delays, one_turn};
use anyhow::{Context, Result};
use schemas::PostId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Posts of a batch, all by one author.
const POSTS: usize = 100;
const SEED: u64 = 10_000;

/// The load, and what came of its lines.
pub(super) struct Batches {
    load: Load,
    written: Arc<Written>,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    done: AtomicU64,
    refused: AtomicU64,
}

impl Batches {
    pub(super) fn new(connections: u64, world: &Arc<World>, texts: &Arc<Vec<String>>, written: &Arc<Written>) -> Self {
        let lines: Arc<Lines> = Arc::default();
        let talk = |n| {
            let (world, texts, written, lines) = (world.clone(), texts.clone(), written.clone(), lines.clone());
            let dice = Dice::new(SEED + n);
            Box::new(Batching { world, texts, written, lines, dice, author: 0, position: String::new(), buffer: Vec::new() })
                as Box<dyn Talk>
        };
        Self { load: Load::new((0..connections.max(1)).map(talk).collect()), written: written.clone(), lines }
    }

    /// Batches in turns with the static body.
    pub(super) async fn measure(
        &mut self,
        (world, stack): (&Arc<World>, &Stack),
        fixed: &mut Load,
        time: Duration,
        report: &mut Report,
    ) -> Result<()> {
        let (mut settled, mut seen, mut counted) = (Settled::new(), Seen::new(), Vec::new());
        let mut before = 0;
        for turn in 0..=TURNS {
            let (of_turn, seen_in_turn) = one_turn(world, stack, &self.written, &mut self.load, (time, Pace::Saturated, turn > 0)).await?;
            fixed.turn(stack, time, Pace::Saturated, turn > 0).await?;
            if turn == 0 {
                before = self.lines.done.load(Ordering::Relaxed);
                continue;
            }
            counted.push(self.load.rates.last().copied().unwrap_or_default() * of_turn.in_time());
            settled.add(&of_turn)?;
            seen.add(&seen_in_turn)?;
        }
        let each = whole(self.lines.done.load(Ordering::Relaxed) - before) / whole(self.load.done.max(1));
        let counted: Vec<f64> = counted.iter().map(|batches| batches * each).collect();
        let of_static = |rates: &[f64]| -> Vec<f64> {
            rates.iter().zip(&fixed.rates).map(|(rate, fixed)| rate / fixed.max(f64::MIN_POSITIVE)).collect()
        };
        let rates: Vec<f64> = self.load.rates.iter().map(|batches| batches * each).collect();
        self.load.report_of("batch_", each, report);
        report.add_spread("batch_settled_rate", "_per_s", &counted);
        report.add_spread("batch_of_static", "_ratio", &of_static(&rates));
        report.add_spread("batch_settled_of_static", "_ratio", &of_static(&counted));
        report.add("batch_settled_within_2_s_share", settled.in_time());
        report.add("batch_refused_lines", whole(self.lines.refused.load(Ordering::Relaxed)));
        delays("batch_", &settled, &seen, report);
        Ok(())
    }
}

/// One connection, over which many authors send batches.
struct Batching {
    world: Arc<World>,
    texts: Arc<Vec<String>>,
    written: Arc<Written>,
    lines: Arc<Lines>,
    dice: Dice,
    author: u32,
    /// Where the batch before ended.
    position: String,
    buffer: Vec<u8>,
}

impl Talk for Batching {
    fn ask(&mut self) -> &[u8] {
        self.author = self.world.posters.draw(&mut self.dice);
        let token = self.world.members.get(self.author as usize).map_or("", |member| member.token.as_str());
        let texts: Vec<&str> =
            (0..POSTS).map(|_| self.texts.get(self.dice.below(self.texts.len() as u32) as usize).map_or("", String::as_str)).collect();
        self.buffer = render(token, &self.position, &texts);
        &self.buffer
    }

    fn heard(&mut self, head: &[u8], body: &[u8]) -> Result<()> {
        for line in std::str::from_utf8(body)?.lines() {
            match posted(line)? {
                Some(post) => {
                    self.written.add(post, self.author);
                    self.lines.done.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    self.lines.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.position = client::value(std::str::from_utf8(head)?, "roost-position").unwrap_or_default().to_owned();
        Ok(())
    }
}

/// A batch that publishes. Texts are of letters, digits and spaces: nothing in them is to be escaped.
fn render(token: &str, position: &str, texts: &[&str]) -> Vec<u8> {
    let mut body = String::new();
    for text in texts {
        for part in ["{\"do\":\"statuses.create\",\"status\":\"", text, "\"}\n"] {
            body.push_str(part);
        }
    }
    let mut request = String::from("POST /api/roost/v1/batch HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/x-ndjson\r\n");
    for (name, value) in [("Authorization: Bearer ", token), ("Roost-Position: ", position)] {
        if !value.is_empty() {
            request.extend([name, value, "\r\n"]);
        }
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    request.into_bytes()
}

/// The post that a line of an answer tells of, unless it was refused.
fn posted(line: &str) -> Result<Option<PostId>> {
    let Some((_, rest)) = line.split_once("\"status\":200,\"id\":\"") else { return Ok(None) };
    let id = rest.split('"').next().with_context(|| format!("no post in {line}"))?;
    Ok(Some(id.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_the_length_it_says() {
        let request = String::from_utf8(render("t", "p", &["one", "two words"])).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.lines().last(), Some(r#"{"do":"statuses.create","status":"two words"}"#));
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("Bearer t\r\nRoost-Position: p\r\n"), "{head}");
    }

    #[test]
    fn lines_tell_their_posts() {
        assert_eq!(posted(r#"{"line":1,"status":200,"id":"123"}"#).unwrap(), Some(PostId(123)));
        assert_eq!(posted(r#"{"line":2,"status":503,"error":"no"}"#).unwrap(), None);
    }
}
