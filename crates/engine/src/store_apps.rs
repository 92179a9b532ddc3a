//! Store apps: made once, installed by tenants; their tickets, and the tokens that these lead to.
//!
//! A ticket proves to an app that events reach it: it is pushed to the app's URL every hour, and
//! with it and its secret the app gets its own token, and with that one a token of each tenant that
//! installed it. Tickets are signed and not stored. Knows nothing of how an event looks or travels.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use domain::{AppId, Millis, TenantId};
use secrecy::{ExposeSecret, SecretString};
use store::Tx;
use store::access::{self as rows, App};
use store::store_app::{self as events, Event, StoreApp};

use crate::access::{IssueFault, Issued, NewApp, Owner, app_create};
use crate::keys::{Keyring, Use};
use crate::token::{self, Claims, LIFETIME_MS, NO_TENANT, SKEW_MS};
use crate::{Context, Error, Hub, Result};

/// A ticket is the same for an hour, and is pushed once in it (page of the event).
const TICKET_MS: i64 = 3_600_000;
/// How many hours an older ticket is still accepted. Own figure: a receiver may be away for a night.
const TICKET_HOURS: i64 = 12;
const TICKET_MAC_BYTES: usize = 16;

/// How long an attempt to send may take before another process tries. Own figure, ten times what
/// the platform gives a receiver.
const ATTEMPT_MS: i64 = 30_000;
/// When a failed event is tried again, after each attempt (page on events: 15 s, 5 min, 1 h, 6 h).
const RETRY_MS: [i64; 4] = [15_000, 300_000, 3_600_000, 21_600_000];
/// How many events are sent in one round (own figure).
const ROUND: i64 = 100;

/// Longest URL, as for callbacks.
const URL_CHARS: usize = domain::limits::LINK_CHARS;

/// A ticket to be sent.
#[derive(Clone, Debug)]
pub struct TicketEvent {
    /// What the receiver tells repeats by.
    pub id: i64,
    /// The app's public id.
    pub app_key: String,
    /// The ticket.
    pub ticket: SecretString,
    /// Where to.
    pub url: String,
    /// What the receiver compares to know the sender.
    pub token: SecretString,
    /// When this attempt began.
    pub at: Millis,
    event: Event,
}

/// Creates a store app; tells its secret, and what its receiver compares, for the only time.
pub fn store_app_create(
    tx: &mut Tx<'_>,
    cx: &Context,
    new: &NewApp,
    event_url: &str,
) -> Result<(App, SecretString, SecretString)> {
    check_url(event_url)?;
    let new = NewApp { owner: Owner::Store, ..new.clone() };
    let (app, secret) = app_create(tx, cx, &new)?;
    let token = put_events(tx, cx, &app, event_url)?;
    Ok((app, secret, token))
}

/// Changes where a store app's events go (empty: nowhere) and what its receiver compares.
pub fn store_app_events(
    tx: &mut Tx<'_>,
    cx: &Context,
    key: &str,
    event_url: &str,
) -> Result<SecretString> {
    check_url(event_url)?;
    let app = store_app(tx, key)?;
    put_events(tx, cx, &app, event_url)
}

fn check_url(url: &str) -> Result<()> {
    let known = url.is_empty() || url.starts_with("https://") || url.starts_with("http://");
    if known && url.len() <= URL_CHARS {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "`{url}` is not where events can go: an http or https URL of at most {URL_CHARS} \
         characters, or nothing"
    )))
}

fn put_events(tx: &mut Tx<'_>, cx: &Context, app: &App, event_url: &str) -> Result<SecretString> {
    let token = HEXLOWER.encode(&cx.ids.random::<16>());
    let sealed = cx.keys.seal(Use::Callback, &cx.ids, token.as_bytes(), app.key.as_bytes());
    let row = StoreApp { app: app.id, event_url: event_url.to_owned(), event_token: sealed };
    events::store_app_put(tx, &row)?;
    Ok(token.into())
}

fn store_app(tx: &mut Tx<'_>, key: &str) -> Result<App> {
    let app =
        rows::app_by_key(tx, key)?.ok_or_else(|| Error::NotFound(format!("the app `{key}`")))?;
    if app.tenant.is_some() {
        return Err(Error::Invalid(format!("`{key}` is a custom app; only store apps do this")));
    }
    Ok(app)
}

