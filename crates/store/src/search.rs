//! The lists that searches read: rows in the order of one time, either way. Those of flows have a table
//! of their own, since a person's share of a task is put together from parts; those of third parties are
//! indexes of their tables. Knows nothing of what is searched for: a list is a family, a kind, a leader
//! and a status.

use std::cmp::Ordering;

use domain::inbox::Family;
use domain::search::{Kind, Leader, List, Place, Row};
use domain::{InstanceId, TenantId};

use crate::value::{self, Param};
use crate::{Result, Tx};

/// Who leads a list of flows, as its rows say.
fn leader(list: &List) -> [Param<'static>; 2] {
    match list.leader {
        Leader::Person(person) => [0_i64.into(), person.into()],
        Leader::Definition(id) => [1_i64.into(), id.into()],
    }
}

/// The parameters of a row of a list of flows: tenant, kind, leader (two), status, time, thing, person.
fn key(tenant: TenantId, list: &List, row: &Row) -> [Param<'static>; 8] {
    let [led_by, leader_id] = leader(list);
    let Place { time, thing, person, .. } = row.place;
    [
        tenant.into(),
        list.kind.code().into(),
        led_by,
        leader_id,
        list.status.into(),
        time.into(),
        thing.into(),
        person.into(),
    ]
}

/// Adds a row to a list of flows.
pub fn row_insert(tx: &mut Tx<'_>, tenant: TenantId, list: &List, row: &Row) -> Result<()> {
    let rest = [row.definition.into(), row.instance.into(), row.start.into()];
    tx.execute(
        "INSERT INTO search_row (tenant_id, kind, leader, leader_id, status, sort_time, thing_id, \
         person_id, definition_id, instance_id, start_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &key(tenant, list, row).into_iter().chain(rest).collect::<Vec<_>>(),
    )?;
    Ok(())
}

/// Takes a row off a list of flows.
pub fn row_delete(tx: &mut Tx<'_>, tenant: TenantId, list: &List, row: &Row) -> Result<()> {
    tx.execute(
        "DELETE FROM search_row WHERE tenant_id = $1 AND kind = $2 AND leader = $3 \
         AND leader_id = $4 AND status = $5 AND sort_time = $6 AND thing_id = $7 \
         AND person_id = $8",
        &key(tenant, list, row),
    )?;
    Ok(())
}

/// Whether a list of flows has exactly this row.
pub fn row_exists(tx: &mut Tx<'_>, tenant: TenantId, list: &List, row: &Row) -> Result<bool> {
    let found = tx.query_one(
        "SELECT definition_id, instance_id, start_time FROM search_row WHERE tenant_id = $1 \
         AND kind = $2 AND leader = $3 AND leader_id = $4 AND status = $5 AND sort_time = $6 \
         AND thing_id = $7 AND person_id = $8",
        &key(tenant, list, row),
        |row| Ok((row.int(0)?, InstanceId(row.int(1)?), row.int(2)?)),
    )?;
    Ok(found == Some((row.definition, row.instance, row.start)))
}

/// How many rows the lists of flows have.
pub fn row_count(tx: &mut Tx<'_>, tenant: TenantId) -> Result<i64> {
    let count = tx.query_one(
        "SELECT count(*) FROM search_row WHERE tenant_id = $1",
        &[tenant.into()],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or_default())
}

/// What reads a list. A list of third parties has one row of a time and a thing, so that its rows need no
/// person to be told apart.
struct Statements {
    /// Rows from below a place down to a time, at most so many.
    down: &'static str,
    /// Rows from above a place up to a time, at most so many.
    up: &'static str,
    /// How many rows `down` reads.
    count: &'static str,
}

const OF_FLOWS: Statements = Statements {
    down: "SELECT sort_time, thing_id, person_id, definition_id, instance_id, start_time \
           FROM search_row WHERE tenant_id = $1 AND leader_id = $2 AND status = $3 \
           AND sort_time >= $4 AND (sort_time, thing_id, person_id) < ($6, $7, $8) AND kind = $9 \
           AND leader = $10 ORDER BY sort_time DESC, thing_id DESC, person_id DESC LIMIT $5",
    up: "SELECT sort_time, thing_id, person_id, definition_id, instance_id, start_time \
         FROM search_row WHERE tenant_id = $1 AND leader_id = $2 AND status = $3 \
         AND sort_time <= $4 AND (sort_time, thing_id, person_id) > ($6, $7, $8) AND kind = $9 \
         AND leader = $10 ORDER BY sort_time, thing_id, person_id LIMIT $5",
    count: "SELECT count(*) FROM (SELECT 1 FROM search_row WHERE tenant_id = $1 \
            AND leader_id = $2 AND status = $3 AND sort_time >= $4 \
            AND (sort_time, thing_id, person_id) < ($6, $7, $8) AND kind = $9 AND leader = $10 \
            LIMIT $5) AS counted",
};

/// The statements on a list of third parties, given its rows. Engines read the list inside as if it stood
/// outside.
macro_rules! of_sources {
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

fn statements(list: &List) -> &'static Statements {
    if list.family == Family::Flow {
        return &OF_FLOWS;
    }
    let is_of_person = matches!(list.leader, Leader::Person(_));
    match (list.kind, is_of_person) {
        (Kind::Task, true) => of_sources!(
            "SELECT create_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task \
             WHERE tenant_id = $1 AND person_id = $2 AND status = $3"
        ),
        (Kind::Task, false) => of_sources!(
            "SELECT create_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task \
             WHERE tenant_id = $1 AND definition_id = $2 AND status = $3"
        ),
        (Kind::TaskByUpdate, true) => of_sources!(
            "SELECT update_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task \
             WHERE tenant_id = $1 AND person_id = $2 AND status = $3"
        ),
        (Kind::TaskByUpdate, false) => of_sources!(
            "SELECT update_time AS sort_time, task_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_task \
             WHERE tenant_id = $1 AND definition_id = $2 AND status = $3"
        ),
        (Kind::Instance, true) => of_sources!(
            "SELECT start_time AS sort_time, instance_id AS thing_id, initiator_id AS person_id, \
             definition_id, instance_id, start_time FROM external_instance \
             WHERE tenant_id = $1 AND initiator_id = $2 AND status = $3 AND purged = 0"
        ),
        (Kind::Instance, false) => of_sources!(
            "SELECT start_time AS sort_time, instance_id AS thing_id, initiator_id AS person_id, \
             definition_id, instance_id, start_time FROM external_instance \
             WHERE tenant_id = $1 AND definition_id = $2 AND status = $3 AND purged = 0"
        ),
        (Kind::Copy, true) => of_sources!(
            "SELECT create_time AS sort_time, cc_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_cc \
             WHERE tenant_id = $1 AND person_id = $2 AND read_status = $3"
        ),
        (Kind::Copy, false) => of_sources!(
            "SELECT create_time AS sort_time, cc_id AS thing_id, person_id, definition_id, \
             instance_id, create_time AS start_time FROM external_cc \
             WHERE tenant_id = $1 AND definition_id = $2 AND read_status = $3"
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
    let [led_by, leader_id] = leader(list);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut all: Vec<Param<'static>> = vec![
        tenant.into(),
        leader_id,
        list.status.into(),
        until.into(),
        most.into(),
        time.into(),
        thing.into(),
    ];
    if list.family == Family::Flow {
        all.push(person.into());
        all.push(list.kind.code().into());
        all.push(led_by);
    }
    all
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
