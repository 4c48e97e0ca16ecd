//! What the server says of itself: Instance, first and second version, and nodeinfo.

use serde_json::{Value, json};

use super::{API_VERSION, MASTODON_COMPATIBLE, Urls};

/// What an instance entity is made of.
#[derive(Debug, Clone)]
pub struct InstanceFacts<'a> {
    /// The server's name.
    pub title: &'a str,
    /// A sentence on it.
    pub description: &'a str,
    /// Whom to ask; empty for nobody.
    pub contact_email: &'a str,
    /// Roost's own version.
    pub version: &'a str,
    /// Whether people may register themselves.
    pub registrations: bool,
    /// Rules, each a sentence.
    pub rules: &'a [String],
    /// Accounts.
    pub users: u64,
    /// Accounts that posted in the last four weeks.
    pub users_active: u64,
    /// Posts, reblogs excepted.
    pub statuses: u64,
    /// Characters of a post at the most.
    pub post_chars_max: usize,
    /// Lines of a profile's table at the most.
    pub fields_max: usize,
    /// Addresses.
    pub urls: &'a Urls,
}

fn version(facts: &InstanceFacts<'_>) -> String {
    format!("{MASTODON_COMPATIBLE} (compatible; Roost {})", facts.version)
}

fn rules(facts: &InstanceFacts<'_>) -> Vec<Value> {
    let numbered = facts.rules.iter().zip(1_u32..);
    numbered.map(|(text, id)| json!({ "id": id.to_string(), "text": text, "hint": "", "translations": {} })).collect()
}

fn configuration(facts: &InstanceFacts<'_>) -> Value {
    json!({
        "accounts": { "max_featured_tags": 10, "max_pinned_statuses": 5, "max_profile_fields": facts.fields_max },
        "statuses": {
            "max_characters": facts.post_chars_max,
            "max_media_attachments": 0,
            "characters_reserved_per_url": crate::text::URL_CHARS,
        },
        "media_attachments": {
            "supported_mime_types": [], "description_limit": 1500, "image_size_limit": 0, "image_matrix_limit": 0,
            "video_size_limit": 0, "video_frame_rate_limit": 0, "video_matrix_limit": 0,
        },
        "polls": { "max_options": 0, "max_characters_per_option": 0, "min_expiration": 300, "max_expiration": 2_629_746 },
    })
}

/// The Instance entity of `/api/v2/instance`.
pub fn instance_v2(facts: &InstanceFacts<'_>) -> Value {
    let urls = facts.urls;
    let mut configuration = configuration(facts);
    if let Value::Object(fields) = &mut configuration {
        fields.insert(
            "urls".to_owned(),
            json!({
                "streaming": urls.streaming(), "status": null, "about": format!("{}/about", urls.base()),
                "privacy_policy": format!("{}/privacy-policy", urls.base()), "terms_of_service": null,
            }),
        );
        fields.insert("vapid".to_owned(), json!({ "public_key": "" }));
        fields.insert("translation".to_owned(), json!({ "enabled": false }));
    }
    json!({
        "domain": urls.host(),
        "title": facts.title,
        "version": version(facts),
        "source_url": urls.base(),
        "description": facts.description,
        "usage": { "users": { "active_month": facts.users_active } },
        "thumbnail": { "url": format!("{}/thumbnail.png", urls.base()), "blurhash": null, "versions": {} },
        "icon": [],
        "languages": ["en"],
        "configuration": configuration,
        "registrations": {
            "enabled": facts.registrations, "approval_required": false, "reason_required": false, "message": null, "min_age": null, "url": null,
        },
        "api_versions": { "mastodon": API_VERSION },
        "contact": { "email": facts.contact_email, "account": null },
        "rules": rules(facts),
    })
}

/// The Instance entity of `/api/v1/instance`.
pub fn instance_v1(facts: &InstanceFacts<'_>) -> Value {
    let urls = facts.urls;
    json!({
        "uri": urls.host(),
        "title": facts.title,
        "short_description": facts.description,
        "description": facts.description,
        "email": facts.contact_email,
        "version": version(facts),
        "urls": { "streaming_api": urls.streaming() },
        "stats": { "user_count": facts.users, "status_count": facts.statuses, "domain_count": 1 },
        "thumbnail": format!("{}/thumbnail.png", urls.base()),
        "languages": ["en"],
        "registrations": facts.registrations,
        "approval_required": false,
        "invites_enabled": false,
        "configuration": configuration(facts),
        "contact_account": null,
        "rules": rules(facts),
    })
}

/// The nodeinfo document of schema version `2.0` or `2.1` (<https://nodeinfo.diaspora.software/protocol>).
pub fn nodeinfo(schema: &str, facts: &InstanceFacts<'_>) -> Value {
    let mut software = json!({ "name": "roost", "version": facts.version });
    if let Value::Object(fields) = &mut software
        && schema == "2.1"
    {
        fields.insert("homepage".to_owned(), json!(facts.urls.base()));
    }
    json!({
        "version": schema,
        "software": software,
        "protocols": [],
        "services": { "inbound": [], "outbound": [] },
        "usage": {
            "users": { "total": facts.users, "activeMonth": facts.users_active, "activeHalfyear": facts.users_active },
            "localPosts": facts.statuses,
        },
        "openRegistrations": facts.registrations,
        "metadata": {
            "nodeName": facts.title,
            "nodeDescription": facts.description,
            // Client libraries choose their adapter by this name.
            "upstream": { "name": "mastodon", "version": MASTODON_COMPATIBLE },
        },
    })
}
