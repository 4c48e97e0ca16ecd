//! The outbox: what is to be sent rests there, committed with the reactors' checkpoint, until a mail server has taken it. So a server
//! that is away holds up nothing else, and a crash loses no mail; it may send one twice, under the same id. The choice:
//! docs/decisions/0014-mail-outbox.md.

use std::sync::Arc;
use std::time::Duration;

use infra::keys::{CONFIRMATION_LIFE_MS, InstanceKeys, Sealed};
use infra::mail::{Mail, MailError, Message};
use infra::views::{Scan, Version, ViewBatch, ViewError};
use rustc_hash::FxHashMap;
use schemas::events::Event;
use schemas::rows::{AccountRow, CredentialRow, KeyPart, OutboxRow, Outgoing, RowKey, RowWrite, Table, codec, keys};
use schemas::{PartitionId, UnixMillis};
use serde::de::DeserializeOwned;

use super::ReactorPorts;
use super::wording::{Confirmation, confirmation};
use crate::batch::Fact;
use crate::error::{ProjectError, Trouble};

/// Mails looked at per read.
const PAGE: usize = 64;
/// How long a mail is tried: half as long as its link works.
const AGE_MS_MAX: UnixMillis = CONFIRMATION_LIFE_MS / 2;
/// The first pause after a failure.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause after a failure, before jitter; and how often the outbox is looked through while nothing is told.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Mails whose failures are remembered; beyond it all are forgotten, and tried at once.
const TRIES_MAX: usize = 10_000;

/// Who sends mail, and in whose name.
#[derive(Clone)]
pub struct MailDesk {
    /// Who delivers it.
    pub mail: Arc<dyn Mail>,
    /// By which addresses are read and links made.
    pub keys: InstanceKeys,
    /// The server's name.
    pub title: String,
    /// Where clients reach the server, without a slash at the end.
    pub public_url: String,
}

/// What a record puts into the outbox.
pub(super) fn of_record(partition: PartitionId, fact: &Fact) -> impl Iterator<Item = RowWrite> {
    (0_u16..).zip(fact.events()).filter_map(move |(number, event)| {
        let Event::CredentialsSet(e) = event else { return None };
        let row = OutboxRow { what: Outgoing::Confirmation, account: e.account, asked_ms: fact.header.time_ms };
        let value = (!e.confirmed).then(|| codec::encode(&row))?;
        Some(RowWrite { key: keys::outbox(partition, fact.offset, number), value: Some(value), offset: fact.offset })
    })
}

/// How often something failed, and when it is due again.
#[derive(Debug, Default, Clone, Copy)]
struct Failures {
    count: u32,
    due_ms: UnixMillis,
}

impl Failures {
    fn again(self, now_ms: UnixMillis) -> Self {
        let pause = PAUSE_MIN.saturating_mul(1 << self.count.min(12)).min(PAUSE_MAX).mul_f64(rand::random_range(0.5..1.0));
        Self { count: self.count.saturating_add(1), due_ms: now_ms + pause.as_millis() as UnixMillis }
    }
}

/// The outbox of one partition.
pub(crate) struct Outbox {
    ports: ReactorPorts,
    desk: MailDesk,
    partition: PartitionId,
    /// Mails that were not taken, each with its own pause.
    tries: FxHashMap<KeyPart, Failures>,
    /// The server itself: while it is away nothing is tried.
    server: Failures,
}

/// What became of a mail.
enum Fate {
    /// It is not wanted any more, or is with the server.
    Done,
    Later(String),
    Away(String),
}

impl Outbox {
    pub(crate) fn new(ports: ReactorPorts, desk: MailDesk, partition: PartitionId) -> Self {
        Self { ports, desk, partition, tries: FxHashMap::default(), server: Failures::default() }
    }

    /// Sends what is due; says how long it may rest unless something new comes. Failures are told and tried again.
    pub(crate) async fn round(&mut self) -> Duration {
        let now_ms = (self.ports.clock)();
        let rest = |due_ms: UnixMillis| Duration::from_millis(due_ms.saturating_sub(now_ms)).clamp(PAUSE_MIN, PAUSE_MAX);
        if self.server.due_ms > now_ms {
            return rest(self.server.due_ms);
        }
        match self.send_due(now_ms).await {
            Ok(due_ms) => rest(due_ms),
            Err(trouble) => {
                tracing::warn!(partition = self.partition.0, ?trouble, "the outbox cannot be read");
                PAUSE_MIN
            }
        }
    }

