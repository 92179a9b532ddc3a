//! Changes of lists that are not in their counts yet, where several processes write at once.
//!
//! A transaction only appends what it changed, so that two who change the same list do not wait for
//! each other. Readers add what was appended to the counts; from time to time one process folds it
//! in. SQLite, with its one writer, folds at once and never has any.

use std::collections::BTreeMap;

use domain::inbox::{Family, Key, List, Relation, State};
use domain::{PersonId, TenantId};

use super::counts::{At, Change, Pending, fold_list};
use super::nodes::of_list;
use crate::lease::Work;
use crate::postgres::Sequence;
use crate::value::{Param, Row};
use crate::watch::Piece;
use crate::{Error, Result, Tx};

/// A row and its flow, and how often it came more than it went.
type Sum = ((TenantId, List, Key, i64), i64);

/// Appends what a transaction recorded, with one statement. What came and went again is nothing.
pub(super) fn append(tx: &mut Tx<'_>, sequence: &Sequence, pending: &Pending) -> Result<()> {
    let mut sums: BTreeMap<(TenantId, List, Key, i64), i64> = BTreeMap::new();
    for ((tenant, list), change) in pending {
        *sums.entry((*tenant, *list, change.key, change.flow)).or_default() += change.delta;
    }
    sums.retain(|_, delta| *delta != 0);
    let sums: Vec<Sum> = sums.into_iter().collect();
    for of_tenant in sums.chunk_by(|((a, ..), _), ((b, ..), _)| a == b) {
        let Some(((tenant, ..), _)) = of_tenant.first() else { continue };
        tx.left.push((*tenant, Work::Fold));
        let column = |read: fn(&Sum) -> i64| of_tenant.iter().map(read).collect::<Vec<_>>();
        let family = column(|((_, list, ..), _)| list.family.code());
        let person = column(|((_, list, ..), _)| list.person.get());
        let relation = column(|((_, list, ..), _)| list.relation.code());
        let state = column(|((_, list, ..), _)| list.state.code());
        let start = column(|((_, _, key, _), _)| key.start);
        let task = column(|((_, _, key, _), _)| key.task);
        let flow = column(|((.., flow), _)| *flow);
        let delta = column(|(_, delta)| *delta);
        let numbers: Vec<i64> = of_tenant.iter().map(|_| sequence.next()).collect();
        tx.execute(
            "INSERT INTO inbox_delta (tenant_id, family, person_id, relation, state, seq, \
             start_time, task_id, flow_id, delta) SELECT $1, * FROM unnest($2::BIGINT[], \
             $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], \
             $8::BIGINT[], $9::BIGINT[], $10::BIGINT[])",
            &[
                (*tenant).into(),
                Param::Ints(&family),
                Param::Ints(&person),
                Param::Ints(&relation),
                Param::Ints(&state),
                Param::Ints(&numbers),
                Param::Ints(&start),
                Param::Ints(&task),
                Param::Ints(&flow),
                Param::Ints(&delta),
            ],
        )?;
    }
    Ok(())
}

/// What was appended to a list and not folded yet.
pub(super) fn of(tx: &mut Tx<'_>, at: At) -> Result<Vec<Change>> {
    if !tx.is_shared() {
        return Ok(Vec::new());
    }
    tx.query_all(
        of_list!("start_time, task_id, flow_id, delta", "inbox_delta", "seq IS NOT NULL"),
        &at.params(),
        |row| read(row, 0),
    )
}

/// The same of all lists of a person in a family.
pub(super) fn of_person(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    family: Family,
    person: PersonId,
) -> Result<BTreeMap<List, Vec<Change>>> {
    let mut changes: BTreeMap<List, Vec<Change>> = BTreeMap::new();
    if !tx.is_shared() {
        return Ok(changes);
    }
    tx.query(
        "SELECT family, person_id, relation, state, start_time, task_id, flow_id, delta \
         FROM inbox_delta WHERE tenant_id = $1 AND family = $2 AND person_id = $3",
        &[tenant.into(), family.code().into(), person.into()],
        |row| {
            let list = list_of(row, tenant, "inbox_delta")?;
            changes.entry(list).or_default().push(read(row, 4)?);
            Ok(())
        },
    )?;
    Ok(changes)
}

/// Takes away what was appended to a list, once the caller holds it.
pub(super) fn take(tx: &mut Tx<'_>, at: At) -> Result<Vec<Change>> {
    if !tx.is_shared() {
        return Ok(Vec::new());
    }
    hold(tx, at)?;
    tx.query_all(
        "DELETE FROM inbox_delta WHERE tenant_id = $1 AND family = $2 AND person_id = $3 \
         AND relation = $4 AND state = $5 RETURNING start_time, task_id, flow_id, delta",
        &at.params(),
        |row| read(row, 0),
    )
}

/// Locks the row of a list, which is made where it is missing. The transaction has one snapshot, so
/// it is run again if somebody else held the list meanwhile.
fn hold(tx: &mut Tx<'_>, at: At) -> Result<()> {
    tx.execute(
        "INSERT INTO inbox_list (tenant_id, family, person_id, relation, state, levels, n) \
         VALUES ($1, $2, $3, $4, $5, 0, 0) \
         ON CONFLICT (tenant_id, family, person_id, relation, state) \
         DO UPDATE SET n = inbox_list.n",
        &at.params(),
    )?;
    Ok(())
}

/// A change from four columns, the first of which is `at`.
fn read(row: &Row<'_>, at: usize) -> Result<Change> {
    let key = Key { start: row.int(at)?, task: row.int(at + 1)? };
    Ok(Change { key, flow: row.int(at + 2)?, delta: row.int(at + 3)? })
}

/// Folds what was appended to a list into its counts. All that it reads must be of one moment
/// ([`crate::Store::write_snapshot`]): then the rows that it counts are exactly those whose changes
/// it takes.
pub fn fold_deltas(tx: &mut Tx<'_>, tenant: TenantId, list: List) -> Result<()> {
    let at = At { tenant, list };
    let changes = take(tx, at)?;
    tx.touch(tenant, Piece::Inbox(list));
    fold_list(tx, at, &changes)
}

/// At most `limit` lists of a tenant to which something was appended.
pub fn lists_with_deltas(tx: &mut Tx<'_>, tenant: TenantId, limit: i64) -> Result<Vec<List>> {
    if !tx.is_shared() {
        return Ok(Vec::new());
    }
    tx.query_all(
        "SELECT DISTINCT family, person_id, relation, state FROM inbox_delta \
         WHERE tenant_id = $1 LIMIT $2",
        &[tenant.into(), limit.into()],
        |row| list_of(row, tenant, "inbox_delta"),
    )
}

/// A list from its four columns.
pub(super) fn list_of(row: &Row<'_>, tenant: TenantId, table: &'static str) -> Result<List> {
    let list = (
        Family::from_code(row.int(0)?),
        Relation::from_code(row.int(2)?),
        State::from_code(row.int(3)?),
    );
    let (Some(family), Some(relation), Some(state)) = list else {
        return Err(Error::Corrupt {
            table,
            column: "relation",
            row: format!("{tenant}/{}", row.int(1)?),
            reason: "no such list".into(),
        });
    };
    Ok(List { family, person: PersonId(row.int(1)?), relation, state })
}

/// Tenants with something appended: a look at all, for what no hint names.
pub fn tenants_with_deltas(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    if !tx.is_shared() {
        return Ok(Vec::new());
    }
    tx.query_all("SELECT DISTINCT tenant_id FROM inbox_delta", &[], |row| Ok(TenantId(row.int(0)?)))
}
