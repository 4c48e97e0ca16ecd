//! Texts of workload W1: posts of at most 140 characters whose words follow Zipf's law.

use super::dice::{Dice, Weighted};

/// Bytes of a post at the most, and all but a word's length of it.
const POST_BYTES: usize = 140;
/// Words that there are.
const VOCABULARY: u32 = 50_000;

/// Makes texts.
pub(crate) struct Texts {
    words: Weighted,
}

impl Texts {
    /// A language of 50,000 words.
    pub(crate) fn new() -> Self {
        Self { words: Weighted::zipf(VOCABULARY) }
    }

    /// Draws a word, by how often it is used; the number is its rank, from zero.
    pub(crate) fn rank(&self, dice: &mut Dice) -> u32 {
        self.words.draw(dice)
    }

    /// Draws the words of a post, by rank.
    pub(crate) fn ranks(&self, dice: &mut Dice) -> Vec<u32> {
        let words = (POST_BYTES + 1) / (WORD_BYTES + 1);
        (0..words).map(|_| self.rank(dice)).collect()
    }

    /// Draws a post.
    pub(crate) fn post(&self, dice: &mut Dice) -> String {
        text(&self.ranks(dice))
    }
}

/// The text of words given by rank.
pub(crate) fn text(ranks: &[u32]) -> String {
    let mut text = String::with_capacity(POST_BYTES);
    for rank in ranks {
        if !text.is_empty() {
            text.push(' ');
        }
        push_word(*rank, &mut text);
    }
    text
}

const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
const VOWELS: &[u8; 5] = b"aeiou";
/// Of every word: three consonants with vowels between them.
const WORD_BYTES: usize = 5;

/// The word of a rank: each has its own.
pub(crate) fn push_word(rank: u32, into: &mut String) {
    let mut rest = rank as usize;
    for place in 0..WORD_BYTES {
        let letters: &[u8] = if place % 2 == 0 { CONSONANTS } else { VOWELS };
        into.push(letters.get(rest % letters.len()).copied().map_or('x', char::from));
        rest /= letters.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_one_text_of_the_length_asked_for() {
        let texts = Texts::new();
        let post = |seed| texts.post(&mut Dice::new(seed));
        assert_eq!(post(1), post(1));
        assert_ne!(post(1), post(2));
        assert!((POST_BYTES - WORD_BYTES..=POST_BYTES).contains(&post(3).len()), "{}", post(3));
    }

    #[test]
    fn every_rank_has_its_own_word() {
        let words: std::collections::HashSet<String> = (0..VOCABULARY).map(|rank| text(&[rank])).collect();
        assert_eq!(words.len(), VOCABULARY as usize);
    }
}
