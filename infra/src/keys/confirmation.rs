//! Links that confirm an e-mail address: who holds one has read the mail that went to it.
//!
//! ```text
//! token   base64url( version u8 = 1 │ account u64 BE │ expires ms u64 BE │ HMAC-SHA-256, 32 bytes )
//! ```
//!
//! The MAC goes over what stands before it and over the address (trimmed, lower case), which is not in the token: a link is for one
//! account, one address and one purpose, and ends by itself. Nothing is stored of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemas::{AccountId, UnixMillis};
use subtle::ConstantTimeEq;

use super::{InstanceKeys, mac};

/// How long a link works: two days.
pub const CONFIRMATION_LIFE_MS: UnixMillis = 48 * 3_600_000;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 17;
const TOKEN_CHARS_MAX: usize = 128;

/// A link's token, read but not believed: the account's address is needed for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationToken {
    /// Whose address it is about.
    pub account: AccountId,
    /// Until when it counts.
    pub expires_ms: UnixMillis,
    text: String,
}

impl ConfirmationToken {
    /// Reads a token; nothing where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() <= TOKEN_CHARS_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        let (version, rest) = bytes.split_first()?;
        let (account, rest) = rest.split_first_chunk::<8>()?;
        let expires = rest.first_chunk::<8>()?;
        let (account, expires_ms) = (AccountId(u64::from_be_bytes(*account)), u64::from_be_bytes(*expires));
        (*version == VERSION).then(|| Self { account, expires_ms, text: text.to_owned() })
    }
}

impl InstanceKeys {
    /// The token of a link that confirms an account's address.
    pub fn confirmation(&self, account: AccountId, email: &str, expires_ms: UnixMillis) -> String {
        let mut token = Vec::with_capacity(HEAD_BYTES + super::KEY_BYTES);
        token.push(VERSION);
        token.extend(account.0.to_be_bytes());
        token.extend(expires_ms.to_be_bytes());
        let tag = mac(&self.confirmation, &[&token, email.trim().to_lowercase().as_bytes()]);
        token.extend(tag);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Whether a token is one of ours for that address. Its end is the caller's to look at.
    pub fn confirms(&self, token: &ConfirmationToken, email: &str) -> bool {
        let good = self.confirmation(token.account, email, token.expires_ms);
        bool::from(good.as_bytes().ct_eq(token.text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANA: AccountId = AccountId(1);

    #[test]
    fn tokens_are_stable() {
        // Links that were mailed must go on working.
        let keys = InstanceKeys::new([7; 32]);
        insta::assert_snapshot!("confirmation_v1", keys.confirmation(ANA, " Ana@Roost.example", 1_700_000_000_000));
    }

    #[test]
    fn a_token_is_for_one_account_and_address_of_one_instance() {
        let keys = InstanceKeys::new([7; 32]);
        let text = keys.confirmation(ANA, "ana@roost.example", 9);
        let token = ConfirmationToken::parse(&text).unwrap();
        assert_eq!((token.account, token.expires_ms), (ANA, 9));
        assert!(keys.confirms(&token, "ANA@roost.example "));
        assert!(!keys.confirms(&token, "bob@roost.example"));
        assert!(!InstanceKeys::new([8; 32]).confirms(&token, "ana@roost.example"));
        for other in [keys.confirmation(AccountId(2), "bob@roost.example", 9), keys.confirmation(ANA, "ana@roost.example", 10)] {
            let (head, tag) = (URL_SAFE_NO_PAD.decode(&text).unwrap(), URL_SAFE_NO_PAD.decode(other).unwrap());
            let joined = URL_SAFE_NO_PAD.encode([&head[..HEAD_BYTES], &tag[HEAD_BYTES..]].concat());
            let forged = ConfirmationToken::parse(&joined).unwrap();
            assert!(!keys.confirms(&forged, "ana@roost.example"), "no token's MAC is another's");
        }
        for nonsense in ["", "x", "AA", &"A".repeat(200), "é"] {
            assert_eq!(ConfirmationToken::parse(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn tokens_come_back_and_a_changed_one_does_not(account: u64, expires: u64, at in 0_usize..49, bit in 0_u8..8) {
            let keys = InstanceKeys::new([7; 32]);
            let text = keys.confirmation(AccountId(account), "a@b.c", expires);
            let token = ConfirmationToken::parse(&text).unwrap();
            prop_assert_eq!((token.account.0, token.expires_ms), (account, expires));
            prop_assert!(keys.confirms(&token, "a@b.c"));
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
            bytes[at] ^= 1 << bit;
            let changed = ConfirmationToken::parse(&URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(changed.is_none_or(|changed| !keys.confirms(&changed, "a@b.c")));
        }
    }
}
