//! What the query service is told at its start.

use schemas::api::entities::Urls;

/// The query service's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses under the public URL; they are part of what is serialised once, so one instance has one public URL.
    pub urls: Urls,
    /// The server's name.
    pub title: String,
    /// A sentence on it.
    pub description: String,
    /// Whom to ask.
    pub contact_email: String,
    /// Roost's version.
    pub version: String,
    /// Whether people may register themselves.
    pub registrations: bool,
    /// Rules, each a sentence.
    pub rules: Vec<String>,
    /// Partitions of the log generation.
    pub partitions: u16,
    /// Memory for serialised posts, in bytes.
    pub post_cache_bytes: u64,
    /// Memory for posts printed whole, for home pages, in bytes.
    pub printed_cache_bytes: u64,
    /// Memory for readers' newest home pages, in bytes.
    pub home_cache_bytes: u64,
    /// Memory for serialised accounts, in bytes.
    pub account_cache_bytes: u64,
    /// Memory for what readers follow, block, mute and marked, in bytes.
    pub reader_cache_bytes: u64,
}

impl Settings {
    /// Settings for an instance at a public URL, the rest by default.
    pub fn at(public_url: &str, partitions: u16) -> Self {
        Self {
            urls: Urls::new(public_url),
            title: "Roost".to_owned(),
            description: String::new(),
            contact_email: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            registrations: true,
            rules: Vec::new(),
            partitions,
            post_cache_bytes: 64 << 20,
            printed_cache_bytes: 64 << 20,
            home_cache_bytes: 64 << 20,
            account_cache_bytes: 32 << 20,
            reader_cache_bytes: 64 << 20,
        }
    }
}
