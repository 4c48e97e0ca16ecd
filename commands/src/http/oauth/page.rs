//! The pages of the sign-in: they work without JavaScript, by keyboard and by screen reader, and load nothing.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use infra::http::html::BASE_STYLE;
use infra::keys::sha256;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use url::Url;

use super::grant::Grant;

/// The look of all pages, and what these have of their own.
static STYLE: LazyLock<String> = LazyLock::new(|| [BASE_STYLE, include_str!("page.css")].concat());

/// The style's hash, by which the page's policy lets it in and no other.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(sha256(STYLE.as_bytes())));

/// What a scope lets an application do, in words.
fn in_words(scope: &str) -> &'static str {
    match scope.split(':').next().unwrap_or_default() {
        "read" => "read your account's data",
        "write" => "change your account's data and post in your name",
        "follow" => "change whom you follow, block and mute",
        "push" => "send you notifications",
        "profile" => "see who you are",
        "admin" => "act as a moderator in your name",
        _ => "use this server in your name",
    }
}

/// What keeps a person from signing in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Problem {
    /// Something to be read.
    Said(&'static str),
    /// The address waits for its confirmation.
    Unconfirmed,
}

/// The form on which a person signs in and consents.
pub(super) fn consent(title: &str, grant: &Grant, login: &str, problem: Option<Problem>) -> Response {
    let name = &grant.client.name;
    let hidden = [
        ("client_id", Some(grant.client_id.as_str())),
        ("redirect_uri", Some(&grant.redirect_uri)),
        ("response_type", Some("code")),
        ("state", grant.state.as_deref()),
        ("code_challenge", grant.challenge.as_deref()),
        ("code_challenge_method", grant.challenge.as_ref().map(|_| "S256")),
    ];
    let content = html! {
        h1 { "Sign in to " (title) }
        p { strong { (name) } " asks to use your account. It would be able to:" }
        ul { @for scope in &grant.scopes { li { (in_words(scope)) " " code { (scope) } } } }
        @if let Some(problem) = problem {
            p.problem role="alert" {
                @match problem {
                    Problem::Said(text) => (text),
                    Problem::Unconfirmed => {
                        "Your e-mail address is not confirmed yet: open the link in the mail that you got. "
                        a href="/auth/confirmation/new" { "Send it again" }
                    }
                }
            }
        }
        form method="post" action="/oauth/authorize" {
            @for (name, value) in hidden { @if let Some(value) = value { input type="hidden" name=(name) value=(value); } }
            input type="hidden" name="scope" value=(grant.scopes.join(" "));
            label for="username" { "Username or e-mail address" }
            input type="text" id="username" name="username" value=(login) required autocomplete="username" autocapitalize="none" spellcheck="false" autofocus;
            label for="password" { "Password" }
            input type="password" id="password" name="password" required autocomplete="current-password";
            div.buttons {
                button type="submit" name="decision" value="allow" { "Sign in and allow" }
                button.plain type="submit" name="decision" value="deny" formnovalidate { "Deny" }
            }
        }
        p.soft { "Only sign in here if you know " (name) ". You can take its access back at any time." }
    };
    let status = if problem.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    reply(status, title, "Sign in", &content, Some(&grant.redirect_uri))
}

/// The code, to be copied by hand.
pub(super) fn out_of_band(title: &str, grant: &Grant, code: &str) -> Response {
    let content = html! {
        h1 { "Almost there" }
        p { "Copy this code into " strong { (grant.client.name) } ":" }
        p { code.code id="code" { (code) } }
        p.soft { "It works once, within ten minutes. You may close this page then." }
    };
    reply(StatusCode::OK, title, "Your code", &content, None)
}

/// Says that an application was refused, where it cannot be told itself.
pub(super) fn denied(title: &str, grant: &Grant) -> Response {
    let content =
        html! { h1 { "Not allowed" } p { strong { (grant.client.name) } " did not get access to your account. You may close this page." } };
    reply(StatusCode::OK, title, "Not allowed", &content, None)
}

/// Says what is wrong with a request that is not answered anywhere else.
pub(super) fn problem(title: &str, text: &str) -> Response {
    let content = html! {
        h1 { "This does not work" }
        p.problem role="alert" { (text) }
        p { "Go back to the application and try again. If that does not help, its makers must mend it." }
    };
    reply(StatusCode::BAD_REQUEST, title, "Error", &content, None)
}

fn reply(status: StatusCode, title: &str, name: &str, content: &Markup, redirect: Option<&str>) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (name) " · " (title) }
                style { (PreEscaped(STYLE.as_str())) }
            }
            body { main { (content) } }
        }
    };
    let mut response = Response::new(Body::from(page.into_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A code must not travel on in a Referer.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(policy) = HeaderValue::from_str(&policy(redirect)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The form goes to us, and from us on to where the code goes: browsers hold both against `form-action`.
fn policy(redirect: Option<&str>) -> String {
    let target = redirect.and_then(|uri| Url::parse(uri).ok()).map_or(String::new(), |url| match url.scheme() {
        "http" | "https" => format!(" {}", url.origin().ascii_serialization()),
        "urn" => String::new(),
        scheme => format!(" {scheme}:"),
    });
    let style = STYLE_HASH.as_str();
    format!("default-src 'none'; style-src 'sha256-{style}'; form-action 'self'{target}; base-uri 'none'; frame-ancestors 'none'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_the_answer_through_and_nothing_else() {
        let action = |redirect| policy(redirect).split("; ").find(|part| part.starts_with("form-action")).unwrap().to_owned();
        assert_eq!(action(None), "form-action 'self'");
        assert_eq!(action(Some("https://a.example:8443/cb?x=1")), "form-action 'self' https://a.example:8443");
        assert_eq!(action(Some("tusky://oauth")), "form-action 'self' tusky:");
        assert_eq!(action(Some("urn:ietf:wg:oauth:2.0:oob")), "form-action 'self'");
        assert!(!policy(None).contains("unsafe"));
    }
}
