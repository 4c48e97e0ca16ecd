//! tantivy by itself, as its documentation has it: no order of segments, tantivy's own merging, a collector over every match.
//!
//! Documents have the same fields and words as behind the port. Of a post's columns the kind is always the same and the fingerprint is its
//! id: making one is the port's work. There is nothing that a changed post would be found by, to be replaced: the port finds it by its order.

use super::corpus::{Ask, HITS, Kind, Post};
use anyhow::Result;
use infra::search::analysis;
use std::path::Path;
use std::time::{Duration, Instant};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy::{Index, IndexWriter, Order, Searcher, TantivyDocument, Term};

/// Memory for documents being indexed, for each thread: bytes.
const WRITER_BYTES: usize = 64_000_000;
const TOKENIZER: &str = "same";

/// An index in a folder.
pub(super) struct Bare {
    index: Index,
    kind: Field,
    order: Field,
    print: Field,
    text: Field,
    author: Field,
}

impl Bare {
    /// An empty index.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_fieldnorms(false);
        let indexing = indexing.set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let kind = schema.add_u64_field("kind", FAST);
        let order = schema.add_u64_field("order", FAST);
        let print = schema.add_u64_field("print", FAST);
        let text = schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
        let author = schema.add_u64_field("author", NumericOptions::default().set_indexed());
        let index = Index::create_in_dir(folder, schema.build())?;
        index.tokenizers().register(TOKENIZER, TextAnalyzer::from(Same::default()));
        Ok(Self { index, kind, order, print, text, author })
    }

    /// Puts posts in on so many threads and commits, at the end and, if told so, in between so often; the writer may still merge.
    pub(super) fn fill(&self, posts: &[Post], threads: usize, commit_every: Option<Duration>) -> Result<IndexWriter> {
        let mut writer: IndexWriter = self.index.writer_with_num_threads(threads, threads * WRITER_BYTES)?;
        let mut committed = Instant::now();
        for post in posts {
            let mut document = TantivyDocument::new();
            document.add_u64(self.kind, 1);
            document.add_u64(self.order, post.id.0);
            document.add_u64(self.print, post.id.0);
            document.add_u64(self.author, post.author.0);
            document.add_text(self.text, &post.text);
            writer.add_document(document)?;
            if commit_every.is_some_and(|every| committed.elapsed() >= every) {
                writer.commit()?;
                committed = Instant::now();
            }
        }
        writer.commit()?;
        Ok(writer)
    }

    pub(super) fn searcher(&self) -> Result<Searcher> {
        Ok(self.index.reader()?.searcher())
    }

    /// The newest hits.
    pub(super) fn search(&self, searcher: &Searcher, ask: &Ask) -> Result<Vec<u64>> {
        let term = |word: &String| -> Box<dyn Query> {
            Box::new(TermQuery::new(Term::from_field_text(self.text, word), IndexRecordOption::Basic))
        };
        let mut terms: Vec<Box<dyn Query>> = ask.words.iter().map(term).collect();
        let query: Box<dyn Query> = match (ask.kind, terms.len()) {
            (_, 1) => terms.remove(0),
            (Kind::Or, _) => Box::new(BooleanQuery::union(terms)),
            _ => Box::new(BooleanQuery::intersection(terms)),
        };
        let newest = TopDocs::with_limit(HITS).order_by_u64_field("order", Order::Desc);
        Ok(searcher.search(&query, &newest)?.into_iter().filter_map(|(id, _)| id).collect())
    }
}

/// The words of the port's analysis.
#[derive(Debug, Clone, Default)]
struct Same {
    folded: String,
    token: Token,
}

struct Tokens<'a> {
    words: analysis::Words<'a>,
    token: &'a mut Token,
}

impl Tokenizer for Same {
    type TokenStream<'a> = Tokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        self.folded.clear();
        analysis::fold(text, &mut self.folded);
        self.token.reset();
        Tokens { words: analysis::words(&self.folded), token: &mut self.token }
    }
}

impl TokenStream for Tokens<'_> {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
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
