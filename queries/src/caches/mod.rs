//! What is read again and again, kept exact by stamps: posts and accounts serialised once, readers and their marks.

mod accounts;
mod marks;
mod posts;
mod printed;
mod readers;

use std::ops::Deref;
use std::sync::Arc;

use infra::cache::{Kept, StampedCache, Stamps};
use schemas::rows::AppRow;
use schemas::{AccountId, AppId, PostId};

pub(crate) use accounts::CachedAccount;
pub(crate) use marks::{Mark, Marks};
pub(crate) use posts::CachedPost;
pub(crate) use printed::{Entity, Printed};

use crate::home::remembered::{self, Remembered};
use crate::rows::Rows;
use crate::settings::Settings;
use schemas::visibility::Reader;

/// Applications kept: few, and never changed.
const APPS_MAX: u64 = 4_096;

/// All caches, and how each value is loaded.
pub(crate) struct Caches {
    rows: Rows,
    settings: Arc<Settings>,
    posts: StampedCache<PostId, Option<CachedPost>>,
    accounts: StampedCache<AccountId, Option<CachedAccount>>,
    printed: StampedCache<PostId, Option<Printed>>,
    pub(crate) homes: StampedCache<AccountId, Remembered>,
    readers: StampedCache<AccountId, Reader>,
    marks: StampedCache<AccountId, Marks>,
    apps: StampedCache<AppId, Option<AppRow>>,
}

impl Caches {
    pub(crate) fn new(rows: Rows, stamps: Arc<Stamps>, settings: Arc<Settings>) -> Self {
        let reader_bytes = settings.reader_cache_bytes / 2;
        Self {
            posts: StampedCache::new("posts", stamps.clone(), settings.post_cache_bytes, |_, post| posts::weigh(post.as_ref())),
            accounts: StampedCache::new("accounts", stamps.clone(), settings.account_cache_bytes, |_, one| accounts::weigh(one.as_ref())),
            printed: StampedCache::new("printed", stamps.clone(), settings.printed_cache_bytes, |_, one| printed::weigh(one.as_ref())),
            homes: StampedCache::new("homes", stamps.clone(), settings.home_cache_bytes, |_, home| remembered::weigh(home)),
            readers: StampedCache::new("readers", stamps.clone(), reader_bytes, |_, reader| readers::weigh(reader)),
            marks: StampedCache::new("marks", stamps.clone(), reader_bytes, |_, marks| marks::weigh(marks)),
            apps: StampedCache::new("apps", stamps, APPS_MAX, |_, _| 1),
            rows,
            settings,
        }
    }
}

/// A value that a cache holds, absent ones excepted: caches keep "there is none" as well.
#[derive(Debug)]
pub(crate) struct Held<T>(Kept<Option<T>>);

impl<T> Held<T> {
    pub(crate) fn of(held: Kept<Option<T>>) -> Option<Self> {
        held.is_some().then_some(Self(held))
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("a held value is present: checked when it was made")
    }
}

/// A length as a weight.
pub(crate) fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
