//! Tenants, applications and their tokens: who calls, and what they may do.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use domain::{AppId, Millis, TenantId};
use secrecy::{ExposeSecret, SecretString};
use store::Tx;
use store::access::{self as rows, App, Tenant};
use store::store_app;
use subtle::ConstantTimeEq;

use crate::keys::{Keyring, Use};
use crate::token::{self, Claims, LIFETIME_MS, NO_TENANT, SKEW_MS, Signed, Unverified};
use crate::{Context, Error, Hub, Result};

/// An app that proved who it is.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For which tenant it calls.
    pub tenant: TenantId,
    /// Which app.
    pub app: Arc<App>,
}

impl Caller {
    /// Whether the app holds at least one of `scopes`; none needed means yes.
    pub fn may(&self, scopes: &[&str]) -> bool {
        scopes.is_empty() || self.app.scopes.iter().any(|held| scopes.contains(&held.as_str()))
    }
}

/// The tenant with a key.
pub fn tenant_id(tx: &mut Tx<'_>, key: &str) -> Result<Option<TenantId>> {
    Ok(rows::tenant_by_key(tx, key)?.map(|tenant| tenant.id))
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Not by this server, too old, or of an app whose secret was reset.
    Invalid,
    /// The app is switched off.
    Disabled,
    /// The store app is not installed in the tenant, or not any more.
    NotInstalled,
}

/// A token with its remaining life.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token.
    pub token: SecretString,
    /// How long it is still accepted, in whole seconds.
    pub expires_in: i64,
}

/// Why no token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueFault {
    /// No app has this id.
    UnknownApp,
    /// The secret is not the app's.
    WrongSecret,
    /// The app is switched off.
    Disabled,
    /// A custom app asked as a store app, or the other way round.
    WrongKind,
    /// The ticket is not the app's, or too old.
    WrongTicket,
    /// The token is not a store app's own one, or too old.
    WrongAppToken,
    /// The tenant has not installed the app.
    NotInstalled,
    /// The app has nowhere to receive a ticket.
    NoEvents,
}

/// A token is handed out again while it lives at least half an hour (page of the endpoints).
const REUSE_MS: i64 = LIFETIME_MS - 1_800_000;
/// How long an app may be taken from memory: what an operator changes is seen after this at the
/// latest (at most 2 s is promised).
const APP_FRESH_MS: i64 = 1_000;

/// Apps as read lately, so that a request needs no read to know its caller; and of each app in each
/// tenant the token whose signature was found good last, since an app sends the same one for hours.
#[derive(Default)]
pub(crate) struct Directory {
    apps: RwLock<HashMap<(AppId, TenantId), (Known, Millis)>>,
    tokens: RwLock<HashMap<(AppId, TenantId), Signed>>,
}

/// An app as it stands in one tenant.
#[derive(Clone)]
struct Known {
    app: Arc<App>,
    place: Place,
}

/// Where an app stands in a tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It belongs there, or was installed.
    Home,
    /// A store app that is not installed.
    NotInstalled,
    /// Another tenant's own.
    Foreign,
}

fn known(tx: &mut Tx<'_>, app: AppId, tenant: TenantId) -> Result<Option<Known>> {
    let Some(app) = rows::app_by_id(tx, app)? else { return Ok(None) };
    let place = match app.tenant {
        Some(home) if home == tenant => Place::Home,
        Some(_) => Place::Foreign,
        None if store_app::install_exists(tx, tenant, app.id)? => Place::Home,
        None => Place::NotInstalled,
    };
    Ok(Some(Known { app: Arc::new(app), place }))
}

impl Directory {
    fn is_verified(&self, token: &Unverified) -> bool {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        // In constant time: how much of a signature is right is nobody's business.
        tokens.get(&token.claims.key()).is_some_and(|known| known.ct_eq(&token.signed).into())
    }

    fn verified(&self, token: &Unverified) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.claims.key(), token.signed);
    }

    fn get(&self, claims: &Claims, now: Millis) -> Option<Known> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        let (known, read_at) = apps.get(&claims.key())?;
        (0..APP_FRESH_MS).contains(&(now.get() - read_at.get())).then(|| known.clone())
    }

    fn put(&self, claims: &Claims, known: &Known, now: Millis) {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        apps.insert(claims.key(), (known.clone(), now));
    }
}

