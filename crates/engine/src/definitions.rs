//! Registering and reading definitions of third-party approvals. An app sees its own only.

use domain::definition::{CallbackSecrets, DefinitionDetails, DefinitionRequest, define};
use domain::person::AliasKind;
use domain::{DefinitionId, Refusal, TenantId, text};
use store::Tx;
use store::definition::{self as rows, Definition};
use store::lock::{self, Aggregate};

use crate::keys::Use;
use crate::{Caller, Context, Error, Result};

/// A definition as it is read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The app's own code.
    pub custom_code: String,
    /// What the app said.
    pub details: DefinitionDetails,
    /// The name of its group.
    pub group_name: String,
    /// Callback secrets, in clear: they are the caller's own.
    pub secrets: CallbackSecrets,
}

/// Creates the definition with the caller's own code or updates it; answers the real code.
pub fn put(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    request: &DefinitionRequest,
) -> Result<String> {
    let (tenant, app) = (caller.tenant, caller.app.id);
    lock::hold(tx, tenant, Aggregate::Definitions(app))?;
    let stored = rows::definition_by_custom_code(tx, tenant, app, &request.custom_code)?;
    let new_key = || format!("{}{}", text::KEY_PREFIX, cx.ids.uuid());
    let details = define(stored.as_ref().map(|s| &s.details), request, new_key)?;

    let known = rows::group_name(tx, tenant, app, &details.group_code)?;
    match (known, request.group_name.as_ref().filter(|name| !name.is_empty())) {
        (None, None) => return Err(Refusal::NoGroupName(details.group_code).into()),
        (known, Some(name)) if known.as_ref() != Some(name) => {
            rows::group_put(tx, tenant, app, &details.group_code, name)?;
        }
        _ => {}
    }
    let (id, real_code) = match stored {
        Some(stored) => (stored.id, stored.real_code),
        None => (DefinitionId(cx.ids.next(cx.now)), cx.ids.uuid().to_ascii_uppercase()),
    };
    let definition = Definition {
        id,
        app,
        real_code,
        custom_code: request.custom_code.clone(),
        details,
        secrets: seal(cx, tenant, id, &request.secrets)?,
    };
    rows::definition_put(tx, tenant, &definition, cx.now)?;
    Ok(definition.real_code)
}

/// The caller's definition with a real code.
pub fn get(tx: &mut Tx<'_>, cx: &Context, caller: &Caller, real_code: &str) -> Result<Read> {
    let tenant = caller.tenant;
    let definition = rows::definition_by_real_code(tx, tenant, real_code)?
        .filter(|found| found.app == caller.app.id)
        .ok_or_else(|| Refusal::UnknownDefinition(real_code.to_owned()))?;
    let group = &definition.details.group_code;
    Ok(Read {
        group_name: rows::group_name(tx, tenant, definition.app, group)?.unwrap_or_default(),
        secrets: open(cx, tenant, &definition)?,
        custom_code: definition.custom_code,
        details: definition.details,
    })
}

/// An alias of one kind as an alias of another; `None` when nobody has both.
pub fn translate(
    tx: &mut Tx<'_>,
    caller: &Caller,
    (kind, value): (AliasKind, &str),
    wanted: AliasKind,
) -> Result<Option<String>> {
    if kind == wanted {
        return Ok(Some(value.to_owned()));
    }
    let Some(person) = store::person::person_by_alias(tx, caller.tenant, kind, value)? else {
        return Ok(None);
    };
    let aliases = store::person::person_aliases(tx, caller.tenant, person)?;
    Ok(aliases.into_iter().find(|(k, _)| *k == wanted).map(|(_, value)| value))
}

fn context(tenant: TenantId, id: DefinitionId) -> String {
    format!("{tenant}/{id}")
}

fn seal(
    cx: &Context,
    tenant: TenantId,
    id: DefinitionId,
    secrets: &CallbackSecrets,
) -> Result<Option<Vec<u8>>> {
    if *secrets == CallbackSecrets::default() {
        return Ok(None);
    }
    let plain = serde_json::to_vec(secrets).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(Some(cx.keys.seal(Use::Callback, &cx.ids, &plain, context(tenant, id).as_bytes())))
}

fn open(cx: &Context, tenant: TenantId, definition: &Definition) -> Result<CallbackSecrets> {
    let Some(sealed) = &definition.secrets else { return Ok(CallbackSecrets::default()) };
    cx.keys
        .open(Use::Callback, sealed, context(tenant, definition.id).as_bytes())
        .and_then(|plain| serde_json::from_slice(&plain).ok())
        .ok_or_else(|| {
            let id = definition.id;
            Error::Internal(format!("the callback secrets of definition {id} cannot be opened"))
        })
}
