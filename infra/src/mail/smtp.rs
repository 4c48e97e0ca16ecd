//! Mail through a mail server, by SMTP (RFC 5321): `smtp://` plain (`?tls=required` for STARTTLS), `smtps://` encrypted from the start.

use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Mail, MailError, Message, Sender, eml};

/// How long the server may take for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a message may take in all.
const SEND_TIME_MAX: Duration = Duration::from_secs(25);
/// Answers that speak of us or of the server rather than of the message: going away, and everything about signing in (RFC 4954, 6).
const OF_THE_SERVER: [u16; 7] = [421, 432, 454, 530, 534, 535, 538];

/// A connection for each message: mails are few, and an idle connection is one to lose.
pub struct SmtpMail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
}

impl SmtpMail {
    /// Sends through the server of a URL, `smtp://user:password@host:port/our-name`; an error says what is wrong with it, without it.
    pub fn new(url: &str, sender: Sender) -> Result<Self, String> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|error| error.to_string())?;
        Ok(Self { transport: builder.timeout(Some(ANSWER_TIME_MAX)).build(), sender })
    }
}

#[async_trait]
impl Mail for SmtpMail {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        let eml = eml::eml(message, &self.sender)?;
        match tokio::time::timeout(SEND_TIME_MAX, self.transport.send(eml)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_) => Err(MailError::Away(format!("the mail server took more than {} s", SEND_TIME_MAX.as_secs()))),
        }
    }
}

/// Whose fault a failure is.
fn fault(error: &Error) -> MailError {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    match error.status().map(u16::from) {
        Some(code) if OF_THE_SERVER.contains(&code) => MailError::Away(cause),
        Some(_) if error.is_permanent() => MailError::Refused(cause),
        Some(_) => MailError::Later(cause),
        None => MailError::Away(cause),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::contract;
    use super::*;

    type Inbox = Arc<Mutex<Vec<String>>>;

    /// A mail server that takes everything but what is to `later@` and `never@`; the latest of each id.
    async fn server() -> (String, Inbox) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let inbox = Inbox::default();
        let kept = inbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, kept.clone()));
            }
        });
        (url, inbox)
    }

    async fn talk(mut stream: TcpStream, inbox: Inbox) -> std::io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 roost.example\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let answer = match line.split(' ').next().unwrap_or_default() {
                "RCPT" if line.contains("later@") => "450 not now",
                "RCPT" if line.contains("never@") => "550 nobody here",
                "RCPT" if line.contains("closing@") => "421 going away",
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    let mut text = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        text += &line;
                        text += "\n";
                    }
                    let id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned);
                    let mut inbox = inbox.lock();
                    inbox.retain(|known| id(known) != id(&text));
                    inbox.push(text);
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 well",
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        let (url, inbox) = server().await;
        let mail = SmtpMail::new(&url, contract::sender()).unwrap();
        contract::run(&mail, &|| inbox.lock().clone()).await;
    }

    #[tokio::test]
    async fn failures_are_the_messages_the_moments_or_the_servers() {
        let (url, _) = server().await;
        let mail = SmtpMail::new(&url, contract::sender()).unwrap();
        let to = |name: &str| Message { to: format!("{name}@roost.example"), ..contract::message("x") };
        assert!(matches!(mail.send(&to("later")).await, Err(MailError::Later(_))));
        assert!(matches!(mail.send(&to("never")).await, Err(MailError::Refused(_))));
        assert!(matches!(mail.send(&to("closing")).await, Err(MailError::Away(_))));
        let nobody = SmtpMail::new("smtp://127.0.0.1:1", contract::sender()).unwrap();
        assert!(matches!(nobody.send(&to("ana")).await, Err(MailError::Away(_))));
        assert!(SmtpMail::new("pop3://127.0.0.1", contract::sender()).is_err());
    }
}
