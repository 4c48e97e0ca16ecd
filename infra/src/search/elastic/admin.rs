//! Versions: made, begun, promoted and dropped through aliases (docs/decisions/0012).

use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::client::{Call, Method, PATIENT};
use super::names::Aliases;
use crate::search::SearchError;
use crate::views::registry::{Registry, VersionFault};
use crate::views::{Version, Versions};

/// Times that a change of versions is decided anew because another process was faster.
const CHANGES_MAX: u32 = 5;
/// How long the server waits for primaries before it answers that they do not serve; it is asked as often as any call is.
const PRIMARIES_WAIT: &str = "5s";
/// Numbers that are passed over at the most because an index has them.
const NUMBERS_TAKEN_MAX: u32 = 100;

const ALREADY_THERE: &str = "resource_already_exists_exception";

impl Shared {
    /// The versions as last read; read, and the first one made, where nothing is known.
    pub(super) async fn prepared(&self) -> Result<Versions, SearchError> {
        let known = self.state.lock().versions();
        match known {
            Some(versions) => Ok(versions),
            None => self.current().await,
        }
    }

    /// The versions as they are now; the first one is made where there is none.
    pub(super) async fn current(&self) -> Result<Versions, SearchError> {
        let _preparing = self.preparing.lock().await;
        for _ in 0..CHANGES_MAX {
            if let Some(versions) = self.names.versions(&self.aliases().await?) {
                if self.state.lock().versions().is_none() {
                    self.check_format(versions.live).await?;
                    self.wait_for_primaries(versions.live).await?;
                }
                self.state.lock().set_versions(Some(versions));
                return Ok(versions);
            }
            // Of several processes one makes it; it may be made and not yet told to all nodes.
            self.make_index(1, self.names.of_the_first()).await?;
        }
        Err(SearchError::Retryable("the first index was made but is not seen yet".to_owned()))
    }

    async fn aliases(&self) -> Result<Aliases, SearchError> {
        let call = Call::new(Method::Get, format!("/{}/_alias", self.names.all_indexes()));
        self.client.call(call, PATIENT).await?.expect_success("list aliases")?.parse()
    }

    /// Says whether it was made now.
    async fn make_index(&self, number: u32, aliases: Value) -> Result<bool, SearchError> {
        let mut body: Value = serde_json::from_str(schemas::elastic::SEARCH_V1).expect("the mappings are JSON: a test reads them");
        if let Some(body) = body.as_object_mut() {
            body.insert("aliases".to_owned(), aliases);
            if let Some(settings) = body.get_mut("settings").and_then(Value::as_object_mut) {
                settings.insert("index.number_of_shards".to_owned(), self.url.shards.into());
                settings.insert("index.number_of_replicas".to_owned(), self.url.replicas.into());
            }
        }
        let reply = self.client.call(Call::new(Method::Put, format!("/{}", self.names.index(number))).json(&body), PATIENT).await?;
        if reply.status == 400 && reply.cause().kind == ALREADY_THERE {
            return Ok(false);
        }
        reply.expect_success("make an index")?;
        tracing::info!(index = %self.names.index(number), "made a search index");
        self.wait_for_primaries(number).await?;
        Ok(true)
    }

    /// Waits until an index serves: one that was just made is known before its shards have started, and a search of it fails.
    async fn wait_for_primaries(&self, number: u32) -> Result<(), SearchError> {
        let index = self.names.index(number);
        let wait = [("wait_for_status", "yellow"), ("timeout", PRIMARIES_WAIT)];
        let reply = self.client.call(Call::new(Method::Get, format!("/_cluster/health/{index}")).query(&wait), PATIENT).await;
        let reply = reply.map_err(|error| match error {
            SearchError::Retryable(cause) => SearchError::Retryable(format!("the primary shards of {index} do not serve: {cause}")),
            other => other,
        })?;
        reply.expect_success("tell the health of an index").map(drop)
    }

