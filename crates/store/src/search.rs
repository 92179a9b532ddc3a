//! The lists that searches read: rows in the order of one time, either way. Knows nothing of what is
//! searched for: a list is a kind, a leader and a status.

use domain::inbox::Family;
use domain::search::{Leader, List, Place, Row};
use domain::{InstanceId, TenantId};

use crate::value::{self, Param};
use crate::{Result, Tx};

fn leader(list: &List) -> [Param<'static>; 3] {
    let (leader, id) = match list.leader {
        Leader::Person(person) => (0, person.get()),
        Leader::Definition(family, id) => (family.code(), id),
    };
    [list.kind.code().into(), leader.into(), id.into()]
}

/// Adds a row to a list.
pub fn row_insert(tx: &mut Tx<'_>, tenant: TenantId, list: &List, row: &Row) -> Result<()> {
    let [kind, leader, id] = leader(list);
    let Place { time, thing, person, family } = row.place;
    tx.execute(
        "INSERT INTO search_row (tenant_id, kind, leader, leader_id, status, sort_time, thing_id, \
         person_id, family, definition_id, instance_id, start_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            tenant.into(),
            kind,
            leader,
            id,
            list.status.into(),
            time.into(),
            thing.into(),
            person.into(),
            family.into(),
            row.definition.into(),
            row.instance.into(),
            row.start.into(),
        ],
    )?;
    Ok(())
}

/// Moves a row within or between lists of one kind and leader, with one statement.
pub fn row_move(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (from, before): (&List, &Row),
    (to, after): (&List, &Row),
) -> Result<()> {
    let [kind, leader, id] = leader(from);
    let Place { time, thing, person, family } = before.place;
    tx.execute(
        "UPDATE search_row SET status = $10, sort_time = $11, start_time = $12 \
         WHERE tenant_id = $1 AND kind = $2 AND leader = $3 AND leader_id = $4 AND status = $5 \
         AND sort_time = $6 AND thing_id = $7 AND person_id = $8 AND family = $9",
        &[
            tenant.into(),
            kind,
            leader,
            id,
            from.status.into(),
            time.into(),
            thing.into(),
            person.into(),
            family.into(),
            to.status.into(),
            after.place.time.into(),
            after.start.into(),
        ],
    )?;
    Ok(())
}

/// Takes a row off a list.
pub fn row_delete(tx: &mut Tx<'_>, tenant: TenantId, list: &List, row: &Row) -> Result<()> {
    let [kind, leader, id] = leader(list);
    let Place { time, thing, person, family } = row.place;
    tx.execute(
        "DELETE FROM search_row WHERE tenant_id = $1 AND kind = $2 AND leader = $3 \
         AND leader_id = $4 AND status = $5 AND sort_time = $6 AND thing_id = $7 \
         AND person_id = $8 AND family = $9",
        &[
            tenant.into(),
            kind,
            leader,
            id,
            list.status.into(),
            time.into(),
            thing.into(),
            person.into(),
            family.into(),
        ],
    )?;
    Ok(())
}

fn read(status: i64) -> impl FnMut(&value::Row<'_>) -> Result<Row> {
    move |row| {
        Ok(Row {
            place: Place {
                time: row.int(0)?,
                thing: row.int(1)?,
                person: row.int(2)?,
                family: row.int(3)?,
            },
            definition: row.int(4)?,
            instance: InstanceId(row.int(5)?),
            status,
            start: row.int(6)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT sort_time, thing_id, person_id, family, definition_id, instance_id, \
             start_time FROM search_row WHERE tenant_id = $1 AND kind = $2 \
             AND leader = $3 AND leader_id = $4 AND status = $5 ",
            $rest
        )
    };
}

/// At most `limit` rows of a list below `below`, not before `from`, greatest first.
pub fn rows_down(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: &List,
    (from, below): (i64, Place),
    limit: usize,
) -> Result<Vec<Row>> {
    let [kind, leader, id] = leader(list);
    tx.query_all(
        select!(
            "AND (sort_time, thing_id, person_id, family) < ($6, $7, $8, $9) AND sort_time >= $10 \
             ORDER BY sort_time DESC, thing_id DESC, person_id DESC, family DESC LIMIT $11"
        ),
        &[
            tenant.into(),
            kind,
            leader,
            id,
            list.status.into(),
            below.time.into(),
            below.thing.into(),
            below.person.into(),
            below.family.into(),
            from.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ],
        read(list.status),
    )
}

/// At most `limit` rows of a list above `above`, not after `to`, least first.
pub fn rows_up(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: &List,
    (above, to): (Place, i64),
    limit: usize,
) -> Result<Vec<Row>> {
    let [kind, leader, id] = leader(list);
    tx.query_all(
        select!(
            "AND (sort_time, thing_id, person_id, family) > ($6, $7, $8, $9) AND sort_time <= $10 \
             ORDER BY sort_time, thing_id, person_id, family LIMIT $11"
        ),
        &[
            tenant.into(),
            kind,
            leader,
            id,
            list.status.into(),
            above.time.into(),
            above.thing.into(),
            above.person.into(),
            above.family.into(),
            to.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ],
        read(list.status),
    )
}

/// How many rows of a list have a time from `from` to `to`, counted no further than to `most`.
pub fn row_count_upto(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: &List,
    (from, to): (i64, i64),
    most: usize,
) -> Result<usize> {
    let [kind, leader, id] = leader(list);
    let count = tx.query_one(
        "SELECT count(*) FROM (SELECT 1 FROM search_row WHERE tenant_id = $1 AND kind = $2 \
         AND leader = $3 AND leader_id = $4 AND status = $5 AND sort_time >= $6 \
         AND sort_time <= $7 LIMIT $8) AS counted",
        &[
            tenant.into(),
            kind,
            leader,
            id,
            list.status.into(),
            from.into(),
            to.into(),
            i64::try_from(most).unwrap_or(i64::MAX).into(),
        ],
        |row| row.int(0),
    )?;
    Ok(usize::try_from(count.unwrap_or_default()).unwrap_or_default())
}

/// Whether a list has exactly this row.
pub fn row_exists(tx: &mut Tx<'_>, tenant: TenantId, list: &List, row: &Row) -> Result<bool> {
    let [kind, leader, id] = leader(list);
    let Place { time, thing, person, family } = row.place;
    let found = tx.query_one(
        select!("AND sort_time = $6 AND thing_id = $7 AND person_id = $8 AND family = $9"),
        &[
            tenant.into(),
            kind,
            leader,
            id,
            list.status.into(),
            time.into(),
            thing.into(),
            person.into(),
            family.into(),
        ],
        read(list.status),
    )?;
    Ok(found.as_ref() == Some(row))
}

/// How many rows the lists of a family have.
pub fn row_count(tx: &mut Tx<'_>, tenant: TenantId, family: Family) -> Result<i64> {
    let count = tx.query_one(
        "SELECT count(*) FROM search_row WHERE tenant_id = $1 AND family = $2",
        &[tenant.into(), family.code().into()],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or_default())
}
