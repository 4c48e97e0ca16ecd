//! The port's one contract.

use std::sync::{Arc, Mutex};

use infra::search::{SearchIndex, contract};

use crate::support::Place;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let places = Mutex::new(Vec::new());
    contract::run(&|| {
        let place = Place::new();
        let index: Arc<dyn SearchIndex> = Arc::new(place.open());
        places.lock().unwrap().push(place);
        index
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_reopening() {
    let place = Place::new();
    contract::survives_reopening(&|| Arc::new(place.open())).await;
}
