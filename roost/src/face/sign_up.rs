//! Sign-up in the browser: a form that works without JavaScript, and the same rules as `POST /api/v1/accounts`.

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Face, page};

/// What somebody typed.
#[derive(Debug, Clone, Deserialize, Default)]
pub struct Wanted {
    /// The handle.
    #[serde(default)]
    pub username: String,
    /// The e-mail address.
    #[serde(default)]
    pub email: String,
    /// The password.
    #[serde(default)]
    pub password: String,
    /// The box that says yes to the rules.
    #[serde(default)]
    pub agreement: Option<String>,
}

/// Makes an account, or says in words for a person why not.
#[async_trait]
pub trait SignUp: Send + Sync {
    /// Opens the account for somebody who connects from `address`.
    async fn open(&self, wanted: Wanted, headers: HeaderMap, address: IpAddr) -> Result<(), Vec<String>>;
}

/// Shows the empty form.
pub(super) async fn form(State(face): State<Face>) -> Response {
    if face.sign_up.is_none() {
        return closed();
    }
    page::reply(StatusCode::OK, "Roost", "Sign up", &filled(&Wanted::default(), &[]))
}

/// Takes the form.
pub(super) async fn submit(
    State(face): State<Face>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Response {
    let Some(sign_up) = &face.sign_up else { return closed() };
    let shown = Wanted { password: String::new(), ..wanted.clone() };
    match sign_up.open(wanted, headers, peer.ip()).await {
        Ok(()) => page::reply(StatusCode::OK, "Roost", "Welcome", &welcome(&shown.username)),
        Err(problems) => page::reply(StatusCode::UNPROCESSABLE_ENTITY, "Roost", "Sign up", &filled(&shown, &problems)),
    }
}

fn closed() -> Response {
    let content = html! { h1 { "Sign-up is closed" } p { "Ask the operators of this server for an account." } };
    page::reply(StatusCode::FORBIDDEN, "Roost", "Sign up", &content)
}

fn welcome(username: &str) -> Markup {
    html! {
        h1 { "Welcome, @" (username) }
        p { "Your account is ready. Open a Mastodon client, type this server's address where it asks for a server, and sign in." }
        p { a href="/#clients" { "Which clients?" } }
    }
}

fn filled(wanted: &Wanted, problems: &[String]) -> Markup {
    html! {
        h1 { "Create an account" }
        @if !problems.is_empty() {
            div.error role="alert" { p { "That did not work:" } ul { @for problem in problems { li { (problem) } } } }
        }
        form method="post" action="/auth/sign_up" {
            label for="username" { "Name" }
            input type="text" id="username" name="username" value=(wanted.username) required autocomplete="username" maxlength="30"
                pattern="[A-Za-z0-9_]+" aria-describedby="username-help";
            p.soft id="username-help" { "Letters, digits and underscores. This is how others mention you." }
            label for="email" { "E-mail address" }
            input type="email" id="email" name="email" value=(wanted.email) required autocomplete="email";
            label for="password" { "Password" }
            input type="password" id="password" name="password" required minlength="8" autocomplete="new-password" aria-describedby="password-help";
            p.soft id="password-help" { "At least 8 characters." }
            p { label { input type="checkbox" name="agreement" value="1" required; " I agree to be kind to the others here" } }
            p { button.button type="submit" { "Create the account" } }
        }
    }
}
