//! Versions of flow definitions: applying, listing, and finding the one that an instance runs by.

use std::sync::Arc;

use domain::flow::FlowDetails;
use domain::process::{self, Definition};
use domain::{FlowId, TenantId};
use quick_cache::sync::Cache;
use store::Tx;
use store::flow_version::{self as rows, Applied, Version};

use crate::{Context, Error, Result, flows};

/// How many versions are kept in memory as they were read (own figure; a large one takes 100 KB).
const KEPT: usize = 1_000;

/// Versions as they were read. One never changes, so a copy is never old.
pub(crate) type Versions = Cache<(TenantId, FlowId, i64), Arc<Definition>>;

/// An empty one.
pub(crate) fn versions() -> Versions {
    Cache::new(KEPT)
}

/// What applying a text did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// By what callers know the flow.
    pub api_id: String,
    /// Its newest version now.
    pub version: i64,
    /// Whether that is a new one; not where the text is that of the newest.
    pub new: bool,
}

/// Makes a text the newest version of its flow. Running instances stay on theirs.
pub fn apply(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, source: &str) -> Result<Change> {
    let definition = process::check(source).map_err(|faults| {
        let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
        Error::Invalid(format!("the flow has faults:\n{}", lines.join("\n")))
    })?;
    let Definition { api_id, label, namespace, .. } = &definition;
    let details = FlowDetails { label: label.clone(), namespace: namespace.clone() };
    let flow = flows::define(tx, cx, tenant, api_id, &details)?;
    let newest = rows::version_newest(tx, tenant, flow)?.unwrap_or_default();
    let api_id = api_id.clone();
    let known = rows::version_source(tx, tenant, flow, newest)?;
    if known.is_some_and(|known| known.source == source) {
        return Ok(Change { api_id, version: newest, new: false });
    }
    let version = Version { number: newest + 1, source: source.to_owned(), at: cx.now };
    rows::version_insert(tx, tenant, flow, &version, &definition)?;
    Ok(Change { api_id, version: version.number, new: true })
}

/// Every flow that was applied, by api id.
pub fn list(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Vec<Applied>> {
    Ok(rows::flows_applied(tx, tenant)?)
}

/// A version as it was written; the newest without a number.
pub fn show(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    api_id: &str,
    number: Option<i64>,
) -> Result<Version> {
    let missing = || Error::NotFound(format!("the flow `{api_id}`"));
    let flow = store::flow::flow_by_api_id(tx, tenant, api_id)?.ok_or_else(missing)?;
    let newest = rows::version_newest(tx, tenant, flow)?.ok_or_else(missing)?;
    let number = number.unwrap_or(newest);
    let found = rows::version_source(tx, tenant, flow, number)?;
    found.ok_or_else(|| {
        Error::NotFound(format!("version {number} of the flow `{api_id}`, which has {newest},"))
    })
}

/// The newest version of a flow, with its number.
pub(crate) fn newest(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    flow: FlowId,
) -> Result<Option<(i64, Arc<Definition>)>> {
    let Some(number) = rows::version_newest(tx, tenant, flow)? else { return Ok(None) };
    Ok(Some((number, version(tx, cx, tenant, flow, number)?)))
}

/// A version that instances run by.
pub(crate) fn version(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    flow: FlowId,
    number: i64,
) -> Result<Arc<Definition>> {
    let missing = || Error::Internal(format!("version {number} of flow {flow} is missing"));
    find(tx, cx, tenant, flow, number)?.ok_or_else(missing)
}

/// A version, if it is there.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    flow: FlowId,
    number: i64,
) -> Result<Option<Arc<Definition>>> {
    let key = (tenant, flow, number);
    if let Some(known) = cx.versions.get(&key) {
        return Ok(Some(known));
    }
    let read = rows::version_definition(tx, tenant, flow, number)?.map(Arc::new);
    if let Some(read) = &read {
        cx.versions.insert(key, Arc::clone(read));
    }
    Ok(read)
}