/// Installs a store app in a tenant. Says whether it was not there yet.
pub fn install(tx: &mut Tx<'_>, cx: &Context, app: &str, tenant: &str) -> Result<bool> {
    let (tenant, app) = (tenant_id(tx, tenant)?, store_app(tx, app)?);
    Ok(events::install_insert(tx, tenant, app.id, cx.now)?)
}

/// Removes a store app from a tenant. What it wrote there stays, and is its own again when it comes
/// back. Says whether it was there.
pub fn uninstall(tx: &mut Tx<'_>, app: &str, tenant: &str) -> Result<bool> {
    let (tenant, app) = (tenant_id(tx, tenant)?, store_app(tx, app)?);
    Ok(events::install_delete(tx, tenant, app.id)?)
}

fn tenant_id(tx: &mut Tx<'_>, key: &str) -> Result<TenantId> {
    let found = rows::tenant_by_key(tx, key)?;
    Ok(found.ok_or_else(|| Error::NotFound(format!("the tenant `{key}`")))?.id)
}

/// The ticket that is pushed to a store app in this hour.
pub fn ticket(tx: &mut Tx<'_>, cx: &Context, key: &str) -> Result<SecretString> {
    Ok(ticket_of(&cx.keys, &store_app(tx, key)?, cx.now))
}

fn ticket_of(keys: &Keyring, app: &App, now: Millis) -> SecretString {
    let hour = (now.get() / TICKET_MS).to_be_bytes();
    let (id, epoch) = (app.id.get().to_be_bytes(), app.epoch.to_be_bytes());
    let mac = keys.sign(Use::Ticket, &[&id, &epoch, &hour]);
    let bytes = [&hour[..], &mac[..TICKET_MAC_BYTES]].concat();
    BASE32_NOPAD.encode(&bytes).to_ascii_lowercase().into()
}

fn ticket_fits(keys: &Keyring, app: &App, ticket: &SecretString, now: Millis) -> bool {
    let text = ticket.expose_secret().to_ascii_uppercase();
    let Ok(bytes) = BASE32_NOPAD.decode(text.as_bytes()) else { return false };
    let Some((hour, mac)) = bytes.split_first_chunk::<8>() else { return false };
    let (id, epoch) = (app.id.get().to_be_bytes(), app.epoch.to_be_bytes());
    // Another process' clock may be a little ahead.
    let newest = now.plus(SKEW_MS).get() / TICKET_MS;
    let age = newest.checked_sub(i64::from_be_bytes(*hour));
    mac.len() == TICKET_MAC_BYTES
        && age.is_some_and(|age| (0..=TICKET_HOURS).contains(&age))
        && keys.verify_any(Use::Ticket, &[&id, &epoch, hour], mac)
}

impl Hub {
    /// A store app's own token, for its secret and a ticket.
    pub async fn app_access_token(
        &self,
        app_key: String,
        secret: SecretString,
        ticket: SecretString,
    ) -> Result<Result<Issued, IssueFault>> {
        let (app, issued_at) = match self.prove(app_key, secret).await? {
            Ok(proved) => proved,
            Err(fault) => return Ok(Err(fault)),
        };
        if app.tenant.is_some() {
            return Ok(Err(IssueFault::WrongKind));
        }
        let context = self.context();
        if !ticket_fits(&context.keys, &app, &ticket, context.now) {
            return Ok(Err(IssueFault::WrongTicket));
        }
        self.issue(&app, NO_TENANT, issued_at).await.map(Ok)
    }

    /// A store app's token in a tenant that installed it, for the app's own token.
    pub async fn tenant_access_token(
        &self,
        app_token: &str,
        tenant_key: String,
    ) -> Result<Result<Issued, IssueFault>> {
        let context = self.context();
        let claims = token::decode(app_token)
            .filter(|token| token.is_signed_by(&context.keys))
            .map(|token| token.claims)
            .filter(|claims| claims.tenant == NO_TENANT && is_alive(claims, context.now));
        let Some(claims) = claims else { return Ok(Err(IssueFault::WrongAppToken)) };
        let found = self
            .read(move |tx, _| {
                let app = rows::app_by_id(tx, claims.app)?;
                let Some(tenant) = rows::tenant_by_key(tx, &tenant_key)? else {
                    return Ok((app, None));
                };
                let installed = events::install_exists(tx, tenant.id, claims.app)?;
                let issued_at = rows::token_issued_at(tx, tenant.id, claims.app)?;
                Ok((app, installed.then_some((tenant.id, issued_at))))
            })
            .await?;
        let (Some(app), place) = found else { return Ok(Err(IssueFault::WrongAppToken)) };
        if app.epoch != i64::from(claims.epoch) {
            return Ok(Err(IssueFault::WrongAppToken));
        }
        if app.disabled {
            return Ok(Err(IssueFault::Disabled));
        }
        let Some((tenant, issued_at)) = place else { return Ok(Err(IssueFault::NotInstalled)) };
        self.issue(&app, tenant, issued_at).await.map(Ok)
    }

