//! The lists that searches read: rows in the order of one time, either way. Each is an index of the table
//! that has its things; what a person has of a flow's task is put together from parts, and kept in a
//! table for this. Knows nothing of what is searched for: a list is a family, a kind, a leader and a
//! status.

use std::cmp::Ordering;

use domain::inbox::Family;
use domain::search::{Kind, Leader, List, Place, Row, Thing};
use domain::{InstanceId, TenantId};

use crate::value::{self, Param};
use crate::{Result, Tx};

/// Adds what a person has of a flow's task or writes it anew.
pub fn share_put(tx: &mut Tx<'_>, tenant: TenantId, share: &Thing) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_share (tenant_id, kind, task_id, person_id, flow_id, instance_id, status, \
         start_time, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (tenant_id, kind, task_id, person_id) DO UPDATE SET \
         flow_id = excluded.flow_id, instance_id = excluded.instance_id, \
         status = excluded.status, start_time = excluded.start_time, \
         update_time = excluded.update_time",
        &[
            tenant.into(),
            share.kind.code().into(),
            share.id.into(),
            share.person.into(),
            share.definition.into(),
            share.instance.into(),
            share.status.into(),
            share.start.into(),
            share.update.into(),
        ],
    )?;
    Ok(())
}

/// Removes what a person had of a flow's task.
pub fn share_delete(tx: &mut Tx<'_>, tenant: TenantId, share: &Thing) -> Result<()> {
    tx.execute(
        "DELETE FROM flow_share WHERE tenant_id = $1 AND kind = $2 AND task_id = $3 \
         AND person_id = $4",
        &[tenant.into(), share.kind.code().into(), share.id.into(), share.person.into()],
    )?;
    Ok(())
}

/// Whether lists have a thing of a flow as it is.
pub fn thing_is_listed(tx: &mut Tx<'_>, tenant: TenantId, thing: &Thing) -> Result<bool> {
    if thing.kind == Kind::Instance {
        let status = tx.query_one(
            "SELECT listed_status FROM flow_instance WHERE tenant_id = $1 AND instance_id = $2",
            &[tenant.into(), thing.instance.into()],
            |row| row.int(0),
        )?;
        return Ok(status == Some(thing.status));
    }
    let kept = tx.query_one(
        "SELECT flow_id, instance_id, status, start_time, update_time FROM flow_share \
         WHERE tenant_id = $1 AND kind = $2 AND task_id = $3 AND person_id = $4",
        &[tenant.into(), thing.kind.code().into(), thing.id.into(), thing.person.into()],
        |row| {
            Ok(Thing {
                definition: row.int(0)?,
                instance: InstanceId(row.int(1)?),
                status: row.int(2)?,
                start: row.int(3)?,
                update: row.int(4)?,
                ..*thing
            })
        },
    )?;
    Ok(kept.as_ref() == Some(thing))
}

/// How much people have of flows' tasks.
pub fn share_count(tx: &mut Tx<'_>, tenant: TenantId) -> Result<i64> {
    let count = tx.query_one(
        "SELECT count(*) FROM flow_share WHERE tenant_id = $1",
        &[tenant.into()],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or_default())
}

/// What reads a list.
struct Statements {
    /// Rows from below a place down to a time, at most so many.
    down: &'static str,
    /// Rows from above a place up to a time, at most so many.
    up: &'static str,
    /// How many rows `down` reads.
    count: &'static str,
}

/// The statements on a list with one row of each time and thing. Engines read the list inside as if it
/// stood outside.
macro_rules! of_things {
    ($list:literal) => {
        &Statements {
            down: concat!(
                "SELECT sort_time, thing_id, person_id, definition_id, instance_id, start_time \
                 FROM (",
                $list,
                ") AS listed WHERE sort_time >= $4 AND (sort_time, thing_id) < ($6, $7) \
                 ORDER BY sort_time DESC, thing_id DESC LIMIT $5"
            ),
            up: concat!(
                "SELECT sort_time, thing_id, person_id, definition_id, instance_id, start_time \
                 FROM (",
                $list,
                ") AS listed WHERE sort_time <= $4 AND (sort_time, thing_id) > ($6, $7) \
                 ORDER BY sort_time, thing_id LIMIT $5"
            ),
            count: concat!(
                "SELECT count(*) FROM (SELECT 1 FROM (",
                $list,
                ") AS listed WHERE sort_time >= $4 AND (sort_time, thing_id) < ($6, $7) \
                 LIMIT $5) AS counted"
            ),
        }
    };
}

