//! Brings a database to the shape this version needs, however many processes start at once.
//!
//! The row that names a migration is inserted first in its transaction. Others who want to insert it
//! wait for the end of that, and then find it there: no other lock is needed.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::session::Session;
use crate::migrate::{MIGRATIONS, RECORD, check_known, statements};
use crate::{Error, Result, dialect};

type Cause = tokio_postgres::Error;

/// `CREATE TABLE IF NOT EXISTS` by two at once fails for one of them: it is tried again (own figure).
const TRIES: usize = 20;

/// Applies what is missing. `now` is recorded beside each name, in Unix milliseconds.
pub(super) fn run(session: &Session, now: i64) -> Result<()> {
    let failed = |e: &Cause| Error::Engine(super::fault::text(e));
    let (is_ours, is_empty) = session.with(owner).map_err(|e| failed(&e))?;
    if !is_ours && !is_empty {
        return Err(Error::Foreign("the database".into()));
    }
    let mut tries = 0;
    while !is_ours
        && let Err(error) =
            session.with(async |c| c.batch_execute(&dialect::postgres_ddl(RECORD)).await)
    {
        tries += 1;
        if tries == TRIES || !is_race(&error) {
            return Err(failed(&error));
        }
    }
    let applied = session.with(applied).map_err(|e| failed(&e))?;
    check_known(&applied)?;
    for (name, text) in MIGRATIONS.iter().filter(|(name, _)| !applied.iter().any(|a| a == name)) {
        tracing::info!(migration.name = name, "applying a migration");
        let done = session.with(async |client| apply(client, name, text, now).await);
        done.map_err(|e| Error::Engine(format!("migration {name}: {}", super::fault::text(&e))))?;
    }
    Ok(())
}

/// Whether the record of migrations is there, the first thing that is made; and whether nothing is.
async fn owner(client: &Client) -> Result<(bool, bool), Cause> {
    let row = client
        .query_one(
            "SELECT to_regclass('schema_migration') IS NOT NULL, NOT EXISTS \
             (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema())",
            &[],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn applied(client: &Client) -> Result<Vec<String>, Cause> {
    let rows = client.query("SELECT name FROM schema_migration ORDER BY name", &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn apply(client: &Client, name: &str, text: &str, now: i64) -> Result<(), Cause> {
    client.batch_execute("BEGIN").await?;
    let done = statements_of(client, name, text, now).await;
    client.batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    match done {
        // Somebody else was first, and has finished.
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(()),
        done => done,
    }
}

async fn statements_of(client: &Client, name: &str, text: &str, now: i64) -> Result<(), Cause> {
    client
        .execute("INSERT INTO schema_migration (name, applied_at) VALUES ($1, $2)", &[&name, &now])
        .await?;
    for statement in statements(text) {
        client.batch_execute(&dialect::postgres_ddl(statement)).await?;
    }
    Ok(())
}

/// What the catalogue says when two make the same table at once.
fn is_race(error: &Cause) -> bool {
    [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE, SqlState::INTERNAL_ERROR]
        .iter()
        .any(|code| error.code() == Some(code))
}
