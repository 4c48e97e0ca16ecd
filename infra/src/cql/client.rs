//! The session: prepared statements, a bound on how many are in flight, timeouts, and retries with jitter.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use rand::RngExt;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::Consistency;
use scylla::statement::batch::Batch;
use scylla::statement::prepared::PreparedStatement;
use tokio::sync::{OnceCell, Semaphore};

use super::{CqlFailure, CqlUrl};

/// Statements in flight at the most, over all callers of a process.
pub(crate) const IN_FLIGHT_MAX: usize = 256;
/// How long a statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a truncation or a change of the schema may take: longer than the servers allow themselves, so that an answer is theirs.
const SLOW_TIMEOUT: Duration = Duration::from_secs(65);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts at a statement before the caller hears of it.
const ATTEMPTS_MAX: u32 = 5;
/// The pause after the first attempt, before jitter; each next one is three times as long.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// A session with one keyspace of a CQL store.
pub struct CqlClient {
    session: Session,
    keyspace: String,
    slots: Semaphore,
}

impl CqlClient {
    /// Connects; the keyspace need not be there yet.
    pub async fn connect(url: &CqlUrl) -> Result<Self, CqlFailure> {
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .request_timeout(Some(STATEMENT_TIMEOUT))
            .build()
            .into_handle();
        let mut builder = SessionBuilder::new()
            .known_nodes(&url.nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            // Names and partitioners of tables, for routing by token; no columns.
            .fetch_full_schema_metadata(false)
            .default_execution_profile_handle(profile);
        if let Some((user, password)) = &url.login {
            builder = builder.user(user, password);
        }
        if let Some(name) = &url.datacenter {
            builder = builder.prefer_datacenter(name.clone());
        }
        let session = Box::pin(builder.build()).await;
        let session = session.map_err(|error| CqlFailure::Retryable(format!("cannot connect to {url}: {error}")))?;
        Ok(Self { session, keyspace: url.keyspace.clone(), slots: Semaphore::new(IN_FLIGHT_MAX) })
    }

    /// The keyspace.
    pub fn keyspace(&self) -> &str {
        &self.keyspace
    }

    /// Prepares a statement; `KS` in its text stands for the keyspace. Every statement here may be repeated.
    pub async fn prepare(&self, text: &str) -> Result<PreparedStatement, CqlFailure> {
        let text = text.replace("KS.", &format!("{}.", self.keyspace));
        let mut attempt = 0;
        loop {
            match Box::pin(self.session.prepare(text.as_str())).await {
                Ok(mut prepared) => {
                    prepared.set_is_idempotent(true);
                    return Ok(prepared);
                }
                Err(error) => self.pause(&mut attempt, CqlFailure::from(&error)).await?,
            }
        }
    }

    /// Runs a statement.
    pub async fn run(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Result<QueryResult, CqlFailure> {
        let mut attempt = 0;
        loop {
            let outcome = {
                let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
                Box::pin(self.session.execute_unpaged(statement, &values)).await
            };
            match outcome {
                Ok(result) => return Ok(result),
                Err(error) => self.pause(&mut attempt, CqlFailure::from(&error)).await?,
            }
        }
    }

    /// Runs a query and reads all its rows, which the statement bounds.
    pub async fn rows<R>(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Result<Vec<R>, CqlFailure>
    where
        R: for<'frame> DeserializeRow<'frame, 'frame>,
    {
        let result = self.run(statement, values).await?;
        let failed = |error: &dyn std::fmt::Display| CqlFailure::Fatal(format!("an answer cannot be read: {error}"));
        let result = result.into_rows_result().map_err(|error| failed(&error))?;
        let rows = result.rows::<R>().map_err(|error| failed(&error))?;
        rows.collect::<Result<_, _>>().map_err(|error| failed(&error))
    }

    /// Where rows lie first: those of one place go well in one request, whose receiver then passes none of them on.
    pub(crate) fn places<'a, V: SerializeRow + 'a>(&self, statement: &PreparedStatement, rows: impl Iterator<Item = &'a V>) -> Vec<Place> {
        let state = self.session.get_cluster_state();
        let place = |row: &V| {
            let token = statement.calculate_token(row).ok().flatten()?;
            let replicas = state.get_token_endpoints(&self.keyspace, statement.get_table_name()?, token);
            replicas.first().map(|(node, shard)| (node.host_id.as_u128(), *shard))
        };
        rows.map(place).collect()
    }

    /// Runs statements as one batch; if it is a logged one, in the end all of them are done, or none.
    pub async fn batch(&self, batch: &Batch, values: &[impl SerializeRow]) -> Result<(), CqlFailure> {
        let mut attempt = 0;
        loop {
            let outcome = {
                let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
                Box::pin(self.session.batch(batch, values)).await
            };
            match outcome {
                Ok(_) => return Ok(()),
                Err(error) => self.pause(&mut attempt, CqlFailure::from(&error)).await?,
            }
        }
    }

    /// Runs a statement that takes its time, and that must not be sent twice: a truncation, a change of the schema.
    pub async fn run_once(&self, text: &str) -> Result<(), CqlFailure> {
        let mut statement = scylla::statement::Statement::new(text.replace("KS.", &format!("{}.", self.keyspace)));
        statement.set_request_timeout(Some(SLOW_TIMEOUT));
        Box::pin(self.session.query_unpaged(statement, ())).await.map(drop).map_err(|error| CqlFailure::from(&error))
    }

    /// Waits before the next attempt; the failure itself, where there is none.
    async fn pause(&self, attempt: &mut u32, failure: CqlFailure) -> Result<(), CqlFailure> {
        *attempt += 1;
        if !failure.is_retryable() || *attempt >= ATTEMPTS_MAX {
            return Err(failure);
        }
        metrics::counter!("roost_cql_retries_total").increment(1);
        let jitter = rand::rng().random_range(0.5..1.5);
        tokio::time::sleep(PAUSE_MIN.mul_f64(jitter) * 3_u32.pow(*attempt - 1)).await;
        Ok(())
    }
}

/// A node by its id, and its processor that has the row; nothing, where that is not known.
pub(crate) type Place = Option<(u128, u32)>;

/// Something that is done beside others.
pub(crate) type Work<'a, T> = BoxFuture<'a, Result<T, CqlFailure>>;

/// Waits for all of them, so many at a time; the first failure ends it.
pub(crate) async fn all<T: Send>(work: Vec<Work<'_, T>>) -> Result<Vec<T>, CqlFailure> {
    stream::iter(work).buffered(IN_FLIGHT_MAX).try_collect().await
}

/// Waits until all are done, so many at a time and in any order; the first failure ends it.
pub(crate) async fn done(work: Vec<Work<'_, ()>>) -> Result<(), CqlFailure> {
    stream::iter(work).buffer_unordered(IN_FLIGHT_MAX).try_collect().await
}

/// The statement, prepared at its first use.
pub(crate) async fn prepared_once<'a>(
    cell: &'a OnceCell<PreparedStatement>,
    client: &CqlClient,
    text: impl FnOnce() -> String,
) -> Result<&'a PreparedStatement, CqlFailure> {
    cell.get_or_try_init(|| async { client.prepare(&text()).await }).await
}
