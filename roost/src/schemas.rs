//! `roost schemas check|register`: the Avro contract of the log in a schema registry, before a server is started.
//!
//! Exit codes: 0, every version is registered or may be; 1, the registry's rule forbids one; 2, it could not be found out.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::SchemasCommand;

/// A version is not compatible.
#[cfg(feature = "registry")]
const INCOMPATIBLE: u8 = 1;
/// The question has no answer.
const FAILED: u8 = 2;

/// Runs the command, and says how it ended.
pub fn run(command: &SchemasCommand) -> ExitCode {
    match ask(command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "roost: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

#[cfg(not(feature = "registry"))]
fn ask(_: &SchemasCommand) -> anyhow::Result<ExitCode> {
    anyhow::bail!("this build speaks to no schema registry: build it with the feature `registry`")
}

#[cfg(feature = "registry")]
fn ask(command: &SchemasCommand) -> anyhow::Result<ExitCode> {
    use anyhow::Context;
    use infra::schema_registry::{RegistryUrl, SchemasError, State, check, register};

    let (SchemasCommand::Check(args) | SchemasCommand::Register(args)) = command;
    let url: RegistryUrl = args.registry.parse().map_err(anyhow::Error::msg).context("--registry")?;
    let found = crate::runtime()?.block_on(async {
        match command {
            SchemasCommand::Check(_) => check(&url, &args.subject).await,
            SchemasCommand::Register(_) => match register(&url, &args.subject).await {
                // What stands in the way is shown as by `check`.
                Err(SchemasError::Incompatible { .. }) => check(&url, &args.subject).await,
                registered => registered,
            },
        }
    });
    let found = found.with_context(|| url.to_string())?;
    print(&found, args.json, &mut io::stdout().lock())?;
    let forbidden = found.iter().any(|checked| checked.state == State::Incompatible);
    Ok(if forbidden { ExitCode::from(INCOMPATIBLE) } else { ExitCode::SUCCESS })
}

#[cfg(feature = "registry")]
fn print(found: &[infra::schema_registry::Checked], json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    use infra::schema_registry::State;
    if json {
        serde_json::to_writer(&mut *out, found)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{:>7}  {:<12}  {:>10}  SUBJECT", "VERSION", "STATE", "ID")?;
    for checked in found {
        let state = match checked.state {
            State::Registered => "registered",
            State::Compatible => "compatible",
            State::Incompatible => "incompatible",
        };
        let id = checked.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        writeln!(out, "{:>7}  {state:<12}  {id:>10}  {}", checked.version, checked.subject)?;
    }
    Ok(())
}

#[cfg(all(test, feature = "registry"))]
mod tests {
    use infra::schema_registry::{Checked, State};

    use super::*;

    fn check(json: bool, expected: &str) {
        let subject = "roost.log-value".to_owned();
        let found = [
            Checked { version: 1, subject: subject.clone(), state: State::Registered, id: Some(41) },
            Checked { version: 2, subject, state: State::Compatible, id: None },
        ];
        let mut out = Vec::new();
        print(&found, json, &mut out).expect("memory takes all");
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn tables_and_json() {
        let table = "VERSION  STATE                 ID  SUBJECT\n      1  registered            41  roost.log-value\n      2  compatible             -  roost.log-value\n";
        check(false, table);
        let json = r#"[{"version":1,"subject":"roost.log-value","state":"registered","id":41},{"version":2,"subject":"roost.log-value","state":"compatible","id":null}]"#;
        check(true, &format!("{json}\n"));
    }
}
