//! Inboxes: moving rows when something changes, and one person's page of human tasks.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeSet, HashMap};

use domain::inbox::{Entry, Family, List, Relation, State};
use domain::person::AliasKind;
use domain::{FlowId, PersonId, TenantId};
use store::Tx;
use store::inbox::{self as lists, Question};

use crate::{Caller, Context, Error, Result};

/// A row of a list.
pub(crate) type Row = (List, Entry);

/// Takes away the rows that are no longer asked for and adds those that are new.
pub(crate) fn move_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    before: &BTreeSet<Row>,
    after: &BTreeSet<Row>,
) -> Result<()> {
    for (list, entry) in before.difference(after) {
        lists::row_delete(tx, tenant, *list, entry)?;
    }
    for (list, entry) in after.difference(before) {
        lists::row_insert(tx, tenant, *list, entry)?;
    }
    Ok(())
}

/// Which of one person's human tasks are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The person, by the alias that flows use.
    pub kunlun_id: String,
    /// Only tasks in this state for them.
    pub state: Option<State>,
    /// Only tasks with which they have this to do.
    pub relation: Option<Relation>,
    /// Only tasks of these flows.
    pub api_ids: Option<Vec<String>>,
    /// The least start, included, in Unix milliseconds.
    pub from: Option<i64>,
    /// The greatest start, included.
    pub to: Option<i64>,
    /// How many tasks to leave out.
    pub offset: i64,
    /// How many tasks to answer at most.
    pub limit: usize,
}

/// A task as it is shown in a person's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTask {
    /// The task and its start.
    pub entry: Entry,
    /// The alias of who started its instance; empty when they have none.
    pub initiator_id: String,
    /// Their name.
    pub initiator_name: String,
    /// The bytes of the instance.
    pub card: Vec<u8>,
}

/// How many tasks there are, and one page of them, from one snapshot.
pub fn user_tasks(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    asked: &Asked,
) -> Result<(i64, Vec<UserTask>)> {
    let tenant = caller.tenant;
    let person = store::person::person_by_alias(tx, tenant, AliasKind::Kunlun, &asked.kunlun_id)?;
    let Some(person) = person else { return Ok((0, Vec::new())) };
    let flows = match &asked.api_ids {
        None => None,
        Some(api_ids) => Some(flow_numbers(tx, tenant, api_ids)?),
    };
    if flows.as_ref().is_some_and(Vec::is_empty) {
        return Ok((0, Vec::new()));
    }
    let people = store::person::person_rows_of(tx, tenant, person)?;
    let question = Question {
        lists: people.iter().flat_map(|p| lists_for(*p, asked.relation, asked.state)).collect(),
        flows,
        from: asked.from,
        to: asked.to,
        offset: asked.offset,
        limit: asked.limit,
    };
    let found = match people.len() {
        1 => lists::ask(tx, tenant, &question)?,
        _ => lists::ask_slowly(tx, tenant, &question)?,
    };
    Ok((found.count, show_all(tx, cx, tenant, found.rows)?))
}

/// The rows of a page as they are shown: each with its instance's card and who started it.
pub fn show_all(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    rows: Vec<Entry>,
) -> Result<Vec<UserTask>> {
    let mut known = HashMap::new();
    rows.into_iter().map(|entry| show(tx, cx, tenant, entry, &mut known)).collect()
}

fn flow_numbers(tx: &mut Tx<'_>, tenant: TenantId, api_ids: &[String]) -> Result<Vec<i64>> {
    let mut numbers = Vec::with_capacity(api_ids.len());
    for api_id in api_ids {
        numbers.extend(store::flow::flow_by_api_id(tx, tenant, api_id)?.map(FlowId::get));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// The lists whose merge is asked for, repeats included where a task may be on several.
fn lists_for(person: PersonId, relation: Option<Relation>, state: Option<State>) -> Vec<List> {
    let list = |relation, state| List { family: Family::Flow, person, relation, state };
    let states = match state {
        Some(state) => vec![state],
        None => vec![State::Pending, State::Archived],
    };
    let relations = relation.map_or(Relation::REAL.to_vec(), |relation| vec![relation]);
    let real = relations.iter().flat_map(|r| states.iter().map(|s| list(*r, *s)));
    let mut all: Vec<List> = real.collect();
    if relation.is_none() {
        let scope = state.unwrap_or(State::Any);
        all.extend(Relation::REPEATS.map(|repeat| list(repeat, scope)));
    }
    all
}

type Shown = HashMap<PersonId, (String, String)>;

fn show(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    entry: Entry,
    known: &mut Shown,
) -> Result<UserTask> {
    let id = entry.instance;
    let missing = || Error::Internal(format!("instance {id} is in an inbox but not there"));
    let (initiator, format, card) = store::flow::card_get(tx, tenant, id)?.ok_or_else(missing)?;
    let card = if format == cx.render.format {
        card
    } else {
        // Written by another version: the rows are the truth.
        let instance = store::flow::instance_load(tx, tenant, id)?.ok_or_else(missing)?;
        (cx.render.flow)(&instance)
    };
    let (initiator_id, initiator_name) = match known.entry(initiator) {
        MapEntry::Occupied(shown) => shown.get().clone(),
        MapEntry::Vacant(new) => new.insert(alias_and_name(tx, tenant, initiator)?).clone(),
    };
    Ok(UserTask { entry, initiator_id, initiator_name, card })
}

fn alias_and_name(tx: &mut Tx<'_>, tenant: TenantId, person: PersonId) -> Result<(String, String)> {
    let today = store::person::person_today(tx, tenant, person)?;
    let name = store::person::person_get(tx, tenant, today)?.map(|person| person.name);
    let aliases = store::person::person_aliases(tx, tenant, today)?;
    let alias = aliases.into_iter().find(|(kind, _)| *kind == AliasKind::Kunlun);
    Ok((alias.map(|(_, value)| value).unwrap_or_default(), name.unwrap_or_default()))
}
