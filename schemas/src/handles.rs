//! Handles: the names that accounts go by. Unique by their normalised form.

/// Characters of a handle at the most, as in Mastodon.
pub const HANDLE_CHARS_MAX: usize = 30;

/// Names that no account may have: paths of the server and voices of the operators.
const RESERVED: &[&str] = &["admin", "administrator", "root", "roost", "support", "moderator", "api", "oauth", "media", "health", "here"];

/// Why a text is no handle; to be read after the parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHandle {
    /// Empty.
    #[error("can't be blank")]
    Blank,
    /// Over [`HANDLE_CHARS_MAX`].
    #[error("is too long (maximum is 30 characters)")]
    TooLong,
    /// Other characters than letters of ASCII, digits and the underscore.
    #[error("must contain only letters, numbers and underscores")]
    Characters,
    /// Kept for the server.
    #[error("is reserved")]
    Reserved,
}

/// Checks what somebody wants to be called.
pub fn check(handle: &str) -> Result<(), BadHandle> {
    if handle.is_empty() {
        return Err(BadHandle::Blank);
    }
    if handle.len() > HANDLE_CHARS_MAX {
        return Err(BadHandle::TooLong);
    }
    if !handle.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(BadHandle::Characters);
    }
    if RESERVED.contains(&normalise(handle).as_str()) {
        return Err(BadHandle::Reserved);
    }
    Ok(())
}

/// What keys that stand for e-mail addresses begin with: they are claimed like handles, but nobody goes by one.
pub const MAIL_CLAIM: &str = "mail:";

/// Whether a key stands for an e-mail address: [`MAIL_CLAIM`] and 64 hexadecimal digits, a keyed hash of the address.
pub fn is_mail_claim(key: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    key.strip_prefix(MAIL_CLAIM).is_some_and(|hash| hash.len() == 64 && hash.bytes().all(is_hex))
}

/// The form by which handles are unique: lower case. Persisted in keys and in the choice of the partition.
pub fn normalise(handle: &str) -> String {
    handle.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_addresses_are_no_handles() {
        let key = format!("{MAIL_CLAIM}{}", "0a".repeat(32));
        assert!(is_mail_claim(&key) && check(&key).is_err() && normalise(&key) == key);
        assert!(!is_mail_claim("mail:0a") && !is_mail_claim(&key.to_uppercase()) && !is_mail_claim("ana"));
    }

    #[test]
    fn handles_are_checked() {
        let long = "a".repeat(31);
        for (handle, expected) in [
            ("ana", Ok(())),
            ("Ana_99", Ok(())),
            ("", Err(BadHandle::Blank)),
            (long.as_str(), Err(BadHandle::TooLong)),
            ("an a", Err(BadHandle::Characters)),
            ("ána", Err(BadHandle::Characters)),
            ("ROOT", Err(BadHandle::Reserved)),
        ] {
            assert_eq!(check(handle), expected, "{handle}");
        }
    }
}