impl Hub {
    /// Who calls with `token`.
    pub async fn authenticate(&self, token: &str) -> Result<Result<Caller, TokenFault>> {
        let context = self.context();
        let Some(token) = token::decode(token) else { return Ok(Err(TokenFault::Invalid)) };
        let claims = token.claims;
        if !self.directory.is_verified(&token) {
            if !token.is_signed_by(&context.keys) {
                return Ok(Err(TokenFault::Invalid));
            }
            self.directory.verified(&token);
        }
        let age = context.now.get() - claims.issued_at.get();
        if !(-SKEW_MS..LIFETIME_MS).contains(&age) {
            return Ok(Err(TokenFault::Invalid));
        }
        let known = match self.directory.get(&claims, context.now) {
            Some(known) => known,
            None => match self.read(move |tx, _| known(tx, claims.app, claims.tenant)).await? {
                None => return Ok(Err(TokenFault::Invalid)),
                Some(known) => {
                    self.directory.put(&claims, &known, context.now);
                    known
                }
            },
        };
        let Known { app, place } = known;
        Ok(if place == Place::Foreign || app.epoch != i64::from(claims.epoch) {
            Err(TokenFault::Invalid)
        } else if app.disabled {
            Err(TokenFault::Disabled)
        } else if place == Place::NotInstalled {
            Err(TokenFault::NotInstalled)
        } else {
            Ok(Caller { tenant: claims.tenant, app })
        })
    }

    /// The current token of an app, for its secret. The same one while half an hour of it is left.
    pub async fn issue_token(
        &self,
        app_key: String,
        secret: SecretString,
    ) -> Result<Result<Issued, IssueFault>> {
        let (app, issued_at) = match self.prove(app_key, secret).await? {
            Ok(proved) => proved,
            Err(fault) => return Ok(Err(fault)),
        };
        let Some(tenant) = app.tenant else { return Ok(Err(IssueFault::WrongKind)) };
        self.issue(&app, tenant, issued_at).await.map(Ok)
    }

    /// The app that this is the secret of, and when its current token was issued.
    pub(crate) async fn prove(
        &self,
        app_key: String,
        secret: SecretString,
    ) -> Result<Result<(App, Option<Millis>), IssueFault>> {
        let found = self
            .read(move |tx, _| {
                let Some(app) = rows::app_by_key(tx, &app_key)? else { return Ok(None) };
                let tenant = app.tenant.unwrap_or(NO_TENANT);
                let issued_at = rows::token_issued_at(tx, tenant, app.id)?;
                Ok(Some((app, issued_at)))
            })
            .await?;
        Ok(match found {
            None => Err(IssueFault::UnknownApp),
            Some((app, _)) if !secret_fits(&self.context().keys, &app, &secret) => {
                Err(IssueFault::WrongSecret)
            }
            Some((app, _)) if app.disabled => Err(IssueFault::Disabled),
            Some(proved) => Ok(proved),
        })
    }

    /// The current token of an app in a tenant: a new one, unless half an hour of the one issued
    /// last is left.
    pub(crate) async fn issue(
        &self,
        app: &App,
        tenant: TenantId,
        issued_at: Option<Millis>,
    ) -> Result<Issued> {
        let now = self.now();
        let fresh = now.plus(-REUSE_MS)..=now.plus(SKEW_MS);
        let issued_at = match issued_at.filter(|at| fresh.contains(at)) {
            Some(at) => at,
            None => self.renew(tenant, app.id).await?,
        };
        let epoch = u32::try_from(app.epoch).unwrap_or(u32::MAX);
        let claims = Claims { app: app.id, tenant, epoch, issued_at };
        let left = issued_at.plus(LIFETIME_MS).get() - now.get();
        Ok(Issued {
            token: token::encode(&self.context().keys, &claims).into(),
            expires_in: left.min(LIFETIME_MS) / 1_000,
        })
    }

    /// Several callers may find the token too old at once; the row lets one win.
    async fn renew(&self, tenant: TenantId, app: AppId) -> Result<Millis> {
        self.write(move |tx, cx| {
            let fresh = cx.now.plus(-REUSE_MS)..=cx.now.plus(SKEW_MS);
            rows::token_issue(tx, tenant, app, cx.now, fresh)?;
            Ok(rows::token_issued_at(tx, tenant, app)?.unwrap_or(cx.now))
        })
        .await
    }
}

fn secret_mac(keys: &Keyring, app_key: &str, secret: &SecretString) -> [u8; 32] {
    // The length keeps `ab` + `c` apart from `a` + `bc`.
    let length = (app_key.len() as u64).to_be_bytes();
    keys.sign(Use::AppSecret, &[&length, app_key.as_bytes(), secret.expose_secret().as_bytes()])
}

