//! Spreads the tables of a database over the nodes of a Citus cluster.
//!
//! Each step is a statement of its own, and what is done already is asked of the cluster, so a run that
//! was stopped is run again. Knows which tables belong to a tenant, not what they hold.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::session::Session;
use crate::catalogue::GLOBAL;
use crate::migrate::{MIGRATIONS, statements};
use crate::{Error, Result};

type Cause = tokio_postgres::Error;

/// What a table was and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distributed {
    /// The table.
    pub table: String,
    /// Its rows are spread by tenant; else every node has all of them.
    pub by_tenant: bool,
    /// It was that already.
    pub before: bool,
}

/// A table as the cluster knows it: its kind, and the column by which it is spread.
type Known = BTreeMap<String, (String, String)>;

/// Makes each table what it must be.
pub(super) fn run(session: &Session) -> Result<Vec<Distributed>> {
    let failed = |e: &Cause| Error::Engine(super::fault::text(e));
    if !session.with(is_cluster).map_err(|e| failed(&e))? {
        return Err(Error::Unsupported(
            "this database is not a Citus cluster: on the coordinator, as an administrator, run \
             CREATE EXTENSION citus, add the nodes with citus_add_node, and try again"
                .into(),
        ));
    }
    let known = session.with(known).map_err(|e| failed(&e))?;
    let mut done = Vec::new();
    let mut parent: Option<String> = None;
    for table in tables() {
        let by_tenant = !GLOBAL.contains(&&*table);
        let before = is_done(&known, &table, by_tenant)?;
        if !before {
            tracing::info!(table, by_tenant, "distributing");
            let statement = statement(&table, by_tenant, parent.as_deref());
            let ran = session.with(async |client| client.batch_execute(&statement).await);
            ran.map_err(|e| Error::Engine(format!("{table}: {}", super::fault::text(&e))))?;
        }
        // What was there before is left behind on the coordinator, maybe by a run that was stopped.
        let empty = format!("SELECT truncate_local_data_after_distributing_table('{table}')");
        let ran = session.with(async |client| client.batch_execute(&empty).await);
        ran.map_err(|e| Error::Engine(format!("{table}: {}", super::fault::text(&e))))?;
        if by_tenant {
            parent.get_or_insert_with(|| table.clone());
        }
        done.push(Distributed { table, by_tenant, before });
    }
    Ok(done)
}

/// Every table, the global ones first; then the tenants' in the order in which migrations make them,
/// so that the others lie beside the first.
fn tables() -> Vec<String> {
    let made = MIGRATIONS.iter().flat_map(|(_, text)| statements(text)).filter_map(|statement| {
        let (_, rest) = statement.split_once("CREATE TABLE ")?;
        Some(rest.split_whitespace().next()?.to_owned())
    });
    let (global, own): (Vec<_>, Vec<_>) = made.partition(|table| GLOBAL.contains(&&**table));
    let record = ["schema_migration".to_owned()];
    record.into_iter().chain(global).chain(own).collect()
}

fn statement(table: &str, by_tenant: bool, beside: Option<&str>) -> String {
    match (by_tenant, beside) {
        (false, _) => format!("SELECT create_reference_table('{table}')"),
        (true, None) => format!("SELECT create_distributed_table('{table}', 'tenant_id')"),
        (true, Some(beside)) => format!(
            "SELECT create_distributed_table('{table}', 'tenant_id', colocate_with => '{beside}')"
        ),
    }
}

/// Whether a table is what it must be; what somebody made otherwise is not touched.
fn is_done(known: &Known, table: &str, by_tenant: bool) -> Result<bool> {
    match known.get(table).map(|(kind, column)| (&**kind, &**column)) {
        None => Ok(false),
        Some(("reference", _)) if !by_tenant => Ok(true),
        Some(("distributed", "tenant_id")) if by_tenant => Ok(true),
        Some((kind, column)) => Err(Error::Unsupported(format!(
            "{table} is a {kind} table by `{column}` already, and must be {}: undo that with \
             undistribute_table, and try again",
            if by_tenant { "distributed by `tenant_id`" } else { "a reference table" }
        ))),
    }
}

async fn is_cluster(client: &Client) -> Result<bool, Cause> {
    let asked = "SELECT to_regproc('create_reference_table') IS NOT NULL";
    let rows = client.query_typed(asked, &[]).await?;
    rows.first().map_or(Ok(false), |row| row.try_get(0))
}

async fn known(client: &Client) -> Result<Known, Cause> {
    let asked = "SELECT c.relname::TEXT, t.citus_table_type::TEXT, t.distribution_column::TEXT \
                 FROM citus_tables t JOIN pg_catalog.pg_class c ON c.oid = t.table_name \
                 WHERE c.relnamespace = current_schema()::regnamespace";
    let rows = client.query_typed(asked, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}
