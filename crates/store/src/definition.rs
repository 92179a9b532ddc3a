//! Definitions of third-party approvals and the groups that they stand in.

use domain::definition::DefinitionDetails;
use domain::{AppId, DefinitionId, Millis, TenantId};

use crate::value::Row;
use crate::watch::Piece;
use crate::{Error, Result, Tx};

/// A definition as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its number.
    pub id: DefinitionId,
    /// The app that made it.
    pub app: AppId,
    /// The code made here.
    pub real_code: String,
    /// The app's own code.
    pub custom_code: String,
    /// What the app said.
    pub details: DefinitionDetails,
    /// Callback secrets, sealed by the caller of this crate.
    pub secrets: Option<Vec<u8>>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT definition_id, app_id, real_code, custom_code, details, secrets ",
            "FROM definition WHERE tenant_id = $1 AND ",
            $condition
        )
    };
}

/// The definition with a real code.
pub fn definition_by_real_code(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    code: &str,
) -> Result<Option<Definition>> {
    tx.query_one(select!("real_code = $2"), &[tenant.into(), code.into()], read)
}

/// The definition with an app's own code.
pub fn definition_by_custom_code(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    code: &str,
) -> Result<Option<Definition>> {
    let params = [tenant.into(), app.into(), code.into()];
    tx.query_one(select!("app_id = $2 AND custom_code = $3"), &params, read)
}

/// A definition by its id.
pub fn definition_by_id(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: DefinitionId,
) -> Result<Option<Definition>> {
    tx.query_one(select!("definition_id = $2"), &[tenant.into(), id.into()], read)
}

/// At most `limit` definitions of the groups with a code, whichever apps they are of.
pub fn definitions_of_group(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    group: &str,
    limit: usize,
) -> Result<Vec<DefinitionId>> {
    tx.query_all(
        "SELECT definition_id FROM definition WHERE tenant_id = $1 AND group_code = $2 \
         ORDER BY definition_id LIMIT $3",
        &[tenant.into(), group.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| Ok(DefinitionId(row.int(0)?)),
    )
}

/// Owner, id and real code by real code: what a sync and a query need.
pub fn definition_head(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    real_code: &str,
) -> Result<Option<(AppId, DefinitionId)>> {
    tx.query_one(
        "SELECT app_id, definition_id FROM definition WHERE tenant_id = $1 AND real_code = $2",
        &[tenant.into(), real_code.into()],
        |row| Ok((AppId(row.int(0)?), DefinitionId(row.int(1)?))),
    )
}

/// The id of a definition by its app's own code.
pub fn definition_id_by_custom_code(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    code: &str,
) -> Result<Option<DefinitionId>> {
    tx.query_one(
        "SELECT definition_id FROM definition \
         WHERE tenant_id = $1 AND app_id = $2 AND custom_code = $3",
        &[tenant.into(), app.into(), code.into()],
        |row| Ok(DefinitionId(row.int(0)?)),
    )
}

/// The real code of a definition.
pub fn definition_code(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: DefinitionId,
) -> Result<Option<String>> {
    tx.query_one(
        "SELECT real_code FROM definition WHERE tenant_id = $1 AND definition_id = $2",
        &[tenant.into(), id.into()],
        |row| row.text(0),
    )
}

/// Adds a definition or writes its details and secrets anew.
pub fn definition_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    definition: &Definition,
    now: Millis,
) -> Result<()> {
    let details =
        serde_json::to_string(&definition.details).map_err(|e| Error::Engine(e.to_string()))?;
    tx.touch(tenant, Piece::Definition(definition.id));
    let written = tx.execute(
        "INSERT INTO definition (tenant_id, definition_id, app_id, real_code, custom_code, \
         details, secrets, created_at, updated_at, group_code) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) \
         ON CONFLICT (tenant_id, definition_id) DO UPDATE SET details = excluded.details, \
         secrets = excluded.secrets, updated_at = excluded.updated_at, \
         group_code = excluded.group_code \
         WHERE definition.app_id = excluded.app_id \
         AND definition.custom_code = excluded.custom_code",
        &[
            tenant.into(),
            definition.id.into(),
            definition.app.into(),
            (&definition.real_code).into(),
            (&definition.custom_code).into(),
            (&details).into(),
            definition.secrets.as_ref().into(),
            now.into(),
            (&definition.details.group_code).into(),
        ],
    )?;
    if written == 0 { Err(tx.id_is_taken("definition")) } else { Ok(()) }
}

/// The name of an app's group.
pub fn group_name(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    code: &str,
) -> Result<Option<String>> {
    tx.query_one(
        "SELECT name FROM definition_group \
         WHERE tenant_id = $1 AND app_id = $2 AND group_code = $3",
        &[tenant.into(), app.into(), code.into()],
        |row| row.text(0),
    )
}

/// Adds a group or renames it.
pub fn group_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    code: &str,
    name: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO definition_group (tenant_id, app_id, group_code, name) \
         VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, app_id, group_code) DO UPDATE SET name = excluded.name",
        &[tenant.into(), app.into(), code.into(), name.into()],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Definition> {
    let id = DefinitionId(row.int(0)?);
    let details = serde_json::from_str(row.str(4)?).map_err(|e| Error::Corrupt {
        table: "definition",
        column: "details",
        row: id.to_string(),
        reason: e.to_string(),
    })?;
    Ok(Definition {
        id,
        app: AppId(row.int(1)?),
        real_code: row.text(2)?,
        custom_code: row.text(3)?,
        details,
        secrets: row.opt_bytes(5)?,
    })
}
