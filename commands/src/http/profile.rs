//! The own profile: texts, switches, defaults, pictures.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::blobs::{BlobError, BlobKey, ContentType};
use infra::http::{ApiError, Caller, Node, Params};
use infra::keys::sha256;
use infra::views::{Scan, Version};
use schemas::AccountId;
use schemas::commands::{ChangeProfile, Command, FollowerOf, ProfilePatch, Receipt};
use schemas::events::{ProfileField, Visibility};
use schemas::rows::{PeerRow, Table, codec, keys};

use super::Writes;
use super::content::is_language;

/// Follow requests that opening an account lets in, at most; more stay to be granted one by one.
const REQUESTS_GRANTED_MAX: usize = 10_000;
/// Fields read from a request at most; the write side has the cap that counts.
const FIELDS_READ_MAX: usize = 32;

type Shared = State<Arc<Writes>>;
type Answer = Result<Response, ApiError>;

pub(super) async fn update(State(writes): Shared, caller: Caller, params: Params) -> Answer {
    let account = caller.user()?;
    let was_locked = writes.habits(account).await?.locked;
    let patch = patch(&writes, account, &params).await?;
    let opens = was_locked && patch.locked == Some(false);
    if opens && writes.edge.views.away().is_some() {
        return Err(ApiError::Unavailable("who waits for an answer cannot be read".to_owned()));
    }
    let mut receipt = change(&writes, &caller, "update_credentials", patch).await?;
    if opens {
        grant_requests(&writes, &caller, &mut receipt).await?;
    }
    show(&writes, account, &receipt).await
}

pub(super) async fn delete_avatar(State(writes): Shared, caller: Caller) -> Answer {
    let patch = ProfilePatch { avatar: Some(None), ..ProfilePatch::default() };
    let receipt = change(&writes, &caller, "avatar_delete", patch).await?;
    show(&writes, caller.user()?, &receipt).await
}

pub(super) async fn delete_header(State(writes): Shared, caller: Caller) -> Answer {
    let patch = ProfilePatch { header: Some(None), ..ProfilePatch::default() };
    let receipt = change(&writes, &caller, "header_delete", patch).await?;
    show(&writes, caller.user()?, &receipt).await
}

async fn change(writes: &Writes, caller: &Caller, verb: &str, patch: ProfilePatch) -> Result<Receipt, ApiError> {
    let command = ChangeProfile { account: caller.user()?, patch };
    writes.send(caller, verb, Command::ChangeProfile(command)).await
}

async fn show(writes: &Writes, account: AccountId, receipt: &Receipt) -> Answer {
    let fresh = writes.settle_row(&receipt.positions, &keys::account(account)).await;
    let shown = Writes::shown(writes.reads.account_json(account, true).await);
    Ok(writes.done(&receipt.positions, fresh, shown, account.0))
}

async fn patch(writes: &Writes, account: AccountId, params: &Params) -> Result<ProfilePatch, ApiError> {
    let source = params.at("source");
    let text = |name: &str| params.str(name).map(str::to_owned);
    Ok(ProfilePatch {
        display_name: text("display_name").map(|name| name.trim().to_owned()),
        note: text("note"),
        fields: params.has("fields_attributes").then(|| fields(params)),
        avatar: picture(writes, account, params, "avatar").await?.map(Some),
        header: picture(writes, account, params, "header").await?.map(Some),
        locked: params.bool("locked"),
        bot: params.bool("bot"),
        discoverable: params.bool("discoverable"),
        indexable: params.bool("indexable"),
        hide_collections: params.bool("hide_collections"),
        default_visibility: match source.and_then(|source| source.filled("privacy")) {
            Some(name) => Some(
                Visibility::named(name)
                    .filter(|visibility| *visibility != Visibility::Direct)
                    .ok_or_else(|| ApiError::invalid_param("privacy", "is not included in the list"))?,
            ),
            None => None,
        },
        default_sensitive: source.and_then(|source| source.bool("sensitive")),
        default_language: match source.and_then(|source| source.str("language")) {
            Some("") => Some(None),
            Some(code) if is_language(code) => Some(Some(code.to_owned())),
            Some(_) => return Err(ApiError::invalid_param("language", "is not a language")),
            None => None,
        },
    })
}

