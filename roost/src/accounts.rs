//! `roost accounts`: accounts with tokens, and addresses confirmed, offline on a data folder or through a running server.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use commands::accounts::{Accounts, Created as Opened, NewAccount, OPERATOR_SCOPES};
use indicatif::{ProgressBar, ProgressStyle};
use infra::clock::system_clock;
use schemas::commands::{CommandError, Receipt, Rejection};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::{ConfigArgs, ConfirmArgs, CreateArgs};
use crate::node::Node;

/// How long an answer of the operators' port may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Accounts of one call at the most: a slip of the hand should not fill a disk.
pub const COUNT_MAX: u32 = 1_000_000;

/// What is printed of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// The handle.
    pub username: String,
    /// The id, decimal.
    pub id: String,
    /// Its token, of scope `read write follow push`.
    pub token: String,
}

/// What the operators' port is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wanted {
    /// The handle.
    pub username: String,
    /// A password to sign in by, with the handle.
    pub password: Option<String>,
}

/// Whom the operators' port is asked about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    /// The handle.
    pub username: String,
}

/// What is printed of an account whose address counts as confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirmed {
    /// The handle.
    pub username: String,
    /// The id, decimal.
    pub id: String,
    /// True.
    pub confirmed: bool,
}

/// Opens an account as an operator does.
pub async fn open(accounts: &Accounts, wanted: Wanted) -> anyhow::Result<(Created, Opened)> {
    let new = NewAccount {
        username: wanted.username.clone(),
        password: wanted.password,
        confirmed: true,
        scopes: OPERATOR_SCOPES.map(str::to_owned).to_vec(),
        ..NewAccount::default()
    };
    let opened = accounts.create(new).await.with_context(|| wanted.username.clone())?;
    Ok((Created { username: wanted.username, id: opened.id.to_string(), token: opened.token.clone() }, opened))
}

/// Counts an account's address as confirmed; one that does already stays so.
pub async fn confirm_one(accounts: &Accounts, named: Named) -> anyhow::Result<(Confirmed, Receipt)> {
    let Named { username } = named;
    let account = accounts.named(&username).await?.with_context(|| format!("{username}: there is no such account"))?;
    let receipt = match accounts.confirm(account).await {
        Err(CommandError::Rejected(Rejection::NotFound)) => bail!("{username}: has no e-mail address to confirm"),
        done => done.with_context(|| username.clone())?,
    };
    Ok((Confirmed { username, id: account.to_string(), confirmed: true }, receipt))
}

/// Runs `accounts confirm`.
pub fn confirm(args: &ConfirmArgs) -> anyhow::Result<()> {
    match &args.ops {
        Some(url) => {
            let (agent, url) = (agent(), format!("{}/ops/accounts/confirm", url.trim_end_matches('/')));
            for username in args.names.clone() {
                print::<Confirmed>(&ask(&agent, &url, &Named { username })?)?;
            }
            Ok(())
        }
        None => crate::runtime()?.block_on(async {
            let node = on_folder(&args.config).await?;
            let confirmed = confirm_all(&node, &args.names).await;
            node.shutdown().await?;
            confirmed
        }),
    }
}

async fn confirm_all(node: &Node, names: &[String]) -> anyhow::Result<()> {
    let writing = node.writing.as_ref().context("the configuration has neither the role `commands` nor `queries`")?;
    // Whoever signed up just before the folder was closed must be found.
    node.settle().await;
    for username in names {
        let (confirmed, _) = confirm_one(&writing.accounts, Named { username: username.clone() }).await?;
        print(&confirmed)?;
    }
    Ok(())
}

/// Runs `accounts create`.
pub fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let names = names(args)?;
    let progress = bar(names.len(), args.count.is_some());
    match &args.ops {
        Some(url) => through(url, args, names, &progress)?,
        None => crate::runtime()?.block_on(offline(args, names, &progress))?,
    }
    progress.finish_and_clear();
    Ok(())
}

fn names(args: &CreateArgs) -> anyhow::Result<Vec<String>> {
    match args.count {
        None => Ok(args.names.clone()),
        Some(count) if count > COUNT_MAX => bail!("--count takes at most {COUNT_MAX}"),
        Some(count) => Ok((1..=count).map(|number| format!("{}{number}", args.prefix)).collect()),
    }
}

fn print<T: Serialize>(line: &T) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    Ok(())
}

/// The node of a data folder that no server holds.
async fn on_folder(config: &ConfigArgs) -> anyhow::Result<Node> {
    let config = config.load(&[])?;
    let folder = config.data.to_string();
    Node::start(config, "http://localhost", system_clock())
        .await
        .with_context(|| format!("cannot open {folder}; where a server holds it, use its operators' port: --ops http://127.0.0.1:8081"))
}

async fn offline(args: &CreateArgs, names: Vec<String>, progress: &ProgressBar) -> anyhow::Result<()> {
    let node = on_folder(&args.config).await?;
    let writing = node.writing.as_ref().context("the configuration has neither the role `commands` nor `queries`")?;
    let mut result = Ok(());
    for username in names {
        let opened = open(&writing.accounts, Wanted { username, password: args.password.clone() }).await;
        progress.inc(1);
        result = opened.and_then(|(created, _)| print(&created));
        if result.is_err() {
            break;
        }
    }
    node.shutdown().await?;
    result
}

fn through(url: &str, args: &CreateArgs, names: Vec<String>, progress: &ProgressBar) -> anyhow::Result<()> {
    let (agent, url) = (agent(), format!("{}/ops/accounts", url.trim_end_matches('/')));
    for username in names {
        let wanted = Wanted { username, password: args.password.clone() };
        print::<Created>(&ask(&agent, &url, &wanted)?)?;
        progress.inc(1);
    }
    Ok(())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_TIME_MAX)).build().into()
}

/// Asks the operators' port of a running server; its error is ours.
fn ask<T: DeserializeOwned>(agent: &ureq::Agent, url: &str, question: &impl Serialize) -> anyhow::Result<T> {
    let mut response =
        agent.post(url).send_json(question).with_context(|| format!("{url}: is this the operators' port of a running server?"))?;
    let status = response.status();
    let body: serde_json::Value = response.body_mut().read_json().with_context(|| format!("{url} answered {status}, and no JSON"))?;
    if !status.is_success() {
        bail!("{}", body.get("error").and_then(serde_json::Value::as_str).unwrap_or("refused"));
    }
    Ok(serde_json::from_value(body)?)
}

fn bar(length: usize, shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} accounts, {per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style)
}
