//! Every limit that deciding enforces, in one place. What clients are told is counted at the edge; these are the caps behind it.

use schemas::UnixMillis;
use schemas::commands::Rejection;

/// Limits that an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wishes to follow that may stand at once, admitted or not.
    pub follows_max: u32,
    /// Pinned posts of an account.
    pub pins_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { follows_max: 7_500, pins_max: 5 }
    }
}

/// Bytes of a post's text and warning together. Clients are held to 500 characters at the edge, where an address counts 23 whatever its
/// length: hence the room.
pub const POST_BYTES_MAX: usize = 32 * 1_024;
/// Accounts mentioned in a post.
pub const MENTIONS_MAX: usize = 500;
/// Hashtags of a post.
pub const TAGS_MAX: usize = 500;
/// Characters of a shown name.
pub const DISPLAY_NAME_CHARS_MAX: usize = 30;
/// Characters of a biography.
pub const NOTE_CHARS_MAX: usize = 500;
/// Lines of a profile's table.
pub const FIELDS_MAX: usize = 4;
/// Characters of a label and of a text in a profile's table.
pub const FIELD_CHARS_MAX: usize = 255;
/// Characters of a private note on another account.
pub const PRIVATE_NOTE_CHARS_MAX: usize = 2_000;
/// Characters of an ISO 639 code with its region.
pub const LANGUAGE_CHARS_MAX: usize = 12;
/// Languages that a follow may name.
pub const FOLLOW_LANGUAGES_MAX: usize = 64;
/// Characters of an application's name.
pub const APP_NAME_CHARS_MAX: usize = 60;
/// Bytes of an address that an application gives.
pub const URL_BYTES_MAX: usize = 2_000;
/// Addresses that an application may name for its codes.
pub const REDIRECT_URIS_MAX: usize = 16;
/// Scopes that an application, code or token may name.
pub const SCOPES_MAX: usize = 64;
/// Bytes of a sealed secret.
pub const SEALED_BYTES_MAX: usize = 4_096;

/// How long a claim to a handle may be acted upon: an account is opened or renamed within it.
pub const CLAIM_GOOD_MS: UnixMillis = 5 * 60_000;
/// How long a claim stands at the least. The gap to [`CLAIM_GOOD_MS`] is what clocks may differ by, and what the reactor has to confirm
/// in: a claim that was acted upon never lapses.
pub const CLAIM_LIFE_MS: UnixMillis = 30 * 60_000;

/// Refuses a value.
pub fn invalid(field: &str, problem: &str) -> Rejection {
    Rejection::Invalid { field: field.to_owned(), problem: problem.to_owned() }
}

/// Refuses a text of more than `chars_max` characters.
pub fn check_chars(field: &str, text: &str, chars_max: usize) -> Result<(), Rejection> {
    // A text has at most as many characters as bytes.
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(invalid(field, &format!("is too long (maximum is {chars_max} characters)")));
    }
    Ok(())
}

/// Refuses more than `max` items.
pub fn check_count(field: &str, count: usize, max: usize) -> Result<(), Rejection> {
    if count > max {
        return Err(invalid(field, &format!("has too many entries (maximum is {max})")));
    }
    Ok(())
}
