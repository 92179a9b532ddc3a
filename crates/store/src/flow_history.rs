//! Histories of instances: rows as they are kept, with the hash that chains each to the one before.

use domain::process::chain::{Hash, Row};
use domain::{InstanceId, Millis, PersonId, TenantId};

use crate::flow_run::hash_of;
use crate::{Result, Tx};

/// Adds an entry with its hash.
pub fn entry_insert(tx: &mut Tx<'_>, row: &Row, hash: Hash) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_history (tenant_id, instance_id, seq, at, action, person_id, details, \
         hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            row.tenant.into(),
            row.instance.into(),
            row.seq.into(),
            row.at.into(),
            (&row.action).into(),
            row.person.into(),
            (&row.details).into(),
            (&hash.0[..]).into(),
        ],
    )?;
    Ok(())
}

/// At most `limit` entries of an instance after the one with a number, in order. Those of imported
/// instances have no hash.
pub fn entries_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    after: i64,
    limit: i64,
) -> Result<Vec<(Row, Option<Hash>)>> {
    tx.query_all(
        "SELECT seq, at, action, person_id, details, hash FROM flow_history \
         WHERE tenant_id = $1 AND instance_id = $2 AND seq > $3 ORDER BY seq LIMIT $4",
        &[tenant.into(), instance.into(), after.into(), limit.into()],
        |row| {
            let seq = row.int(0)?;
            let hash = row.opt_bytes(5)?;
            let hash = hash.map(|bytes| hash_of("flow_history", instance, &bytes)).transpose()?;
            let kept = Row {
                tenant,
                instance,
                seq,
                at: Millis(row.int(1)?),
                action: row.text(2)?,
                person: row.opt_int(3)?.map(PersonId),
                details: row.text(4)?,
            };
            Ok((kept, hash))
        },
    )
}

/// The hash of one entry, if there is such an entry and it has one.
pub fn entry_hash(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    seq: i64,
) -> Result<Option<Hash>> {
    let hash = tx.query_one(
        "SELECT hash FROM flow_history WHERE tenant_id = $1 AND instance_id = $2 AND seq = $3",
        &[tenant.into(), instance.into(), seq.into()],
        |row| row.opt_bytes(0),
    )?;
    hash.flatten().map(|bytes| hash_of("flow_history", instance, &bytes)).transpose()
}
