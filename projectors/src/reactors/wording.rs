//! What a mail says. Pure: everything in it comes as an argument, so the same mail sent twice is the same.

use infra::keys::CONFIRMATION_LIFE_MS;
use infra::mail::Message;
use schemas::UnixMillis;

/// What a confirmation is made of.
pub(super) struct Confirmation<'a> {
    /// Names the mail.
    pub(super) id: String,
    /// The server's name.
    pub(super) server: &'a str,
    /// The server's address.
    pub(super) public_url: &'a str,
    /// The account's handle.
    pub(super) handle: &'a str,
    /// The address to be confirmed.
    pub(super) email: String,
    /// What the link carries.
    pub(super) token: &'a str,
    /// When it was asked for.
    pub(super) asked_ms: UnixMillis,
}

/// The mail that asks somebody to confirm an address.
pub(super) fn confirmation(c: Confirmation<'_>) -> Message {
    let Confirmation { id, server, public_url, handle, email, token, asked_ms } = c;
    let hours = CONFIRMATION_LIFE_MS / 3_600_000;
    let text = format!(
        "Hello @{handle},\r\n\r\n\
         somebody, most likely you, opened an account on {server} ({public_url}) with this e-mail address.\r\n\
         To confirm that it is yours, open this link:\r\n\r\n\
         {public_url}/auth/confirmation?confirmation_token={token}\r\n\r\n\
         It works for {hours} hours. After that you can have another one sent:\r\n\
         {public_url}/auth/confirmation/new\r\n\r\n\
         If it was not you, do nothing: the account stays locked, and you get no further mail from us.\r\n"
    );
    Message { id, to: email, subject: format!("{server}: confirm your e-mail address"), text, written_ms: asked_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_is_as_reviewed() {
        let mail = confirmation(Confirmation {
            id: "confirmation.1".into(),
            server: "Nest",
            public_url: "https://roost.example",
            handle: "ana",
            email: "ana@roost.example".into(),
            token: "TOKEN",
            asked_ms: 9,
        });
        assert_eq!((mail.to.as_str(), mail.written_ms), ("ana@roost.example", 9));
        insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text.replace('\r', "")));
    }
}
