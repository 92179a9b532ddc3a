//! Tenants, applications, issued tokens and settings of the data file.

use std::ops::RangeInclusive;

use domain::{AppId, Millis, TenantId};

use crate::value::Row;
use crate::{Result, Tx};

/// A company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its internal id.
    pub id: TenantId,
    /// Its public key.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// An application that calls the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its internal id.
    pub id: AppId,
    /// Its public id (`cli_…`).
    pub key: String,
    /// The tenant that it belongs to; none for a store app, which tenants install.
    pub tenant: Option<TenantId>,
    /// What people call it.
    pub name: String,
    /// Its secret under the server key; never the secret.
    pub secret_mac: Vec<u8>,
    /// Raised when the secret is reset, so that older tokens die.
    pub epoch: i64,
    /// The scopes that it holds.
    pub scopes: Vec<String>,
    /// Refused everywhere.
    pub disabled: bool,
    /// When it was created.
    pub created_at: Millis,
}

/// A value that belongs to the data as a whole.
pub fn setting_get(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>> {
    tx.query_one("SELECT value FROM setting WHERE name = $1", &[name.into()], |r| r.text(0))
}

/// Adds a value that belongs to the data as a whole and is not there.
pub fn setting_insert(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.execute("INSERT INTO setting (name, value) VALUES ($1, $2)", &[name.into(), value.into()])?;
    Ok(())
}

/// Sets a value that belongs to the data as a whole.
pub fn setting_put(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO setting (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[name.into(), value.into()],
    )?;
    Ok(())
}

/// Every value that belongs to the data as a whole.
pub fn setting_all(tx: &mut Tx<'_>) -> Result<Vec<(String, String)>> {
    tx.query_all("SELECT name, value FROM setting ORDER BY name", &[], |row| {
        Ok((row.text(0)?, row.text(1)?))
    })
}

/// Removes a value that belongs to the data as a whole.
pub fn setting_delete(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.execute("DELETE FROM setting WHERE name = $1", &[name.into()])?;
    Ok(())
}

/// Adds a tenant.
pub fn tenant_insert(tx: &mut Tx<'_>, tenant: &Tenant, now: Millis) -> Result<()> {
    tx.execute(
        "INSERT INTO tenant (tenant_id, tenant_key, name, created_at) VALUES ($1, $2, $3, $4)",
        &[tenant.id.into(), (&tenant.key).into(), (&tenant.name).into(), now.into()],
    )?;
    Ok(())
}

/// The tenant with a public key.
pub fn tenant_by_key(tx: &mut Tx<'_>, key: &str) -> Result<Option<Tenant>> {
    tx.query_one(
        "SELECT tenant_id, tenant_key, name FROM tenant WHERE tenant_key = $1",
        &[key.into()],
        read_tenant,
    )
}

/// Every tenant, oldest first.
pub fn tenant_all(tx: &mut Tx<'_>) -> Result<Vec<Tenant>> {
    tx.query_all(
        "SELECT tenant_id, tenant_key, name FROM tenant ORDER BY tenant_id",
        &[],
        read_tenant,
    )
}

fn read_tenant(row: &Row<'_>) -> Result<Tenant> {
    Ok(Tenant { id: TenantId(row.int(0)?), key: row.text(1)?, name: row.text(2)? })
}

macro_rules! select_app {
    ($rest:literal) => {
        concat!(
            "SELECT app_id, app_key, tenant_id, name, secret_mac, epoch, scopes, disabled, ",
            "created_at FROM app ",
            $rest
        )
    };
}

/// The app with a public id.
pub fn app_by_key(tx: &mut Tx<'_>, key: &str) -> Result<Option<App>> {
    tx.query_one(select_app!("WHERE app_key = $1"), &[key.into()], read_app)
}

/// The app with a public id, which nobody else changes until the end of the transaction.
pub fn app_by_key_held(tx: &mut Tx<'_>, key: &str) -> Result<Option<App>> {
    tx.query_one(select_app!("WHERE app_key = $1 {for update}"), &[key.into()], read_app)
}

/// The app with an internal id.
pub fn app_by_id(tx: &mut Tx<'_>, id: AppId) -> Result<Option<App>> {
    tx.query_one(select_app!("WHERE app_id = $1"), &[id.into()], read_app)
}

/// Every app, oldest first.
pub fn app_all(tx: &mut Tx<'_>) -> Result<Vec<App>> {
    tx.query_all(select_app!("ORDER BY app_id"), &[], read_app)
}

/// Stands for the tenant of an app that has none.
const STORE: i64 = 0;

/// Adds an app.
pub fn app_insert(tx: &mut Tx<'_>, app: &App) -> Result<()> {
    tx.execute(
        "INSERT INTO app (app_id, app_key, tenant_id, name, secret_mac, epoch, scopes, disabled, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            app.id.into(),
            (&app.key).into(),
            app.tenant.map_or(STORE, TenantId::get).into(),
            (&app.name).into(),
            (&app.secret_mac).into(),
            app.epoch.into(),
            (&app.scopes.join(" ")).into(),
            app.disabled.into(),
            app.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Writes what may change of an app: name, secret, epoch, scopes, disabled.
pub fn app_update(tx: &mut Tx<'_>, app: &App) -> Result<()> {
    tx.execute(
        "UPDATE app SET name = $2, secret_mac = $3, epoch = $4, scopes = $5, disabled = $6 \
         WHERE app_id = $1",
        &[
            app.id.into(),
            (&app.name).into(),
            (&app.secret_mac).into(),
            app.epoch.into(),
            (&app.scopes.join(" ")).into(),
            app.disabled.into(),
        ],
    )?;
    Ok(())
}

fn read_app(row: &Row<'_>) -> Result<App> {
    Ok(App {
        id: AppId(row.int(0)?),
        key: row.text(1)?,
        tenant: Some(row.int(2)?).filter(|tenant| *tenant != STORE).map(TenantId),
        name: row.text(3)?,
        secret_mac: row.bytes(4)?,
        epoch: row.int(5)?,
        scopes: row.str(6)?.split_ascii_whitespace().map(str::to_owned).collect(),
        disabled: row.flag(7)?,
        created_at: Millis(row.int(8)?),
    })
}

/// When the current token of an app in a tenant was issued.
pub fn token_issued_at(tx: &mut Tx<'_>, tenant: TenantId, app: AppId) -> Result<Option<Millis>> {
    tx.query_one(
        "SELECT issued_at FROM token_issue WHERE tenant_id = $1 AND app_id = $2",
        &[tenant.into(), app.into()],
        |row| Ok(Millis(row.int(0)?)),
    )
}

/// Makes `now` the time of issue, unless the current one lies in `fresh` (both ends included). The
/// row decides, so that every process answers the same token.
pub fn token_issue(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    now: Millis,
    fresh: RangeInclusive<Millis>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO token_issue (tenant_id, app_id, issued_at) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, app_id) DO UPDATE SET issued_at = excluded.issued_at \
         WHERE token_issue.issued_at < $4 OR token_issue.issued_at > $5",
        &[tenant.into(), app.into(), now.into(), (*fresh.start()).into(), (*fresh.end()).into()],
    )?;
    Ok(())
}
