//! What whoever delivers mail must do: one suite, run for each adapter.

use super::{Mail, MailError, Message, Sender};

/// Who sends in the suite.
pub fn sender() -> Sender {
    Sender::new("Nest", "nest@roost.example").expect("a good address")
}

/// A message of that id.
pub fn message(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        to: "ana@roost.example".to_owned(),
        subject: "Welcome".to_owned(),
        text: format!("The text of {id}.\r\n"),
        written_ms: 1_700_000_000_000,
    }
}

/// Runs every rule; `delivered` gives the messages that arrived, as they travel, each once by its id.
pub async fn run(mail: &dyn Mail, delivered: &(dyn Fn() -> Vec<String> + Sync)) {
    assert_eq!(delivered(), Vec::<String>::new());
    mail.send(&message("one")).await.unwrap();
    mail.send(&message("two")).await.unwrap();
    mail.send(&message("one")).await.unwrap();
    let mut texts = delivered();
    texts.sort_by_key(|text| text.contains("The text of two."));
    let [one, two] = texts.as_slice() else { panic!("two messages, the repeated one once: {texts:?}") };
    assert!(two.contains("The text of two."), "{two}");
    for part in ["From: Nest <nest@roost.example>", "To: ana@roost.example", "Subject: Welcome", "<one@roost.example>", "The text of one."]
    {
        assert!(one.contains(part), "{part} is missing: {one}");
    }
    for nowhere in ["", "ana", "ana@", "ana@roost.example\r\nBcc: eve@roost.example"] {
        let to_nowhere = Message { to: nowhere.to_owned(), ..message("three") };
        assert!(matches!(mail.send(&to_nowhere).await, Err(MailError::Refused(_))), "{nowhere}");
    }
    assert_eq!(delivered().len(), 2);
}
