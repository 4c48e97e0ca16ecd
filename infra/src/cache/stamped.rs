//! A bounded cache of values made of view rows, exact by their stamps.

use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use metrics::Counter;
use parking_lot::Mutex;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use rustc_hash::{FxBuildHasher, FxHashMap};
use schemas::rows::{KeyPart, Table};

use super::{Stamps, Taken};

/// Values by key. A hit is one lookup and one comparison per partition key that the value was made of.
///
/// Metrics: `roost_cache_hits_total` and `roost_cache_misses_total`, with the label `cache`; make caches after the recorder.
pub struct StampedCache<K, V> {
    values: Cache<K, Kept<V>, Weigh<K, V>, FxBuildHasher>,
    stamps: Arc<Stamps>,
    flights: Mutex<FxHashMap<K, Arc<Flight<V>>>>,
    /// Orders arrivals and loads: whoever arrived before a load began may take what it brought.
    clock: AtomicU64,
    hits: Counter,
    misses: Counter,
}

/// A value with the stamps that it rests on, in one allocation: a hit copies a pointer.
#[derive(Debug)]
pub struct Kept<V>(Arc<(Taken, V)>);

impl<V> Kept<V> {
    /// A value that rests on the stamps.
    pub fn new(taken: Taken, value: V) -> Self {
        Self(Arc::new((taken, value)))
    }

    /// The stamps. What is made of kept values alone rests on theirs together: they were taken before any row was read.
    pub fn taken(&self) -> &Taken {
        &self.0.0
    }
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Deref for Kept<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0.1
    }
}

/// Parts of a cache with a lock of their own; a value must fit into one part.
const SHARDS: usize = 16;
/// What the memory for evicted keys is sized by, in items; what is held is bounded by weight alone.
const ITEM_WEIGHT_GUESSED: u64 = 512;
const ITEMS_GUESSED_MIN: u64 = 1 << 10;
const ITEMS_GUESSED_MAX: u64 = 1 << 18;

/// The weight of an entry: at least 1, for what weighs nothing is never evicted.
struct Weigh<K, V>(fn(&K, &V) -> u32);

impl<K, V> Clone for Weigh<K, V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V> Weighter<K, Kept<V>> for Weigh<K, V> {
    fn weight(&self, key: &K, value: &Kept<V>) -> u64 {
        u64::from((self.0)(key, value).max(1))
    }
}

/// One key's loads, one at a time.
struct Flight<V> {
    /// Callers in it; changed under the lock of the map of flights only.
    callers: AtomicUsize,
    /// When the last load began, and what it brought.
    last: tokio::sync::Mutex<Option<(u64, Kept<V>)>>,
}

impl<K, V> StampedCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A cache that holds values up to `weight_max`, as `weigh` counts it: in bytes or in entries.
    pub fn new(name: &'static str, stamps: Arc<Stamps>, weight_max: u64, weigh: fn(&K, &V) -> u32) -> Self {
        let items = (weight_max / ITEM_WEIGHT_GUESSED).clamp(ITEMS_GUESSED_MIN, ITEMS_GUESSED_MAX) as usize;
        let options = OptionsBuilder::new().estimated_items_capacity(items).weight_capacity(weight_max).shards(SHARDS).build();
        let options = options.expect("both capacities are given");
        let values = Cache::with_options(options, Weigh(weigh), FxBuildHasher, DefaultLifecycle::default());
        Self {
            values,
            stamps,
            flights: Mutex::default(),
            clock: AtomicU64::new(0),
            hits: metrics::counter!("roost_cache_hits_total", "cache" => name),
            misses: metrics::counter!("roost_cache_misses_total", "cache" => name),
        }
    }

    /// The value, if it is held and none of its rows has changed.
    pub fn get(&self, key: &K) -> Option<Kept<V>> {
        self.get_if(key, |_| true)
    }

    /// The same, if the value is also good otherwise: what is not counts as a miss.
    pub fn get_if(&self, key: &K, good: impl FnOnce(&V) -> bool) -> Option<Kept<V>> {
        let held = self.fresh(key).filter(|held| good(held));
        if held.is_some() {
            self.hits.increment(1)
        } else {
            self.misses.increment(1)
        }
        held
    }

    fn fresh(&self, key: &K) -> Option<Kept<V>> {
        self.values.get(key).filter(|held| self.stamps.stand(held.taken()))
    }

    /// The stamps of the partition keys that a value will be made of: take them before their rows are read.
    pub fn take(&self, deps: &[(Table, KeyPart)]) -> Taken {
        let mut taken = Taken::default();
        for (table, pk) in deps {
            self.stamps.take(&mut taken, *table, pk);
        }
        taken
    }

    /// Holds a value under the stamps taken before its rows were read.
    pub fn insert(&self, key: K, taken: Taken, value: V) -> Kept<V> {
        let value = Kept::new(taken, value);
        self.values.insert(key, value.clone());
        value
    }

    /// The value, loaded where it is not held or a row of `deps` has changed. Concurrent misses of a key share one load; an error is
    /// not held and fails only the caller whose load it was.
    pub async fn get_or_load<E>(&self, key: &K, deps: &[(Table, KeyPart)], load: impl Future<Output = Result<V, E>>) -> Result<Kept<V>, E> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let arrived = self.clock.fetch_add(1, Ordering::AcqRel);
        let boarded = self.board(key);
        let mut last = boarded.flight.last.lock().await;
        if let Some((began, value)) = &*last
            && *began > arrived
        {
            return Ok(value.clone());
        }
        if let Some(value) = self.fresh(key) {
            return Ok(value);
        }
        let began = self.clock.fetch_add(1, Ordering::AcqRel);
        let taken = self.take(deps);
        let value = self.insert(key.clone(), taken, load.await?);
        *last = Some((began, value.clone()));
        Ok(value)
    }

    fn board<'a>(&'a self, key: &'a K) -> Boarded<'a, K, V> {
        let mut flights = self.flights.lock();
        let made = || Arc::new(Flight { callers: AtomicUsize::new(0), last: tokio::sync::Mutex::new(None) });
        let flight = flights.entry(key.clone()).or_insert_with(made).clone();
        flight.callers.fetch_add(1, Ordering::AcqRel);
        Boarded { cache: self, key, flight }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.values.clear();
    }
}

