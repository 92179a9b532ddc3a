//! Versions of flow definitions, as written and as read. A version is added, never changed.

use domain::process::Definition;
use domain::{FlowId, Millis, TenantId};

use crate::{Error, Result, Tx};

/// A version of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counted from 1.
    pub number: i64,
    /// The text as its author wrote it.
    pub source: String,
    /// When it was applied.
    pub at: Millis,
}

/// A flow that has versions, with the newest of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which.
    pub flow: FlowId,
    /// By what callers know it.
    pub api_id: String,
    /// Its newest version.
    pub version: i64,
    /// When that was applied.
    pub at: Millis,
}

/// Adds a version.
pub fn version_insert(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    flow: FlowId,
    version: &Version,
    definition: &Definition,
) -> Result<()> {
    let text = serde_json::to_string(definition).map_err(|e| Error::Engine(e.to_string()))?;
    tx.execute(
        "INSERT INTO flow_version (tenant_id, flow_id, version, source, definition, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            tenant.into(),
            flow.into(),
            version.number.into(),
            (&version.source).into(),
            (&text).into(),
            version.at.into(),
        ],
    )?;
    Ok(())
}

/// The number of the newest version; `None` where the flow has none.
pub fn version_newest(tx: &mut Tx<'_>, tenant: TenantId, flow: FlowId) -> Result<Option<i64>> {
    tx.query_one(
        "SELECT version FROM flow_version WHERE tenant_id = $1 AND flow_id = $2 \
         ORDER BY version DESC LIMIT 1",
        &[tenant.into(), flow.into()],
        |row| row.int(0),
    )
}

/// A version as it was written.
pub fn version_source(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    flow: FlowId,
    number: i64,
) -> Result<Option<Version>> {
    tx.query_one(
        "SELECT source, created_at FROM flow_version \
         WHERE tenant_id = $1 AND flow_id = $2 AND version = $3",
        &[tenant.into(), flow.into(), number.into()],
        |row| Ok(Version { number, source: row.text(0)?, at: Millis(row.int(1)?) }),
    )
}

/// What was read from a version's text.
pub fn version_definition(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    flow: FlowId,
    number: i64,
) -> Result<Option<Definition>> {
    tx.query_one(
        "SELECT definition FROM flow_version \
         WHERE tenant_id = $1 AND flow_id = $2 AND version = $3",
        &[tenant.into(), flow.into(), number.into()],
        |row| {
            serde_json::from_str(row.str(0)?).map_err(|e| Error::Corrupt {
                table: "flow_version",
                column: "definition",
                row: format!("{flow}/{number}"),
                reason: e.to_string(),
            })
        },
    )
}

/// Every flow that has a version, with the newest, by api id.
pub fn flows_applied(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Vec<Applied>> {
    tx.query_all(
        "SELECT f.flow_id, f.api_id, max(v.version), max(v.created_at) FROM flow f \
         JOIN flow_version v ON v.tenant_id = $1 AND v.flow_id = f.flow_id \
         WHERE f.tenant_id = $1 GROUP BY f.flow_id, f.api_id ORDER BY f.api_id",
        &[tenant.into()],
        |row| {
            Ok(Applied {
                flow: FlowId(row.int(0)?),
                api_id: row.text(1)?,
                version: row.int(2)?,
                at: Millis(row.int(3)?),
            })
        },
    )
}
