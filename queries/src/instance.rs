//! What the server says of itself.

mod activity;
mod privacy;

use bytes::Bytes;
use schemas::api::entities::{InstanceFacts, instance_v1, instance_v2, nodeinfo, timestamp};
use schemas::api::html;
use schemas::rows::{InstanceStatsRow, Table, keys};
use schemas::text::POST_CHARS_MAX;
use serde_json::{Value, json as value};

use crate::error::QueryError;
use crate::json;
use crate::side::QuerySide;

pub(crate) use activity::ActivityCache;

/// Lines of a profile's table at the most.
const FIELDS_MAX: usize = 4;

/// A document on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AboutServer {
    /// The Instance entity, first version.
    InstanceV1,
    /// The Instance entity.
    InstanceV2,
    /// Nodeinfo 2.0.
    Nodeinfo20,
    /// Nodeinfo 2.1.
    Nodeinfo21,
}

impl QuerySide {
    /// A document on the server, as JSON.
    pub async fn about(&self, what: AboutServer) -> Result<Bytes, QueryError> {
        let mut totals = InstanceStatsRow::default();
        for (_, part) in self.rows.all::<InstanceStatsRow>(Table::InstanceStats, keys::instance()).await? {
            totals.accounts += part.accounts;
            totals.statuses += part.statuses;
        }
        let settings = &self.settings;
        let facts = InstanceFacts {
            title: &settings.title,
            description: &settings.description,
            contact_email: &settings.contact_email,
            version: &settings.version,
            registrations: settings.registrations,
            rules: &settings.rules,
            users: totals.accounts,
            users_active: self.activity().await?.active_month,
            statuses: totals.statuses,
            post_chars_max: POST_CHARS_MAX,
            fields_max: FIELDS_MAX,
            urls: &settings.urls,
        };
        Ok(json(&match what {
            AboutServer::InstanceV1 => instance_v1(&facts),
            AboutServer::InstanceV2 => instance_v2(&facts),
            AboutServer::Nodeinfo20 => nodeinfo("2.0", &facts),
            AboutServer::Nodeinfo21 => nodeinfo("2.1", &facts),
        }))
    }

    /// Where the nodeinfo documents are, as JSON.
    pub fn nodeinfo_index(&self) -> Bytes {
        let base = self.settings.urls.base();
        let link = |version: &str| -> Value {
            value!({ "rel": format!("http://nodeinfo.diaspora.software/ns/schema/{version}"), "href": format!("{base}/nodeinfo/{version}") })
        };
        json(&value!({ "links": [link("2.0"), link("2.1")] }))
    }

    /// Where webfinger is, as XRD.
    pub fn host_meta(&self) -> String {
        let base = self.settings.urls.base();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\n  \
             <Link rel=\"lrdd\" template=\"{base}/.well-known/webfinger?resource={{uri}}\"/>\n</XRD>\n"
        )
    }

    /// The account of a resource (`acct:ana@example.org`, or its page's address), as JRD, if there is one.
    pub async fn webfinger(&self, resource: &str) -> Result<Option<Bytes>, QueryError> {
        let urls = &self.settings.urls;
        let acct = match resource.strip_prefix("acct:") {
            Some(acct) => acct,
            None => {
                let path = resource.strip_prefix(urls.base()).unwrap_or_default();
                path.strip_prefix("/@").or_else(|| path.strip_prefix("/users/")).unwrap_or_default()
            }
        };
        let Some(id) = self.lookup(acct).await? else { return Ok(None) };
        let Some(account) = self.caches.account(id).await? else { return Ok(None) };
        let handle = &account.row.handle;
        let (page, uri) = (urls.account(handle), urls.account_uri(handle));
        Ok(Some(json(&value!({
            "subject": format!("acct:{handle}@{}", urls.host()),
            "aliases": [page, uri],
            "links": [
                { "rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page },
                { "rel": "http://webfinger.net/rel/avatar", "type": "image/png", "href": urls.avatar(id, account.row.profile.avatar.as_deref()) },
            ],
        }))))
    }

    /// What the server keeps of people, as JSON.
    pub fn privacy_policy(&self) -> Bytes {
        let content = privacy::policy(&self.settings.title, &self.settings.contact_email);
        json(&value!({ "updated_at": timestamp(privacy::CHANGED_MS), "content": content }))
    }

    /// The description, as HTML.
    pub fn description_html(&self) -> String {
        html::of_note(&self.settings.description, &self.settings.urls)
    }

    /// The rules, as JSON.
    pub fn rules(&self) -> Bytes {
        let numbered = self.settings.rules.iter().zip(1_u32..);
        json(&numbered.map(|(text, id)| value!({ "id": id.to_string(), "text": text, "hint": "" })).collect::<Vec<_>>())
    }
}
