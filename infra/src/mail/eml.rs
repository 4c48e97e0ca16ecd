//! A message as it travels: RFC 5322, with a plain text in UTF-8.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, Message as Eml};

use super::{MailError, Message};

/// Bytes of a line at the most, its end aside (RFC 5322, 2.1.1).
const LINE_BYTES_MAX: usize = 998;

/// In whose name mail goes out.
#[derive(Debug, Clone)]
pub struct Sender(Mailbox);

impl Sender {
    /// A sender of a name and an address; an error says what is wrong with the address.
    pub fn new(name: &str, address: &str) -> Result<Self, String> {
        let address: Address = address.parse().map_err(|error| format!("{address} is no address to send mail from: {error}"))?;
        let name = plain(name);
        Ok(Self(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address)))
    }
}

/// The message with its headers. An address that cannot be written so is the message's fault.
pub(super) fn eml(message: &Message, sender: &Sender) -> Result<Eml, MailError> {
    let refused = |error: String| MailError::Refused(error);
    let to: Address = message.to.parse().map_err(|_| refused("the address cannot be mailed to".to_owned()))?;
    let id = format!("<{}@{}>", message.id, sender.0.email.domain());
    Eml::builder()
        .from(sender.0.clone())
        .to(Mailbox::new(None, to))
        .subject(plain(&message.subject))
        .message_id(Some(id))
        .date(UNIX_EPOCH + Duration::from_millis(message.written_ms))
        .header(ContentType::TEXT_PLAIN)
        .body(body(&message.text))
        .map_err(|error| refused(error.to_string()))
}

/// Plain ASCII goes as it stands, so that a long link is whole in the file, too; anything else in the encoding that suits it.
fn body(text: &str) -> Body {
    let fits = |line: &str| line.is_ascii() && !line.contains('\0') && line.len() <= LINE_BYTES_MAX;
    if !text.lines().all(fits) {
        return Body::new(text.to_owned());
    }
    let lines: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
    Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::SevenBit)
}

/// One line: what else would end a header ends nothing.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_with_its_headers() {
        let sender = Sender::new("Nest\r\nBcc: eve@roost.example", "nest@roost.example").expect("good");
        let message = Message {
            id: "confirmation.7".into(),
            to: "ana@roost.example".into(),
            subject: "Confirm\nBcc: eve@roost.example".into(),
            text: "Straße\nhttps://roost.example/x\n".into(),
            written_ms: 1_700_000_000_000,
        };
        insta::assert_snapshot!(String::from_utf8(eml(&message, &sender).expect("written").formatted()).expect("text").replace('\r', ""));
        let link = format!("https://roost.example/{}", "x".repeat(200));
        let long = Message { text: format!("Open:\n{link}\n"), ..message.clone() };
        assert!(String::from_utf8(eml(&long, &sender).expect("written").formatted()).expect("text").contains(&link), "not folded");
        let nowhere = Message { to: "ana@roost.example\r\nBcc: eve@roost.example".into(), ..message };
        assert!(matches!(eml(&nowhere, &sender), Err(MailError::Refused(_))));
        assert!(Sender::new("Nest", "nobody").is_err());
    }
}
