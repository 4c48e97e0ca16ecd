//! The link of the mail that confirms an address, and how to have it sent again: pages and a form, without JavaScript.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use commands::accounts::{Confirmed, ResendError};
use commands::http::Writes;
use infra::http::{ApiError, Edge, Params, RequestInfo, Rule, Subject};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Face, page};

/// What the link carries.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    confirmation_token: String,
}

/// Takes a link.
pub(super) async fn confirm(State(face): State<Face>, Query(link): Query<Link>) -> Response {
    let Some(writes) = &face.writes else { return not_here(&face.title) };
    let (status, title, content) = match writes.accounts.confirm_by_link(&link.confirmation_token).await {
        Ok(Confirmed::Now(positions)) => {
            writes.reads.wait(&positions.0, writes.edge.settings.patience).await;
            (StatusCode::OK, "Confirmed", done("Your e-mail address is confirmed"))
        }
        Ok(Confirmed::Before) => (StatusCode::OK, "Confirmed", done("This address was confirmed before")),
        Ok(Confirmed::Expired) => {
            let why = "Links work for two days, and this one is older. Have a new one sent.";
            (StatusCode::GONE, "Link expired", again("This link has expired", Some(why), ""))
        }
        Ok(Confirmed::Unknown) => {
            let why = "Maybe a part of it was lost: copy the whole link from the mail. Or have a new one sent.";
            (StatusCode::BAD_REQUEST, "Link not valid", again("This link is not valid", Some(why), ""))
        }
        Err(error) => return ApiError::from(error).into_response(),
    };
    page::reply(status, &face.title, title, &content)
}

/// Shows the form that has a link sent again.
pub(super) async fn form(State(face): State<Face>) -> Response {
    page::reply(StatusCode::OK, &face.title, "Confirm your address", &again("Confirm your e-mail address", None, ""))
}

/// Takes the form. It answers the same whether anybody waits for that address or not.
pub(super) async fn submit(State(face): State<Face>, Extension(info): Extension<RequestInfo>, params: Params) -> Response {
    let Some(writes) = &face.writes else { return not_here(&face.title) };
    let email = params.str("email").unwrap_or_default().trim().to_owned();
    let shown =
        |status, why| page::reply(status, &face.title, "Confirm your address", &again("Confirm your e-mail address", Some(why), &email));
    if email.is_empty() {
        return shown(StatusCode::UNPROCESSABLE_ENTITY, "Type the address with which you signed up.");
    }
    let now_ms = Edge::now_ms();
    let subjects = [Subject::address(info.ip), Subject::name(&email)];
    if subjects.into_iter().any(|subject| writes.edge.limits.count(Rule::Mailing, subject, now_ms).is_err()) {
        return shown(StatusCode::TOO_MANY_REQUESTS, "That was asked for too often. Wait half an hour, and look into the folder for spam.");
    }
    match resend(writes, &email).await {
        Ok(()) => {
            let content = html! {
                h1 { "Check your mail" }
                p { "If an account waits for the confirmation of " strong { (email) } ", a mail with a new link is on its way there." }
                p.soft { "Nothing after a few minutes? Look into the folder for spam. An address that is confirmed already gets no mail." }
            };
            page::reply(StatusCode::OK, &face.title, "Check your mail", &content)
        }
        Err(error) => error.into_response(),
    }
}

async fn resend(writes: &Writes, email: &str) -> Result<(), ApiError> {
    let Some(account) = writes.accounts.waiting_for(email).await? else { return Ok(()) };
    match writes.accounts.resend(account, None, None).await {
        Ok(_) | Err(ResendError::NotWaiting) => Ok(()),
        Err(ResendError::Create(error)) => Err(error.into()),
    }
}

fn done(title: &str) -> Markup {
    html! {
        h1 { (title) }
        p { "Your account is ready. Open a Mastodon app, type this server's address where it asks for a server, and sign in." }
        p { a href="/#clients" { "Which apps?" } }
    }
}

fn again(title: &str, why: Option<&str>, email: &str) -> Markup {
    html! {
        h1 { (title) }
        @if let Some(why) = why { div.problem role="alert" { p { (why) } } } @else {
            p { "Did the mail with the link not arrive? Type the address with which you signed up, and get another one." }
        }
        form method="post" action="/auth/confirmation/new" {
            label for="email" { "E-mail address" }
            input type="email" id="email" name="email" value=(email) required autocomplete="email";
            p { button type="submit" { "Send the link again" } }
        }
    }
}

/// This process reads only; the one that writes has the link's page.
fn not_here(server: &str) -> Response {
    let content = html! { h1 { "Not available right now" } p { "Try again in a moment." } };
    page::reply(StatusCode::SERVICE_UNAVAILABLE, server, "Not available", &content)
}
