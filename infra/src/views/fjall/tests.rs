//! The contract, and what only a folder can show: locks, crashes, formats.

use schemas::rows::{KeyPart, RowWrite, keys};
use schemas::{AccountId, PostId};

use super::*;
use crate::views::contract;

fn open(path: &Path) -> Arc<dyn ViewStore> {
    Arc::new(FjallViews::open(path, FjallOptions::default()).unwrap())
}

/// A store that brings each commit to the files at once, as tables of so many rows at least.
fn open_draining(path: &Path, table_rows: usize) -> Arc<dyn ViewStore> {
    Arc::new(FjallViews::open(path, FjallOptions { waiting_bytes: 0, table_rows, ..FjallOptions::default() }).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::run(&|| open(tempfile::tempdir_in(folder.path()).unwrap().keep().as_path())).await;
}

/// The same where rows are in the journal, and in tables taken in as they are, or in both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    contract::run(&|| open_draining(tempfile::tempdir_in(folder.path()).unwrap().keep().as_path(), 4)).await;
}

#[tokio::test]
async fn survives_reopening() {
    for table_rows in [1, usize::MAX] {
        let folder = tempfile::tempdir().unwrap();
        contract::survives_reopening(&|| open_draining(folder.path(), table_rows)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    contract::survives_reopening(&|| open(folder.path())).await;
}

/// Rows that lie in both generations in memory and in the files, with removals among them.
#[tokio::test]
async fn scans_see_the_newest_of_each_row_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
    let mut model = std::collections::BTreeMap::new();
    let mut random = contract::Seeded(7);
    for step in 0..400_u64 {
        let writes: Vec<RowWrite> = (0..random.below(4))
            .map(|_| {
                let sk = format!("{:02}", random.below(40));
                let value = (random.below(3) > 0).then(|| step.to_string());
                model.insert(sk.clone(), value.clone());
                RowWrite { value: value.map(Bytes::from), ..contract::put(Table::Note, "ana", &sk, "") }
            })
            .collect();
        store.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
        match random.below(8) {
            0 => store.flush().await.unwrap(),
            // As while a drain is under way.
            1 => drop(store.inner.front.write().turn()),
            _ => {}
        }
        let (bound, limit) = (format!("{:02}", random.below(40)), 1 + random.below(12) as usize);
        let descending = random.below(2) == 0;
        let part = |text: &str| KeyPart::from_slice(text.as_bytes());
        let key = contract::put(Table::Note, "ana", &bound, "").key;
        let (above, below) = if descending { (None, Some(part(&bound))) } else { (Some(part(&bound)), None) };
        let scan = Scan { table: Table::Note, pk: key.pk.clone(), above, below, descending, limit };
        let found: Vec<_> = store.scan(Version::Live, scan).await.unwrap();
        let wanted = |sk: &String| if descending { *sk < bound } else { *sk > bound };
        let present = model.iter().filter(|(sk, _)| wanted(sk)).filter_map(|(sk, value)| Some((part(sk), Bytes::from(value.clone()?))));
        let mut expected: Vec<_> = present.collect();
        if descending {
            expected.reverse();
        }
        expected.truncate(limit);
        assert_eq!(found, expected, "step {step}");
        let one = store.get(Version::Live, std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(one, [model.get(&bound).cloned().flatten().map(Bytes::from)], "step {step}");
    }
}

/// Through every age of files: what was written last is found, what was removed stays away, also where a process ended between the two steps of
/// a merge, and after the next start.
#[tokio::test]
async fn merges_of_every_age_keep_the_newest_of_each_row() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FjallViews::open(folder.path(), FjallOptions { waiting_bytes: 0, table_rows: 1, ..FjallOptions::default() }).unwrap();
    let (mut model, mut random) = (std::collections::BTreeMap::new(), contract::Seeded(11));
    let compare = async |store: &FjallViews, model: &std::collections::BTreeMap<String, String>| {
        let rows = contract::dump_all(store, Version::Live, Table::Note, 1_000).await;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let found: Vec<_> = rows.iter().map(|(key, value)| (text(&key.sk), text(value))).collect();
        assert_eq!(found, model.clone().into_iter().collect::<Vec<_>>());
    };
    let store = open();
    // Whatever is merged is merged here.
    store.inner.merging.end();
    let mut is_cut = false;
    for step in 0..320_u64 {
        let mut writes = Vec::new();
        for _ in 0..=random.below(6) {
            let sk = format!("{:03}", random.below(200));
            let value = (random.below(4) > 0).then(|| step.to_string());
            match &value {
                Some(value) => drop(model.insert(sk.clone(), value.clone())),
                None => drop(model.remove(&sk)),
            }
            writes.push(RowWrite { value: value.map(Bytes::from), ..contract::put(Table::Note, "ana", &sk, "") });
        }
        store.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
        store.inner.drain().unwrap();
        store.inner.merge_once(&merge::YOUNG, false).unwrap();
        store.inner.merge_once(&merge::OLD, false).unwrap();
        if step % 50 == 0 {
            compare(&store, &model).await;
        }
        let spaces = store.inner.spaces();
        let (_, space) = spaces.resolve(View::Relations, Version::Live).unwrap();
        if step >= 150 && !is_cut && merge::runs(space, 0) > 0 {
            store.inner.compact(space, Arc::new(lsm_tree::compaction::PullDown(0, 1))).unwrap();
            assert_eq!(merge::runs(space, 1), 1);
            compare(&store, &model).await;
            is_cut = true;
        }
    }
    assert!(is_cut);
    compare(&store, &model).await;
    let spaces = store.inner.spaces();
    let (_, space) = spaces.resolve(View::Relations, Version::Live).unwrap();
    let runs: Vec<usize> = (0..=6).map(|level| merge::runs(space, level)).collect();
    assert!(matches!(runs[..], [0..4, 0, 0..8, 0, 1..8, 0, 1]), "320 drains are merged by age: {runs:?}");
    while store.inner.merge_once(&merge::YOUNG, true).unwrap() || store.inner.merge_once(&merge::OLD, true).unwrap() {}
    assert!((0..4).all(|level| merge::runs(space, level) < 2), "where nothing is drained any more, less is enough");
    compare(&store, &model).await;
    drop((spaces, store));
    compare(&open(), &model).await;
}

/// What cannot be made again is in the journal with the checkpoint behind it; one that waited in memory does not take that back.
#[tokio::test]
async fn a_checkpoint_that_came_with_rows_does_not_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
    let at = |next| vec![(View::Reactors, PartitionId(0), contract::checkpoint(next))];
    store.commit(Version::Live, ViewBatch { writes: Vec::new(), checkpoints: at(5) }).await.unwrap();
    // A drain is under way with the older one.
    drop(store.inner.front.write().turn());
    let writes = vec![contract::put(Table::Outbox, "ana", "1", "1")];
    store.commit(Version::Live, ViewBatch { writes, checkpoints: at(6) }).await.unwrap();
    store.inner.drain().unwrap();
    let spaces = store.inner.spaces();
    let (number, space) = spaces.resolve(View::Reactors, Version::Live).unwrap();
    let stored = store.inner.stored_checkpoint((View::Reactors, number), space, PartitionId(0)).unwrap();
    assert_eq!(stored, Some(contract::checkpoint(6)));
    store.commit(Version::Live, ViewBatch { writes: Vec::new(), checkpoints: at(7) }).await.unwrap();
    store.inner.drain().unwrap();
    let stored = store.inner.stored_checkpoint((View::Reactors, number), space, PartitionId(0)).unwrap();
    assert_eq!(stored, Some(contract::checkpoint(7)));
}

