//! What every store of blobs must do: one suite, run for each adapter on a fresh store.
#![allow(clippy::unwrap_used, reason = "test code that ships to other crates' tests")]

use bytes::Bytes;

use super::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs};

/// Runs every rule.
pub async fn run(blobs: &dyn Blobs) {
    let key = |text| BlobKey::parse(text).unwrap();
    let (ana, bob, inside) = (key("avatars/ana.png"), key("avatars/bob.png"), key("avatars/ana/x.png"));
    assert_eq!(blobs.get(&ana).await.unwrap(), None);
    blobs.delete(&ana).await.unwrap();
    blobs.put(&ana, Bytes::from_static(b"one")).await.unwrap();
    blobs.put(&bob, Bytes::new()).await.unwrap();
    blobs.put(&inside, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(blobs.get(&ana).await.unwrap().as_deref(), Some(b"one".as_slice()));
    assert_eq!(blobs.get(&bob).await.unwrap().as_deref(), Some(b"".as_slice()));
    blobs.put(&ana, Bytes::from_static(b"another")).await.unwrap();
    assert_eq!(blobs.get(&ana).await.unwrap().as_deref(), Some(b"another".as_slice()));
    blobs.delete(&ana).await.unwrap();
    assert_eq!(blobs.get(&ana).await.unwrap(), None);
    assert_eq!(blobs.get(&inside).await.unwrap().as_deref(), Some(b"x".as_slice()));
    let over = Bytes::from(vec![0; BLOB_BYTES_MAX + 1]);
    assert!(matches!(blobs.put(&ana, over).await, Err(BlobError::TooLarge { bytes }) if bytes == BLOB_BYTES_MAX + 1));
    assert_eq!(blobs.get(&ana).await.unwrap(), None);
}
