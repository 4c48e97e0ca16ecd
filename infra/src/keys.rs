//! The keys of an instance, all derived from its one secret, and the sealing of personal data under them.
//!
//! Derivation is HKDF-Expand for one block (RFC 5869): HMAC-SHA-256 under the secret, which is 32 random bytes and so needs no extraction.
//! Labels are persisted in what was made under them: never change one. Why data is sealed: docs/decisions/0005-identity-in-the-log.md.

mod confirmation;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chacha20poly1305::aead::{Aead, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::Rng;
use schemas::handles::MAIL_CLAIM;
use schemas::{AccountId, AppId, UnixMillis};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use self::confirmation::{CONFIRMATION_LIFE_MS, ConfirmationToken};

/// Bytes of every key and hash.
pub const KEY_BYTES: usize = 32;

const SEAL_VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const CLIENT_TAG_BYTES: usize = 16;
const CLIENT_ID_CHARS_MAX: usize = 64;

/// What is sealed; part of what the seal authenticates, so that one kind cannot pass for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// An e-mail address.
    Email,
    /// The PHC string of a password's hash.
    Password,
}

impl Sealed {
    /// Persisted.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Email => b"email",
            Self::Password => b"password",
        }
    }
}

/// Why sealed bytes do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open: it was changed, or sealed under another instance's secret")]
pub struct BadSeal;

/// The instance's keys. Prints nothing of them.
#[derive(Clone)]
pub struct InstanceKeys {
    secret: [u8; KEY_BYTES],
    position: [u8; KEY_BYTES],
    mail: [u8; KEY_BYTES],
    client: [u8; KEY_BYTES],
    confirmation: [u8; KEY_BYTES],
    sign_up: [u8; KEY_BYTES],
    peer: [u8; KEY_BYTES],
}

impl std::fmt::Debug for InstanceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstanceKeys(..)")
    }
}

impl InstanceKeys {
    /// Derives the keys.
    pub fn new(secret: [u8; KEY_BYTES]) -> Self {
        let key = |label: &[u8]| mac(&secret, &[label, &[1]]);
        Self {
            secret,
            position: key(b"roost position v1"),
            mail: key(b"roost mail v1"),
            client: key(b"roost client v1"),
            confirmation: key(b"roost confirmation v1"),
            sign_up: key(b"roost sign-up v1"),
            peer: key(b"roost peer v1"),
        }
    }

    /// The key of position tokens.
    pub fn position(&self) -> &[u8] {
        &self.position
    }

    /// The tag of a call between processes of the instance: bound to its path, its body and its time.
    pub fn peer_tag(&self, path: &str, time_ms: UnixMillis, body: &[u8]) -> [u8; KEY_BYTES] {
        mac(&self.peer, &[path.as_bytes(), &[0], &time_ms.to_be_bytes(), body])
    }

    /// Names an e-mail address (any case) without saying it: the key under which it is claimed, `mail:` and 64 hexadecimal digits.
    pub fn mail_claim(&self, email: &str) -> String {
        format!("{MAIL_CLAIM}{}", hex::encode(mac(&self.mail, &[email.trim().to_lowercase().as_bytes()])))
    }

    /// The client id of an application, as it goes out: base64url of its id and the first 16 bytes of its MAC, so that none can be
    /// guessed from another.
    pub fn client_id(&self, app: AppId) -> String {
        let id = app.0.to_be_bytes();
        let tag = mac(&self.client, &[&id]);
        URL_SAFE_NO_PAD.encode(id.iter().chain(tag.iter().take(CLIENT_TAG_BYTES)).copied().collect::<Vec<_>>())
    }

    /// The application of a client id, if the id is one of ours.
    pub fn app_of(&self, client_id: &str) -> Option<AppId> {
        let bytes = (client_id.len() <= CLIENT_ID_CHARS_MAX).then(|| URL_SAFE_NO_PAD.decode(client_id).ok()).flatten()?;
        let (id, _) = bytes.split_first_chunk::<8>()?;
        let app = AppId(u64::from_be_bytes(*id));
        bool::from(self.client_id(app).as_bytes().ct_eq(client_id.as_bytes())).then_some(app)
    }

