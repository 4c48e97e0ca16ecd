//! The blobs port: avatars, headers and media, whole and immutable under their keys.
//!
//! Durability: a blob that was put survives the loss of power, for the log refers to it from then on. A put is atomic: readers find the
//! whole blob or none. Putting the same key again replaces it; keys hold a hash or an id, so that rarely happens.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(feature = "cql")]
pub mod cql;
pub mod memory;
pub mod object;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// Bytes of a blob at the most.
pub const BLOB_BYTES_MAX: usize = 40 << 20;
/// Characters of a key at the most.
pub const KEY_CHARS_MAX: usize = 200;

/// Declares what blobs may be, with the extension that says so in keys and the media type that says so in HTTP.
macro_rules! content_types {
    ($($(#[$doc:meta])* $variant:ident = $extension:literal $media_type:literal;)*) => {
        /// What a blob is. Kept as the key's extension, so that any object store and any folder holds it. Extensions are persisted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ContentType { $($(#[$doc])* $variant,)* }

        impl ContentType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The ending of keys.
            pub const fn extension(self) -> &'static str {
                match self { $(Self::$variant => $extension,)* }
            }

            /// The value of the `Content-Type` header.
            pub const fn media_type(self) -> &'static str {
                match self { $(Self::$variant => $media_type,)* }
            }
        }
    };
}

content_types! {
    /// PNG image.
    Png = "png" "image/png";
    /// JPEG image.
    Jpeg = "jpg" "image/jpeg";
    /// GIF image.
    Gif = "gif" "image/gif";
    /// WebP image.
    Webp = "webp" "image/webp";
    /// AVIF image.
    Avif = "avif" "image/avif";
    /// MP4 video.
    Mp4 = "mp4" "video/mp4";
    /// WebM video.
    Webm = "webm" "video/webm";
    /// MP3 audio.
    Mp3 = "mp3" "audio/mpeg";
    /// Ogg audio.
    Ogg = "ogg" "audio/ogg";
    /// Anything else, only to be downloaded.
    Bytes = "bin" "application/octet-stream";
}

impl ContentType {
    /// The type of that media type, parameters aside.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let bare = media_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.iter().copied().find(|known| known.media_type().eq_ignore_ascii_case(bare))
    }
}

/// The name of a blob: folders and a name of `a-z 0-9 - _`, and an extension. It cannot leave the store's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

/// Why a text is not a blob's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a blob key is made of a-z, 0-9, - and _ between slashes, ends with a known extension and has at most {KEY_CHARS_MAX} characters")]
pub struct BadKey;

impl BlobKey {
    /// The key of a blob of that type: `avatars/7/ab12` becomes `avatars/7/ab12.png`.
    pub fn new(path: &str, content_type: ContentType) -> Result<Self, BadKey> {
        Self::parse(&format!("{path}.{}", content_type.extension()))
    }

    /// Reads a key, as from a URL's path.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (path, extension) = text.rsplit_once('.').ok_or(BadKey)?;
        let known = ContentType::ALL.iter().any(|content_type| content_type.extension() == extension);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let folders = path.split('/').all(|part| !part.is_empty() && part.chars().all(plain));
        if known && folders && text.len() <= KEY_CHARS_MAX { Ok(Self(text.to_owned())) } else { Err(BadKey) }
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the blob is.
    pub fn content_type(&self) -> ContentType {
        let extension = self.0.rsplit_once('.').map_or("", |(_, extension)| extension);
        ContentType::ALL.iter().copied().find(|known| known.extension() == extension).unwrap_or(ContentType::Bytes)
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why blobs could not be served.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The same call may succeed later.
    #[error("blobs are not available: {0}")]
    Retryable(String),
    /// A blob over the limit.
    #[error("blob of {bytes} bytes is over the limit of {BLOB_BYTES_MAX}")]
    TooLarge {
        /// The blob's size.
        bytes: usize,
    },
    /// Terminal for this process.
    #[error("blobs failed: {0}")]
    Fatal(String),
}

/// The store of all blobs.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Puts a blob, durably.
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError>;

    /// The blob of a key; its type is the key's.
    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, BlobError>;

    /// Removes a blob; an absent one is as good as removed.
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError>;
}

/// Refuses what no adapter takes.
fn check_size(bytes: &Bytes) -> Result<(), BlobError> {
    if bytes.len() > BLOB_BYTES_MAX { Err(BlobError::TooLarge { bytes: bytes.len() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_inside() {
        for good in ["a.png", "avatars/7/ab_1-2.webp", "media/0/x.bin"] {
            assert_eq!(BlobKey::parse(good).as_ref().map(BlobKey::as_str), Ok(good));
        }
        let long = format!("{}.png", "a".repeat(KEY_CHARS_MAX));
        let bad = [
            "",
            ".png",
            "a",
            "a.exe",
            "/a.png",
            "a/.png",
            "a//b.png",
            "../a.png",
            "a/../b.png",
            "a/./b.png",
            "A.png",
            "a b.png",
            "a.b.png",
        ];
        for bad in bad.into_iter().chain(["a%2e.png", "a\\b.png", "a\0.png", "é.png", "a.png/", "a.PNG", &long]) {
            assert_eq!(BlobKey::parse(bad), Err(BadKey), "{bad}");
        }
    }

    #[test]
    fn a_key_says_what_its_blob_is() {
        for content_type in ContentType::ALL {
            assert_eq!(BlobKey::new("a/b", *content_type).unwrap().content_type(), *content_type);
            assert_eq!(ContentType::of_media_type(content_type.media_type()), Some(*content_type));
        }
        assert_eq!(ContentType::of_media_type("Image/PNG; q=1"), Some(ContentType::Png));
        assert_eq!(ContentType::of_media_type("text/html"), None);
    }
}