/// The rows of the profile's table, without empty ones.
fn fields(params: &Params) -> Vec<ProfileField> {
    let read = |item: &Node| {
        let text = |name: &str| item.str(name).unwrap_or_default().trim().to_owned();
        ProfileField { name: text("name"), value: text("value"), verified_ms: 0 }
    };
    let items = params.items("fields_attributes").into_iter().take(FIELDS_READ_MAX);
    items.map(read).filter(|field| !(field.name.is_empty() && field.value.is_empty())).collect()
}

/// Stores the picture of that name, if one was sent, and gives its key.
async fn picture(writes: &Writes, account: AccountId, params: &Params, name: &str) -> Result<Option<String>, ApiError> {
    let Some(file) = params.file(name) else { return Ok(None) };
    let kind = picture_type(&file.bytes).ok_or_else(|| ApiError::invalid_param(name, "must be a PNG, JPEG, GIF, WebP or AVIF image"))?;
    let hash = sha256(&file.bytes);
    let short: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let key = BlobKey::new(&format!("{name}s/{account}/{short}"), kind).map_err(|error| ApiError::Internal(error.to_string()))?;
    writes.blobs.put(&key, file.bytes.clone()).await.map_err(|error| match error {
        BlobError::Retryable(_) => ApiError::Unavailable(error.to_string()),
        BlobError::TooLarge { .. } => ApiError::TooLarge,
        BlobError::Fatal(_) => ApiError::Internal(error.to_string()),
    })?;
    Ok(Some(key.as_str().to_owned()))
}

/// What a picture is by its first bytes, whatever its sender calls it.
fn picture_type(bytes: &[u8]) -> Option<ContentType> {
    let brand = bytes.get(4..12).unwrap_or_default();
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ContentType::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ContentType::Jpeg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ContentType::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ContentType::Webp),
        _ if brand == b"ftypavif" || brand == b"ftypavis" => Some(ContentType::Avif),
        _ => None,
    }
}

/// Lets in who waits for an answer, now that the account is open to all.
async fn grant_requests(writes: &Writes, caller: &Caller, receipt: &mut Receipt) -> Result<(), ApiError> {
    let account = caller.user()?;
    let scan = Scan {
        table: Table::RequestList,
        pk: keys::id(account.0),
        above: None,
        below: None,
        descending: false,
        limit: REQUESTS_GRANTED_MAX,
    };
    for (_, row) in writes.edge.views.scan(Version::Live, scan).await? {
        let follower = codec::decode::<PeerRow>(&row)?.account;
        match writes.send(caller, &format!("grant/{follower}"), Command::AuthorizeFollow(FollowerOf { account, follower })).await {
            Ok(granted) => granted.positions.0.into_iter().for_each(|position| receipt.positions.add(position)),
            // Withdrawn or answered meanwhile.
            Err(ApiError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some(ContentType::Png)),
            (b"\xff\xd8\xff\xe0", Some(ContentType::Jpeg)),
            (b"GIF89a", Some(ContentType::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(ContentType::Webp)),
            (b"\0\0\0\x20ftypavif", Some(ContentType::Avif)),
            (b"<svg>", None),
            (b"<script>alert(1)</script>", None),
            (b"", None),
        ] {
            assert_eq!(picture_type(bytes), expected);
        }
    }

    #[test]
    fn empty_fields_are_left_out() {
        let params = Params::of_query("fields_attributes[0][name]=+a+&fields_attributes[0][value]=b&fields_attributes[1][name]=").unwrap();
        assert_eq!(fields(&params), [ProfileField { name: "a".to_owned(), value: "b".to_owned(), verified_ms: 0 }]);
    }
}
