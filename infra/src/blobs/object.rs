//! Blobs in an object store: a folder of this machine, synced at each put.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use super::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs, check_size};

/// Blobs behind `object_store`.
#[derive(Debug)]
pub struct ObjectBlobs {
    store: Box<dyn ObjectStore>,
}

fn failed(error: Error) -> BlobError {
    BlobError::Retryable(error.to_string())
}

fn place(key: &BlobKey) -> Result<object_store::path::Path, BlobError> {
    object_store::path::Path::parse(key.as_str()).map_err(|error| BlobError::Fatal(error.to_string()))
}

impl ObjectBlobs {
    /// Blobs in a folder, made if absent.
    pub fn in_folder(folder: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(folder).map_err(|error| BlobError::Fatal(format!("cannot make {}: {error}", folder.display())))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| BlobError::Fatal(error.to_string()))?;
        Ok(Self { store: Box::new(store.with_fsync(true)) })
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        check_size(&bytes)?;
        self.store.put(&place(key)?, bytes.into()).await.map(drop).map_err(failed)
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, BlobError> {
        let found = match self.store.get(&place(key)?).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > BLOB_BYTES_MAX as u64 {
            return Err(BlobError::TooLarge { bytes: usize::try_from(found.meta.size).unwrap_or(usize::MAX) });
        }
        found.bytes().await.map(Some).map_err(failed)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        match self.store.delete(&place(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::contract;

    #[tokio::test]
    async fn keeps_the_contract_and_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        contract::run(&ObjectBlobs::in_folder(&folder.path().join("made/if/absent")).unwrap()).await;
    }

    #[tokio::test]
    async fn blobs_are_files_that_stay() {
        let folder = tempfile::tempdir().unwrap();
        let key = BlobKey::parse("avatars/7/ab.png").unwrap();
        ObjectBlobs::in_folder(folder.path()).unwrap().put(&key, Bytes::from_static(b"png")).await.unwrap();
        assert_eq!(std::fs::read(folder.path().join("avatars/7/ab.png")).unwrap(), b"png");
        let again = ObjectBlobs::in_folder(folder.path()).unwrap();
        assert_eq!(again.get(&key).await.unwrap(), Some(Bytes::from_static(b"png")));
    }
}
