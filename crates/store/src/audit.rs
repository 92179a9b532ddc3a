//! Reads everything once more and tells what does not fit: the store's part of `doctor`.

use domain::{InstanceId, TenantId};

use crate::dialect::SQLITE_FILE_CHECK;
use crate::list::{List, list_page};
use crate::{Result, Tx};

/// Faults in the file itself, as the engine tells them; empty when it is sound, and where files are
/// the server's business.
pub fn file_faults(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    if tx.is_shared() {
        return Ok(Vec::new());
    }
    let mut lines = tx.query_all(SQLITE_FILE_CHECK, &[], |row| row.text(0))?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

/// At most `limit` instances after `after`, purged ones too.
pub fn instances_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: InstanceId,
    limit: i64,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT instance_id FROM external_instance WHERE tenant_id = $1 AND instance_id > $2 \
         ORDER BY instance_id LIMIT $3",
        &[tenant.into(), after.into(), limit.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

/// Whether an instance is on a list.
pub fn list_contains(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: List,
    instance: InstanceId,
) -> Result<bool> {
    let before = InstanceId(instance.get() - 1);
    Ok(list_page(tx, tenant, list, before, 1)?.first() == Some(&instance))
}

/// Instances after `after` up to `last` with a task or copy that names another definition than they do.
pub fn stray_definitions(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: InstanceId,
    last: InstanceId,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT i.instance_id FROM external_instance i WHERE i.tenant_id = $1 \
         AND i.instance_id > $2 AND i.instance_id <= $3 \
         AND (EXISTS (SELECT 1 FROM external_task t WHERE t.tenant_id = i.tenant_id \
         AND t.instance_id = i.instance_id AND t.definition_id <> i.definition_id) \
         OR EXISTS (SELECT 1 FROM external_cc c WHERE c.tenant_id = i.tenant_id \
         AND c.instance_id = i.instance_id AND c.definition_id <> i.definition_id))",
        &[tenant.into(), after.into(), last.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

/// How many entries all lists of a tenant have together.
pub fn list_entries(tx: &mut Tx<'_>, tenant: TenantId) -> Result<i64> {
    let count = tx.query_one(
        "SELECT (SELECT count(*) FROM external_by_status WHERE tenant_id = $1) \
         + (SELECT count(*) FROM external_by_person WHERE tenant_id = $1)",
        &[tenant.into()],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or_default())
}

/// Aliases that lead to nobody.
pub fn stray_aliases(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Vec<String>> {
    tx.query_all(
        "SELECT a.kind, a.value FROM person_alias a LEFT JOIN person p \
         ON p.tenant_id = a.tenant_id AND p.person_id = a.person_id \
         WHERE a.tenant_id = $1 AND p.person_id IS NULL",
        &[tenant.into()],
        |row| Ok(format!("kind {} `{}`", row.int(0)?, row.str(1)?)),
    )
}