    /// 32 bytes that only this instance makes of these parts: the token of a sign-up that its client may repeat.
    pub fn sign_up(&self, parts: &[&str]) -> [u8; KEY_BYTES] {
        let lengths = parts.iter().map(|part| (part.len() as u64).to_be_bytes());
        let framed: Vec<u8> = parts.iter().zip(lengths).flat_map(|(part, length)| length.into_iter().chain(part.bytes())).collect();
        mac(&self.sign_up, &[&framed])
    }

    /// Seals data of an account under the account's own key: version (1 byte), nonce (24), XChaCha20-Poly1305.
    pub fn seal(&self, account: AccountId, kind: Sealed, plain: &str) -> Bytes {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        self.seal_with(account, kind, plain, nonce)
    }

    fn seal_with(&self, account: AccountId, kind: Sealed, plain: &str, nonce: [u8; NONCE_BYTES]) -> Bytes {
        let payload = Payload { msg: plain.as_bytes(), aad: kind.label() };
        let sealed = self.cipher(account).encrypt(&XNonce::from(nonce), payload).expect("a text in memory is far below the cipher's limit");
        [&[SEAL_VERSION], nonce.as_slice(), &sealed].concat().into()
    }

    /// Opens what [`Self::seal`] sealed.
    pub fn open(&self, account: AccountId, kind: Sealed, sealed: &[u8]) -> Result<String, BadSeal> {
        let Some((&SEAL_VERSION, rest)) = sealed.split_first() else { return Err(BadSeal) };
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(BadSeal)?;
        let payload = Payload { msg: body, aad: kind.label() };
        let plain = self.cipher(account).decrypt(&XNonce::from(*nonce), payload).map_err(|_| BadSeal)?;
        String::from_utf8(plain).map_err(|_| BadSeal)
    }

    fn cipher(&self, account: AccountId) -> XChaCha20Poly1305 {
        let key = mac(&self.secret, &[b"roost seal v1", &account.0.to_be_bytes(), &[1]]);
        XChaCha20Poly1305::new(&key.into())
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SHA-256: by it tokens, codes and client secrets are known. They are random, so nothing slower is needed.
pub fn sha256(bytes: &[u8]) -> [u8; KEY_BYTES] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANA: AccountId = AccountId(1);

    #[test]
    fn seals_are_stable() {
        // Persisted in the log: what was sealed so must open forever.
        let keys = InstanceKeys::new([7; 32]);
        let sealed = keys.seal_with(ANA, Sealed::Email, "ana@roost.example", [9; 24]);
        insta::assert_snapshot!("seal_v1", hex::encode(&sealed));
        insta::assert_snapshot!("mail_claim_v1", keys.mail_claim(" Ana@Roost.example"));
        assert_eq!(keys.open(ANA, Sealed::Email, &sealed), Ok("ana@roost.example".to_owned()));
    }

    #[test]
    fn client_ids_come_back_and_cannot_be_made_up() {
        let keys = InstanceKeys::new([7; 32]);
        insta::assert_snapshot!("client_id_v1", keys.client_id(AppId(9)));
        assert_eq!(keys.app_of(&keys.client_id(AppId(9))), Some(AppId(9)));
        for text in ["", "nobody", "9", &"A".repeat(32), &InstanceKeys::new([8; 32]).client_id(AppId(9))] {
            assert_eq!(keys.app_of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn seals_open_only_as_what_they_are(text in ".{0,80}", flip in 0_usize..20) {
            let keys = InstanceKeys::new([7; 32]);
            let sealed = keys.seal(ANA, Sealed::Password, &text);
            prop_assert_eq!(keys.open(ANA, Sealed::Password, &sealed), Ok(text));
            prop_assert_eq!(keys.open(AccountId(2), Sealed::Password, &sealed), Err(BadSeal));
            prop_assert_eq!(keys.open(ANA, Sealed::Email, &sealed), Err(BadSeal));
            prop_assert_eq!(InstanceKeys::new([8; 32]).open(ANA, Sealed::Password, &sealed), Err(BadSeal));
            let mut damaged = sealed.to_vec();
            damaged[flip] ^= 1;
            prop_assert_eq!(keys.open(ANA, Sealed::Password, &damaged), Err(BadSeal));
        }
    }
}
