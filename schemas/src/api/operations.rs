//! Every operation of the API, once: method, path, who may call it, with which scope. Routers, scope checks, metrics, the OpenAPI document
//! and the tests of authorization are all made from this table.

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; a token is not looked at.
    Open,
    /// Anyone; a token, if sent, must be good and says who asks.
    Maybe,
    /// Any good token, also an application's own.
    App,
    /// A token that acts for an account, whether or not its e-mail address is confirmed.
    Newcomer,
    /// A token that acts for an account that may act.
    User,
}

/// Which role serves an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The command service.
    Write,
    /// The query service.
    Read,
}

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its name: `resource.verb`.
    pub id: &'static str,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path, with `{name}` for parameters.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Any of these scopes, separated by spaces, lets a token of an account call it; empty for none needed.
    pub scopes: &'static str,
    /// Which role serves it.
    pub side: Side,
    /// What it does: a third-person sentence without a full stop.
    pub summary: &'static str,
}

/// The operation of that name.
pub fn operation(id: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.id == id)
}

const fn op(
    id: &'static str,
    method: &'static str,
    path: &'static str,
    access: Access,
    scopes: &'static str,
    side: Side,
    summary: &'static str,
) -> Operation {
    Operation { id, method, path, access, scopes, side, summary }
}

use Access::{App, Maybe, Newcomer, Open, User};
use Side::{Read, Write};

