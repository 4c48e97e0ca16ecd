//! The documents, what is asked of them, and the right answers, found by looking at every document.

use super::super::dice::Dice;
use super::super::text::{Texts, text};
use schemas::{AccountId, PartitionId, PostId, Snowflake};
use std::collections::HashSet;

/// Partitions that the documents come from.
pub(super) const PARTITIONS: u16 = 8;
/// Hits of a query: the newest.
pub(super) const HITS: usize = 20;
const T0_MS: u64 = 1_700_000_000_000;
/// Accounts who wrote them.
const AUTHORS: u32 = 100_000;

/// A post.
pub(super) struct Post {
    pub(super) id: PostId,
    pub(super) author: AccountId,
    pub(super) text: String,
}

/// The id of the post of a number; later numbers have larger ids, and partitions take turns.
pub(super) fn id(number: u64) -> PostId {
    let partitions = u64::from(PARTITIONS);
    Snowflake::new(T0_MS + number / partitions, PartitionId((number % partitions) as u16), 0).into()
}

/// Posts, the oldest first.
pub(super) fn posts(count: usize, dice: &mut Dice) -> Vec<Post> {
    let texts = Texts::new();
    let post = |number| Post { id: id(number), author: AccountId(u64::from(dice.below(AUTHORS)) + 1), text: texts.post(dice) };
    (0..count as u64).map(post).collect()
}

/// What a query asks of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    One,
    Or,
    And,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::One, Self::Or, Self::And];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "term",
            Self::Or => "or",
            Self::And => "and",
        }
    }
}

/// A query.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) kind: Kind,
    pub(super) words: Vec<String>,
}

impl Ask {
    /// As a user types it.
    pub(super) fn text(&self) -> String {
        self.words.join(if self.kind == Kind::Or { " OR " } else { " " })
    }

    /// The newest posts that match.
    pub(super) fn hits(&self, posts: &[Post]) -> Vec<u64> {
        let matches = |post: &&Post| {
            let words: HashSet<&str> = post.text.split(' ').collect();
            match self.kind {
                Kind::Or => self.words.iter().any(|word| words.contains(word.as_str())),
                Kind::One | Kind::And => self.words.iter().all(|word| words.contains(word.as_str())),
            }
        };
        posts.iter().rev().filter(matches).take(HITS).map(|post| post.id.0).collect()
    }
}

/// Queries whose words are drawn as those of the posts are: what people write about is what they search for.
pub(super) fn asks(kind: Kind, count: usize, dice: &mut Dice) -> Vec<Ask> {
    let texts = Texts::new();
    let mut asks = Vec::new();
    while asks.len() < count {
        let first = texts.rank(dice);
        let mut ranks = vec![first];
        if kind != Kind::One {
            ranks.push(texts.rank(dice));
        }
        if ranks.last() != Some(&first) || kind == Kind::One {
            asks.push(Ask { kind, words: ranks.iter().map(|rank| text(&[*rank])).collect() });
        }
    }
    asks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_the_newest_that_match() {
        let texts = ["ant bee", "bee cat", "ant cat", "bee ant"];
        let post = |(number, text): (usize, &&str)| Post { id: PostId(number as u64), author: AccountId(1), text: (*text).to_owned() };
        let posts: Vec<Post> = texts.iter().enumerate().map(post).collect();
        let check = |kind, words: &[&str], expected: &[u64]| {
            let ask = Ask { kind, words: words.iter().map(|word| (*word).to_owned()).collect() };
            assert_eq!(ask.hits(&posts), expected, "{ask:?}");
        };
        check(Kind::One, &["ant"], &[3, 2, 0]);
        check(Kind::And, &["ant", "bee"], &[3, 0]);
        check(Kind::Or, &["bee", "cat"], &[3, 2, 1, 0]);
    }

    #[test]
    fn later_posts_have_larger_ids() {
        assert!((0..100).map(id).is_sorted());
    }
}
