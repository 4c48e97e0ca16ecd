//! [`analysis`] as tantivy calls it.

use std::mem;

use ::tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};

use crate::search::analysis;

/// Keeps what it folds and gives, so that a text costs no allocation.
#[derive(Debug, Clone, Default)]
struct Analysis {
    folded: String,
    token: Token,
}

/// The tokenizer of all text fields.
pub(super) fn tokenizer() -> TextAnalyzer {
    TextAnalyzer::from(Analysis::default())
}

struct Tokens<'a> {
    words: analysis::Words<'a>,
    token: &'a mut Token,
}

impl Tokenizer for Analysis {
    type TokenStream<'a> = Tokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        let mut folded = mem::take(&mut self.folded);
        folded.clear();
        analysis::fold(text, &mut folded);
        self.folded = folded;
        self.token.reset();
        Tokens { words: analysis::words(&self.folded), token: &mut self.token }
    }
}

impl TokenStream for Tokens<'_> {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
        // Offsets are for snippets, which nobody asks for.
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(word);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