/// The same where several people have the same thing.
macro_rules! of_shares {
    ($list:literal) => {
        &Statements {
            down: concat!(
                "SELECT sort_time, thing_id, person_id, definition_id, instance_id, start_time \
                 FROM (",
                $list,
                ") AS listed WHERE sort_time >= $4 AND (sort_time, thing_id, person_id) < ($6, $7, $8) \
                 ORDER BY sort_time DESC, thing_id DESC, person_id DESC LIMIT $5"
            ),
            up: concat!(
                "SELECT sort_time, thing_id, person_id, definition_id, instance_id, start_time \
                 FROM (",
                $list,
                ") AS listed WHERE sort_time <= $4 AND (sort_time, thing_id, person_id) > ($6, $7, $8) \
                 ORDER BY sort_time, thing_id, person_id LIMIT $5"
            ),
            count: concat!(
                "SELECT count(*) FROM (SELECT 1 FROM (",
                $list,
                ") AS listed WHERE sort_time >= $4 AND (sort_time, thing_id, person_id) < ($6, $7, $8) \
                 LIMIT $5) AS counted"
            ),
        }
    };
}

fn is_of_person(list: &List) -> bool {
    matches!(list.leader, Leader::Person(_))
}

/// Whether several people may have the same thing on a list.
fn has_shares(list: &List) -> bool {
    list.family == Family::Flow && list.kind != Kind::Instance && !is_of_person(list)
}

/// Kinds of shares are those of [`Kind`]: 1 tasks, 4 copies.
fn statements(list: &List) -> &'static Statements {
    match (list.family, list.kind, is_of_person(list)) {
        (Family::External, Kind::Task, true) => of_things!(
            "SELECT create_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task WHERE tenant_id = $1 AND \
             person_id = $2 AND status = $3"
        ),
        (Family::External, Kind::Task, false) => of_things!(
            "SELECT create_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task WHERE tenant_id = $1 AND \
             definition_id = $2 AND status = $3"
        ),
        (Family::External, Kind::TaskByUpdate, true) => of_things!(
            "SELECT update_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task WHERE tenant_id = $1 AND \
             person_id = $2 AND status = $3"
        ),
        (Family::External, Kind::TaskByUpdate, false) => of_things!(
            "SELECT update_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task WHERE tenant_id = $1 AND \
             definition_id = $2 AND status = $3"
        ),
        (Family::External, Kind::Instance, true) => of_things!(
            "SELECT start_time AS sort_time, instance_id AS thing_id, initiator_id AS \
             person_id, definition_id, instance_id, start_time FROM external_instance WHERE \
             tenant_id = $1 AND initiator_id = $2 AND status = $3 AND purged = 0"
        ),
        (Family::External, Kind::Instance, false) => of_things!(
            "SELECT start_time AS sort_time, instance_id AS thing_id, initiator_id AS \
             person_id, definition_id, instance_id, start_time FROM external_instance WHERE \
             tenant_id = $1 AND definition_id = $2 AND status = $3 AND purged = 0"
        ),
        (Family::External, Kind::Copy, true) => of_things!(
            "SELECT create_time AS sort_time, cc_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_cc WHERE tenant_id = $1 AND \
             person_id = $2 AND read_status = $3"
        ),
        (Family::External, Kind::Copy, false) => of_things!(
            "SELECT create_time AS sort_time, cc_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_cc WHERE tenant_id = $1 AND \
             definition_id = $2 AND read_status = $3"
        ),
        (Family::Flow, Kind::Task, true) => of_things!(
            "SELECT start_time AS sort_time, task_id AS thing_id, person_id, flow_id AS \
             definition_id, instance_id, start_time FROM flow_share WHERE tenant_id = $1 AND \
             person_id = $2 AND status = $3 AND kind = 1"
        ),
        (Family::Flow, Kind::Task, false) => of_shares!(
            "SELECT start_time AS sort_time, task_id AS thing_id, person_id, flow_id AS \
             definition_id, instance_id, start_time FROM flow_share WHERE tenant_id = $1 AND \
             flow_id = $2 AND status = $3 AND kind = 1"
        ),
        (Family::Flow, Kind::TaskByUpdate, true) => of_things!(
            "SELECT update_time AS sort_time, task_id AS thing_id, person_id, flow_id AS \
             definition_id, instance_id, start_time FROM flow_share WHERE tenant_id = $1 AND \
             person_id = $2 AND status = $3 AND kind = 1"
        ),
        (Family::Flow, Kind::TaskByUpdate, false) => of_shares!(
            "SELECT update_time AS sort_time, task_id AS thing_id, person_id, flow_id AS \
             definition_id, instance_id, start_time FROM flow_share WHERE tenant_id = $1 AND \
             flow_id = $2 AND status = $3 AND kind = 1"
        ),
        (Family::Flow, Kind::Instance, true) => of_things!(
            "SELECT start_time AS sort_time, instance_id AS thing_id, initiator_id AS \
             person_id, flow_id AS definition_id, instance_id, start_time FROM flow_instance \
             WHERE tenant_id = $1 AND initiator_id = $2 AND listed_status = $3"
        ),
        (Family::Flow, Kind::Instance, false) => of_things!(
            "SELECT start_time AS sort_time, instance_id AS thing_id, initiator_id AS \
             person_id, flow_id AS definition_id, instance_id, start_time FROM flow_instance \
             WHERE tenant_id = $1 AND flow_id = $2 AND listed_status = $3"
        ),
        (Family::Flow, Kind::Copy, true) => of_things!(
            "SELECT start_time AS sort_time, task_id AS thing_id, person_id, flow_id AS \
             definition_id, instance_id, start_time FROM flow_share WHERE tenant_id = $1 AND \
             person_id = $2 AND status = $3 AND kind = 4"
        ),
        (Family::Flow, Kind::Copy, false) => of_shares!(
            "SELECT start_time AS sort_time, task_id AS thing_id, person_id, flow_id AS \
             definition_id, instance_id, start_time FROM flow_share WHERE tenant_id = $1 AND \
             flow_id = $2 AND status = $3 AND kind = 4"
        ),
    }
}

