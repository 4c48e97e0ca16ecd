//! Mail as files in a folder: a laptop has no mail server, and whoever runs one there can open the files with any mail program.

use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Mail, MailError, Message, Sender, eml};

/// Writes each message as `ID.eml`; the folder is made with the first one.
#[derive(Debug)]
pub struct FolderMail {
    folder: PathBuf,
    sender: Sender,
}

impl FolderMail {
    /// Writes into a folder.
    pub fn new(folder: &Path, sender: Sender) -> Self {
        Self { folder: folder.to_owned(), sender }
    }
}

#[async_trait]
impl Mail for FolderMail {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        if message.id.is_empty() || !message.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
            return Err(MailError::Refused("its id is no name of a file".to_owned()));
        }
        let text = eml::eml(message, &self.sender)?.formatted();
        let (folder, name) = (self.folder.clone(), message.id.clone());
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, &text)).await;
        let done = written.map_err(|error| MailError::Away(error.to_string()))?;
        done.map_err(|error| MailError::Away(format!("{}: {error}", self.folder.display())))
    }
}

/// Writes a file so that readers find the whole of it or none. Addresses and links are in there: only the owner reads them.
fn write(folder: &Path, name: &str, text: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = folder.join(format!("{name}.draft"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(format!("{name}.eml")))?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("mail");
        let mail = FolderMail::new(&place, contract::sender());
        let delivered = || {
            let Ok(files) = std::fs::read_dir(&place) else { return Vec::new() };
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
        };
        contract::run(&mail, &delivered).await;
        let mut message = contract::message("x");
        message.id = "../x".into();
        assert!(matches!(mail.send(&message).await, Err(MailError::Refused(_))), "nothing is written elsewhere");
    }
}
