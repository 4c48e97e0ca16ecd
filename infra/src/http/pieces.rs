//! Bodies of many pieces that others hold as well: sent as they lie, in one vectored write, without being put together first.
//!
//! To whatever looks at an answer, its body is an ordinary one that gives the pieces one by one. The pieces travel beside it as an
//! extension, and [`super::serve`] hands them to the connection whole, if the body is still the one they belong to.

use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};

/// Bytes in pieces, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    pieces: Arc<[Bytes]>,
    bytes: usize,
}

impl Pieces {
    /// The pieces, in order; what is empty is left out.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let pieces: Arc<[Bytes]> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Self { bytes: pieces.iter().map(Bytes::len).sum(), pieces }
    }

    /// Bytes of all pieces.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// All pieces as one: a copy.
    pub fn to_bytes(&self) -> Bytes {
        self.pieces.concat().into()
    }

    fn unsent(&self) -> Unsent {
        Unsent { pieces: self.pieces.clone(), at: 0, sent: 0, left: self.bytes }
    }
}

/// Puts pieces into an answer, as its body.
pub(super) fn put(pieces: Pieces, response: &mut Response) {
    *response.body_mut() = Body::new(OneByOne { pieces: pieces.clone(), at: 0, left: pieces.bytes });
    response.extensions_mut().insert(pieces);
}

/// The pieces as an ordinary body.
struct OneByOne {
    pieces: Pieces,
    at: usize,
    left: usize,
}

impl HttpBody for OneByOne {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(piece) = self.pieces.pieces.get(self.at).cloned() else { return Poll::Ready(None) };
        self.at += 1;
        self.left -= piece.len();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

/// What a connection sends: a body, or all pieces at once.
pub(super) enum Outgoing {
    Body(Body),
    Pieces(Option<Unsent>),
}

/// The answer as a connection sends it.
pub(super) fn outgoing(mut response: Response) -> hyper::Response<Outgoing> {
    let pieces = response.extensions_mut().remove::<Pieces>();
    response.map(|body| match pieces {
        // Another length is another body: that of an answer to HEAD is empty.
        Some(pieces) if body.size_hint().exact() == Some(pieces.bytes as u64) => Outgoing::Pieces(Some(pieces.unsent())),
        _ => Outgoing::Body(body),
    })
}

impl HttpBody for Outgoing {
    type Data = Sent;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Sent>, axum::Error>>> {
        match self.get_mut() {
            Self::Body(body) => Pin::new(body).poll_frame(context).map_ok(|frame| frame.map_data(Sent::Bytes)),
            Self::Pieces(unsent) => Poll::Ready(unsent.take().map(|unsent| Ok(Frame::data(Sent::Pieces(unsent))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Body(body) => body.is_end_stream(),
            Self::Pieces(unsent) => unsent.as_ref().is_none_or(|unsent| unsent.left == 0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Body(body) => body.size_hint(),
            Self::Pieces(unsent) => SizeHint::with_exact(unsent.as_ref().map_or(0, |unsent| unsent.left as u64)),
        }
    }
}

/// Data on its way out.
pub(super) enum Sent {
    Bytes(Bytes),
    Pieces(Unsent),
}

/// What of the pieces is not sent yet.
pub(super) struct Unsent {
    pieces: Arc<[Bytes]>,
    /// The first piece of which something is left.
    at: usize,
    /// Bytes of it that were sent.
    sent: usize,
    left: usize,
}

impl Unsent {
    fn chunk(&self) -> &[u8] {
        self.pieces.get(self.at).and_then(|piece| piece.get(self.sent..)).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let rest = self.pieces.get(self.at + 1..).unwrap_or_default().iter().map(Bytes::as_ref);
        let mut filled = 0;
        for (slice, bytes) in slices.iter_mut().zip(std::iter::once(self.chunk()).chain(rest)).take_while(|(_, bytes)| !bytes.is_empty()) {
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.left, "no more is sent than there is");
        self.left -= count;
        while count > 0 {
            let rest = self.chunk().len();
            if count < rest {
                self.sent += count;
                return;
            }
            count -= rest;
            (self.at, self.sent) = (self.at + 1, 0);
        }
    }
}

impl Buf for Sent {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::Pieces(unsent) => unsent.left,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::Pieces(unsent) => unsent.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.chunks_vectored(slices),
            Self::Pieces(unsent) => unsent.chunks_vectored(slices),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::Pieces(unsent) => unsent.advance(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::super::reply;
    use super::*;

    fn pieces(lengths: &[usize]) -> Pieces {
        let mut next = 0_u8;
        let mut piece = |length: &usize| -> Bytes {
            let mut byte = || {
                next = next.wrapping_add(1);
                next
            };
            (0..*length).map(|_| byte()).collect::<Vec<u8>>().into()
        };
        Pieces::new(lengths.iter().map(&mut piece).collect())
    }

    #[tokio::test]
    async fn an_answer_of_pieces_is_an_ordinary_one() {
        for lengths in [&[3, 0, 5, 1][..], &[], &[0], &[7]] {
            let held = pieces(lengths);
            let whole = held.to_bytes();
            let response = reply::pieces(held.clone());
            assert_eq!(response.body().size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), whole);
            let sent = outgoing(reply::pieces(held)).into_body();
            assert!(matches!(sent, Outgoing::Pieces(_)));
            assert_eq!((sent.size_hint().exact(), sent.is_end_stream()), (Some(whole.len() as u64), whole.is_empty()));
            assert_eq!(sent.collect().await.unwrap().to_bytes(), whole);
        }
    }

    #[tokio::test]
    async fn pieces_whose_body_was_taken_away_are_not_sent() {
        let mut response = reply::pieces(pieces(&[2, 3]));
        *response.body_mut() = Body::empty();
        assert!(outgoing(response).into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    proptest! {
        /// However much each write takes, and however few slices it looks at, what is sent is the whole.
        #[test]
        fn writes_of_any_size_send_the_whole(
            lengths in prop::collection::vec(0_usize..40, 0..30),
            writes in prop::collection::vec((1_usize..5, 1_usize..90), 1..400),
        ) {
            let held = pieces(&lengths);
            let (mut left, mut sent) = (Sent::Pieces(held.unsent()), Vec::new());
            for (slots, most) in writes.iter().cycle() {
                let mut slices = vec![IoSlice::new(&[]); *slots];
                let filled = left.chunks_vectored(&mut slices);
                let mut taken: Vec<u8> = slices.iter().take(filled).flat_map(|slice| slice.to_vec()).collect();
                taken.truncate(*most);
                prop_assert_eq!(taken.is_empty(), !left.has_remaining());
                if taken.is_empty() {
                    break;
                }
                prop_assert!(left.chunk().starts_with(&taken[..taken.len().min(left.chunk().len())]));
                left.advance(taken.len());
                sent.extend(taken);
                prop_assert_eq!(left.remaining(), held.len() - sent.len());
            }
            prop_assert_eq!(sent, held.to_bytes());
        }
    }
}
