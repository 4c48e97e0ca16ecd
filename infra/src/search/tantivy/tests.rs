//! The contract, and what only a folder can show: locks, crashes, segments.

use super::*;
use crate::search::{NameQuery, SearchChange, SearchDocument, StatusQuery, contract};
use schemas::{AccountId, PostId};

fn open(folder: &Path) -> Arc<dyn SearchIndex> {
    Arc::new(TantivySearch::open(folder, TantivyOptions::default()).unwrap())
}

#[tokio::test]
async fn keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::run(&|| open(tempfile::tempdir_in(folder.path()).unwrap().keep().as_path())).await;
}

#[tokio::test]
async fn survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    contract::survives_reopening(&|| open(folder.path())).await;
}

#[test]
fn a_second_process_is_told_which_folder_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let second = TantivySearch::open(folder.path(), TantivyOptions::default()).err();
    assert!(matches!(&second, Some(SearchError::Locked(what)) if *what == folder.path().display().to_string()), "{second:?}");
}

fn status(offset: u64, id: u64) -> SearchWrite {
    let document = SearchDocument::Status { id: PostId(id), author: AccountId(1), text: format!("all of them, number{id}") };
    SearchWrite { offset, change: SearchChange::Put(document) }
}

async fn found(index: &dyn SearchIndex, text: &str) -> Vec<u64> {
    let query = StatusQuery { text: text.to_owned(), limit: 100, ..StatusQuery::default() };
    let items = index.search(SearchQuery::Statuses(query)).await.unwrap();
    items.into_iter().map(|item| if let Item::Status(id) = item { id.0 } else { 0 }).collect()
}

/// Copies a folder's files; false if one vanished meanwhile, for the index sweeps up behind itself.
fn copied(from: &Path, to: &Path) -> bool {
    std::fs::create_dir_all(to).unwrap();
    std::fs::read_dir(from).unwrap().all(|entry| {
        let path = entry.unwrap().path();
        match std::fs::copy(&path, to.join(path.file_name().unwrap())) {
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => panic!("{error}"),
        }
    })
}

/// The files as they are when the process is killed: what was not committed is gone, and its checkpoint with it.
#[tokio::test]
async fn a_killed_index_says_from_where_to_apply_again() {
    let folder = tempfile::tempdir().unwrap();
    let (live, killed) = (folder.path().join("live"), folder.path().join("killed"));
    let options = TantivyOptions { commit_after: Duration::from_secs(600), ..TantivyOptions::default() };
    let index = TantivySearch::open(&live, options).unwrap();
    let p0 = PartitionId(0);
    index.apply(Version::Live, p0, vec![status(0, 1)], contract::checkpoint(1)).await.unwrap();
    index.flush().await.unwrap();
    index.apply(Version::Live, p0, vec![status(1, 2)], contract::checkpoint(2)).await.unwrap();
    assert_eq!(index.checkpoint(Version::Live, p0).await.unwrap(), Some(contract::checkpoint(1)), "only what is durable counts");
    while !copied(&live.join("v1"), &killed.join("v1")) {}
    let index = open(&killed);
    assert_eq!(index.checkpoint(Version::Live, p0).await.unwrap(), Some(contract::checkpoint(1)));
    assert_eq!(found(&*index, "all").await, [1]);
    index.apply(Version::Live, p0, vec![status(0, 1), status(1, 2)], contract::checkpoint(2)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(found(&*index, "all").await, [2, 1]);
}

/// Many small commits are merged behind, in any order of ids, and hits still come newest first, each once.
#[tokio::test]
async fn order_holds_across_segments_and_merges() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    let total = 30_u64;
    for offset in 0..total {
        // A permutation: 37 and 30 have no common factor; every third document is put twice.
        let id = offset * 37 % total + 1;
        let mut writes = vec![status(offset, id)];
        if offset % 3 == 0 {
            writes.push(status(offset, id));
        }
        index.apply(Version::Live, PartitionId(0), writes, contract::checkpoint(offset + 1)).await.unwrap();
        index.flush().await.unwrap();
        let mut expected: Vec<u64> = (0..=offset).map(|offset| offset * 37 % total + 1).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(found(&*index, "all").await, expected, "after {offset}");
    }
    assert_eq!(found(&*index, "number7").await, [7]);
}

/// Applies changes as one step, at one offset each, and makes them searchable.
async fn step(index: &dyn SearchIndex, from: u64, changes: Vec<SearchChange>) {
    let writes: Vec<SearchWrite> = (from..).zip(changes).map(|(offset, change)| SearchWrite { offset, change }).collect();
    let next = from + writes.len() as u64;
    index.apply(Version::Live, PartitionId(0), writes, contract::checkpoint(next)).await.unwrap();
    index.flush().await.unwrap();
}

