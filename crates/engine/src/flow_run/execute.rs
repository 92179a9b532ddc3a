//! Starting an instance of a flow.

use domain::flow::Status;
use domain::process::{self, Submission};
use domain::{InstanceId, Millis, TenantId};
use serde_json::Value as Json;
use store::Tx;
use store::flow_run::{StartKey, start_key_get, start_key_take};

use super::fault::{explain, resolve};
use super::{FlowFault, Named, ask, definitions, save, values};
use crate::{Caller, Context, Error, Result};

/// How long a key stands in the way of another start: 30 days (decided; no page says).
pub(crate) const KEY_MS: i64 = 30 * 86_400_000;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The application that the flow belongs to.
    pub namespace: String,
    /// By what callers know the flow.
    pub api_id: String,
    /// A call with the same key starts nothing again.
    pub key: Option<String>,
    /// Who starts it: one person.
    pub operator: Named,
    /// With what, by name of the parameter.
    pub params: Vec<(String, Json)>,
}

/// What was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Which instance.
    pub instance: InstanceId,
    /// How it stands: it may have ended at once.
    pub status: Status,
}

/// Starts an instance of a flow's newest version.
pub fn execute(tx: &mut Tx<'_>, cx: &Context, caller: &Caller, asked: &Start) -> Result<Started> {
    let tenant = caller.tenant;
    let unknown = || Error::from(FlowFault::NoFlow(asked.api_id.clone()));
    let flow = store::flow::flow_by_api_id(tx, tenant, &asked.api_id)?.ok_or_else(unknown)?;
    let (version, definition) = definitions::newest(tx, cx, tenant, flow)?.ok_or_else(unknown)?;
    if definition.namespace != asked.namespace {
        return Err(unknown());
    }
    let instance = InstanceId(cx.ids.next(cx.now));
    if let Some(key) = &asked.key {
        take(tx, tenant, &StartKey { app: caller.app.id, flow, key }, instance, cx.now)?;
    }
    let (member, operator) = resolve(tx, tenant, &asked.operator, true)?;
    let initiator = *operator.first().ok_or(FlowFault::Nobody { member, id: String::new() })?;
    let values = values::read(tx, cx, tenant, &definition.parameters, &asked.params)?;
    let submission = Submission { tenant, instance, flow, version, initiator, values };
    match ask(tx, cx, tenant, |world| process::start(&definition, submission, world))? {
        Ok(outcome) => {
            let status = outcome.state.status;
            save(tx, cx, None, &definition, outcome)?;
            Ok(Started { instance, status })
        }
        Err(refusal) => Err(explain(tx, tenant, refusal, &[(member, operator)])?.into()),
    }
}

fn take(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    given: &StartKey<'_>,
    instance: InstanceId,
    now: Millis,
) -> Result<()> {
    if start_key_take(tx, tenant, given, instance, now, now.plus(-KEY_MS))? {
        return Ok(());
    }
    let before = start_key_get(tx, tenant, given)?;
    let (instance, at) = before.ok_or_else(|| Error::Busy("the key was just forgotten".into()))?;
    Err(FlowFault::KeyUsed { instance, at }.into())
}