    /// When the next mail is due.
    async fn send_due(&mut self, now_ms: UnixMillis) -> Result<UnixMillis, Trouble> {
        let mut soonest_ms = UnixMillis::MAX;
        let mut above: Option<KeyPart> = None;
        loop {
            let pk = keys::outbox_of(self.partition);
            let scan = Scan { table: Table::Outbox, pk: pk.clone(), above, below: None, descending: false, limit: PAGE };
            let page = self.ports.views.scan(Version::Live, scan).await?;
            for (sk, bytes) in &page {
                let failures = self.tries.get(sk).copied().unwrap_or_default();
                if failures.due_ms > now_ms {
                    soonest_ms = soonest_ms.min(failures.due_ms);
                    continue;
                }
                // One that cannot be read keeps no other back.
                let sent = match decoded(bytes) {
                    Ok(row) => self.send(sk, &row, now_ms).await,
                    Err(trouble) => Err(trouble),
                };
                match sent.unwrap_or_else(|trouble| Fate::Later(format!("{trouble:?}"))) {
                    Fate::Done => {
                        self.server = Failures::default();
                        self.remove(sk).await?;
                    }
                    Fate::Later(cause) => {
                        tracing::warn!(partition = self.partition.0, cause, "a mail is tried again later");
                        let failures = failures.again(now_ms);
                        soonest_ms = soonest_ms.min(failures.due_ms);
                        if self.tries.len() >= TRIES_MAX {
                            self.tries.clear();
                        }
                        self.tries.insert(sk.clone(), failures);
                    }
                    Fate::Away(cause) => {
                        tracing::warn!(partition = self.partition.0, cause, "no mail can be sent for a while");
                        self.server = self.server.again(now_ms);
                        return Ok(self.server.due_ms);
                    }
                }
            }
            match page.last() {
                Some((sk, _)) if page.len() == PAGE => above = Some(sk.clone()),
                _ => return Ok(soonest_ms),
            }
        }
    }

    async fn send(&self, sk: &KeyPart, row: &OutboxRow, now_ms: UnixMillis) -> Result<Fate, Trouble> {
        let Some(message) = self.write(sk, row).await? else { return Ok(Fate::Done) };
        if now_ms.saturating_sub(row.asked_ms) > AGE_MS_MAX {
            tracing::warn!(account = %row.account, "a mail could not be sent for too long and is given up");
            count("given_up");
            return Ok(Fate::Done);
        }
        Ok(match self.desk.mail.send(&message).await {
            Ok(()) => {
                count("sent");
                Fate::Done
            }
            Err(MailError::Refused(cause)) => {
                tracing::warn!(account = %row.account, cause, "a mail was refused for good");
                count("refused");
                Fate::Done
            }
            Err(MailError::Later(cause)) => {
                count("later");
                Fate::Later(cause)
            }
            Err(MailError::Away(cause)) => {
                count("away");
                Fate::Away(cause)
            }
        })
    }

    /// The mail, unless nobody waits for it any more.
    async fn write(&self, sk: &KeyPart, row: &OutboxRow) -> Result<Option<Message>, Trouble> {
        let Outgoing::Confirmation = row.what;
        let offset = keys::id_of(sk).ok_or_else(|| damaged("a key of the outbox is cut short"))?;
        self.ports.wait(self.partition, offset).await?;
        let Some(credentials) = self.row::<CredentialRow>(keys::credential(row.account)).await? else { return Ok(None) };
        let Some(account) = self.row::<AccountRow>(keys::account(row.account)).await? else { return Ok(None) };
        let email = match self.desk.keys.open(row.account, Sealed::Email, &credentials.email) {
            Ok(email) => email,
            Err(error) => {
                tracing::error!(account = %row.account, %error, "an address cannot be read: no mail goes there");
                return Ok(None);
            }
        };
        if credentials.confirmed || email.is_empty() {
            return Ok(None);
        }
        let token = self.desk.keys.confirmation(row.account, &email, row.asked_ms + CONFIRMATION_LIFE_MS);
        Ok(Some(confirmation(Confirmation {
            id: format!("confirmation.{}.{offset}", row.account),
            server: &self.desk.title,
            public_url: &self.desk.public_url,
            handle: &account.handle,
            email,
            token: &token,
            asked_ms: row.asked_ms,
        })))
    }

    /// Removes a row at the offset of its making: a replay of that record does not bring it back, for a removal wins.
    async fn remove(&mut self, sk: &KeyPart) -> Result<(), Trouble> {
        self.tries.remove(sk);
        let offset = keys::id_of(sk).ok_or_else(|| damaged("a key of the outbox is cut short"))?;
        let key = RowKey::new(Table::Outbox, keys::outbox_of(self.partition), sk.clone());
        let writes = vec![RowWrite { key, value: None, offset }];
        Ok(self.ports.views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await?)
    }

    async fn row<T: DeserializeOwned>(&self, key: RowKey) -> Result<Option<T>, Trouble> {
        let rows = self.ports.views.get(Version::Live, &[key]).await?;
        rows.into_iter().next().flatten().map(|bytes| decoded(&bytes)).transpose()
    }
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Trouble> {
    codec::decode(bytes).map_err(|error| damaged(&error.to_string()))
}

fn damaged(cause: &str) -> Trouble {
    Trouble::Fatal(ProjectError::Views(ViewError::Fatal(cause.to_owned())))
}

fn count(outcome: &'static str) {
    metrics::counter!("roost_mails_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