fn secret_fits(keys: &Keyring, app: &App, secret: &SecretString) -> bool {
    let length = (app.key.len() as u64).to_be_bytes();
    let parts: [&[u8]; 3] = [&length, app.key.as_bytes(), secret.expose_secret().as_bytes()];
    keys.verify_any(Use::AppSecret, &parts, &app.secret_mac)
}

/// Whose an app is.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A custom app of the tenant with this key.
    Tenant(String),
    /// A store app, which tenants install.
    Store,
}

/// A new app.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// Whose it is.
    pub owner: Owner,
    /// What people call it.
    pub name: String,
    /// The scopes that it holds.
    pub scopes: Vec<String>,
    /// Its public id; made when absent.
    pub key: Option<String>,
    /// Its secret; made when absent.
    pub secret: Option<SecretString>,
}

/// Longest key of a tenant (own figure).
const TENANT_KEY_BYTES: usize = 64;

/// Creates a tenant.
pub fn tenant_create(tx: &mut Tx<'_>, cx: &Context, key: &str, name: &str) -> Result<Tenant> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if key.is_empty() || key.len() > TENANT_KEY_BYTES || !key.bytes().all(plain) {
        return Err(Error::Invalid(format!(
            "`{key}` is not a tenant key: 1 to {TENANT_KEY_BYTES} letters, digits, `_` or `-`"
        )));
    }
    if rows::tenant_by_key(tx, key)?.is_some() {
        return Err(Error::Exists(format!("the tenant `{key}`")));
    }
    let tenant =
        Tenant { id: TenantId(cx.ids.next(cx.now)), key: key.to_owned(), name: name.to_owned() };
    rows::tenant_insert(tx, &tenant, cx.now)?;
    Ok(tenant)
}

/// Creates an app, and tells its secret for the only time.
pub fn app_create(tx: &mut Tx<'_>, cx: &Context, new: &NewApp) -> Result<(App, SecretString)> {
    let tenant = match &new.owner {
        Owner::Store => None,
        Owner::Tenant(key) => {
            let found = rows::tenant_by_key(tx, key)?;
            Some(found.ok_or_else(|| Error::NotFound(format!("the tenant `{key}`")))?.id)
        }
    };
    let random: [u8; 8] = cx.ids.random();
    let key = new.key.clone().unwrap_or_else(|| format!("cli_{}", HEXLOWER.encode(&random)));
    if rows::app_by_key(tx, &key)?.is_some() {
        return Err(Error::Exists(format!("the app `{key}`")));
    }
    let secret = new.secret.clone().unwrap_or_else(|| new_secret(cx));
    let app = App {
        id: AppId(cx.ids.next(cx.now)),
        tenant,
        name: new.name.clone(),
        secret_mac: secret_mac(&cx.keys, &key, &secret).to_vec(),
        key,
        epoch: 0,
        scopes: new.scopes.clone(),
        disabled: false,
        created_at: cx.now,
    };
    rows::app_insert(tx, &app)?;
    Ok((app, secret))
}

/// Gives an app other scopes.
pub fn app_scopes(tx: &mut Tx<'_>, key: &str, scopes: &[String]) -> Result<App> {
    change(tx, key, |app| app.scopes = scopes.to_vec())
}

/// Switches an app off or on again. Its tokens stop at once, within the time of the directory.
pub fn app_disable(tx: &mut Tx<'_>, key: &str, disabled: bool) -> Result<App> {
    change(tx, key, |app| app.disabled = disabled)
}

/// Gives an app a new secret; the old one and every token made with it end.
pub fn app_reset_secret(tx: &mut Tx<'_>, cx: &Context, key: &str) -> Result<(App, SecretString)> {
    let secret = new_secret(cx);
    let app = change(tx, key, |app| {
        app.secret_mac = secret_mac(&cx.keys, &app.key, &secret).to_vec();
        app.epoch += 1;
    })?;
    Ok((app, secret))
}

fn change(tx: &mut Tx<'_>, key: &str, edit: impl FnOnce(&mut App)) -> Result<App> {
    let mut app = rows::app_by_key_held(tx, key)?
        .ok_or_else(|| Error::NotFound(format!("the app `{key}`")))?;
    edit(&mut app);
    rows::app_update(tx, &app)?;
    Ok(app)
}

/// 256 random bits.
fn new_secret(cx: &Context) -> SecretString {
    BASE32_NOPAD.encode(&cx.ids.random::<32>()).to_ascii_lowercase().into()
}