/// A store of format 1 has its checkpoints beside the rows: they are read until the view has its own.
#[tokio::test]
async fn checkpoints_of_format_1_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
    let key = layout::checkpoint_key(View::Accounts, 1, PartitionId(0));
    store.inner.meta.insert(key, layout::encode_checkpoint(&contract::checkpoint(5))).unwrap();
    store.inner.meta.insert(layout::FORMAT_KEY, [1]).unwrap();
    drop(store);
    let store = open(folder.path());
    let at = || store.checkpoint(Version::Live, View::Accounts, PartitionId(0));
    assert_eq!(at().await.unwrap(), Some(contract::checkpoint(5)));
    let next = vec![(View::Accounts, PartitionId(0), contract::checkpoint(6))];
    store.commit(Version::Live, ViewBatch { writes: Vec::new(), checkpoints: next }).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(at().await.unwrap(), Some(contract::checkpoint(6)));
}

/// Whatever waits for the journal at the same time is one group; one that cannot be committed fails alone.
#[tokio::test]
async fn commits_in_a_group_fail_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let commit = |version, number: u64| {
        let writes = vec![contract::put(Table::Outbox, "ana", &number.to_string(), "1")];
        store.commit(version, ViewBatch { writes, checkpoints: vec![(View::Reactors, PartitionId(0), contract::checkpoint(number))] })
    };
    let commits = (1..=200).map(|number| commit(if number % 50 == 7 { Version::Number(99) } else { Version::Live }, number));
    let outcomes = futures_util::future::join_all(commits).await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(ViewError::NoVersion(_, 99)))).count();
    assert_eq!((outcomes.iter().filter(|outcome| outcome.is_ok()).count(), refused), (196, 4), "{outcomes:?}");
    assert_eq!(contract::dump_all(&*store, Version::Live, Table::Outbox, 1_000).await.len(), 196);
}

