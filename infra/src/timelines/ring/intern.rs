//! Accounts as dense `u32`: what rings and follower lists hold instead of 64-bit ids.
//!
//! Only accounts that a hot reader follows or is get a number; numbers are never taken back, so they stay true across evictions and resets.

use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use schemas::AccountId;

use super::super::Entry;
use super::window::Slot;

/// The numbers of accounts.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    numbers: FxHashMap<AccountId, u32>,
    ids: Vec<AccountId>,
}

impl Inner {
    fn number(&mut self, id: AccountId) -> u32 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let number = u32::try_from(self.ids.len()).expect("fewer accounts than 2^32 fit a machine's memory");
        self.numbers.insert(id, number);
        self.ids.push(id);
        number
    }
}

impl Accounts {
    /// The account's number, where it has one.
    pub(super) fn get(&self, id: AccountId) -> Option<u32> {
        self.inner.read().numbers.get(&id).copied()
    }

    /// The numbers that accounts have.
    pub(super) fn get_all(&self, ids: impl Iterator<Item = AccountId>) -> Vec<Option<u32>> {
        let inner = self.inner.read();
        ids.map(|id| inner.numbers.get(&id).copied()).collect()
    }

    /// The account's number, a new one where it has none.
    pub(super) fn number(&self, id: AccountId) -> u32 {
        self.get(id).unwrap_or_else(|| self.inner.write().number(id))
    }

    /// The accounts' numbers, new ones where they have none.
    pub(super) fn numbers(&self, ids: &[AccountId]) -> Vec<u32> {
        let known = self.get_all(ids.iter().copied());
        if known.iter().all(Option::is_some) {
            return known.into_iter().flatten().collect();
        }
        let mut inner = self.inner.write();
        ids.iter().map(|id| inner.number(*id)).collect()
    }

    /// The ids behind numbers.
    pub(super) fn ids(&self, numbers: &[u32]) -> Vec<AccountId> {
        let inner = self.inner.read();
        numbers.iter().filter_map(|number| inner.ids.get(*number as usize).copied()).collect()
    }

    /// Slots as the port shows them.
    pub(super) fn entries(&self, slots: &[Slot]) -> Vec<Entry> {
        let inner = self.inner.read();
        let mut entries = Vec::with_capacity(slots.len());
        for slot in slots {
            if let Some(author) = inner.ids.get(slot.author as usize) {
                entries.push(Entry { post: schemas::PostId(slot.post), author: *author, flags: slot.flags });
            }
        }
        entries
    }

    /// How many accounts have numbers.
    pub(super) fn len(&self) -> usize {
        self.inner.read().ids.len()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let inner = self.inner.read();
        // A bucket of the map is a key, a number, padding and a control byte, at a load of seven eighths.
        inner.ids.capacity() * size_of::<AccountId>() + inner.numbers.capacity() * 8 / 7 * (size_of::<(AccountId, u32)>() + 1)
    }
}
