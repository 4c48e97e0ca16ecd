//! Keyspaces on a real server for tests: one each, dropped afterwards. `ROOST_TEST_CQL=host:port` names the server.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use infra::cql::{CqlClient, CqlUrl, migrate};
use parking_lot::Mutex;

/// Keyspaces made by a test.
pub(crate) struct Keyspaces {
    base: CqlUrl,
    made: Mutex<Vec<Arc<CqlClient>>>,
}

impl Keyspaces {
    /// The address of a keyspace that is not there yet.
    pub(crate) fn url(&self) -> CqlUrl {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("roost_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.base.with_keyspace(&name).expect("a good name")
    }

    /// Connects to a keyspace; it is dropped at the end.
    pub(crate) async fn connect(&self, url: &CqlUrl) -> Arc<CqlClient> {
        let client = Arc::new(CqlClient::connect(url).await.expect("the server of ROOST_TEST_CQL answers"));
        self.made.lock().push(client.clone());
        client
    }

    /// A keyspace with the present schema.
    pub(crate) async fn fresh(&self) -> Arc<CqlClient> {
        let url = self.url();
        let client = self.connect(&url).await;
        migrate(&client, &url.replication()).await.expect("migrations apply");
        client
    }
}

/// Runs a test, and drops its keyspaces however it ends.
pub(crate) async fn with_keyspaces(test: impl AsyncFnOnce(Arc<Keyspaces>)) {
    let server = std::env::var("ROOST_TEST_CQL").expect("set ROOST_TEST_CQL=host:port to a CQL server for tests");
    let base = format!("cql://{server}/roost_test").parse().expect("ROOST_TEST_CQL is host:port");
    let keyspaces = Arc::new(Keyspaces { base, made: Mutex::default() });
    let outcome = AssertUnwindSafe(test(keyspaces.clone())).catch_unwind().await;
    let made = std::mem::take(&mut *keyspaces.made.lock());
    for client in made {
        let _ = client.run_once(&format!("DROP KEYSPACE IF EXISTS {}", client.keyspace())).await;
    }
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
