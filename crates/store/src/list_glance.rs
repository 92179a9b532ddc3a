//! A page of third-party instances in one statement, where asking again costs a round trip.
//!
//! Codes, people, ids and cards at once, for the engine with the network in between. The other one
//! finds them one by one, which is cheaper there: answers `None`, and so does whatever this statement
//! does not cover.

use domain::person::AliasKind;
use domain::{AppId, DefinitionId, InstanceId, PersonId, TenantId};

use crate::value::Param;
use crate::{Error, Result, Tx};

/// What is asked for. Names are given on a first page, ids on those after it.
#[derive(Clone, Debug)]
pub struct Pages<'a> {
    /// Whose codes they are.
    pub app: AppId,
    /// Real codes, or the app's own.
    pub codes: &'a [&'a str],
    /// Definitions that are known.
    pub definitions: &'a [DefinitionId],
    /// Whether only tasks of some people are asked for.
    pub of_people: bool,
    /// Their `user_id`s.
    pub users: &'a [&'a str],
    /// People who are known.
    pub people: &'a [PersonId],
    /// The status of tasks.
    pub status: i64,
    /// Only instances after this one.
    pub after: InstanceId,
    /// How many at most.
    pub limit: usize,
}

/// What is answered: as of one moment, each part in the order of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paged {
    /// The definitions behind codes and ids.
    pub definitions: Vec<DefinitionId>,
    /// The people behind users and ids.
    pub people: Vec<PersonId>,
    /// Every id under which rows of them may stand.
    pub rows: Vec<PersonId>,
    /// The instances, each with format and bytes of its card.
    pub instances: Vec<(InstanceId, i64, Vec<u8>)>,
}

/// More lists than these are read in smaller chunks than one statement can (own figure): each gives
/// a page that may not be shown.
const LISTS: usize = 8;

macro_rules! sql {
    ($lists:literal) => {
        concat!(
            "WITH coded AS ( \
               SELECT unnest($2::BIGINT[]) AS definition_id UNION \
               SELECT coalesce(( \
                 SELECT d.definition_id FROM definition d \
                 WHERE d.tenant_id = $1 AND d.real_code = c.code AND d.app_id = $4), ( \
                 SELECT d.definition_id FROM definition d \
                 WHERE d.tenant_id = $1 AND d.app_id = $4 AND d.custom_code = c.code)) \
               FROM unnest($3::TEXT[]) AS c(code) \
             ), who AS ( \
               SELECT unnest($5::BIGINT[]) AS person_id UNION \
               SELECT a.person_id FROM unnest($6::TEXT[]) AS u(value) \
               JOIN person_alias a ON a.tenant_id = $1 AND a.kind = $7 AND a.value = u.value \
             ), today AS ( \
               SELECT coalesce(j.into_id, who.person_id) AS person_id FROM who \
               LEFT JOIN person_join j ON j.tenant_id = $1 AND j.from_id = who.person_id \
             ), people AS ( \
               SELECT person_id FROM today UNION \
               SELECT j.from_id FROM today JOIN person_join j \
               ON j.tenant_id = $1 AND j.into_id = today.person_id AND j.finished_at IS NULL \
             ), page AS ( \
               SELECT DISTINCT l.instance_id FROM ",
            $lists,
            " ORDER BY l.instance_id LIMIT $10 \
             ) \
             SELECT 0 AS part, definition_id AS id, NULL::BIGINT AS format, NULL::BYTEA AS card \
               FROM coded WHERE definition_id IS NOT NULL \
             UNION ALL SELECT 1, person_id, NULL, NULL FROM who \
             UNION ALL SELECT 2, person_id, NULL, NULL FROM people \
             UNION ALL SELECT 3, page.instance_id, c.format, c.card FROM page \
               LEFT JOIN external_card c \
               ON c.tenant_id = $1 AND c.instance_id = page.instance_id"
        )
    };
}

const BY_STATUS: &str = sql!(
    "coded CROSS JOIN LATERAL ( \
       SELECT instance_id FROM external_by_status WHERE tenant_id = $1 \
       AND definition_id = coded.definition_id AND task_status = $8 AND instance_id > $9 \
       ORDER BY instance_id LIMIT $10) l"
);

const BY_PERSON: &str = sql!(
    "coded CROSS JOIN people CROSS JOIN LATERAL ( \
       SELECT instance_id FROM external_by_person WHERE tenant_id = $1 \
       AND person_id = people.person_id AND task_status = $8 \
       AND definition_id = coded.definition_id AND instance_id > $9 \
       ORDER BY instance_id LIMIT $10) l"
);

/// One look at a page. `None` where it must be found step by step: on the other engine, and where
/// it is a merge of many lists.
pub fn page_glance(tx: &mut Tx<'_>, tenant: TenantId, asked: &Pages<'_>) -> Result<Option<Paged>> {
    let people = asked.users.len().max(asked.people.len()).max(1);
    let lists = asked.codes.len().max(asked.definitions.len()) * people;
    if !tx.is_shared() || lists > LISTS {
        return Ok(None);
    }
    let definitions: Vec<i64> = asked.definitions.iter().map(|id| id.get()).collect();
    let known: Vec<i64> = asked.people.iter().map(|id| id.get()).collect();
    let mut seen = Paged::default();
    tx.query_alone(
        if asked.of_people { BY_PERSON } else { BY_STATUS },
        &[
            tenant.into(),
            Param::Ints(&definitions),
            Param::Texts(asked.codes),
            asked.app.into(),
            Param::Ints(&known),
            Param::Texts(asked.users),
            AliasKind::UserId.code().into(),
            asked.status.into(),
            asked.after.into(),
            i64::try_from(asked.limit).unwrap_or(i64::MAX).into(),
        ],
        |row| {
            let id = row.int(1)?;
            match row.int(0)? {
                0 => seen.definitions.push(DefinitionId(id)),
                1 => seen.people.push(PersonId(id)),
                2 => seen.rows.push(PersonId(id)),
                _ => {
                    let format = row.opt_int(2)?.ok_or_else(|| without_card(id))?;
                    seen.instances.push((InstanceId(id), format, row.bytes(3)?));
                }
            }
            Ok(())
        },
    )?;
    seen.definitions.sort_unstable();
    seen.people.sort_unstable();
    seen.rows.sort_unstable();
    seen.rows.dedup();
    seen.instances.sort_unstable_by_key(|(id, ..)| *id);
    Ok(Some(seen))
}

/// A list and what it lists contradict each other.
fn without_card(id: i64) -> Error {
    let reason = "it is on a list and has no card".to_owned();
    Error::Corrupt { table: "external_card", column: "instance_id", row: id.to_string(), reason }
}
