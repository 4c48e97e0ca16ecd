//! The thread of a post: what it answers, up to the root, and what answers it, depth first.

use bytes::Bytes;
use schemas::rows::{AuthorRow, Table, keys};
use schemas::visibility::Reader;
use schemas::{AccountId, PostId};

use crate::error::QueryError;
use crate::rows::IdRange;
use crate::side::{Known, QuerySide};

/// How much of a thread is shown.
struct Bounds {
    ancestors: usize,
    descendants: usize,
    depth: usize,
}

/// To accounts; Mastodon's figures, as those below.
const SIGNED_IN: Bounds = Bounds { ancestors: 4_096, descendants: 4_096, depth: 4_096 };
/// To those who are signed out.
const SIGNED_OUT: Bounds = Bounds { ancestors: 40, descendants: 60, depth: 20 };

impl QuerySide {
    /// The Context of a post, as JSON, if the reader may see it.
    pub async fn context(&self, reader: Option<AccountId>, id: PostId) -> Result<Option<Bytes>, QueryError> {
        let reader = self.reader(reader).await?;
        let reader = reader.as_deref();
        let Some(known) = self.seen(reader, id).await? else { return Ok(None) };
        let bounds = if reader.is_some() { &SIGNED_IN } else { &SIGNED_OUT };
        let start = match known.original {
            Some((id, post)) => Known { id, post, original: None },
            None => known,
        };
        let descendants = self.descendants(reader, start.id, bounds).await?;
        let ancestors = self.ancestors(reader, start, bounds).await?;
        let (ancestors, descendants) = (self.render_statuses(ancestors, reader).await?, self.render_statuses(descendants, reader).await?);
        let mut out = Vec::with_capacity(ancestors.len() + descendants.len() + 40);
        out.extend_from_slice(b"{\"ancestors\":");
        out.extend_from_slice(&ancestors);
        out.extend_from_slice(b",\"descendants\":");
        out.extend_from_slice(&descendants);
        out.push(b'}');
        Ok(Some(out.into()))
    }

    /// Root first. One that may not be seen is left out, and the walk goes on above it; a deleted one ends it.
    async fn ancestors(&self, reader: Option<&Reader>, start: Known, bounds: &Bounds) -> Result<Vec<Known>, QueryError> {
        let (mut chain, mut at) = (Vec::new(), start);
        for _ in 0..bounds.ancestors {
            // An answer is newer than what it answers, so no chain comes back to itself.
            let Some(parent) = at.post.facts.in_reply_to.as_ref().map(|parent| parent.post).filter(|parent| *parent < at.id) else { break };
            let Some(known) = self.known(parent).await? else { break };
            at = known;
            if at.shown_in_feeds(reader, self.now()) {
                chain.push(at.clone());
            }
        }
        chain.reverse();
        Ok(chain)
    }

    /// Depth first, answers to one post in order of time.
    async fn descendants(&self, reader: Option<&Reader>, root: PostId, bounds: &Bounds) -> Result<Vec<Known>, QueryError> {
        let (mut thread, mut visited) = (Vec::new(), 0);
        let mut open: Vec<(PostId, usize)> = Vec::new();
        let mut next = Some((root, 0));
        while let Some((id, depth)) = next {
            if id != root {
                visited += 1;
                if let Some(known) = self.known(id).await?.filter(|known| known.shown_in_feeds(reader, self.now())) {
                    thread.push(known);
                }
            }
            let room = bounds.descendants.saturating_sub(visited);
            if depth < bounds.depth && room > 0 {
                let range = IdRange { ascending: true, above: Some(id.0), limit: room, ..IdRange::default() };
                let replies = self.rows.range::<AuthorRow>(Table::Reply, keys::id(id.0), range).await?;
                open.extend(replies.iter().rev().map(|(reply, _)| (PostId(*reply), depth + 1)));
            }
            next = open.pop().filter(|_| room > 0);
        }
        Ok(thread)
    }
}
