//! Pages put together from what was serialised once: copies of bytes, and a few flags that differ by reader.

use std::ops::Range;

use bytes::{Buf, Bytes};
use infra::http::Pieces;
use schemas::api::entities::pinnable;
use schemas::visibility::{PostFacts, Reader};
use schemas::{AccountId, PostId};

use crate::caches::{CachedAccount, CachedPost, Entity, Held, Mark, Printed};

/// Who looks at a post: what its flags say.
#[derive(Debug, Clone, Copy)]
enum Viewer {
    /// Nobody is signed in: there are no flags.
    Nobody,
    /// Somebody who did not write it.
    Stranger,
    /// The account.
    Is(AccountId),
}

impl From<Option<&Reader>> for Viewer {
    fn from(reader: Option<&Reader>) -> Self {
        reader.map_or(Self::Nobody, |reader| Self::Is(reader.account))
    }
}

/// A post with all that its entity needs; for a reblog, `original` is what it wraps.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) id: PostId,
    pub(crate) post: Held<CachedPost>,
    pub(crate) account: Held<CachedAccount>,
    pub(crate) original: Option<(PostId, Held<CachedPost>, Held<CachedAccount>)>,
}

impl Whole {
    /// The post that actions act on and marks stand at: the original of a reblog, else the post itself.
    pub(crate) fn acted_on(&self) -> PostId {
        self.original.as_ref().map_or(self.id, |(id, ..)| *id)
    }

    fn bytes(&self) -> usize {
        const FLAGS_AND_ADDRESSES: usize = 512;
        let original = self.original.as_ref().map_or(0, |(_, post, account)| post.body.len() + account.json.len() + FLAGS_AND_ADDRESSES);
        self.post.body.len() + self.account.json.len() + FLAGS_AND_ADDRESSES + original
    }
}

/// The comma that a printed post begins with.
const COMMA: usize = 1;

/// The posts as a JSON array; `marks` is one per post, none where nobody is signed in.
pub(crate) fn statuses(posts: &[Whole], marks: &[Mark], reader: Option<&Reader>) -> Bytes {
    let mut out = Vec::with_capacity(2 + posts.iter().map(Whole::bytes).sum::<usize>());
    out.push(b'[');
    for (at, post) in posts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_status(&mut out, post, marks.get(at).copied().unwrap_or_default(), reader.into(), None);
    }
    out.push(b']');
    out.into()
}

/// A home page: printed posts as a JSON array; `marks` is one per post. The bytes of posts with which the reader did nothing are shared.
pub(crate) fn page(posts: &[Held<Printed>], marks: &[Mark], reader: &Reader) -> Pieces {
    let mut pieces = Vec::with_capacity(2 + posts.len());
    pieces.push(Bytes::from_static(b"["));
    for (post, mark) in posts.iter().zip(marks) {
        let Some(entity) = &post.entity else { continue };
        let mut piece =
            if post.plain_to(*mark, reader) { entity.json.clone() } else { marked(post, entity, *mark, Viewer::Is(reader.account)) };
        if pieces.len() == 1 {
            piece.advance(COMMA);
        }
        pieces.push(piece);
    }
    pieces.push(Bytes::from_static(b"]"));
    Pieces::new(pieces)
}

/// A printed post with the flags of this reader.
fn marked(post: &Printed, entity: &Entity, mark: Mark, viewer: Viewer) -> Bytes {
    /// `,"pinned":false`: the one flag that was not printed.
    const PINNED: usize = 15;
    let mut out = Vec::with_capacity(entity.json.len() + PINNED);
    let json = |from: usize, to: usize| entity.json.get(from..to).expect("flags lie within what was printed, in order");
    out.extend_from_slice(json(0, entity.flags.start));
    push_flags(&mut out, &post.facts, mark, viewer);
    let mut from = entity.flags.end;
    if let (Some(flags), Some((_, original))) = (&entity.original_flags, &post.original) {
        out.extend_from_slice(json(from, flags.start));
        push_flags(&mut out, original, mark, viewer);
        from = flags.end;
    }
    out.extend_from_slice(json(from, entity.json.len()));
    out.into()
}

