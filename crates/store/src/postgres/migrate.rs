//! Brings a database to the shape this version needs, however many processes start at once.
//!
//! The row that names a migration is inserted first in its transaction. Others who want to insert it
//! wait for the end of that, and then find it there: no other lock is needed. Nothing is prepared: a
//! proxy may give the next statement another connection.

use domain::Millis;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::session::Session;
use crate::migrate::{MIGRATIONS, RECORD, check_known, statements, steps};
use crate::schema::Migration;
use crate::{Error, Result, dialect};

type Cause = tokio_postgres::Error;

/// `CREATE TABLE IF NOT EXISTS` by two at once fails for one of them: it is tried again (own figure).
const TRIES: usize = 20;

/// Applies what is missing. `now` is recorded beside each name, in Unix milliseconds.
pub(super) fn run(session: &Session, now: i64) -> Result<()> {
    let is_ours = is_ours(session)?;
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
    let applied: Vec<String> = applied.into_iter().map(|(name, _)| name).collect();
    check_known(&applied)?;
    for (name, text) in MIGRATIONS.iter().filter(|(name, _)| !applied.iter().any(|a| a == name)) {
        tracing::info!(migration.name = name, "applying a migration");
        let done = session.with(async |client| apply(client, name, text, now).await);
        done.map_err(|e| Error::Engine(format!("migration {name}: {}", super::fault::text(&e))))?;
    }
    Ok(())
}

/// What `run` would do, and what it did before.
pub(super) fn plan(session: &Session, now: Millis) -> Result<Vec<Migration>> {
    let mut known = Vec::new();
    if is_ours(session)? {
        known = session.with(applied).map_err(|e| failed(&e))?;
    }
    let spell = |statement: &str| Some(dialect::postgres_ddl(statement));
    steps(&known, vec![dialect::postgres_ddl(RECORD)], "BEGIN", spell, now)
}

fn failed(error: &Cause) -> Error {
    Error::Engine(super::fault::text(error))
}

/// Whether the database is ours already, and not an empty one; another program's is an error.
fn is_ours(session: &Session) -> Result<bool> {
    let (is_ours, is_empty) = session.with(owner).map_err(|e| failed(&e))?;
    if !is_ours && !is_empty {
        return Err(Error::Foreign("the database".into()));
    }
    Ok(is_ours)
}

/// Whether the record of migrations is there, the first thing that is made; and whether nothing is.
async fn owner(client: &Client) -> Result<(bool, bool), Cause> {
    let asked = "SELECT to_regclass('schema_migration') IS NOT NULL, NOT EXISTS \
                 (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema())";
    let rows = client.query_typed(asked, &[]).await?;
    rows.first().map_or(Ok((false, true)), |row| Ok((row.try_get(0)?, row.try_get(1)?)))
}

async fn applied(client: &Client) -> Result<Vec<(String, Millis)>, Cause> {
    let rows = client.query_typed("SELECT name, applied_at FROM schema_migration", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, Millis(row.try_get(1)?)))).collect()
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
    let noted = "INSERT INTO schema_migration (name, applied_at) VALUES ($1, $2)";
    client.query_typed(noted, &[(&name, Type::TEXT), (&now, Type::INT8)]).await?;
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
