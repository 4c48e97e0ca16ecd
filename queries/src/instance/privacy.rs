//! What the server keeps of people, in words for them. Whoever changes what is kept changes this text, and its date.

use schemas::UnixMillis;

/// When the text was last changed: 21 November 2026.
pub(crate) const CHANGED_MS: UnixMillis = 1_795_219_200_000;

/// The policy, as HTML. `contact` is an e-mail address, or empty.
pub(crate) fn policy(title: &str, contact: &str) -> String {
    let (title, contact) = (infra::http::html::escape(title), infra::http::html::escape(contact));
    let ask = match contact.is_empty() {
        true => "Ask the operators of this server.".to_owned(),
        false => format!("Write to <a href=\"mailto:{contact}\">{contact}</a>."),
    };
    format!(
        "<p>This page says what {title} keeps of you, who sees it, and for how long.</p>\
         <h2>What you give us</h2>\
         <ul>\
         <li><strong>Your profile</strong> (name, pictures, what you write about yourself) is public.</li>\
         <li><strong>Your e-mail address</strong> is for signing in and for confirming that it is yours. It is kept encrypted, shown to \
         nobody, and used for nothing else.</li>\
         <li><strong>Your password</strong> is kept only as a hash (argon2id), encrypted once more. Nobody can read it from that.</li>\
         <li><strong>Your posts</strong> are seen by those whom you choose when you write them: everybody, your followers, or only those \
         whom you mention. None of them is encrypted end to end: operators of the server could read them. Share no secrets here.</li>\
         <li><strong>Whom you follow</strong>, what you favourite and reblog is shown to others. Whom you block or mute, what you \
         bookmark, your notes on others and how far you have read is shown to you alone.</li>\
         </ul>\
         <h2>What is kept besides</h2>\
         <ul>\
         <li>Everything you do here is recorded with its time in a log, from which all pages are made.</li>\
         <li>For each app that you sign in to: its name, what you allowed it, and a hash of its token.</li>\
         <li>Your network address is used to answer you and to limit abuse. It is not kept with your account.</li>\
         <li>There are no cookies, no trackers, no advertising, and nothing is loaded from other sites.</li>\
         </ul>\
         <h2>For how long</h2>\
         <p>As long as your account is here. What you delete disappears from every page and from every app at once; the record of it stays \
         in the log and in its backups, which only the operators can read.</p>\
         <h2>Who gets it</h2>\
         <p>Nobody but the apps that you sign in to, and a mail service where one delivers our mail. Nothing is sold. What is public can be \
         read and copied by anybody.</p>\
         <h2>Questions, corrections, removal</h2>\
         <p>{ask}</p>"
    )
}

#[cfg(test)]
mod tests {
    use super::policy;

    #[test]
    fn names_are_escaped_and_the_contact_may_be_missing() {
        let text = policy("<Nest>", "a\"b@roost.example");
        assert!(text.contains("&lt;Nest&gt;") && !text.contains("<Nest>") && !text.contains("a\"b"));
        assert!(policy("Nest", "").contains("Ask the operators") && !policy("Nest", "").contains("mailto"));
    }
}