    async fn check_format(&self, number: u32) -> Result<(), SearchError> {
        let index = self.names.index(number);
        let reply =
            self.client.call(Call::new(Method::Get, format!("/{index}/_mapping")), PATIENT).await?.expect_success("show mappings")?;
        let mappings: Value = reply.parse()?;
        let format = mappings.get(&index).and_then(|of| of.pointer("/mappings/_meta/format")).and_then(Value::as_u64);
        if format == Some(schemas::elastic::SEARCH_FORMAT) {
            return Ok(());
        }
        Err(SearchError::Fatal(format!(
            "the index {index} has format {format:?}, this build reads {}: use the version of Roost that made it, or name another prefix and \
             let the index be built from the log",
            schemas::elastic::SEARCH_FORMAT
        )))
    }

    /// Begins a version; unfinished earlier ones go.
    pub(super) async fn begin(&self) -> Result<u32, SearchError> {
        self.current().await?;
        let number = self.make_next().await?;
        for _ in 0..CHANGES_MAX {
            let aliases = self.aliases().await?;
            let building = self.names.with(&aliases, &self.names.building());
            let older: Vec<u32> = building.into_iter().filter(|other| *other < number).collect();
            let actions: Vec<Value> = older.iter().map(|other| json!({ "remove_index": { "index": self.names.index(*other) } })).collect();
            if actions.is_empty() || self.act(&actions).await? {
                older.iter().for_each(|other| self.state.lock().forget(*other));
                self.current().await?;
                return Ok(number);
            }
        }
        Err(SearchError::Retryable("other processes keep changing the versions".to_owned()))
    }

    /// Makes the index of a number that was never used.
    async fn make_next(&self) -> Result<u32, SearchError> {
        #[derive(Deserialize)]
        struct Counted {
            #[serde(rename = "_version")]
            version: u32,
        }
        for _ in 0..NUMBERS_TAKEN_MAX {
            let call = Call::new(Method::Put, format!("/{}/_doc/version", self.names.meta())).json(&json!({}));
            let Counted { version } = self.client.call(call, PATIENT).await?.expect_success("count versions")?.parse()?;
            // The first one to be begun is version 2.
            let number = version.checked_add(1).ok_or(VersionFault::Exhausted)?;
            if self.make_index(number, self.names.of_a_new(number)).await? {
                return Ok(number);
            }
        }
        Err(SearchError::Fatal(format!(
            "no index could be made under {NUMBERS_TAKEN_MAX} numbers in a row: look at {}",
            self.names.all_indexes()
        )))
    }

    /// Changes the versions by a rule, for all processes at once.
    pub(super) async fn change(&self, rule: impl Fn(Registry) -> Result<Registry, VersionFault>) -> Result<(), SearchError> {
        let mut intended = None;
        for _ in 0..CHANGES_MAX {
            let from = self.current().await?;
            // A call whose answer was lost may have done it.
            if intended == Some(from) {
                return Ok(());
            }
            let to = rule(Registry::of(from, from.live.saturating_add(1)))?.versions();
            if self.act(&self.names.actions(from, to)).await? {
                self.state.lock().set_versions(Some(to));
                return Ok(());
            }
            intended = Some(to);
        }
        Err(SearchError::Retryable("other processes keep changing the versions".to_owned()))
    }

    /// Does all actions or, where what they expect is not there, none.
    async fn act(&self, actions: &[Value]) -> Result<bool, SearchError> {
        let reply = self.client.call(Call::new(Method::Post, "/_aliases".to_owned()).json(&json!({ "actions": actions })), PATIENT).await?;
        if reply.status == 404 {
            return Ok(false);
        }
        reply.expect_success("change aliases").map(|_| true)
    }

    /// The number of a version as it is now.
    pub(super) async fn resolve_now(&self, version: Version) -> Result<u32, SearchError> {
        let versions = self.current().await?;
        Ok(Registry::of(versions, 0).resolve(version)?)
    }

    /// Removes every index under the prefix, by name: a server may refuse wildcards.
    pub(super) async fn remove_everything(&self) -> Result<(), SearchError> {
        let mut indexes: Vec<String> = self.aliases().await?.into_keys().filter(|index| self.names.number(index).is_some()).collect();
        indexes.push(self.names.meta());
        let call = Call::new(Method::Delete, format!("/{}", indexes.join(","))).query(&[("ignore_unavailable", "true")]);
        self.client.call(call, PATIENT).await?.expect_success("remove indexes")?;
        Ok(())
    }
}