/// The time, thing and person between what a list has below a place and the rest. Things of both
/// families may have the same number: those of the other one are on the same side, all of them.
fn below(list: &List, place: Place) -> (i64, i64, i64) {
    let Place { time, thing, family, person } = place;
    match list.family.code().cmp(&family) {
        Ordering::Less => (time, thing.saturating_add(1), i64::MIN),
        Ordering::Equal => (time, thing, person),
        Ordering::Greater => (time, thing, i64::MIN),
    }
}

/// The same for what a list has above a place.
fn above(list: &List, place: Place) -> (i64, i64, i64) {
    let Place { time, thing, family, person } = place;
    match list.family.code().cmp(&family) {
        Ordering::Less => (time, thing, i64::MAX),
        Ordering::Equal => (time, thing, person),
        Ordering::Greater => (time, thing.saturating_sub(1), i64::MAX),
    }
}

/// The parameters of each statement of a list.
fn parameters(
    tenant: TenantId,
    list: &List,
    (time, thing, person): (i64, i64, i64),
    until: i64,
    most: usize,
) -> Vec<Param<'static>> {
    let leader = match list.leader {
        Leader::Person(person) => person.get(),
        Leader::Definition(id) => id,
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let all = [tenant.get(), leader, list.status, until, most, time, thing];
    let shares = has_shares(list).then_some(person);
    all.into_iter().chain(shares).map(Into::into).collect()
}

fn read(list: &List) -> impl FnMut(&value::Row<'_>) -> Result<Row> {
    let (family, status) = (list.family.code(), list.status);
    move |row| {
        let person = row.opt_int(2)?.unwrap_or_default();
        Ok(Row {
            place: Place { time: row.int(0)?, thing: row.int(1)?, family, person },
            definition: row.int(3)?,
            instance: InstanceId(row.int(4)?),
            status,
            start: row.int(5)?,
        })
    }
}

/// At most `limit` rows of a list below `place`, not before `from`, greatest first.
pub fn rows_down(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: &List,
    (from, place): (i64, Place),
    limit: usize,
) -> Result<Vec<Row>> {
    let given = parameters(tenant, list, below(list, place), from, limit);
    tx.query_all(statements(list).down, &given, read(list))
}

/// At most `limit` rows of a list above `place`, not after `to`, least first.
pub fn rows_up(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: &List,
    (place, to): (Place, i64),
    limit: usize,
) -> Result<Vec<Row>> {
    let given = parameters(tenant, list, above(list, place), to, limit);
    tx.query_all(statements(list).up, &given, read(list))
}

/// How many rows of a list are below `place` and not before `from`, counted no further than to `most`.
pub fn row_count_upto(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: &List,
    (from, place): (i64, Place),
    most: usize,
) -> Result<usize> {
    let given = parameters(tenant, list, below(list, place), from, most);
    let count = tx.query_one(statements(list).count, &given, |row| row.int(0))?;
    Ok(usize::try_from(count.unwrap_or_default()).unwrap_or_default())
}
