//! The rows that queries of third-party task states read: clustered by instance id, which is the
//! paging order, behind everything that a filter names.

use domain::{DefinitionId, InstanceId, PersonId, TenantId};

use crate::watch::Piece;
use crate::{Result, Tx};

/// One list of instance ids, in the paging order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// Instances of a definition that hold a task of a status.
    Status(DefinitionId, i64),
    /// The same, of one person. Status 0 holds what they started or were copied to.
    Person(PersonId, i64, DefinitionId),
}

/// Adds an instance to a list.
pub fn list_insert(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: List,
    instance: InstanceId,
) -> Result<()> {
    tx.touch(tenant, Piece::ExternalList(list));
    match list {
        List::Status(definition, status) => tx.execute(
            "INSERT INTO external_by_status (tenant_id, definition_id, task_status, instance_id) \
             VALUES ($1, $2, $3, $4)",
            &[tenant.into(), definition.into(), status.into(), instance.into()],
        )?,
        List::Person(person, status, definition) => tx.execute(
            "INSERT INTO external_by_person (tenant_id, person_id, task_status, definition_id, \
             instance_id) VALUES ($1, $2, $3, $4, $5)",
            &[tenant.into(), person.into(), status.into(), definition.into(), instance.into()],
        )?,
    };
    Ok(())
}

/// Takes an instance off a list.
pub fn list_delete(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: List,
    instance: InstanceId,
) -> Result<()> {
    tx.touch(tenant, Piece::ExternalList(list));
    match list {
        List::Status(definition, status) => tx.execute(
            "DELETE FROM external_by_status WHERE tenant_id = $1 AND definition_id = $2 \
             AND task_status = $3 AND instance_id = $4",
            &[tenant.into(), definition.into(), status.into(), instance.into()],
        )?,
        List::Person(person, status, definition) => tx.execute(
            "DELETE FROM external_by_person WHERE tenant_id = $1 AND person_id = $2 \
             AND task_status = $3 AND definition_id = $4 AND instance_id = $5",
            &[tenant.into(), person.into(), status.into(), definition.into(), instance.into()],
        )?,
    };
    Ok(())
}

/// At most `limit` instances of a list after `after`, in order.
pub fn list_page(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: List,
    after: InstanceId,
    limit: usize,
) -> Result<Vec<InstanceId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match list {
        List::Status(definition, status) => tx.query_all(
            "SELECT instance_id FROM external_by_status WHERE tenant_id = $1 \
             AND definition_id = $2 AND task_status = $3 AND instance_id > $4 \
             ORDER BY instance_id LIMIT $5",
            &[tenant.into(), definition.into(), status.into(), after.into(), limit.into()],
            |row| Ok(InstanceId(row.int(0)?)),
        ),
        List::Person(person, status, definition) => tx.query_all(
            "SELECT instance_id FROM external_by_person WHERE tenant_id = $1 AND person_id = $2 \
             AND task_status = $3 AND definition_id = $4 AND instance_id > $5 \
             ORDER BY instance_id LIMIT $6",
            &[
                tenant.into(),
                person.into(),
                status.into(),
                definition.into(),
                after.into(),
                limit.into(),
            ],
            |row| Ok(InstanceId(row.int(0)?)),
        ),
    }
}

/// At most `limit` instances in which a person has any part, in no promised order.
pub fn list_of_person(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    person: PersonId,
    limit: usize,
) -> Result<Vec<InstanceId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut instances = tx.query_all(
        "SELECT instance_id FROM external_by_person WHERE tenant_id = $1 AND person_id = $2 \
         LIMIT $3",
        &[tenant.into(), person.into(), limit.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )?;
    instances.sort_unstable();
    instances.dedup();
    Ok(instances)
}
