//! Records of another log written to this one's topic as they are: each to its own offset, or not at all.

use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use schemas::log::{Offset, StoredRecord};
use tokio::sync::OnceCell;

use super::cluster::Cluster;
use super::context::{Context, blocking, refused};
use super::options::producer;
use super::part::Part;
use super::wire;
use crate::log::LogError;
use crate::log::import::check_import;

/// How long a delivery may take: giving up early could lead to a repetition, which an import cannot take back. Milliseconds.
const DELIVERY_MS: &str = "300000";

type Client = FutureProducer<Context>;

/// The producer of imports, made when it is first needed.
#[derive(Default)]
pub(super) struct Importer(OnceCell<Client>);

impl Importer {
    async fn client(&self, cluster: &Cluster) -> Result<&Client, LogError> {
        let make = || {
            let mut config = producer(&cluster.options.url);
            config.set("message.timeout.ms", DELIVERY_MS);
            blocking(move || config.create_with_context(Context).map_err(refused))
        };
        self.0.get_or_try_init(make).await
    }

    /// See [`crate::log::LogImport::import`].
    pub(super) async fn import(&self, cluster: &Cluster, part: &Part, records: &[StoredRecord]) -> Result<(), LogError> {
        cluster.check_open()?;
        let next = cluster.ask_bounds(part).await?.end;
        check_import(part.id, next, records)?;
        let client = self.client(cluster).await?;
        let mut sent = Vec::with_capacity(records.len());
        for stored in records {
            let record = FutureRecord::<(), [u8]>::to(&cluster.topic)
                .partition(i32::from(part.id.0))
                .payload(&stored.body[..])
                .headers(wire::headers(&stored.header));
            // Refused, it is as if it were lost on the way: those before it may have arrived.
            sent.push(client.send_result(record).map_err(|(error, _)| unknown(part, &error))?);
        }
        for (stored, delivery) in records.iter().zip(sent) {
            let delivered = delivery.await.map_err(|_| unknown(part, &KafkaError::Canceled))?;
            let at = delivered.map_err(|(error, _)| unknown(part, &error))?.offset;
            if Offset::try_from(at).ok() != Some(stored.offset) {
                let (topic, id, offset) = (&cluster.topic, part.id, stored.offset);
                let cause = format!("record {offset} of partition {id} stands at offset {at} of topic {topic}");
                return Err(LogError::Fatal(format!(
                    "{cause}: somebody else writes to it, or a request was repeated; delete the topic and begin again"
                )));
            }
        }
        part.advance(next + records.len() as Offset);
        Ok(())
    }
}

fn unknown(part: &Part, error: &KafkaError) -> LogError {
    tracing::warn!(partition = part.id.0, %error, "a record is not delivered: the import ends");
    LogError::Unknown { partition: part.id }
}
