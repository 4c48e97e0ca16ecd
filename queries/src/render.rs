//! Pages put together from what was serialised once: copies of bytes, and a few flags that differ by reader.

use bytes::Bytes;
use schemas::PostId;
use schemas::api::entities::pinnable;
use schemas::visibility::Reader;

use crate::caches::{CachedAccount, CachedPost, Held, Mark};

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

/// The posts as a JSON array; `marks` is one per post, none where nobody is signed in.
pub(crate) fn statuses(posts: &[Whole], marks: &[Mark], reader: Option<&Reader>) -> Bytes {
    let mut out = Vec::with_capacity(2 + posts.iter().map(Whole::bytes).sum::<usize>());
    out.push(b'[');
    for (at, post) in posts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_status(&mut out, post, marks.get(at).copied().unwrap_or_default(), reader, None);
    }
    out.push(b']');
    out.into()
}

/// One post as a JSON object; `text` adds what was written.
pub(crate) fn status(post: &Whole, mark: Mark, reader: Option<&Reader>, text: Option<&str>) -> Bytes {
    let mut out = Vec::with_capacity(post.bytes() + text.map_or(0, str::len));
    push_status(&mut out, post, mark, reader, text);
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

fn push_status(out: &mut Vec<u8>, whole: &Whole, mark: Mark, reader: Option<&Reader>, text: Option<&str>) {
    push_open(out, whole.id, &whole.post, &whole.account, mark, reader);
    if let Some(text) = text {
        out.extend_from_slice(b",\"text\":");
        out.extend_from_slice(&serde_json::to_vec(text).expect("text is plain data: writing it to memory cannot fail"));
    }
    match &whole.original {
        None => out.extend_from_slice(b",\"reblog\":null}"),
        Some((id, post, account)) => {
            out.extend_from_slice(b",\"reblog\":");
            push_open(out, *id, post, account, mark, reader);
            out.extend_from_slice(b",\"reblog\":null}}");
        }
    }
}

/// Everything of a post but `reblog` and the closing brace.
fn push_open(out: &mut Vec<u8>, id: PostId, post: &CachedPost, account: &CachedAccount, mark: Mark, reader: Option<&Reader>) {
    let mut digits = itoa::Buffer::new();
    let id = digits.format(id.0).as_bytes();
    out.extend_from_slice(&post.body);
    out.extend_from_slice(&account.post_uri);
    out.extend_from_slice(id);
    out.extend_from_slice(&account.post_url);
    out.extend_from_slice(id);
    out.push(b'"');
    if let Some(reader) = reader {
        push_flag(out, b",\"favourited\":", mark.favourited);
        push_flag(out, b",\"reblogged\":", mark.reblogged);
        push_flag(out, b",\"muted\":", mark.muted);
        push_flag(out, b",\"bookmarked\":", mark.bookmarked);
        if post.facts.author == reader.account && post.facts.reblog_of.is_none() && pinnable(post.facts.visibility) {
            push_flag(out, b",\"pinned\":", mark.pinned);
        }
        out.extend_from_slice(b",\"filtered\":[]");
    }
    out.extend_from_slice(b",\"account\":");
    out.extend_from_slice(&account.json);
}

fn push_flag(out: &mut Vec<u8>, name: &[u8], value: bool) {
    out.extend_from_slice(name);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}
