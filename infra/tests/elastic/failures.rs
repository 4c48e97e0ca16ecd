//! A server that is away, slow, or refuses: what the port answers, and that nothing is lost once it is back.

use std::time::{Duration, Instant};

use infra::search::elastic::{ElasticOptions, ElasticSearch, ElasticUrl};
use infra::search::{SearchError, SearchIndex, SearchQuery, StatusQuery};
use infra::views::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{P0, Place, checkpoint, found, put, server, status};

const LIVE: Version = Version::Live;

/// What stands between the adapter and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// Connections are closed at once.
    Cut,
    /// Nothing comes back.
    Silent,
    /// Every call is answered with 429.
    Busy,
}

/// A line that can be cut; what it is is read when a connection is made and before each request.
async fn line() -> (ElasticUrl, Place, watch::Sender<Line>) {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = ElasticUrl { nodes: vec![listener.local_addr().unwrap().to_string()], ..place.url.clone() };
    let (sender, state) = watch::channel(Line::Open);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, state.clone()));
        }
    });
    (url, place, sender)
}

async fn carry(mut client: TcpStream, mut state: watch::Receiver<Line>) {
    let now = *state.borrow_and_update();
    match now {
        Line::Cut => {}
        Line::Silent => drop(state.changed().await),
        Line::Busy => {
            let _ = client.read(&mut [0; 65_536]).await;
            let answer = "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = client.write_all(answer.as_bytes()).await;
        }
        Line::Open => {
            let mut server = TcpStream::connect(server()).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                _ = state.changed() => {}
            }
        }
    }
}

async fn search(index: &ElasticSearch) -> Result<Vec<infra::search::Item>, SearchError> {
    index.search(SearchQuery::Statuses(StatusQuery { text: "words".to_owned(), limit: 9, ..StatusQuery::default() })).await
}

async fn goes_away_and_comes_back(how: Line) {
    let (url, _place, state) = line().await;
    let index = ElasticSearch::new(url, ElasticOptions::default()).unwrap();
    index.apply(LIVE, P0, vec![put(0, status(1, "words"))], checkpoint(1)).await.unwrap();
    index.flush().await.unwrap();
    state.send(how).unwrap();
    for _ in 0..6 {
        assert!(matches!(search(&index).await, Err(SearchError::Retryable(_))), "{how:?}");
    }
    let began = Instant::now();
    assert!(matches!(search(&index).await, Err(SearchError::Retryable(_))));
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(2), "{how:?}: a search during an outage is answered at once, not after {waited:?}");
    let step = vec![put(1, status(2, "words"))];
    assert!(matches!(index.apply(LIVE, P0, step.clone(), checkpoint(2)).await, Err(SearchError::Retryable(_))), "{how:?}");
    state.send(Line::Open).unwrap();
    let began = Instant::now();
    while let Err(error) = index.apply(LIVE, P0, step.clone(), checkpoint(2)).await {
        assert!(matches!(error, SearchError::Retryable(_)) && began.elapsed() < Duration::from_secs(60), "{how:?}: {error}");
    }
    index.flush().await.unwrap();
    assert_eq!(found(&index, "words").await, [2, 1], "{how:?}");
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away() {
    goes_away_and_comes_back(Line::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy() {
    goes_away_and_comes_back(Line::Busy).await;
}

/// Each call ends; a write to a server that never answers would take minutes, so only searches are tried here.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent() {
    let (url, _place, state) = line().await;
    let index = ElasticSearch::new(url, ElasticOptions::default()).unwrap();
    assert!(search(&index).await.unwrap().is_empty());
    state.send(Line::Silent).unwrap();
    let began = Instant::now();
    for _ in 0..6 {
        assert!(matches!(search(&index).await, Err(SearchError::Retryable(_))));
    }
    assert!(began.elapsed() < Duration::from_secs(60), "the breaker spares most of the waiting: {:?}", began.elapsed());
    state.send(Line::Open).unwrap();
    while let Err(error) = search(&index).await {
        assert!(matches!(error, SearchError::Retryable(_)) && began.elapsed() < Duration::from_secs(60), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A process starts while the server is away: nothing fails before search is asked.
#[tokio::test(flavor = "multi_thread")]
async fn opening_asks_nothing() {
    let nobody: ElasticUrl = "elastic://127.0.0.1:9/roost".parse().unwrap();
    let index = ElasticSearch::new(nobody, ElasticOptions::default()).unwrap();
    assert!(matches!(search(&index).await, Err(SearchError::Retryable(_))));
}
