//! Who reads which page: readers by their rates in W1, some of the pages deeper ones, some of readers whose timelines are cold.

use super::super::dice::{Dice, Weighted};
use super::super::http::{Talk, get};
use super::world::token;
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The path of a page.
fn path(limit: usize, below: Option<u64>) -> String {
    match below {
        None => format!("/api/v1/timelines/home?limit={limit}"),
        Some(below) => format!("/api/v1/timelines/home?limit={limit}&max_id={below}"),
    }
}

/// Every page that may be asked for.
pub(super) struct Pages {
    /// Of each hot reader: the newest page.
    newest: Vec<Vec<u8>>,
    /// Of each hot reader: the pages below it.
    deeper: Vec<Vec<Vec<u8>>>,
    /// Of each cold reader: the newest page.
    cold: Vec<Vec<u8>>,
    next_cold: AtomicUsize,
    rates: Weighted,
}

impl Pages {
    /// `hot` gives readers with their rates and where their deeper pages begin; `cold` readers come in turns, so that the timeline of
    /// each has given way to others by the time it is read again.
    pub(super) fn new(hot: &[(u32, f64, Vec<u64>)], cold: &[u32], limit: usize) -> Arc<Self> {
        let newest = |reader: &u32| get(&path(limit, None), &token(*reader));
        let below = |reader: u32, starts: &[u64]| starts.iter().map(|start| get(&path(limit, Some(*start)), &token(reader))).collect();
        Arc::new(Self {
            newest: hot.iter().map(|(reader, ..)| newest(reader)).collect(),
            deeper: hot.iter().map(|(reader, _, starts)| below(*reader, starts)).collect(),
            cold: cold.iter().map(newest).collect(),
            next_cold: AtomicUsize::new(0),
            rates: Weighted::new(hot.iter().map(|(_, rate, _)| *rate)),
        })
    }

    /// A hot reader, by its place.
    pub(super) fn draw(&self, dice: &mut Dice) -> usize {
        self.rates.draw(dice) as usize
    }
}

/// How many of a hundred pages are not the newest of a hot reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    pub(super) deeper_percent: u32,
    pub(super) cold_percent: u32,
}

/// One connection, over which many readers read.
pub(super) struct Reading {
    pub(super) pages: Arc<Pages>,
    pub(super) mix: Mix,
    pub(super) dice: Dice,
}

impl Reading {
    fn request(&mut self) -> Option<&[u8]> {
        let drawn = self.dice.below(100);
        if drawn < self.mix.cold_percent && !self.pages.cold.is_empty() {
            let place = self.pages.next_cold.fetch_add(1, Ordering::Relaxed) % self.pages.cold.len();
            return self.pages.cold.get(place).map(Vec::as_slice);
        }
        let reader = self.pages.draw(&mut self.dice);
        let deeper = self.pages.deeper.get(reader).filter(|deeper| drawn >= 100 - self.mix.deeper_percent && !deeper.is_empty());
        match deeper {
            Some(deeper) => deeper.get(self.dice.below(deeper.len() as u32) as usize),
            None => self.pages.newest.get(reader),
        }
        .map(Vec::as_slice)
    }
}

impl Talk for Reading {
    fn ask(&mut self) -> &[u8] {
        self.request().expect("there is a hot reader, and every drawn place is one")
    }

    fn heard(&mut self, _: &[u8], body: &[u8]) -> Result<()> {
        ensure!(body.starts_with(b"[{"), "a page is empty, or no list");
        Ok(())
    }
}
