//! Blobs on CQL, so that a cluster's processes keep nothing on their disks: pieces under a fresh upload, then a head that names it.
//!
//! Readers find a whole blob or none. What a crash leaves behind stands in a table of changes that a sweep goes through:
//! docs/decisions/0017 says why nothing is lost by it and nothing is kept too long.

mod sweep;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use self::tables::{CHUNK_BYTES, Change, Head, Kind, Tables};
use super::{BlobError, BlobKey, Blobs, check_size};
use crate::clock::{Clock, system_clock};
use crate::cql::{self, CqlClient, CqlFailure};

/// Times that a blob is read anew because another took its place meanwhile.
const READS_MAX: usize = 5;
const HOUR_MS: u64 = 3_600_000;

/// Blobs in a keyspace.
pub struct CqlBlobs {
    inner: Arc<Inner>,
    /// The hour in which this process last began a sweep.
    swept_in: AtomicI32,
}

/// What a sweep beside puts needs too.
struct Inner {
    tables: Tables,
    clock: Clock,
    /// The first hour that this process has not swept yet.
    sweep_from: tokio::sync::Mutex<i32>,
}

impl From<CqlFailure> for BlobError {
    fn from(failure: CqlFailure) -> Self {
        match failure {
            CqlFailure::Retryable(cause) => Self::Retryable(cause),
            CqlFailure::Fatal(cause) => Self::Fatal(cause),
        }
    }
}

impl CqlBlobs {
    /// Opens the store; fatal where the schema is older than this build.
    pub async fn open(client: Arc<CqlClient>) -> Result<Self, BlobError> {
        Self::open_with(client, system_clock()).await
    }

    /// Opens the store with a clock, which says how old a change is that has not ended.
    pub async fn open_with(client: Arc<CqlClient>, clock: Clock) -> Result<Self, BlobError> {
        cql::check(&client).await?;
        let inner = Inner { tables: Tables::prepare(client).await?, clock, sweep_from: tokio::sync::Mutex::new(0) };
        Ok(Self { inner: Arc::new(inner), swept_in: AtomicI32::new(0) })
    }

    /// Removes what puts and removals left behind that broke off an hour ago or earlier; says how many. Each process does it by itself, once an
    /// hour in which it is written to.
    pub async fn sweep(&self) -> Result<u64, BlobError> {
        Ok(self.inner.sweep().await?)
    }

    fn sweep_if_due(&self) {
        let hour = self.inner.hour();
        if self.swept_in.swap(hour, Ordering::Relaxed) == hour {
            return;
        }
        let inner = self.inner.clone();
        tokio::spawn(async move {
            if let Err(error) = inner.sweep().await {
                tracing::warn!(%error, "what broken-off puts of blobs left stays until the next sweep");
            }
        });
    }
}

#[async_trait]
impl Blobs for CqlBlobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        check_size(&bytes)?;
        self.sweep_if_due();
        Ok(self.inner.put(key.as_str(), &bytes).await?)
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, BlobError> {
        Ok(self.inner.get(key.as_str()).await?)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.sweep_if_due();
        Ok(self.inner.delete(key.as_str()).await?)
    }
}

impl Inner {
    fn hour(&self) -> i32 {
        i32::try_from((self.clock)() / HOUR_MS).unwrap_or(i32::MAX)
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), CqlFailure> {
        let before = self.tables.newest(name).await?.map_or(0, |head| head.stamp.saturating_add(1));
        let now_us = i64::try_from((self.clock)()).unwrap_or(i64::MAX).saturating_mul(1_000);
        let head = Head {
            stamp: now_us.max(before),
            upload: rand::random(),
            size: bytes.len(),
            checksum: crc32c::crc32c(bytes),
            chunk_bytes: CHUNK_BYTES,
        };
        let change = self.change(Kind::Put, name, &head);
        self.tables.put_change(&change).await?;
        match self.write(&change, &head, bytes).await {
            Ok(()) => {
                // The blob is there; what fails from here on is left to a sweep.
                if let Err(error) = self.tidy(&change).await {
                    tracing::warn!(name, %error, "what a blob replaced stays until a sweep");
                }
                Ok(())
            }
            Err(failure) => {
                if self.take_back(&change, &head).await.is_err() {
                    tracing::warn!(name, "what a failed put of a blob wrote stays until a sweep");
                }
                Err(failure)
            }
        }
    }

    /// Writes the pieces, then the head. A sweep that takes the change for broken off writes its mark before it looks for the head, and the
    /// mark is looked for here after the head was written: one of the two sees the other.
    async fn write(&self, change: &Change, head: &Head, bytes: &[u8]) -> Result<(), CqlFailure> {
        self.tables.put_chunks(&change.name, head.upload, bytes).await?;
        self.tables.put_head(&change.name, head).await?;
        match self.tables.is_swept(change).await? {
            false => Ok(()),
            true => Err(CqlFailure::Retryable(format!("the put of blob {} took hours and was given up", change.name))),
        }
    }

    /// Removes what a put replaced, then the note that it has begun.
    async fn tidy(&self, change: &Change) -> Result<(), CqlFailure> {
        self.remove_older(&change.name).await?;
        self.tables.remove_change(change).await
    }

    async fn take_back(&self, change: &Change, head: &Head) -> Result<(), CqlFailure> {
        self.remove(&change.name, head).await?;
        self.tables.remove_change(change).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, CqlFailure> {
        let mut missed = None;
        for _ in 0..READS_MAX {
            let Some(head) = self.tables.newest(name).await? else { return Ok(None) };
            // Heads go before their pieces.
            if missed == Some(head) {
                return Err(CqlFailure::damaged(&format!("blob {name} lacks a piece and")));
            }
            if let Some(chunks) = self.tables.chunks(name, &head).await? {
                let bytes = chunks.concat();
                let is_whole = bytes.len() == head.size && crc32c::crc32c(&bytes) == head.checksum;
                return if is_whole { Ok(Some(bytes.into())) } else { Err(CqlFailure::damaged(&format!("blob {name}"))) };
            }
            missed = Some(head);
        }
        Err(CqlFailure::Retryable(format!("blob {name} is replaced faster than it can be read")))
    }

    async fn delete(&self, name: &str) -> Result<(), CqlFailure> {
        loop {
            let heads = self.tables.heads(name).await?;
            if heads.is_empty() {
                return Ok(());
            }
            // The oldest first, so that none of them comes to count again.
            for head in heads.iter().rev() {
                self.remove(name, head).await?;
            }
        }
    }

    /// Removes all heads but the one that counts, with their pieces.
    async fn remove_older(&self, name: &str) -> Result<(), CqlFailure> {
        for head in self.tables.heads(name).await?.iter().skip(1).rev() {
            self.remove(name, head).await?;
        }
        Ok(())
    }

    /// Removes a head, then its pieces; noted first, so that a sweep finishes it.
    async fn remove(&self, name: &str, head: &Head) -> Result<(), CqlFailure> {
        let change = self.change(Kind::Removal, name, head);
        self.tables.put_change(&change).await?;
        self.finish_removal(&change).await
    }

    async fn finish_removal(&self, change: &Change) -> Result<(), CqlFailure> {
        self.tables.remove_head(&change.name, change.stamp, change.upload).await?;
        self.tables.remove_chunks(&change.name, change.upload, change.chunks).await?;
        self.tables.remove_change(change).await
    }

    fn change(&self, kind: Kind, name: &str, head: &Head) -> Change {
        Change { hour: self.hour(), kind, name: name.to_owned(), stamp: head.stamp, upload: head.upload, chunks: head.chunks() }
    }
}
