//! Store apps: where their events go, which tenants installed them, and what waits to be sent.

use domain::{AppId, Millis, TenantId};

use crate::{Result, Tx};

/// What a store app has beside what every app has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreApp {
    /// The app.
    pub app: AppId,
    /// Where its events go; empty for nowhere.
    pub event_url: String,
    /// What its receiver compares, sealed.
    pub event_token: Vec<u8>,
}

/// Something to be sent to an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: i64,
    /// To which app.
    pub app: AppId,
    /// When it is to be sent.
    pub due_at: Millis,
    /// How often that was tried.
    pub attempts: i64,
}

/// The only kind of event so far: a ticket.
const TICKET: i64 = 1;

/// Adds a store app, or changes where its events go.
pub fn store_app_put(tx: &mut Tx<'_>, app: &StoreApp) -> Result<()> {
    tx.execute(
        "INSERT INTO store_app (app_id, event_url, event_token, ticket_pushed) \
         VALUES ($1, $2, $3, 0) ON CONFLICT (app_id) DO UPDATE SET \
         event_url = excluded.event_url, event_token = excluded.event_token",
        &[app.app.into(), (&app.event_url).into(), (&app.event_token).into()],
    )?;
    Ok(())
}

/// A store app.
pub fn store_app(tx: &mut Tx<'_>, app: AppId) -> Result<Option<StoreApp>> {
    tx.query_one(
        "SELECT event_url, event_token FROM store_app WHERE app_id = $1",
        &[app.into()],
        |row| Ok(StoreApp { app, event_url: row.text(0)?, event_token: row.bytes(1)? }),
    )
}

/// Installs an app in a tenant. Says whether it was not.
pub fn install_insert(tx: &mut Tx<'_>, tenant: TenantId, app: AppId, now: Millis) -> Result<bool> {
    let new = tx.execute(
        "INSERT INTO app_install (tenant_id, app_id, installed_at) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, app_id) DO NOTHING",
        &[tenant.into(), app.into(), now.into()],
    )?;
    Ok(new > 0)
}

/// Removes an app from a tenant. Says whether it was there.
pub fn install_delete(tx: &mut Tx<'_>, tenant: TenantId, app: AppId) -> Result<bool> {
    let gone = tx.execute(
        "DELETE FROM app_install WHERE tenant_id = $1 AND app_id = $2",
        &[tenant.into(), app.into()],
    )?;
    Ok(gone > 0)
}

/// Whether an app is installed in a tenant.
pub fn install_exists(tx: &mut Tx<'_>, tenant: TenantId, app: AppId) -> Result<bool> {
    let found = tx.query_one(
        "SELECT installed_at FROM app_install WHERE tenant_id = $1 AND app_id = $2",
        &[tenant.into(), app.into()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// Store apps with somewhere to send to, to which no ticket went since `period`.
pub fn tickets_missing(tx: &mut Tx<'_>, period: Millis) -> Result<Vec<AppId>> {
    tx.query_all(
        "SELECT store_app.app_id FROM store_app JOIN app ON app.app_id = store_app.app_id \
         WHERE ticket_pushed < $1 AND event_url <> '' AND disabled = 0 ORDER BY store_app.app_id",
        &[period.into()],
        |row| Ok(AppId(row.int(0)?)),
    )
}

/// Notes that the ticket of a period is on its way. Says whether nobody did before.
pub fn ticket_pushed(tx: &mut Tx<'_>, app: AppId, period: Millis) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE store_app SET ticket_pushed = $2 WHERE app_id = $1 AND ticket_pushed < $2",
        &[app.into(), period.into()],
    )?;
    Ok(changed > 0)
}

/// Puts a ticket on its way, in the place of one that still is.
pub fn ticket_queue(tx: &mut Tx<'_>, app: AppId, event_id: i64, due_at: Millis) -> Result<()> {
    tx.execute(
        "INSERT INTO app_event (app_id, kind, event_id, due_at, attempts) \
         VALUES ($1, $2, $3, $4, 0) ON CONFLICT (app_id, kind) DO UPDATE SET \
         event_id = excluded.event_id, due_at = excluded.due_at, attempts = 0",
        &[app.into(), TICKET.into(), event_id.into(), due_at.into()],
    )?;
    Ok(())
}

/// What is to be sent by now, the oldest first.
pub fn events_due(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<Vec<Event>> {
    tx.query_all(
        "SELECT event_id, app_id, due_at, attempts FROM app_event WHERE due_at <= $1 \
         ORDER BY due_at LIMIT $2",
        &[now.into(), limit.into()],
        |row| {
            Ok(Event {
                id: row.int(0)?,
                app: AppId(row.int(1)?),
                due_at: Millis(row.int(2)?),
                attempts: row.int(3)?,
            })
        },
    )
}

/// Takes an event for one attempt: nobody else finds it before `until`. Says whether it was still
/// to be had.
pub fn event_take(tx: &mut Tx<'_>, event: &Event, until: Millis) -> Result<bool> {
    let taken = tx.execute(
        "UPDATE app_event SET due_at = $3, attempts = attempts + 1 \
         WHERE app_id = $1 AND kind = $2 AND event_id = $4 AND due_at = $5",
        &[event.app.into(), TICKET.into(), until.into(), event.id.into(), event.due_at.into()],
    )?;
    Ok(taken > 0)
}

/// Leaves an event for later, unless a newer one took its place.
pub fn event_postpone(tx: &mut Tx<'_>, event: &Event, due_at: Millis) -> Result<()> {
    tx.execute(
        "UPDATE app_event SET due_at = $4 WHERE app_id = $1 AND kind = $2 AND event_id = $3",
        &[event.app.into(), TICKET.into(), event.id.into(), due_at.into()],
    )?;
    Ok(())
}

/// Forgets an event, unless a newer one took its place.
pub fn event_delete(tx: &mut Tx<'_>, event: &Event) -> Result<()> {
    tx.execute(
        "DELETE FROM app_event WHERE app_id = $1 AND kind = $2 AND event_id = $3",
        &[event.app.into(), TICKET.into(), event.id.into()],
    )?;
    Ok(())
}
