//! Who may open a log, and as what.

use infra::log::embedded::EmbeddedLog;
use infra::log::{EventLog, LogError, LogLayout};

use super::support::{LAYOUT, P0, append, ids, options, own};

#[tokio::test]
async fn a_second_opener_is_told_the_folder_and_the_holder() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("log");
    let log = EmbeddedLog::open(&folder, options()).expect("a new log");
    for second in [EmbeddedLog::open(&folder, options()).err(), EmbeddedLog::open_read_only(&folder).err()] {
        let Some(LogError::Locked(told)) = second else { panic!("{second:?}") };
        assert!(told.contains(folder.to_str().expect("a plain name")) && told.contains(&std::process::id().to_string()), "{told}");
    }
    log.close().await.expect("a clean close");
    EmbeddedLog::open(&folder, options()).expect("the lock is free after the close");
}

#[tokio::test]
async fn offline_tools_share_it_and_change_nothing() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("log");
    assert!(EmbeddedLog::open_read_only(&folder).is_err(), "there is no log");
    assert_eq!(EmbeddedLog::layout_of(&folder).expect("no meta file is no error"), None);
    let log = EmbeddedLog::open(&folder, options()).expect("a new log");
    append(&own(&log).await, 1..=3, 100).await;
    drop(log);
    assert_eq!(EmbeddedLog::layout_of(&folder).expect("a meta file"), Some(LAYOUT));
    let one = EmbeddedLog::open_read_only(&folder).expect("a reader");
    let two = EmbeddedLog::open_read_only(&folder).expect("a second reader");
    assert!(matches!(EmbeddedLog::open(&folder, options()), Err(LogError::Locked(_))));
    assert_eq!((ids(&one).await, ids(&two).await), (vec![1, 2, 3], vec![1, 2, 3]));
    assert!(one.open_writer(P0, "test").await.is_err());
    assert!(one.wait_for(P0, 100).await.is_err(), "nothing will ever come");
}

#[tokio::test]
async fn another_layout_is_refused_with_both_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    drop(EmbeddedLog::open(home.path(), options()).expect("a new log"));
    for layout in [LogLayout { partitions: 2, ..LAYOUT }, LogLayout { generation: 2, ..LAYOUT }] {
        let mut with = options();
        with.layout = layout;
        let Err(LogError::Fatal(told)) = EmbeddedLog::open(home.path(), with) else { panic!("{layout:?} was accepted") };
        assert!(told.contains("generation 1 with 1 partitions") && told.contains("asks for generation"), "{told}");
    }
    for layout in [LogLayout { partitions: 0, ..LAYOUT }, LogLayout { partitions: 257, ..LAYOUT }, LogLayout { generation: 0, ..LAYOUT }] {
        let mut with = options();
        with.layout = layout;
        assert!(EmbeddedLog::open(home.path().join("other"), with).is_err(), "{layout:?}");
    }
}

#[tokio::test]
async fn a_log_without_its_meta_file_is_not_made_anew_over_records() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let log = EmbeddedLog::open(home.path(), options()).expect("a new log");
    drop(log);
    std::fs::remove_file(home.path().join("meta")).expect("a meta file");
    let log = EmbeddedLog::open(home.path(), options()).expect("an empty log is made again");
    append(&own(&log).await, 1..=3, 100).await;
    drop(log);
    std::fs::remove_file(home.path().join("meta")).expect("a meta file");
    assert!(matches!(EmbeddedLog::open(home.path(), options()), Err(LogError::Fatal(_))));
}
