//! The types of configuration values: each says what it takes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

pub use crate::timelines::ring::Policy;

/// A role of the executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Decides and appends.
    Commands,
    /// Fills the views.
    Projectors,
    /// Serves reads.
    Queries,
}

impl Role {
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::Commands, "commands"), (Self::Projectors, "projectors"), (Self::Queries, "queries")];
}

/// The roles of a process, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(pub Vec<Role>);

impl Roles {
    /// Whether the process has the role.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let role = |name: &str| Role::ALL.into_iter().find(|(_, known)| *known == name.trim()).map(|(role, _)| role);
        let roles: Option<Vec<_>> = text.split(',').map(role).collect();
        roles.map(Self).ok_or_else(|| "takes commands, projectors and queries, separated by commas".to_owned())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Role::ALL.into_iter().filter(|(role, _)| self.has(*role)).map(|(_, name)| name).collect();
        f.write_str(&names.join(","))
    }
}

/// Declares a choice among words.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* } takes $takes:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($word => Ok(Self::$variant),)* _ => Err(concat!("takes ", $takes)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)* })
            }
        }
    };
}

choice! {
    /// Something that is on or off.
    Switch { /// Yes.
    On = "on", /// No.
    Off = "off" } takes "on or off"
}

impl Switch {
    /// Whether it is on.
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

choice! {
    /// Whether anyone may sign up.
    SignUps { /// Anyone.
    Open = "open", /// Nobody: operators create accounts.
    Closed = "closed" } takes "open or closed"
}

choice! {
    /// How logs look.
    LogFormat { /// For people.
    Pretty = "pretty", /// One JSON object a line, for machines.
    Json = "json" } takes "pretty or json"
}

/// Where a backing service is. Prints itself without a password.
#[derive(Clone, PartialEq, Eq)]
pub enum BackingUrl {
    /// In the data folder, in this process.
    Embedded,
    /// In memory: gone at exit.
    Memory,
    /// On servers that processes share, by its URL.
    Server(String),
}

impl BackingUrl {
    /// Whether it is on servers: then any process can reach it.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// What stands before `://`; nothing where it is no server's.
    pub fn scheme(&self) -> Option<&str> {
        match self {
            Self::Server(url) => url.split_once("://").map(|(scheme, _)| scheme),
            Self::Embedded | Self::Memory => None,
        }
    }
}

impl FromStr for BackingUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "memory" => Ok(Self::Memory),
            _ if text.contains("://") => Ok(Self::Server(text.to_owned())),
            _ => Err("takes embedded, memory, or the URL of a server"),
        }
    }
}

impl fmt::Display for BackingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Memory => f.write_str("memory"),
            Self::Server(url) => f.write_str(&without_passwords(url)),
        }
    }
}

impl fmt::Debug for BackingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL as it may be shown: `…` for the password before the `@`, and for the value of any parameter whose name speaks of one.
fn without_passwords(url: &str) -> String {
    let (start, query) = url.split_once('?').map_or((url, None), |(start, query)| (start, Some(query)));
    let (scheme, rest) = start.split_once("://").unwrap_or(("", start));
    let rest = match rest.rsplit_once('@') {
        Some((login, rest)) => format!("{}:…@{rest}", login.split(':').next().unwrap_or_default()),
        None => rest.to_owned(),
    };
    let hidden = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.contains("password") || name.contains("secret") || name.contains("key") => format!("{name}=…"),
        _ => parameter.to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(hidden).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{rest}{}", query.unwrap_or_default())
}

impl FromStr for Policy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "adaptive" => Ok(Self::Adaptive),
            "push" => Ok(Self::PushAll),
            "pull" => Ok(Self::PullAll),
            _ => text
                .strip_prefix("threshold:")
                .and_then(|followers| followers.parse().ok())
                .map(|followers| Self::Threshold { followers })
                .ok_or("takes adaptive, push, pull or threshold:N"),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adaptive => f.write_str("adaptive"),
            Self::PushAll => f.write_str("push"),
            Self::PullAll => f.write_str("pull"),
            Self::Threshold { followers } => write!(f, "threshold:{followers}"),
        }
    }
}

/// Who delivers mail. Prints itself without the password.
#[derive(Clone, PartialEq, Eq)]
pub enum MailUrl {
    /// Files in the data folder.
    Embedded,
    /// In memory: gone at exit.
    Memory,
    /// A mail server, by its URL.
    Smtp(Url),
}

impl FromStr for MailUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "memory" => Ok(Self::Memory),
            _ => {
                let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "smtp" | "smtps") && url.host().is_some());
                url.map(Self::Smtp).ok_or("takes embedded, memory, smtp://… or smtps://…")
            }
        }
    }
}

impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Memory => f.write_str("memory"),
            Self::Smtp(url) if url.password().is_none() => f.write_str(url.as_str()),
            Self::Smtp(url) => {
                let mut shown = url.clone();
                // Both fail only for URLs that have no host.
                let _ = shown.set_password(Some("…"));
                f.write_str(&shown.as_str().replace("%E2%80%A6", "…"))
            }
        }
    }
}

impl fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Words separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextList(pub Vec<String>);

impl FromStr for TextList {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()))
    }
}

impl fmt::Display for TextList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A time in whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes(pub u64);

impl Minutes {
    /// The time.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0.saturating_mul(60))
    }
}

impl FromStr for Minutes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "takes a number of minutes")
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
