//! The rules of versions: begin, promote, drop, and what stays after the store was closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schemas::rows::{Table, View};

use super::{LIVE, Open, P0, all, checkpoint, delete, dump_all, get, key, put, write};
use crate::views::{Version, Versions, ViewBatch, ViewError, ViewStore};

pub(super) async fn refuses_unknown_versions_whole(store: Arc<dyn ViewStore>) {
    let two = store.begin(View::Statuses).await.unwrap();
    let writes = vec![put(Table::Status, "s", "", "written"), put(Table::Account, "a", "", "no such version")];
    let refused = store.commit(Version::Number(two), ViewBatch { writes, checkpoints: Vec::new() }).await;
    assert!(matches!(refused, Err(ViewError::NoVersion(View::Accounts, number)) if number == two), "{refused:?}");
    assert_eq!(get(&*store, Version::Number(two), key(Table::Status, "s", "")).await, None);
    let unknown = Version::Number(77);
    assert!(matches!(store.get(unknown, &[key(Table::Account, "a", "")]).await, Err(ViewError::NoVersion(..))));
    assert!(matches!(store.scan(unknown, all(Table::Account, "a")).await, Err(ViewError::NoVersion(..))));
    assert!(matches!(store.dump(unknown, Table::Account, None, 1).await, Err(ViewError::NoVersion(..))));
    assert!(matches!(store.checkpoint(unknown, View::Accounts, P0).await, Err(ViewError::NoVersion(..))));
}

pub(super) async fn swaps_versions(store: Arc<dyn ViewStore>) {
    let row = || key(Table::Account, "ana", "");
    let view = View::Accounts;
    let of_version = |text: &str| ViewBatch {
        writes: vec![put(Table::Account, "ana", "", text)],
        checkpoints: vec![(View::Accounts, P0, checkpoint(text.len() as u64))],
    };
    assert_eq!(store.versions(view).await.unwrap(), Versions { live: 1, building: None, previous: None });
    assert!(matches!(store.promote(view).await, Err(ViewError::NoVersion(..))));
    store.commit(LIVE, of_version("one")).await.unwrap();

    let abandoned = store.begin(view).await.unwrap();
    store.commit(Version::Number(abandoned), of_version("abandoned")).await.unwrap();
    let second = store.begin(view).await.unwrap();
    assert!(second > abandoned);
    assert!(matches!(store.get(Version::Number(abandoned), &[row()]).await, Err(ViewError::NoVersion(..))));
    assert_eq!(get(&*store, Version::Number(second), row()).await, None, "a new version is empty");
    assert_eq!(store.checkpoint(Version::Number(second), view, P0).await.unwrap(), None);
    store.commit(Version::Number(second), of_version("second")).await.unwrap();
    assert_eq!(get(&*store, LIVE, row()).await.as_deref(), Some("one"), "what is built does not show");
    assert_eq!(store.checkpoint(LIVE, view, P0).await.unwrap(), Some(checkpoint(3)));

    store.promote(view).await.unwrap();
    assert_eq!(store.versions(view).await.unwrap(), Versions { live: second, building: None, previous: Some(1) });
    assert_eq!(get(&*store, LIVE, row()).await.as_deref(), Some("second"));
    assert_eq!(store.checkpoint(LIVE, view, P0).await.unwrap(), Some(checkpoint(6)));
    assert_eq!(get(&*store, Version::Number(1), row()).await.as_deref(), Some("one"), "the previous one stays readable");
    assert_eq!(store.versions(View::Statuses).await.unwrap().live, 1, "other views stay");

    assert!(matches!(store.drop_version(view, second).await, Err(ViewError::Fatal(_))), "what serves cannot be dropped");
    store.drop_version(view, 1).await.unwrap();
    assert!(matches!(store.get(Version::Number(1), &[row()]).await, Err(ViewError::NoVersion(..))));
    assert!(matches!(store.drop_version(view, 1).await, Err(ViewError::NoVersion(..))));
    let third = store.begin(view).await.unwrap();
    assert!(third > second);
    store.drop_version(view, third).await.unwrap();
    assert_eq!(store.versions(view).await.unwrap(), Versions { live: second, building: None, previous: None });
}

pub(super) async fn swaps_at_once_for_readers(store: Arc<dyn ViewStore>) {
    let row = || key(Table::Handle, "ana", "");
    write(&*store, LIVE, vec![put(Table::Handle, "ana", "", "0")]).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                let mut last = 0_u32;
                while !done.load(Ordering::Acquire) {
                    let seen: u32 = get(&*store, LIVE, row()).await.expect("the row is in every version").parse().unwrap();
                    assert!(seen >= last, "version {seen} after {last}");
                    last = seen;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 1..=10_u32 {
        let version = store.begin(View::Accounts).await.unwrap();
        write(&*store, Version::Number(version), vec![put(Table::Handle, "ana", "", &round.to_string())]).await;
        store.promote(View::Accounts).await.unwrap();
        assert_eq!(get(&*store, LIVE, row()).await, Some(round.to_string()));
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        reader.await.unwrap();
    }
}

/// Closed and opened again, also without a flush, a store shows the same rows, versions and checkpoints; `open` opens the same place.
pub async fn survives_reopening(open: Open<'_>) {
    let row = |n: u64| put(Table::Preference, "ana", &format!("{n:04}"), &n.to_string());
    let begun = {
        let store = open();
        for n in 0..50 {
            let batch = ViewBatch {
                writes: vec![row(n), put(Table::Preference, "latest", "", &n.to_string())],
                checkpoints: vec![(View::Settings, P0, checkpoint(n))],
            };
            store.commit(LIVE, batch).await.unwrap();
        }
        store.flush().await.unwrap();
        let begun = store.begin(View::Settings).await.unwrap();
        store
            .commit(Version::Number(begun), ViewBatch { writes: vec![row(1)], checkpoints: vec![(View::Settings, P0, checkpoint(1))] })
            .await
            .unwrap();
        // Not flushed: may be lost, but only together with its checkpoint.
        let batch = ViewBatch {
            writes: vec![delete(Table::Preference, "ana", "0000"), put(Table::Preference, "latest", "", "50")],
            checkpoints: vec![(View::Settings, P0, checkpoint(50))],
        };
        store.commit(LIVE, batch).await.unwrap();
        begun
    };
    let store = open();
    let next = store.checkpoint(LIVE, View::Settings, P0).await.unwrap().expect("checkpoints stay").next;
    assert_eq!(get(&*store, LIVE, key(Table::Preference, "latest", "")).await, Some(next.to_string()));
    assert_eq!(store.scan(LIVE, all(Table::Preference, "ana")).await.unwrap().len(), if next == 50 { 49 } else { 50 });
    assert_eq!(store.versions(View::Settings).await.unwrap(), Versions { live: 1, building: Some(begun), previous: None });
    assert_eq!(dump_all(&*store, Version::Number(begun), Table::Preference, 9).await.len(), 1);
    store.promote(View::Settings).await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.versions(View::Settings).await.unwrap(), Versions { live: begun, building: None, previous: Some(1) });
    assert_eq!(dump_all(&*store, LIVE, Table::Preference, 9).await.len(), 1);
    store.drop_version(View::Settings, 1).await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.versions(View::Settings).await.unwrap(), Versions { live: begun, building: None, previous: None });
    assert!(store.begin(View::Settings).await.unwrap() > begun);
}
