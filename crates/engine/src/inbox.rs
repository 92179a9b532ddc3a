//! Inboxes: moving rows when something changes, and one person's page of human tasks.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::inbox::{Entry, Family, List, Relation, State};
use domain::person::AliasKind;
use domain::{FlowId, PersonId, TenantId};
use store::Tx;
use store::inbox::{self as lists, Glance, Question};

use crate::copies::ShownCard;
use crate::view::{NEWEST, View, WHOLE};
use crate::{Caller, FlowCard, Result, Shown};

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
    /// Who started its instance.
    pub initiator: Arc<Shown>,
    /// The card of the instance.
    pub card: Arc<FlowCard>,
}

/// How many tasks there are, and one page of them, as of one moment.
pub fn user_tasks(
    view: &mut View<'_, '_>,
    caller: &Caller,
    asked: &Asked,
) -> Result<(i64, Vec<UserTask>)> {
    let tenant = caller.tenant;
    if let Some(answer) = at_a_glance(view, tenant, asked)? {
        return Ok(answer);
    }
    let people = view.rows_by_alias(tenant, AliasKind::Kunlun, &asked.kunlun_id)?;
    let Some(people) = people else { return Ok((0, Vec::new())) };
    let flows = match &asked.api_ids {
        None => None,
        Some(api_ids) => Some(flow_numbers(view, tenant, api_ids)?),
    };
    if flows.as_ref().is_some_and(Vec::is_empty) {
        return Ok((0, Vec::new()));
    }
    let question = Question {
        lists: people.iter().flat_map(|p| lists_for(*p, asked.relation, asked.state)).collect(),
        flows,
        from: asked.from,
        to: asked.to,
        offset: asked.offset,
        limit: asked.limit,
    };
    if people.len() > 1 {
        let found = lists::ask_slowly(view.tx()?, tenant, &question)?;
        return Ok((found.count, show_all(view, tenant, found.rows)?));
    }
    if let Some(answer) = from_newest(view, tenant, &question)? {
        return Ok(answer);
    }
    let found = lists::ask(view.tx()?, tenant, &question)?;
    Ok((found.count, show_all(view, tenant, found.rows)?))
}

/// The answer with one statement, where that is of use.
fn at_a_glance(
    view: &mut View<'_, '_>,
    tenant: TenantId,
    asked: &Asked,
) -> Result<Option<(i64, Vec<UserTask>)>> {
    let is_plain = asked.api_ids.is_none() && asked.from.is_none() && asked.to.is_none();
    if !is_plain || view.keeps() {
        return Ok(None);
    }
    let lists = lists_for(PersonId(0), asked.relation, asked.state);
    let lists: Vec<_> = lists.iter().map(|list| (list.relation, list.state)).collect();
    let glance = Glance {
        kind: AliasKind::Kunlun,
        alias: &asked.kunlun_id,
        lists: &lists,
        offset: asked.offset,
        limit: asked.limit,
    };
    let seen = lists::glance(view.tx()?, tenant, &glance, AliasKind::Kunlun)?;
    let Some(seen) = seen else { return Ok(None) };
    let mut tasks = Vec::with_capacity(seen.rows.len());
    for (entry, row) in seen.rows {
        let (card, initiator) = view.shown(tenant, row)?;
        tasks.push(UserTask { entry, initiator, card });
    }
    Ok(Some((seen.count, tasks)))
}

/// The answer from the newest rows of each list, where those are enough for it.
fn from_newest(
    view: &mut View<'_, '_>,
    tenant: TenantId,
    question: &Question,
) -> Result<Option<(i64, Vec<UserTask>)>> {
    if !view.keeps() {
        return Ok(None);
    }
    let skip = usize::try_from(question.offset).unwrap_or(usize::MAX);
    let end = skip.saturating_add(question.limit);
    let is_plain = question.flows.is_none() && question.from.is_none() && question.to.is_none();
    if is_plain && end > NEWEST {
        return Ok(None);
    }
    let (mut count, mut rows) = (0, Vec::new());
    for list in &question.lists {
        let is_real = Relation::REAL.contains(&list.relation);
        // Lists of repeats are counted, never shown.
        let newest = view.newest(tenant, *list, if is_plain && is_real { end } else { 0 })?;
        if !is_real {
            count -= newest.n;
            continue;
        }
        count += newest.n;
        let floor = question.from.unwrap_or(i64::MIN);
        let beyond = newest.rows.last().is_some_and(|last| last.key.start < floor);
        let longer = if is_plain || newest.is_whole() || beyond {
            None
        } else if usize::try_from(newest.n).is_ok_and(|n| n <= WHOLE) {
            Some(view.whole(tenant, *list)?)
        } else {
            return Ok(None);
        };
        let with_card = longer.as_deref().unwrap_or(&newest.rows).iter().enumerate();
        // Of a plain question no list can give more to the page than is up to its end.
        let most = if is_plain { end } else { WHOLE };
        let wanted = with_card.filter(|(_, row)| is_asked_for(question, row)).take(most);
        rows.extend(wanted.map(|(at, row)| (*row, newest.cards.get(at).cloned())));
    }
    rows.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    rows.dedup_by(|(a, _), (b, _)| a == b);
    if !is_plain {
        count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    }
    let page = rows.into_iter().skip(skip).take(question.limit).collect();
    Ok(Some((count, show_rest(view, tenant, page)?)))
}

/// The rows of a page, some of which have their cards already.
fn show_rest(
    view: &mut View<'_, '_>,
    tenant: TenantId,
    page: Vec<(Entry, Option<ShownCard>)>,
) -> Result<Vec<UserTask>> {
    let lacking = page.iter().filter(|(_, card)| card.is_none()).map(|(entry, _)| entry.instance);
    let mut rest = view.flow_cards(tenant, lacking)?.into_iter();
    let there = |(entry, card): (Entry, Option<ShownCard>)| {
        let (card, initiator) = card.or_else(|| rest.next())?;
        Some(UserTask { entry, initiator, card })
    };
    Ok(page.into_iter().filter_map(there).collect())
}

fn is_asked_for(question: &Question, entry: &Entry) -> bool {
    question.from.is_none_or(|from| entry.key.start >= from)
        && question.to.is_none_or(|to| entry.key.start <= to)
        && question.flows.as_ref().is_none_or(|flows| flows.binary_search(&entry.flow).is_ok())
}

/// The rows of a page as they are shown: each with its instance's card and who started it.
pub fn show_all(
    view: &mut View<'_, '_>,
    tenant: TenantId,
    rows: Vec<Entry>,
) -> Result<Vec<UserTask>> {
    let cards = view.flow_cards(tenant, rows.iter().map(|entry| entry.instance))?;
    let show = |(entry, (card, initiator))| UserTask { entry, initiator, card };
    Ok(rows.into_iter().zip(cards).map(show).collect())
}

fn flow_numbers(view: &mut View<'_, '_>, tenant: TenantId, api_ids: &[String]) -> Result<Vec<i64>> {
    let flows = view.flows(tenant, api_ids)?;
    let mut numbers: Vec<i64> = flows.into_iter().map(FlowId::get).collect();
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
