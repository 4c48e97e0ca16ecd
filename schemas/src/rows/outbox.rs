//! What reactors have yet to send, and to whom: no address and no text, for both are looked up when it goes out.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, UnixMillis};

/// Something to be sent. Source: the partition of the record that causes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// What.
    pub what: Outgoing,
    /// To whom.
    pub account: AccountId,
    /// When it was asked for, by the log.
    pub asked_ms: UnixMillis,
}

/// What is sent. Persisted by its place in this list: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outgoing {
    /// A mail with a link that confirms the account's address.
    Confirmation,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rows::codec;

    #[test]
    fn rows_are_stable() {
        // Not rebuilt from the log: a build must read what the last one left.
        let row = OutboxRow { what: Outgoing::Confirmation, account: AccountId(300), asked_ms: 1_700_000_000_000 };
        assert_eq!(hex::encode(codec::encode(&row)), "0100ac0280d095ffbc31");
    }

    proptest! {
        #[test]
        fn rows_come_back(account: u64, asked_ms: u64) {
            let row = OutboxRow { what: Outgoing::Confirmation, account: AccountId(account), asked_ms };
            prop_assert_eq!(codec::decode::<OutboxRow>(&codec::encode(&row)), Ok(row));
        }
    }
}
