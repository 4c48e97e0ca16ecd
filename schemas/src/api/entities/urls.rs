//! Absolute addresses of what the API shows, all made from the configured public URL.

use crate::ids::AccountId;

/// Makes addresses under the instance's public URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    base: String,
}

impl Urls {
    /// Addresses under a public URL such as `https://example.org`, with or without a slash at its end.
    pub fn new(public_url: &str) -> Self {
        Self { base: public_url.trim_end_matches('/').to_owned() }
    }

    /// The public URL without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What stands after the scheme: the host, with a port if there is one.
    pub fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or(self.base.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Where streaming connects: `ws://` on plain HTTP, else `wss://`.
    pub fn streaming(&self) -> String {
        match self.base.split_once("://") {
            Some(("http", rest)) => format!("ws://{rest}"),
            Some((_, rest)) => format!("wss://{rest}"),
            None => format!("ws://{}", self.base),
        }
    }

    /// A profile's page.
    pub fn account(&self, handle: &str) -> String {
        format!("{}/@{handle}", self.base)
    }

    /// A profile's lasting identifier.
    pub fn account_uri(&self, handle: &str) -> String {
        format!("{}/users/{handle}", self.base)
    }

    /// A hashtag's page.
    pub fn tag(&self, name: &str) -> String {
        format!("{}/tags/{}", self.base, escaped(name))
    }

    /// An account's avatar: its blob, or a picture drawn from its id.
    pub fn avatar(&self, account: AccountId, blob: Option<&str>) -> String {
        blob.map_or_else(|| format!("{}/avatars/{account}.png", self.base), |key| self.media(key))
    }

    /// An account's header. Clients know the path of the missing one and then show none.
    pub fn header(&self, blob: Option<&str>) -> String {
        blob.map_or_else(|| format!("{}/headers/original/missing.png", self.base), |key| self.media(key))
    }

    /// A blob.
    pub fn media(&self, key: &str) -> String {
        format!("{}/media/{key}", self.base)
    }
}

/// Percent-encodes what is not unreserved (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_absolute() {
        let urls = Urls::new("http://127.0.0.1:3000/");
        assert_eq!(urls.streaming(), "ws://127.0.0.1:3000");
        assert_eq!(urls.host(), "127.0.0.1:3000");
        assert_eq!(urls.tag("straße"), "http://127.0.0.1:3000/tags/stra%C3%9Fe");
        assert_eq!(urls.avatar(AccountId(7), None), "http://127.0.0.1:3000/avatars/7.png");
        assert_eq!(Urls::new("https://roost.example").streaming(), "wss://roost.example");
    }
}
