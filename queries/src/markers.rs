//! Reading markers.

use bytes::Bytes;
use schemas::AccountId;
use schemas::api::entities::Marker;
use schemas::rows::{MarkerRow, keys};
use serde_json::{Map, to_value};

use crate::error::QueryError;
use crate::json;
use crate::side::QuerySide;

/// Timelines that have markers.
pub(crate) const MARKED: [&str; 2] = ["home", "notifications"];

impl QuerySide {
    /// The reader's markers of the timelines, those that were ever moved, as a JSON object.
    pub async fn markers(&self, reader: AccountId, timelines: &[&str]) -> Result<Bytes, QueryError> {
        let wanted: Vec<&str> = MARKED.into_iter().filter(|name| timelines.contains(name)).collect();
        let row_keys: Vec<_> = wanted.iter().map(|name| keys::marker(reader, name)).collect();
        let mut markers = Map::new();
        for (name, row) in wanted.into_iter().zip(self.rows.many::<MarkerRow>(&row_keys).await?) {
            if let Some(row) = row {
                markers.insert(name.to_owned(), to_value(Marker::from(&row)).expect("an entity is plain data"));
            }
        }
        Ok(json(&markers))
    }
}