#[test]
fn a_second_process_is_told_which_folder_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let second = FjallViews::open(folder.path(), FjallOptions::default()).err();
    assert!(matches!(&second, Some(ViewError::Locked(what)) if *what == folder.path().display().to_string()), "{second:?}");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
    store.inner.meta.insert(layout::FORMAT_KEY, [layout::FORMAT + 1]).unwrap();
    drop(store);
    let refused = FjallViews::open(folder.path(), FjallOptions::default()).err();
    let newer = format!("format [{}]", layout::FORMAT + 1);
    assert!(matches!(&refused, Some(ViewError::Fatal(why)) if why.contains(&newer)), "{refused:?}");
}

/// Rows about posts, old and young, are found wherever they lie, also by who opens the store after them; and a version that was made under a
/// format without the newest post looks for each.
#[tokio::test]
async fn rows_about_posts_are_found_whatever_was_noted_of_them() {
    for (table_rows, made_under) in [(1, layout::FORMAT), (usize::MAX, layout::FORMAT), (1, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (key, view) = (|post: u64| keys::interaction(AccountId(1), PostId(post)), Table::Interaction.view());
        let mut random = contract::Seeded(11);
        let mut put = std::collections::BTreeSet::new();
        for round in 0..6_u64 {
            let store = FjallViews::open(folder.path(), FjallOptions { table_rows, ..FjallOptions::default() }).unwrap();
            if round == 0 {
                let spaces = store.inner.spaces();
                let (_, space) = spaces.resolve(view, Version::Live).unwrap();
                space.insert(layout::BIRTH_KEY, [made_under]).unwrap();
            }
            for _ in 0..20 {
                // Younger from round to round, with old ones among them.
                let post = 1 + random.below(20 * (round + 1));
                put.insert(post);
                let writes = vec![RowWrite { key: key(post), value: Some(Bytes::from_static(b"1")), offset: 0 }];
                store.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
            }
            if round % 2 == 0 {
                store.flush().await.unwrap();
            }
            for post in 1..=140 {
                let found = store.get(Version::Live, &[key(post)]).await.unwrap();
                assert_eq!(found[0].is_some(), put.contains(&post), "post {post}, round {round}, {table_rows} rows a table");
            }
            let front = store.inner.front.read();
            assert_eq!(front.rules_out((view, 1), &key(1_000)), made_under == layout::FORMAT || round == 0);
        }
    }
}

#[tokio::test]
async fn what_a_crash_left_beside_a_swap_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
    // As if the process had ended between making the keyspace and writing the registry.
    open::open_version(&store.inner.database, &store.inner.options, View::Accounts, 2).unwrap();
    drop(store);
    let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
    assert!(!store.inner.database.keyspace_exists("accounts.2"));
    assert_eq!(store.begin(View::Accounts).await.unwrap(), 2);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.unwrap(), to.to_path_buf());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// A journal cut anywhere, as by a loss of power, leaves whole steps only: each row agrees with the checkpoint.
#[tokio::test]
async fn rows_and_checkpoint_agree_wherever_the_journal_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    // Opened twice: a recovered journal ends where its last record does.
    drop(open(&whole));
    let store = open(&whole);
    let steps = 6_u64;
    for next in 1..=steps {
        let writes = ["a", "b", "c"].map(|sk| contract::put(Table::Note, "ana", sk, &next.to_string()));
        let checkpoints = vec![(View::Relations, PartitionId(0), contract::checkpoint(next))];
        store.commit(Version::Live, ViewBatch { writes: writes.into(), checkpoints }).await.unwrap();
        store.flush().await.unwrap();
    }
    drop(store);
    let length = std::fs::metadata(whole.join("0.jnl")).unwrap().len();
    let mut seen = Vec::new();
    for end in (0..=length).rev().step_by(37) {
        let _ = std::fs::remove_dir_all(&cut);
        copy_folder(&whole, &cut);
        std::fs::OpenOptions::new().write(true).open(cut.join("0.jnl")).unwrap().set_len(end).unwrap();
        let store = open(&cut);
        let next = store.checkpoint(Version::Live, View::Relations, PartitionId(0)).await.unwrap().map(|checkpoint| checkpoint.next);
        let rows = contract::dump_all(&*store, Version::Live, Table::Note, 10).await;
        let expected: Vec<String> = next.into_iter().flat_map(|next| vec![next.to_string(); 3]).collect();
        assert_eq!(rows.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>(), expected, "cut at {end}");
        seen.extend(next);
    }
    seen.dedup();
    assert_eq!(seen, (1..=steps).rev().collect::<Vec<_>>(), "every step was an end");
}
