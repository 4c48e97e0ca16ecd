//! Where a registry is, as configuration and the command line say it.

use std::fmt;
use std::str::FromStr;

use schema_registry_converter::async_impl::schema_registry::SrSettings;

use super::SchemasError;
use super::calls::{CALL_TIME_MAX, shown};
use crate::login::decoded;

/// Where a registry is: `http://[user:password@]host:port/path`, several separated by commas.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryUrl {
    urls: Vec<String>,
    login: Option<(String, String)>,
}

impl FromStr for RegistryUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut urls, mut login) = (Vec::new(), None);
        for one in text.split(',') {
            let bad = |why: &str| format!("{why}: write it as http://host:port/path (Apicurio: http://host:port/apis/ccompat/v7)");
            let mut url = ::url::Url::parse(one.trim()).map_err(|error| bad(&error.to_string()))?;
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(bad("takes http or https"));
            }
            if url.scheme() == "https" && !cfg!(feature = "tls") {
                return Err("this build speaks no TLS: build it with the feature `tls`".to_owned());
            }
            if !url.username().is_empty() {
                login = Some((decoded(url.username()), decoded(url.password().unwrap_or_default())));
                let _ = (url.set_username(""), url.set_password(None));
            }
            urls.push(url.as_str().trim_end_matches('/').to_owned());
        }
        Ok(Self { urls, login })
    }
}

/// Without name and password.
impl fmt::Display for RegistryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.urls.join(","))
    }
}

/// As shown, so that no log holds a password.
impl fmt::Debug for RegistryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl RegistryUrl {
    pub(super) fn settings(&self) -> Result<SrSettings, SchemasError> {
        let mut urls = self.urls.iter();
        let mut builder = SrSettings::new_builder(urls.next().cloned().unwrap_or_default());
        for more in urls {
            builder.add_url(more.clone());
        }
        if let Some((name, password)) = &self.login {
            builder.set_basic_authorization(name, Some(password));
        }
        builder.no_proxy().set_timeout(CALL_TIME_MAX).build().map_err(|error| SchemasError::Fatal(shown(&error)))
    }
}
