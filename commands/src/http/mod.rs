//! The HTTP resources that write, one file each. A handler parses, asks the read side what its caller may see, sends a command, waits for
//! the views, and shows what came of it; every rule is `decide`'s.

mod apps;
mod batch;
mod content;
mod emails;
mod interactions;
mod markers;
mod oauth;
mod prepared;
mod profile;
mod relations;
mod sign_up;
mod statuses;
#[cfg(test)]
mod tests;
mod writes;

use std::sync::Arc;

use axum::Router;
use infra::http::Routes;

pub use sign_up::{SignUp, open_account, problems_json};
pub use writes::Writes;

/// The routes of the command service; [`infra::http::finish`] goes around them and those of the query service.
pub fn routes(writes: Arc<Writes>) -> Router {
    Routes::new(writes.edge.clone())
        .on("apps.create", apps::create)
        .on("apps.verify_credentials", apps::verify_credentials)
        .on("oauth.authorize_form", oauth::authorize::form)
        .on("oauth.authorize", oauth::authorize::submit)
        .on("oauth.token", oauth::token::issue)
        .on("oauth.revoke", oauth::revoke::revoke)
        .on("oauth.userinfo", oauth::discovery::userinfo)
        .on("oauth.userinfo_post", oauth::discovery::userinfo)
        .on("oauth.metadata", oauth::discovery::metadata)
        .on("accounts.create", sign_up::create)
        .on("emails.resend_confirmation", emails::resend)
        .on("emails.check_confirmation", emails::check)
        .on("accounts.update_credentials", profile::update)
        .on("profile.avatar_delete", profile::delete_avatar)
        .on("profile.header_delete", profile::delete_header)
        .on("accounts.follow", relations::follow)
        .on("accounts.unfollow", relations::unfollow)
        .on("accounts.remove_from_followers", relations::remove_follower)
        .on("accounts.block", relations::block)
        .on("accounts.unblock", relations::unblock)
        .on("accounts.mute", relations::mute)
        .on("accounts.unmute", relations::unmute)
        .on("accounts.note", relations::note)
        .on("follow_requests.authorize", relations::authorize)
        .on("follow_requests.reject", relations::reject)
        .on("statuses.create", statuses::create)
        .on("statuses.edit", statuses::edit)
        .on("statuses.delete", statuses::delete)
        .on("statuses.reblog", interactions::reblog)
        .on("statuses.unreblog", interactions::unreblog)
        .on("statuses.favourite", interactions::favourite)
        .on("statuses.unfavourite", interactions::unfavourite)
        .on("statuses.bookmark", interactions::bookmark)
        .on("statuses.unbookmark", interactions::unbookmark)
        .on("statuses.pin", interactions::pin)
        .on("statuses.unpin", interactions::unpin)
        .on("statuses.mute", interactions::mute)
        .on("statuses.unmute", interactions::unmute)
        .on("markers.move", markers::set)
        .on("roost.batch", batch::run)
        .into_router(writes)
}