/// Every operation.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    op("apps.create", "POST", "/api/v1/apps", Open, "", Write, "Registers an application"),
    op("apps.verify_credentials", "GET", "/api/v1/apps/verify_credentials", App, "", Read, "Shows the application of the token"),
    op("oauth.authorize_form", "GET", "/oauth/authorize", Open, "", Read, "Shows the page on which a person signs in and consents"),
    op("oauth.authorize", "POST", "/oauth/authorize", Open, "", Write, "Takes the consent and issues a code"),
    op("oauth.token", "POST", "/oauth/token", Open, "", Write, "Trades a code, credentials or a password for a token"),
    op("oauth.revoke", "POST", "/oauth/revoke", Open, "", Write, "Revokes a token"),
    op("oauth.userinfo", "GET", "/oauth/userinfo", User, "profile", Read, "Shows the account of the token as OpenID claims"),
    op("oauth.userinfo_post", "POST", "/oauth/userinfo", User, "profile", Read, "Shows the account of the token as OpenID claims"),
    op("oauth.metadata", "GET", "/.well-known/oauth-authorization-server", Open, "", Read, "Describes the authorization server"),
    op("instance.v1", "GET", "/api/v1/instance", Open, "", Read, "Describes the server, first version"),
    op("instance.v2", "GET", "/api/v2/instance", Open, "", Read, "Describes the server"),
    op("instance.peers", "GET", "/api/v1/instance/peers", Open, "", Read, "Lists the servers known: none, for Roost does not federate"),
    op("instance.activity", "GET", "/api/v1/instance/activity", Open, "", Read, "Counts posts, sign-ins and registrations by week"),
    op("instance.rules", "GET", "/api/v1/instance/rules", Open, "", Read, "Lists the rules"),
    op("instance.extended_description", "GET", "/api/v1/instance/extended_description", Open, "", Read, "Describes the server at length"),
    op("instance.privacy_policy", "GET", "/api/v1/instance/privacy_policy", Open, "", Read, "Shows the privacy policy"),
    op("nodeinfo.index", "GET", "/.well-known/nodeinfo", Open, "", Read, "Points to the nodeinfo documents"),
    op("nodeinfo.v20", "GET", "/nodeinfo/2.0", Open, "", Read, "Describes the server as nodeinfo 2.0"),
    op("nodeinfo.v21", "GET", "/nodeinfo/2.1", Open, "", Read, "Describes the server as nodeinfo 2.1"),
    op("hostmeta", "GET", "/.well-known/host-meta", Open, "", Read, "Tells where webfinger is"),
    op("webfinger", "GET", "/.well-known/webfinger", Open, "", Read, "Finds an account by its address"),
    op("accounts.create", "POST", "/api/v1/accounts", App, "write:accounts", Write, "Registers an account"),
    op("accounts.verify_credentials", "GET", "/api/v1/accounts/verify_credentials", User, "profile read:accounts", Read, "Shows the own account"),
    op("accounts.update_credentials", "PATCH", "/api/v1/accounts/update_credentials", User, "write:accounts", Write, "Changes the own account"),
    op("emails.resend_confirmation", "POST", "/api/v1/emails/confirmations", Newcomer, "write:accounts", Write, "Mails the link that confirms the e-mail address again"),
    op("emails.check_confirmation", "GET", "/api/v1/emails/check_confirmation", Newcomer, "read:accounts", Write, "Says whether the e-mail address is confirmed"),
    op("profile.avatar_delete", "DELETE", "/api/v1/profile/avatar", User, "write:accounts", Write, "Removes the avatar"),
    op("profile.header_delete", "DELETE", "/api/v1/profile/header", User, "write:accounts", Write, "Removes the header"),
    op("accounts.many", "GET", "/api/v1/accounts", Maybe, "read:accounts", Read, "Shows several accounts"),
    op("accounts.relationships", "GET", "/api/v1/accounts/relationships", User, "read:follows", Read, "Shows the relationships to accounts"),
    op("accounts.familiar_followers", "GET", "/api/v1/accounts/familiar_followers", User, "read:follows", Read, "Shows who of one's followees follows accounts"),
    op("accounts.search", "GET", "/api/v1/accounts/search", User, "read:accounts", Read, "Finds accounts"),
    op("accounts.lookup", "GET", "/api/v1/accounts/lookup", Maybe, "", Read, "Finds an account by its handle"),
    op("accounts.get", "GET", "/api/v1/accounts/{id}", Maybe, "", Read, "Shows an account"),
    op("accounts.statuses", "GET", "/api/v1/accounts/{id}/statuses", Maybe, "read:statuses", Read, "Lists the posts of an account"),
    op("accounts.followers", "GET", "/api/v1/accounts/{id}/followers", Maybe, "read:accounts", Read, "Lists the followers of an account"),
    op("accounts.following", "GET", "/api/v1/accounts/{id}/following", Maybe, "read:accounts", Read, "Lists whom an account follows"),
    op("accounts.lists", "GET", "/api/v1/accounts/{id}/lists", User, "read:lists", Read, "Shows the lists that hold an account"),
    op("accounts.featured_tags", "GET", "/api/v1/accounts/{id}/featured_tags", Maybe, "", Read, "Shows the tags that an account features"),
    op("accounts.follow", "POST", "/api/v1/accounts/{id}/follow", User, "follow write:follows", Write, "Follows an account"),
    op("accounts.unfollow", "POST", "/api/v1/accounts/{id}/unfollow", User, "follow write:follows", Write, "Stops following an account"),
    op("accounts.remove_from_followers", "POST", "/api/v1/accounts/{id}/remove_from_followers", User, "follow write:follows", Write, "Removes a follower"),
    op("accounts.block", "POST", "/api/v1/accounts/{id}/block", User, "follow write:blocks", Write, "Blocks an account"),
    op("accounts.unblock", "POST", "/api/v1/accounts/{id}/unblock", User, "follow write:blocks", Write, "Unblocks an account"),
    op("accounts.mute", "POST", "/api/v1/accounts/{id}/mute", User, "follow write:mutes", Write, "Mutes an account"),
    op("accounts.unmute", "POST", "/api/v1/accounts/{id}/unmute", User, "follow write:mutes", Write, "Unmutes an account"),
    op("accounts.note", "POST", "/api/v1/accounts/{id}/note", User, "write:accounts", Write, "Notes something on an account, privately"),
    op("follow_requests.list", "GET", "/api/v1/follow_requests", User, "follow read:follows", Read, "Lists who asks to follow"),
    op("follow_requests.authorize", "POST", "/api/v1/follow_requests/{id}/authorize", User, "follow write:follows", Write, "Grants a follow request"),
    op("follow_requests.reject", "POST", "/api/v1/follow_requests/{id}/reject", User, "follow write:follows", Write, "Turns a follow request down"),
    op("statuses.create", "POST", "/api/v1/statuses", User, "write:statuses", Write, "Publishes a post"),
    op("statuses.many", "GET", "/api/v1/statuses", Maybe, "read:statuses", Read, "Shows several posts"),
    op("statuses.get", "GET", "/api/v1/statuses/{id}", Maybe, "read:statuses", Read, "Shows a post"),
    op("statuses.delete", "DELETE", "/api/v1/statuses/{id}", User, "write:statuses", Write, "Deletes a post"),
    op("statuses.edit", "PUT", "/api/v1/statuses/{id}", User, "write:statuses", Write, "Edits a post"),
    op("statuses.history", "GET", "/api/v1/statuses/{id}/history", Maybe, "read:statuses", Read, "Lists the versions of a post"),
    op("statuses.source", "GET", "/api/v1/statuses/{id}/source", User, "read:statuses", Read, "Shows a post as it was written"),
    op("statuses.context", "GET", "/api/v1/statuses/{id}/context", Maybe, "read:statuses", Read, "Shows the thread of a post"),
    op("statuses.card", "GET", "/api/v1/statuses/{id}/card", Maybe, "read:statuses", Read, "Shows the preview card of a post"),
    op("statuses.favourited_by", "GET", "/api/v1/statuses/{id}/favourited_by", Maybe, "read:accounts", Read, "Lists who favourited a post"),
    op("statuses.reblogged_by", "GET", "/api/v1/statuses/{id}/reblogged_by", Maybe, "read:accounts", Read, "Lists who reblogged a post"),
    op("statuses.reblog", "POST", "/api/v1/statuses/{id}/reblog", User, "write:statuses", Write, "Reblogs a post"),
    op("statuses.unreblog", "POST", "/api/v1/statuses/{id}/unreblog", User, "write:statuses", Write, "Takes a reblog back"),
    op("statuses.favourite", "POST", "/api/v1/statuses/{id}/favourite", User, "write:favourites", Write, "Favourites a post"),
    op("statuses.unfavourite", "POST", "/api/v1/statuses/{id}/unfavourite", User, "write:favourites", Write, "Takes a favourite back"),
    op("statuses.bookmark", "POST", "/api/v1/statuses/{id}/bookmark", User, "write:bookmarks", Write, "Bookmarks a post"),
    op("statuses.unbookmark", "POST", "/api/v1/statuses/{id}/unbookmark", User, "write:bookmarks", Write, "Takes a bookmark back"),
    op("statuses.pin", "POST", "/api/v1/statuses/{id}/pin", User, "write:accounts", Write, "Pins a post to the profile"),
    op("statuses.unpin", "POST", "/api/v1/statuses/{id}/unpin", User, "write:accounts", Write, "Unpins a post"),
    op("statuses.mute", "POST", "/api/v1/statuses/{id}/mute", User, "write:mutes", Write, "Mutes the thread of a post"),
    op("statuses.unmute", "POST", "/api/v1/statuses/{id}/unmute", User, "write:mutes", Write, "Unmutes the thread of a post"),
    op("timelines.home", "GET", "/api/v1/timelines/home", User, "read:statuses", Read, "Reads the home timeline"),
    op("timelines.public", "GET", "/api/v1/timelines/public", Maybe, "read:statuses", Read, "Reads the public timeline"),
    op("timelines.tag", "GET", "/api/v1/timelines/tag/{hashtag}", Maybe, "read:statuses", Read, "Reads the timeline of a hashtag"),
    op("tags.get", "GET", "/api/v1/tags/{name}", Maybe, "", Read, "Shows a hashtag"),
    op("favourites.list", "GET", "/api/v1/favourites", User, "read:favourites", Read, "Lists the posts favourited"),
    op("bookmarks.list", "GET", "/api/v1/bookmarks", User, "read:bookmarks", Read, "Lists the posts bookmarked"),
    op("blocks.list", "GET", "/api/v1/blocks", User, "follow read:blocks", Read, "Lists the accounts blocked"),
    op("mutes.list", "GET", "/api/v1/mutes", User, "follow read:mutes", Read, "Lists the accounts muted"),
    op("search.v2", "GET", "/api/v2/search", Maybe, "read:search", Read, "Finds accounts, posts and hashtags"),
    op("preferences", "GET", "/api/v1/preferences", User, "read:accounts", Read, "Shows the preferences"),
    op("markers.get", "GET", "/api/v1/markers", User, "read:statuses", Read, "Shows how far timelines were read"),
    op("markers.move", "POST", "/api/v1/markers", User, "write:statuses", Write, "Says how far timelines were read"),
    op("roost.batch", "POST", "/api/roost/v1/batch", User, "write:statuses write:favourites write:bookmarks write:accounts write:mutes write:follows write:blocks follow", Write, "Executes many commands, one in each line, and answers with a result for each"),
    op("roost.wait", "GET", "/api/roost/v1/wait", Open, "", Read, "Waits until the views have passed a position"),
    op("roost.openapi", "GET", "/api/roost/v1/openapi.json", Open, "", Read, "Describes this API"),
    op("streaming.health", "GET", "/api/v1/streaming/health", Open, "", Read, "Says that the streaming service answers"),
    op("health", "GET", "/health", Open, "", Read, "Says that the process lives"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_routes_are_unique() {
        let ids: BTreeSet<_> = OPERATIONS.iter().map(|o| o.id).collect();
        let routes: BTreeSet<_> = OPERATIONS.iter().map(|o| (o.method, o.path)).collect();
        assert_eq!((ids.len(), routes.len()), (OPERATIONS.len(), OPERATIONS.len()));
    }
}
