//! Sign-up in the browser: a form that works without JavaScript, and the same rules as `POST /api/v1/accounts`.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use commands::http::{SignUp, open_account};
use infra::http::{ApiError, Params, RequestInfo};
use maud::{Markup, html};
use schemas::AppId;
use serde_json::Value;

use super::{Face, page};

/// What somebody typed and is shown again; never the password.
#[derive(Debug, Clone, Default)]
struct Typed {
    username: String,
    email: String,
}

/// Shows the empty form.
pub(super) async fn form(State(face): State<Face>) -> Response {
    if face.sign_up().is_none() {
        return closed(&face.title);
    }
    page::reply(StatusCode::OK, &face.title, "Sign up", &filled(&Typed::default(), &[]))
}

/// Takes the form.
pub(super) async fn submit(State(face): State<Face>, Extension(info): Extension<RequestInfo>, params: Params) -> Response {
    let Some(writes) = face.sign_up() else { return closed(&face.title) };
    let text = |name: &str| params.str(name).unwrap_or_default().to_owned();
    let typed = Typed { username: text("username"), email: text("email") };
    // The first token goes to nobody: a client asks for its own.
    let who = SignUp { ip: info.ip, app: AppId(0), scopes: Vec::new(), trace: info.trace, key: None };
    let confirmation = writes.edge.settings.confirmation;
    match open_account(writes, &params, who).await {
        Ok(_) if confirmation => page::reply(StatusCode::OK, &face.title, "Check your mail", &almost(&typed)),
        Ok(_) => page::reply(StatusCode::OK, &face.title, "Welcome", &welcome(&typed.username)),
        Err(error) => page::reply(error.status(), &face.title, "Sign up", &filled(&typed, &problems(&error))),
    }
}

/// What is wrong, in words for a person.
fn problems(error: &ApiError) -> Vec<String> {
    match error {
        ApiError::Invalid { details: Some(Value::Object(fields)), .. } => {
            let told = fields.iter().flat_map(|(field, list)| list.as_array().into_iter().flatten().map(move |problem| (field, problem)));
            told.map(|(field, problem)| format!("{field} {}", problem.get("description").and_then(Value::as_str).unwrap_or("is invalid")))
                .collect()
        }
        ApiError::Invalid { error, .. } => vec![error.clone()],
        ApiError::TooMany(seconds) => vec![format!("too many sign-ups from your address: try again in {} minutes", seconds.div_ceil(60))],
        _ => vec!["the server cannot do this right now: try again in a moment".to_owned()],
    }
}

fn closed(server: &str) -> Response {
    let content = html! { h1 { "Sign-up is closed" } p { "Ask the operators of this server for an account." } };
    page::reply(StatusCode::FORBIDDEN, server, "Sign up", &content)
}

fn almost(typed: &Typed) -> Markup {
    html! {
        h1 { "Almost there, @" (typed.username) }
        p { "A mail with a link is on its way to " strong { (typed.email.trim()) } ". Open the link to show that the address is yours: then your account is ready." }
        p.soft { "No mail after a few minutes? Look into the folder for spam, or " a href="/auth/confirmation/new" { "have it sent again" } "." }
    }
}

pub(super) fn welcome(username: &str) -> Markup {
    html! {
        h1 { "Welcome, @" (username) }
        p { "Your account is ready. Open a Mastodon client, type this server's address where it asks for a server, and sign in." }
        p { a href="/#clients" { "Which clients?" } }
    }
}

fn filled(typed: &Typed, problems: &[String]) -> Markup {
    html! {
        h1 { "Create an account" }
        @if !problems.is_empty() {
            div.problem role="alert" { p { "That did not work:" } ul { @for problem in problems { li { (problem) } } } }
        }
        form method="post" action="/auth/sign_up" {
            label for="username" { "Name" }
            input type="text" id="username" name="username" value=(typed.username) required autocomplete="username" maxlength="30"
                pattern="[A-Za-z0-9_]+" aria-describedby="username-help";
            p.soft id="username-help" { "Letters, digits and underscores. This is how others mention you." }
            label for="email" { "E-mail address" }
            input type="email" id="email" name="email" value=(typed.email) required autocomplete="email";
            label for="password" { "Password" }
            input type="password" id="password" name="password" required minlength="8" autocomplete="new-password" aria-describedby="password-help";
            p.soft id="password-help" { "At least 8 characters." }
            p.soft { "What happens to all this: " a href="/privacy-policy" { "privacy" } "." }
            p { label { input type="checkbox" name="agreement" value="1" required; " I agree to be kind to the others here" } }
            p { button.button type="submit" { "Create the account" } }
        }
    }
}
