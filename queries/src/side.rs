//! The query service: ports, caches, settings. Each surface is a file of its own with methods on this.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use infra::cache::{Kept, Stamps};
use infra::clock::Clock;
use infra::progress::Progress;
use infra::search::SearchIndex;
use infra::timelines::Timelines;
use infra::views::ViewStore;
use schemas::visibility::Reader;
use schemas::{AccountId, PostId, UnixMillis};

use crate::caches::{CachedAccount, CachedPost, Caches, Held};
use crate::error::QueryError;
use crate::instance::ActivityCache;
use crate::render::Whole;
use crate::rows::Rows;
use crate::settings::Settings;

/// The read side of Roost.
pub struct QuerySide {
    pub(crate) rows: Rows,
    pub(crate) caches: Caches,
    pub(crate) timelines: Arc<dyn Timelines>,
    pub(crate) search: Arc<dyn SearchIndex>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
    /// When the oldest account registered; 0 while none is known.
    pub(crate) oldest_ms: AtomicU64,
    pub(crate) activity: ActivityCache,
}

/// A post and, for a reblog, its original (if it still exists): what the rules look at.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: PostId,
    pub(crate) post: Held<CachedPost>,
    pub(crate) original: Option<(PostId, Held<CachedPost>)>,
}

/// Accounts of one page: few, so a walk through them is faster than another look into a cache.
pub(crate) type People = Vec<(AccountId, Held<CachedAccount>)>;

impl QuerySide {
    /// Makes the service. `views` may be the store itself or the stamped one; `stamps` are those that its commits move.
    pub fn new(
        views: Arc<dyn ViewStore>,
        stamps: Arc<Stamps>,
        timelines: Arc<dyn Timelines>,
        search: Arc<dyn SearchIndex>,
        progress: Arc<Progress>,
        settings: Settings,
        clock: Clock,
    ) -> Arc<Self> {
        let (rows, settings) = (Rows::new(views), Arc::new(settings));
        let caches = Caches::new(rows.clone(), stamps, settings.clone());
        Arc::new(Self {
            rows,
            caches,
            timelines,
            search,
            progress,
            settings,
            clock,
            oldest_ms: AtomicU64::new(0),
            activity: ActivityCache::default(),
        })
    }

    pub(crate) fn now(&self) -> UnixMillis {
        (self.clock)()
    }

    /// The reader's own rows, if somebody is signed in.
    pub(crate) async fn reader(&self, account: Option<AccountId>) -> Result<Option<Kept<Reader>>, QueryError> {
        Ok(match account {
            Some(account) => Some(self.caches.reader(account).await?),
            None => None,
        })
    }

    /// The post with its original, if it exists, whoever asks.
    pub(crate) async fn known(&self, id: PostId) -> Result<Option<Known>, QueryError> {
        let Some(post) = self.caches.post(id).await? else { return Ok(None) };
        let original = match &post.facts.reblog_of {
            Some(of) => {
                let id = of.post;
                self.caches.post(id).await?.map(|original| (id, original))
            }
            None => None,
        };
        Ok(Some(Known { id, post, original }))
    }

    /// The post, if the reader may see it.
    pub(crate) async fn seen(&self, reader: Option<&Reader>, id: PostId) -> Result<Option<Known>, QueryError> {
        Ok(self.known(id).await?.filter(|known| known.seen_by(reader)))
    }

    /// The post, if that account may see it. What is its own is seen whatever its relations are, which then are not read: a post is shown
    /// to its author right after it was published.
    pub(crate) async fn seen_as(&self, account: Option<AccountId>, id: PostId) -> Result<Option<Known>, QueryError> {
        let Some(known) = self.known(id).await? else { return Ok(None) };
        let own = account.filter(|account| known.is_own(*account)).map(|account| Reader { account, ..Reader::default() });
        let seen = match own {
            Some(own) => known.seen_by(Some(&own)),
            None => known.seen_by(self.reader(account).await?.as_deref()),
        };
        Ok(Some(known).filter(|_| seen))
    }

    /// Adds the accounts that a post's entity shows; nothing where one is not (or no longer) known.
    pub(crate) async fn whole(&self, known: Known) -> Result<Option<Whole>, QueryError> {
        self.whole_among(known, &mut Vec::new()).await
    }

    /// The same, for one of the posts of a page: `people` are those that it has shown so far.
    pub(crate) async fn whole_among(&self, known: Known, people: &mut People) -> Result<Option<Whole>, QueryError> {
        let Some(account) = self.person(known.post.facts.author, people).await? else { return Ok(None) };
        let original = match known.original {
            Some((id, post)) => match self.person(post.facts.author, people).await? {
                Some(account) => Some((id, post, account)),
                None => return Ok(None),
            },
            None => None,
        };
        Ok(Some(Whole { id: known.id, post: known.post, account, original }))
    }

    async fn person(&self, id: AccountId, people: &mut People) -> Result<Option<Held<CachedAccount>>, QueryError> {
        if let Some((_, account)) = people.iter().find(|(known, _)| *known == id) {
            return Ok(Some(account.clone()));
        }
        let account = self.caches.account(id).await?;
        people.extend(account.iter().map(|account| (id, account.clone())));
        Ok(account)
    }

    /// The accounts that exist, in the order asked for.
    pub(crate) async fn accounts_of(&self, ids: impl IntoIterator<Item = AccountId>) -> Result<Vec<Held<CachedAccount>>, QueryError> {
        let mut accounts = Vec::new();
        for id in ids {
            accounts.extend(self.caches.account(id).await?);
        }
        Ok(accounts)
    }
}

impl Known {
    /// Whether it was written by the account, and nothing of others is in it.
    fn is_own(&self, account: AccountId) -> bool {
        self.post.facts.author == account && self.post.facts.reblog_of.is_none()
    }

    pub(crate) fn seen_by(&self, reader: Option<&Reader>) -> bool {
        schemas::visibility::may_see(reader, &self.post.facts, self.original.as_ref().map(|(_, post)| &post.facts))
    }

    pub(crate) fn shown_in_feeds(&self, reader: Option<&Reader>, now: UnixMillis) -> bool {
        schemas::visibility::shown_in_feeds(reader, &self.post.facts, self.original.as_ref().map(|(_, post)| &post.facts), now)
    }
}