    /// Pushes the ticket of this hour once more.
    pub async fn resend_ticket(
        &self,
        app_key: String,
        secret: SecretString,
    ) -> Result<Result<(), IssueFault>> {
        let app = match self.prove(app_key, secret).await? {
            Ok((app, _)) => app,
            Err(fault) => return Ok(Err(fault)),
        };
        let id = app.id;
        let there = self.read(move |tx, _| Ok(events::store_app(tx, id)?)).await?;
        if there.is_none_or(|there| there.event_url.is_empty()) {
            return Ok(Err(IssueFault::NoEvents));
        }
        self.write(move |tx, cx| Ok(events::ticket_queue(tx, id, cx.ids.next(cx.now), cx.now)?))
            .await
            .map(Ok)
    }

    /// Puts on their way the tickets that no store app got in this hour yet.
    pub async fn queue_tickets(&self) -> Result<usize> {
        let period = Millis(self.now().get() / TICKET_MS * TICKET_MS);
        let missing = self.read(move |tx, _| Ok(events::tickets_missing(tx, period)?)).await?;
        for app in &missing {
            let app: AppId = *app;
            self.write(move |tx, cx| {
                if events::ticket_pushed(tx, app, period)? {
                    events::ticket_queue(tx, app, cx.ids.next(cx.now), cx.now)?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(missing.len())
    }

    /// What is to be sent now. Each is this caller's for the length of an attempt; what is not told
    /// to be done by then will be found again.
    pub async fn take_events(&self) -> Result<Vec<TicketEvent>> {
        let now = self.now();
        let due = self.read(move |tx, _| Ok(events::events_due(tx, now, ROUND)?)).await?;
        let mut taken = Vec::with_capacity(due.len());
        for event in due {
            let event = self.write(move |tx, cx| {
                if !events::event_take(tx, &event, cx.now.plus(ATTEMPT_MS))? {
                    return Ok(None);
                }
                let ready = ready(tx, cx, event)?;
                if ready.is_none() {
                    events::event_delete(tx, &event)?;
                }
                Ok(ready)
            });
            taken.extend(event.await?);
        }
        Ok(taken)
    }

    /// An event was accepted.
    pub async fn event_done(&self, sent: &TicketEvent) -> Result<()> {
        let event = sent.event;
        self.write(move |tx, _| Ok(events::event_delete(tx, &event)?)).await
    }

    /// An event was not accepted. Says whether it is tried again, or given up.
    pub async fn event_failed(&self, sent: &TicketEvent) -> Result<bool> {
        let event = sent.event;
        let tried = usize::try_from(event.attempts).unwrap_or(usize::MAX);
        let Some(pause) = RETRY_MS.get(tried).copied() else {
            return self.event_done(sent).await.map(|()| false);
        };
        let again = sent.at.plus(pause);
        self.write(move |tx, _| Ok(events::event_postpone(tx, &event, again)?)).await?;
        Ok(true)
    }
}

fn is_alive(claims: &Claims, now: Millis) -> bool {
    (-SKEW_MS..LIFETIME_MS).contains(&(now.get() - claims.issued_at.get()))
}

/// What to send, unless the app is gone, switched off or has nowhere to receive it.
fn ready(tx: &mut Tx<'_>, cx: &Context, event: Event) -> Result<Option<TicketEvent>> {
    let Some(app) = rows::app_by_id(tx, event.app)?.filter(|app| !app.disabled) else {
        return Ok(None);
    };
    let Some(there) = events::store_app(tx, app.id)?.filter(|there| !there.event_url.is_empty())
    else {
        return Ok(None);
    };
    let token = cx.keys.open(Use::Callback, &there.event_token, app.key.as_bytes());
    let token = token.and_then(|plain| String::from_utf8(plain).ok()).ok_or_else(|| {
        Error::Internal(format!("the verification token of {} cannot be opened", app.key))
    })?;
    Ok(Some(TicketEvent {
        id: event.id,
        ticket: ticket_of(&cx.keys, &app, cx.now),
        app_key: app.key,
        url: there.event_url,
        token: token.into(),
        at: cx.now,
        event,
    }))
}
