//! The first pages of an inbox in one statement, where asking again costs a round trip.
//!
//! An alias, counts, rows and cards at once, for the engine with the network in between. The other
//! one finds them one by one, which is cheaper there: answers `None`, and so does whatever this
//! statement does not cover.

use std::cmp::Reverse;

use domain::inbox::{Entry, Family, Key, Relation, State};
use domain::person::AliasKind;
use domain::{InstanceId, PersonId, TenantId};

use crate::flow::ShownCard;
use crate::value::{Param, Row};
use crate::{Result, Tx};

/// What is asked of one person's lists: no filter, and a page near the start.
#[derive(Clone, Debug)]
pub struct Glance<'a> {
    /// Which alias names the person.
    pub kind: AliasKind,
    /// The alias.
    pub alias: &'a str,
    /// Their lists, those of repeats too.
    pub lists: &'a [(Relation, State)],
    /// How many rows to leave out.
    pub offset: i64,
    /// How many rows to answer at most.
    pub limit: usize,
}

/// What is answered: as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many rows there are.
    pub count: i64,
    /// The rows of the page, greatest first, each with its card.
    pub rows: Vec<(Entry, ShownCard)>,
}

/// Past this offset counts find the page sooner than rows do (as for a page of lists).
const NEAR: i64 = 100;

const SQL: &str = "\
    WITH who AS ( \
      SELECT person_id FROM person_alias WHERE tenant_id = $1 AND kind = $2 AND value = $3 \
    ), asked AS ( \
      SELECT who.person_id, l.relation, l.state, l.sign FROM who \
      CROSS JOIN unnest($5::BIGINT[], $6::BIGINT[], $7::BIGINT[]) AS l(relation, state, sign) \
    ), counted AS ( \
      SELECT CAST(sum(asked.sign * (coalesce(( \
        SELECT CASE i.levels WHEN 0 THEN i.n ELSE ( \
          SELECT CAST(sum(x.n) AS BIGINT) FROM inbox_node x WHERE x.tenant_id = $1 \
          AND x.family = $4 AND x.person_id = i.person_id AND x.relation = i.relation \
          AND x.state = i.state AND x.level = i.levels) END \
        FROM inbox_list i WHERE i.tenant_id = $1 AND i.family = $4 \
        AND i.person_id = asked.person_id AND i.relation = asked.relation \
        AND i.state = asked.state), 0) + coalesce(( \
        SELECT CAST(sum(d.delta) AS BIGINT) FROM inbox_delta d WHERE d.tenant_id = $1 \
        AND d.family = $4 AND d.person_id = asked.person_id AND d.relation = asked.relation \
        AND d.state = asked.state), 0))) AS BIGINT) AS n, \
      (SELECT count(*) FROM person_join o CROSS JOIN who WHERE o.tenant_id = $1 \
        AND o.into_id = who.person_id AND o.finished_at IS NULL) AS joins FROM asked \
    ), page AS ( \
      SELECT DISTINCT r.start_time, r.task_id, r.flow_id, r.instance_id FROM asked \
      CROSS JOIN LATERAL ( \
        SELECT start_time, task_id, flow_id, instance_id FROM inbox_row \
        WHERE tenant_id = $1 AND family = $4 AND person_id = asked.person_id \
        AND relation = asked.relation AND state = asked.state \
        ORDER BY start_time DESC, task_id DESC LIMIT $8) r \
      WHERE asked.sign > 0 \
      ORDER BY r.start_time DESC, r.task_id DESC LIMIT $9 OFFSET $10 \
    ) \
    SELECT counted.joins, counted.n, \
      page.start_time, page.task_id, page.flow_id, page.instance_id, \
      i.initiator_id, coalesce(j.into_id, i.initiator_id), p.name, a.value, i.format, i.card \
    FROM who CROSS JOIN counted LEFT JOIN page ON TRUE \
    LEFT JOIN flow_instance i ON i.tenant_id = $1 AND i.instance_id = page.instance_id \
    LEFT JOIN person_join j ON j.tenant_id = $1 AND j.from_id = i.initiator_id \
    LEFT JOIN person p ON p.tenant_id = $1 \
      AND p.person_id = coalesce(j.into_id, i.initiator_id) \
    LEFT JOIN person_alias a ON a.tenant_id = $1 \
      AND a.person_id = coalesce(j.into_id, i.initiator_id) AND a.kind = $11";

/// One look at a person's human tasks; cards show whoever started an instance under an alias of
/// `shown`. `None` where it must be found out step by step: on the other engine, far from the start,
/// and while rows of somebody who turned out to be this person have not followed.
pub fn glance(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    asked: &Glance<'_>,
    shown: AliasKind,
) -> Result<Option<Seen>> {
    if !tx.is_shared() || asked.offset > NEAR {
        return Ok(None);
    }
    let is_real = |relation: &Relation| Relation::REAL.contains(relation);
    let relations: Vec<i64> = asked.lists.iter().map(|(r, _)| r.code()).collect();
    let states: Vec<i64> = asked.lists.iter().map(|(_, s)| s.code()).collect();
    let signs: Vec<i64> =
        asked.lists.iter().map(|(r, _)| if is_real(r) { 1 } else { -1 }).collect();
    let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX);
    let (mut seen, mut joins) = (Seen::default(), 0);
    tx.query_alone(
        SQL,
        &[
            tenant.into(),
            asked.kind.code().into(),
            asked.alias.into(),
            Family::Flow.code().into(),
            Param::Ints(&relations),
            Param::Ints(&states),
            Param::Ints(&signs),
            limit.saturating_add(asked.offset).into(),
            limit.into(),
            asked.offset.into(),
            shown.code().into(),
        ],
        |row| {
            joins = row.int(0)?;
            seen.count = row.opt_int(1)?.unwrap_or_default();
            seen.rows.extend(read(row)?);
            Ok(())
        },
    )?;
    // A page at most, sorted sooner here than by a step of the server's own.
    seen.rows.sort_unstable_by_key(|(entry, _)| Reverse(entry.key));
    Ok((joins == 0).then_some(seen))
}

/// A row of the page; `None` where the page is empty.
fn read(row: &Row<'_>) -> Result<Option<(Entry, ShownCard)>> {
    let Some(start) = row.opt_int(2)? else { return Ok(None) };
    let instance = InstanceId(row.int(5)?);
    let entry = Entry { key: Key { start, task: row.int(3)? }, flow: row.int(4)?, instance };
    let card = ShownCard {
        instance,
        initiator: PersonId(row.int(6)?),
        today: PersonId(row.int(7)?),
        name: row.opt_text(8)?.unwrap_or_default(),
        alias: row.opt_text(9)?.unwrap_or_default(),
        format: row.int(10)?,
        card: row.bytes(11)?,
    };
    Ok(Some((entry, card)))
}
