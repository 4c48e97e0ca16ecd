//! What each operation takes and answers, in the notation of the module above.

/// What an operation takes, and what it answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Contract {
    /// Parameters beside those of the path.
    pub(super) takes: &'static str,
    /// The type of a success.
    pub(super) answer: &'static str,
}

/// The contract of an operation.
pub(super) fn contract(id: &str) -> Contract {
    let known = CONTRACTS.iter().find(|(known, ..)| *known == id);
    known.map_or_else(Contract::default, |(_, takes, answer)| Contract { takes, answer })
}

const PAGE: &str = "max_id:id since_id:id min_id:id limit:int";
const STATUS: &str = "status:text in_reply_to_id:id sensitive:bool spoiler_text:text visibility:text language:text media_ids[]:[id]";

/// Operation, parameters, answer.
#[rustfmt::skip]
pub(super) const CONTRACTS: &[(&str, &str, &str)] = &[
    ("apps.create", "client_name:text! redirect_uris:text! scopes:text website:url", "Application"),
    ("apps.verify_credentials", "", "Application"),
    ("oauth.authorize_form", "response_type:text! client_id:text! redirect_uri:text! scope:text state:text code_challenge:text code_challenge_method:text force_login:bool", "html"),
    ("oauth.authorize", "client_id:text! redirect_uri:text! scope:text state:text code_challenge:text code_challenge_method:text username:text password:text", "html"),
    ("oauth.token", "grant_type:text! client_id:text client_secret:text redirect_uri:text code:text code_verifier:text scope:text username:text password:text", "Token"),
    ("oauth.revoke", "client_id:text! client_secret:text! token:text!", "any"),
    ("oauth.userinfo", "", "Userinfo"),
    ("oauth.userinfo_post", "", "Userinfo"),
    ("oauth.metadata", "", "any"),
    ("instance.v1", "", "InstanceV1"),
    ("instance.v2", "", "Instance"),
    ("instance.peers", "", "[text]"),
    ("instance.activity", "", "[Week]"),
    ("instance.rules", "", "[Rule]"),
    ("instance.extended_description", "", "Words"),
    ("instance.privacy_policy", "", "Words"),
    ("nodeinfo.index", "", "any"),
    ("nodeinfo.v20", "", "any"),
    ("nodeinfo.v21", "", "any"),
    ("hostmeta", "", "xml"),
    ("webfinger", "resource:text!", "any"),
    ("accounts.create", "username:text! email:text! password:text! agreement:bool! locale:text! reason:text", "Token"),
    ("accounts.verify_credentials", "", "CredentialAccount"),
    ("accounts.update_credentials", "display_name:text note:text avatar:file header:file locked:bool bot:bool discoverable:bool indexable:bool hide_collections:bool fields_attributes:any source:any", "CredentialAccount"),
    ("emails.resend_confirmation", "email:text", "any"),
    ("emails.check_confirmation", "", "bool"),
    ("profile.avatar_delete", "", "CredentialAccount"),
    ("profile.header_delete", "", "CredentialAccount"),
    ("accounts.many", "id[]:[id]", "[Account]"),
    ("accounts.relationships", "id[]:[id]", "[Relationship]"),
    ("accounts.familiar_followers", "id[]:[id]", "[FamiliarFollowers]"),
    ("accounts.search", "q:text! limit:int offset:int resolve:bool following:bool", "[Account]"),
    ("accounts.lookup", "acct:text!", "Account"),
    ("accounts.get", "", "Account"),
    ("accounts.statuses", "max_id:id since_id:id min_id:id limit:int exclude_replies:bool exclude_reblogs:bool pinned:bool only_media:bool tagged:text", "[Status]"),
    ("accounts.followers", PAGE, "[Account]"),
    ("accounts.following", PAGE, "[Account]"),
    ("accounts.lists", "", "[any]"),
    ("accounts.featured_tags", "", "[any]"),
    ("accounts.follow", "reblogs:bool notify:bool languages[]:[text]", "Relationship"),
    ("accounts.unfollow", "", "Relationship"),
    ("accounts.remove_from_followers", "", "Relationship"),
    ("accounts.block", "", "Relationship"),
    ("accounts.unblock", "", "Relationship"),
    ("accounts.mute", "notifications:bool duration:int", "Relationship"),
    ("accounts.unmute", "", "Relationship"),
    ("accounts.note", "comment:text", "Relationship"),
    ("follow_requests.list", PAGE, "[Account]"),
    ("follow_requests.authorize", "", "Relationship"),
    ("follow_requests.reject", "", "Relationship"),
    ("statuses.create", STATUS, "Status"),
    ("statuses.many", "id[]:[id]", "[Status]"),
    ("statuses.get", "", "Status"),
    ("statuses.delete", "", "Status"),
    ("statuses.edit", STATUS, "Status"),
    ("statuses.history", "", "[StatusEdit]"),
    ("statuses.source", "", "StatusSource"),
    ("statuses.context", "", "Context"),
    ("statuses.card", "", "any"),
    ("statuses.favourited_by", PAGE, "[Account]"),
    ("statuses.reblogged_by", PAGE, "[Account]"),
    ("statuses.reblog", "visibility:text", "Status"),
    ("statuses.unreblog", "", "Status"),
    ("statuses.favourite", "", "Status"),
    ("statuses.unfavourite", "", "Status"),
    ("statuses.bookmark", "", "Status"),
    ("statuses.unbookmark", "", "Status"),
    ("statuses.pin", "", "Status"),
    ("statuses.unpin", "", "Status"),
    ("statuses.mute", "", "Status"),
    ("statuses.unmute", "", "Status"),
    ("timelines.home", PAGE, "[Status]"),
    ("timelines.public", "local:bool remote:bool only_media:bool max_id:id since_id:id min_id:id limit:int", "[Status]"),
    ("timelines.tag", "any[]:[text] all[]:[text] none[]:[text] local:bool remote:bool only_media:bool max_id:id since_id:id min_id:id limit:int", "[Status]"),
    ("tags.get", "", "Tag"),
    ("favourites.list", PAGE, "[Status]"),
    ("bookmarks.list", PAGE, "[Status]"),
    ("blocks.list", PAGE, "[Account]"),
    ("mutes.list", PAGE, "[Account]"),
    ("search.v2", "q:text! type:text resolve:bool following:bool account_id:id max_id:id min_id:id limit:int offset:int", "Search"),
    ("preferences", "", "any"),
    ("markers.get", "timeline[]:[text]", "Markers"),
    ("markers.move", "home:any notifications:any", "Markers"),
    ("roost.batch", "lines:BatchLine", "lines:BatchResult"),
    ("roost.wait", "position:text!", "Reached"),
    ("roost.openapi", "", "any"),
    ("streaming.health", "", "text"),
    ("health", "", "text"),
];