/// Prints a post for home pages.
pub(crate) fn print(whole: &Whole) -> Entity {
    let mut out = Vec::with_capacity(whole.bytes());
    out.push(b',');
    let flags = push_open(&mut out, whole.id, &whole.post, &whole.account, Mark::default(), Viewer::Stranger);
    let original_flags = push_reblog(&mut out, whole, Mark::default(), Viewer::Stranger);
    out.shrink_to_fit();
    Entity { json: out.into(), flags, original_flags }
}

/// One post as a JSON object; `text` adds what was written.
pub(crate) fn status(post: &Whole, mark: Mark, reader: Option<AccountId>, text: Option<&str>) -> Bytes {
    let mut out = Vec::with_capacity(post.bytes() + text.map_or(0, str::len));
    push_status(&mut out, post, mark, reader.map_or(Viewer::Nobody, Viewer::Is), text);
    out.into()
}

/// Accounts as a JSON array.
pub(crate) fn accounts(accounts: &[Held<CachedAccount>]) -> Bytes {
    let mut out = Vec::with_capacity(2 + accounts.iter().map(|account| account.json.len() + 1).sum::<usize>());
    out.push(b'[');
    for (at, account) in accounts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&account.json);
    }
    out.push(b']');
    out.into()
}

fn push_status(out: &mut Vec<u8>, whole: &Whole, mark: Mark, viewer: Viewer, text: Option<&str>) {
    push_open(out, whole.id, &whole.post, &whole.account, mark, viewer);
    if let Some(text) = text {
        out.extend_from_slice(b",\"text\":");
        out.extend_from_slice(&serde_json::to_vec(text).expect("text is plain data: writing it to memory cannot fail"));
    }
    push_reblog(out, whole, mark, viewer);
}

/// What a post wraps, and the closing brace; where the flags of what it wraps stand.
fn push_reblog(out: &mut Vec<u8>, whole: &Whole, mark: Mark, viewer: Viewer) -> Option<Range<usize>> {
    let Some((id, post, account)) = &whole.original else {
        out.extend_from_slice(b",\"reblog\":null}");
        return None;
    };
    out.extend_from_slice(b",\"reblog\":");
    let flags = push_open(out, *id, post, account, mark, viewer);
    out.extend_from_slice(b",\"reblog\":null}}");
    Some(flags)
}

/// Everything of a post but `reblog` and the closing brace; where its flags stand.
fn push_open(out: &mut Vec<u8>, id: PostId, post: &CachedPost, account: &CachedAccount, mark: Mark, viewer: Viewer) -> Range<usize> {
    let mut digits = itoa::Buffer::new();
    let id = digits.format(id.0).as_bytes();
    out.extend_from_slice(&post.body);
    out.extend_from_slice(&account.post_uri);
    out.extend_from_slice(id);
    out.extend_from_slice(&account.post_url);
    out.extend_from_slice(id);
    out.push(b'"');
    let from = out.len();
    push_flags(out, &post.facts, mark, viewer);
    let flags = from..out.len();
    out.extend_from_slice(b",\"account\":");
    out.extend_from_slice(&account.json);
    flags
}

fn push_flags(out: &mut Vec<u8>, facts: &PostFacts, mark: Mark, viewer: Viewer) {
    let own = match viewer {
        Viewer::Nobody => return,
        Viewer::Stranger => false,
        Viewer::Is(account) => account == facts.author,
    };
    push_flag(out, b",\"favourited\":", mark.favourited);
    push_flag(out, b",\"reblogged\":", mark.reblogged);
    push_flag(out, b",\"muted\":", mark.muted);
    push_flag(out, b",\"bookmarked\":", mark.bookmarked);
    if own && facts.reblog_of.is_none() && pinnable(facts.visibility) {
        push_flag(out, b",\"pinned\":", mark.pinned);
    }
    out.extend_from_slice(b",\"filtered\":[]");
}

fn push_flag(out: &mut Vec<u8>, name: &[u8], value: bool) {
    out.extend_from_slice(name);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}
