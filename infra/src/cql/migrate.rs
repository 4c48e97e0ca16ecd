//! Numbered changes of the schema, applied once each by `roost migrate`, at deploy and one at a time.
//!
//! Every statement is `IF NOT EXISTS`, so a migration that broke off is applied again. What was applied is recorded with a checksum: a file
//! that was edited after its release is refused.

use std::collections::BTreeMap;

use super::{CqlClient, CqlFailure, Replication};

/// A change of the schema. Released ones are never edited: add another.
struct Migration {
    number: i32,
    name: &'static str,
    text: &'static str,
}

const MIGRATIONS: [Migration; 5] = [
    Migration { number: 1, name: "view_rows", text: include_str!("../../../schemas/cql/0001_view_rows.cql") },
    Migration { number: 2, name: "view_steps", text: include_str!("../../../schemas/cql/0002_view_steps.cql") },
    Migration { number: 3, name: "timelines", text: include_str!("../../../schemas/cql/0003_timelines.cql") },
    Migration { number: 4, name: "blobs", text: include_str!("../../../schemas/cql/0004_blobs.cql") },
    Migration { number: 5, name: "timeline_shelves", text: include_str!("../../../schemas/cql/0005_timeline_shelves.cql") },
];

/// What [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations applied now, by number and name.
    pub applied: Vec<String>,
    /// The number of the schema's version.
    pub version: i32,
}

impl Migration {
    fn checksum(&self) -> i64 {
        i64::from(crc32c::crc32c(self.text.as_bytes()))
    }

    fn label(&self) -> String {
        format!("{:04}_{}", self.number, self.name)
    }

    /// Its statements, with the keyspace in front of each table.
    fn statements(&self) -> impl Iterator<Item = String> {
        let lines = self.text.lines().filter(|line| !line.trim_start().starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let statements: Vec<String> = text.split(';').map(|statement| statement.trim().to_owned()).collect();
        statements.into_iter().filter(|statement| !statement.is_empty()).map(|statement| statement.replace("EXISTS ", "EXISTS KS."))
    }
}

/// Makes the keyspace if it is absent, and applies the migrations that it lacks. Applying them again does nothing.
pub async fn migrate(client: &CqlClient, replication: &Replication) -> Result<Migrated, CqlFailure> {
    let keyspace = client.keyspace();
    client.run_once(&format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {}", replication.to_cql())).await?;
    let versions =
        "CREATE TABLE IF NOT EXISTS KS.schema_versions (one tinyint, number int, name text, checksum bigint, PRIMARY KEY (one, number))";
    client.run_once(versions).await?;
    let record = client.prepare("INSERT INTO KS.schema_versions (one, number, name, checksum) VALUES (0, ?, ?, ?)").await?;
    let known = applied(client).await?;
    let mut migrated = Migrated { applied: Vec::new(), version: 0 };
    for migration in &MIGRATIONS {
        if !is_applied(migration, &known)? {
            for statement in migration.statements() {
                client.run_once(&statement).await?;
            }
            client.run(&record, (migration.number, migration.name, migration.checksum())).await?;
            migrated.applied.push(migration.label());
        }
        migrated.version = migration.number;
    }
    Ok(migrated)
}

/// Says whether the keyspace has the schema of this build; newer ones are good too, for they only add.
pub async fn check(client: &CqlClient) -> Result<(), CqlFailure> {
    let behind = |what: &str| CqlFailure::Fatal(format!("keyspace {} {what}: run `roost migrate`", client.keyspace()));
    let known = match applied(client).await {
        Ok(known) => known,
        Err(CqlFailure::Fatal(cause)) => return Err(behind(&format!("has no schema ({cause})"))),
        Err(other) => return Err(other),
    };
    for migration in &MIGRATIONS {
        if !is_applied(migration, &known)? {
            return Err(behind(&format!("lacks migration {}", migration.label())));
        }
    }
    Ok(())
}

async fn applied(client: &CqlClient) -> Result<BTreeMap<i32, i64>, CqlFailure> {
    let select = client.prepare("SELECT number, checksum FROM KS.schema_versions WHERE one = 0").await?;
    Ok(client.rows::<(i32, i64)>(&select, ()).await?.into_iter().collect())
}

fn is_applied(migration: &Migration, known: &BTreeMap<i32, i64>) -> Result<bool, CqlFailure> {
    match known.get(&migration.number) {
        None => Ok(false),
        Some(checksum) if *checksum == migration.checksum() => Ok(true),
        Some(_) => Err(CqlFailure::Fatal(format!(
            "migration {} was applied with another text: take the build that applied it, and add a migration instead",
            migration.label()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use schemas::rows::View;

    use super::*;

    #[test]
    fn migrations_are_numbered_without_a_gap_and_may_be_repeated() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number, index as i32 + 1);
            for statement in migration.statements() {
                assert!(statement.starts_with("CREATE TABLE IF NOT EXISTS KS."), "{statement}");
            }
        }
    }

    #[test]
    fn every_view_has_its_three_tables() {
        let statements: Vec<String> = MIGRATIONS.iter().flat_map(Migration::statements).collect();
        for view in View::ALL {
            for slot in 0..3 {
                let start = format!("CREATE TABLE IF NOT EXISTS KS.{}_{slot} (", view.name());
                assert!(statements.iter().any(|statement| statement.starts_with(&start)), "add a migration that makes {start}");
            }
        }
    }
}
