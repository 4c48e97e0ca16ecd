//! Blobs in memory: the reference, and the store of tests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;

use super::{BlobError, BlobKey, Blobs, check_size};

/// Blobs in a map.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    blobs: RwLock<BTreeMap<BlobKey, Bytes>>,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        check_size(&bytes)?;
        self.blobs.write().insert(key.clone(), bytes);
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, BlobError> {
        Ok(self.blobs.read().get(key).cloned())
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.blobs.write().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        crate::blobs::contract::run(&MemoryBlobs::new()).await;
    }
}