async fn held(index: &dyn SearchIndex) -> Vec<Item> {
    index.dump(Version::Live, None, 100).await.unwrap().into_iter().map(|(item, _)| item).collect()
}

/// Ids of posts and accounts are numbers of their own, and documents are found by them.
#[tokio::test]
async fn an_account_and_a_post_of_one_number_are_two() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    let account =
        |name: &str| SearchChange::Put(SearchDocument::Account { id: AccountId(7), handle: name.to_owned(), display_name: String::new() });
    step(&*index, 0, vec![status(0, 7).change, account("ana")]).await;
    step(&*index, 2, vec![account("bob"), status(0, 8).change]).await;
    assert_eq!(held(&*index).await, [Item::Account(AccountId(7)), Item::Status(PostId(7)), Item::Status(PostId(8))]);
    let bob = NameQuery { text: "bob".to_owned(), offset: 0, limit: 9 };
    assert_eq!(index.search(SearchQuery::Accounts(bob)).await.unwrap(), [Item::Account(AccountId(7))]);
    step(&*index, 4, vec![SearchChange::Delete(Item::Account(AccountId(7))), status(0, 7).change]).await;
    assert_eq!(held(&*index).await, [Item::Status(PostId(7)), Item::Status(PostId(8))]);
    assert_eq!(found(&*index, "all").await, [8, 7]);
}

#[tokio::test]
async fn a_tag_is_held_once_and_comes_back_after_it_was_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let tag = |name: &str| SearchChange::Put(SearchDocument::Tag { name: name.to_owned() });
    let item = |name: &str| Item::Tag(name.to_owned());
    for round in 0..2 {
        let index = open(folder.path());
        step(&*index, round * 10, vec![tag("owls"), tag("Owls"), tag("owls")]).await;
        step(&*index, round * 10 + 3, vec![tag("owls")]).await;
        assert_eq!(held(&*index).await, [item("Owls"), item("owls")], "round {round}");
        step(&*index, round * 10 + 4, vec![SearchChange::Delete(item("owls"))]).await;
        assert_eq!(held(&*index).await, [item("Owls")], "round {round}");
        step(&*index, round * 10 + 5, vec![tag("owls")]).await;
        assert_eq!(held(&*index).await, [item("Owls"), item("owls")], "round {round}");
    }
}

#[tokio::test]
async fn dropped_versions_leave_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    for _ in 0..3 {
        let number = index.begin().await.unwrap();
        index.apply(Version::Number(number), PartitionId(0), vec![status(0, 1)], contract::checkpoint(1)).await.unwrap();
        index.promote().await.unwrap();
    }
    drop(index);
    let index = open(folder.path());
    let versions = index.versions().await.unwrap();
    let mut folders: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('v'))
        .collect();
    folders.sort_unstable();
    assert_eq!((versions.live, versions.previous, folders), (4, Some(3), vec!["v3".to_owned(), "v4".to_owned()]));
}

/// An index as builds before fingerprints left it: without one field, and with a payload of format 1.
fn leave_format_1(folder: &Path) {
    use ::tantivy::schema::{FAST, INDEXED, Schema};
    std::fs::create_dir_all(folder).unwrap();
    let mut schema = Schema::builder();
    schema.add_bytes_field("key", INDEXED);
    schema.add_u64_field("order", FAST);
    let index = ::tantivy::Index::create_in_dir(folder, schema.build()).unwrap();
    let mut writer: ::tantivy::IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
    let mut prepared = writer.prepare_commit().unwrap();
    prepared.set_payload(include_str!("../golden/payload.v1.json"));
    prepared.commit().unwrap();
}

#[tokio::test]
async fn an_index_of_an_older_format_is_emptied_and_says_from_where_to_fill_it() {
    let folder = tempfile::tempdir().unwrap();
    leave_format_1(&folder.path().join("v1"));
    let p0 = PartitionId(0);
    for round in 0..2 {
        let index = open(folder.path());
        let expected = (round == 1).then(|| contract::checkpoint(1));
        assert_eq!(index.checkpoint(Version::Live, p0).await.unwrap(), expected, "round {round}");
        index.apply(Version::Live, p0, vec![status(0, 1)], contract::checkpoint(1)).await.unwrap();
        index.flush().await.unwrap();
        assert_eq!(found(&*index, "all").await, [1]);
    }
}