/// A caller's place in a key's flight; the last one to leave removes it, also one whose future was dropped.
struct Boarded<'a, K: Hash + Eq, V> {
    cache: &'a StampedCache<K, V>,
    key: &'a K,
    flight: Arc<Flight<V>>,
}

impl<K: Hash + Eq, V> Drop for Boarded<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.cache.flights.lock();
        if self.flight.callers.fetch_sub(1, Ordering::AcqRel) == 1 {
            flights.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::cache::StampedViews;
    use crate::views::memory::MemoryViews;
    use crate::views::{Version, ViewBatch, ViewStore, contract};

    fn cache(stamps: &Arc<Stamps>) -> StampedCache<u64, u64> {
        StampedCache::new("test", stamps.clone(), 100, |_, _| 1)
    }

    fn dep(pk: &str) -> [(Table, KeyPart); 1] {
        [(Table::Account, contract::key(Table::Account, pk, "").pk)]
    }

    #[tokio::test]
    async fn a_value_is_loaded_once_until_its_row_changes() {
        let stamps = Arc::new(Stamps::new());
        let cache = cache(&stamps);
        let load = async |value: u64| cache.get_or_load(&1, &dep("ana"), async { Ok::<_, Infallible>(value) }).await.map(|value| *value);
        assert_eq!(load(10).await, Ok(10));
        assert_eq!(load(11).await, Ok(10));
        stamps.touch(&contract::key(Table::Account, "bob", ""));
        assert_eq!(load(12).await, Ok(10));
        stamps.touch(&contract::key(Table::Account, "ana", ""));
        assert!(cache.get(&1).is_none());
        assert_eq!(load(13).await, Ok(13));
        cache.clear();
        assert_eq!(load(14).await, Ok(14));
    }

    #[test]
    fn what_is_held_is_bounded_by_weight() {
        let cache: StampedCache<u64, Vec<u8>> = StampedCache::new("test", Arc::new(Stamps::new()), 1 << 20, |_, bytes| bytes.len() as u32);
        for key in 0..10_000 {
            cache.insert(key, Taken::default(), vec![0; 1 << 10]);
        }
        let held: u64 = (0..10_000).filter(|key| cache.get(key).is_some()).count() as u64;
        assert!((500..=1024).contains(&held), "{held} KiB of 1,024 are held");
    }

    #[tokio::test]
    async fn errors_are_not_held() {
        let cache = cache(&Arc::new(Stamps::new()));
        let load = async |value| cache.get_or_load(&1, &dep("ana"), async { value }).await.map(|value| *value);
        assert_eq!(load(Err("down")).await, Err("down"));
        assert_eq!(load(Ok(1)).await, Ok(1));
        assert!(cache.flights.lock().is_empty());
    }

    #[tokio::test]
    async fn concurrent_misses_share_one_load() {
        let cache = Arc::new(cache(&Arc::new(Stamps::new())));
        let loads = Arc::new(AtomicU32::new(0));
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (cache, loads) = (cache.clone(), loads.clone());
                tokio::spawn(async move {
                    let load = async {
                        tokio::task::yield_now().await;
                        Ok::<_, Infallible>(u64::from(loads.fetch_add(1, Ordering::AcqRel)))
                    };
                    cache.get_or_load(&7, &dep("ana"), load).await.map(|value| *value)
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(0));
        }
        assert_eq!(loads.load(Ordering::Acquire), 1);
        assert!(cache.flights.lock().is_empty());
    }

    /// After a commit has returned, no reader gets a value from before it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_reader_sees_a_value_older_than_a_returned_commit() {
        let stamps = Arc::new(Stamps::new());
        let store: Arc<dyn ViewStore> = Arc::new(StampedViews::new(Arc::new(MemoryViews::new()), stamps.clone()));
        let cache = Arc::new(cache(&stamps));
        let committed = Arc::new(AtomicU64::new(0));
        let write = async |n: u64| {
            let writes = vec![contract::put(Table::Account, "ana", "", &n.to_string())];
            store.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
            committed.store(n, Ordering::Release);
        };
        write(1).await;
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (store, cache, committed) = (store.clone(), cache.clone(), committed.clone());
                tokio::spawn(async move {
                    while committed.load(Ordering::Acquire) < 3_000 {
                        let least = committed.load(Ordering::Acquire);
                        let load = async {
                            let mut rows = store.get(Version::Live, &[contract::key(Table::Account, "ana", "")]).await?;
                            let row = rows.pop().flatten().expect("the row was written first");
                            Ok::<u64, crate::views::ViewError>(String::from_utf8_lossy(&row).parse().unwrap())
                        };
                        let value = *cache.get_or_load(&1, &dep("ana"), load).await.unwrap();
                        assert!(value >= least, "{value} after {least} was committed");
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for n in 2..=3_000 {
            write(n).await;
        }
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
