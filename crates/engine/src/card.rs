//! Cards: what a query answers for an instance, rendered when it is written and copied when it is
//! read.
//!
//! A card holds the bytes of the instance's head and, for each task, its bytes with what a filter
//! needs to choose it. The bytes themselves come from renderers that the binary brings.

use std::ops::Range;
use std::sync::Arc;

use domain::instance::{InstanceStatus, Kept, Stored, Task, TaskStatus};
use domain::{DefinitionId, InstanceId, Millis, PersonId, TaskId, TenantId};
use store::Tx;

use crate::view::View;
use crate::{Context, Error, Result};

/// What the head of a card is rendered from.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The caller's id of the instance.
    pub instance_id: &'a str,
    /// The number of the definition.
    pub definition: DefinitionId,
    /// The real code of the definition.
    pub code: &'a str,
    /// How the instance stands.
    pub status: InstanceStatus,
    /// Its version stamp.
    pub update_time: Millis,
}

/// Turn a head and a task into the bytes that go out.
#[derive(Clone, Copy)]
pub struct Renderers {
    /// Raised whenever the bytes change form: cards of another format are rendered anew.
    pub format: i64,
    /// An instance up to its tasks.
    pub head: fn(&Head<'_>) -> Vec<u8>,
    /// One task.
    pub task: fn(&Task) -> Vec<u8>,
    /// Appends an instance with its chosen tasks to those that a list shows before it.
    pub listed: fn(&mut Vec<u8>, &Card),
    /// An instance of a human-task flow, but for its task, start and initiator.
    pub flow: fn(&domain::flow::Instance) -> Vec<u8>,
    /// Whoever started an instance of a flow: their alias there, empty when they have none, and
    /// their name.
    pub initiator: fn(&str, &str) -> Vec<u8>,
}

/// A card as it was read, with what a filter chooses of it.
#[derive(Clone, Debug)]
pub struct Card {
    bytes: Arc<[u8]>,
    choice: Arc<Choice>,
}

impl Card {
    /// The bytes of the head.
    pub fn head(&self) -> &[u8] {
        let Sizes { head_at, head_len, .. } = sizes(&self.bytes).unwrap_or_default();
        &self.bytes[head_at..head_at + head_len]
    }

    /// The bytes of each chosen task, in the order in which tasks were first accepted.
    pub fn tasks(&self) -> impl Iterator<Item = &[u8]> {
        all_tasks(&self.bytes)
            .filter(|(status, person, _)| self.choice.takes(*status, *person))
            .map(|(_, _, range)| &self.bytes[range])
    }
}

/// Which tasks of a card to take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    pub(crate) status: Option<TaskStatus>,
    /// Sorted; `None` takes everybody's.
    pub(crate) people: Option<Vec<PersonId>>,
}

impl Choice {
    fn takes(&self, status: i64, person: PersonId) -> bool {
        self.status.is_none_or(|s| s.code() == status)
            && self.people.as_ref().is_none_or(|people| people.binary_search(&person).is_ok())
    }
}

// Layout: count of tasks (u32), length of the head (u32), then for each task status (u8), person
// (i64) and length (u32), then the bytes of the head and of the tasks. Integers are big-endian.
const FIXED: usize = 8;
const PER_TASK: usize = 13;

fn encode(render: Renderers, head: &Head<'_>, tasks: &[Kept<TaskId, Task>]) -> Vec<u8> {
    let head = (render.head)(head);
    let rendered: Vec<Vec<u8>> = tasks.iter().map(|task| (render.task)(&task.item)).collect();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let total = rendered.iter().map(Vec::len).sum::<usize>();
    let mut card = Vec::with_capacity(FIXED + tasks.len() * PER_TASK + head.len() + total);
    card.extend(u32::try_from(tasks.len()).unwrap_or(u32::MAX).to_be_bytes());
    card.extend(length(&head));
    for (task, bytes) in tasks.iter().zip(&rendered) {
        card.push(u8::try_from(task.item.status.code()).unwrap_or(0));
        card.extend(task.person.get().to_be_bytes());
        card.extend(length(bytes));
    }
    card.extend(head);
    card.extend(rendered.into_iter().flatten());
    card
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(word)).ok()
}

#[derive(Clone, Copy, Default)]
struct Sizes {
    count: usize,
    head_at: usize,
    head_len: usize,
}

fn sizes(bytes: &[u8]) -> Option<Sizes> {
    let (count, head_len) = (number(bytes, 0)?, number(bytes, 4)?);
    Some(Sizes { count, head_at: FIXED + count.checked_mul(PER_TASK)?, head_len })
}

/// Status, person and place of each task of a card. Ends where the bytes are not a card's.
fn all_tasks(bytes: &[u8]) -> impl Iterator<Item = (i64, PersonId, Range<usize>)> {
    let Sizes { count, head_at, head_len } = sizes(bytes).unwrap_or_default();
    let mut at = head_at + head_len;
    (0..count).map_while(move |index| {
        let entry = FIXED + index * PER_TASK;
        let status = i64::from(*bytes.get(entry)?);
        let person: [u8; 8] = bytes.get(entry + 1..entry + 9)?.try_into().ok()?;
        let range = at..at + number(bytes, entry + 9)?;
        at = range.end;
        (range.end <= bytes.len()).then_some((status, PersonId(i64::from_be_bytes(person)), range))
    })
}

/// Whether the bytes are a card's, to the last.
fn is_card(bytes: &[u8]) -> bool {
    sizes(bytes).is_some_and(|sizes| {
        let head_end = sizes.head_at + sizes.head_len;
        let end = all_tasks(bytes).last().map_or(head_end, |(_, _, range)| range.end);
        all_tasks(bytes).count() == sizes.count && end == bytes.len()
    })
}

/// Renders and keeps the card of an instance.
pub(crate) fn write(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    head: &Head<'_>,
    tasks: &[Kept<TaskId, Task>],
) -> Result<()> {
    let card = encode(cx.render, head, tasks);
    Ok(store::external::card_put(tx, tenant, id, cx.render.format, &card)?)
}

/// The chosen parts of the cards of instances; `None` where one is unknown or purged.
pub(crate) fn read(
    view: &mut View<'_, '_>,
    tenant: TenantId,
    ids: &[InstanceId],
    choice: &Arc<Choice>,
) -> Result<Vec<Option<Card>>> {
    let card = |bytes: Arc<[u8]>| choose(bytes, choice);
    Ok(view.cards(tenant, ids)?.into_iter().map(|bytes| bytes.map(card)).collect())
}

/// The same of cards that were read already.
pub(crate) fn of_rows(
    view: &mut View<'_, '_>,
    tenant: TenantId,
    rows: Vec<(InstanceId, i64, Vec<u8>)>,
    choice: &Arc<Choice>,
) -> Result<Vec<(InstanceId, Card)>> {
    let cx = view.context();
    let mut cards = Vec::with_capacity(rows.len());
    for (id, format, bytes) in rows {
        let bytes = checked(view.tx()?, cx, tenant, id, (format, bytes))?;
        let bytes = bytes.ok_or_else(|| crate::tasks::gone(id))?;
        cards.push((id, choose(bytes.into(), choice)));
    }
    Ok(cards)
}

/// The chosen parts of a card.
pub(crate) fn choose(bytes: Arc<[u8]>, choice: &Arc<Choice>) -> Card {
    Card { bytes, choice: Arc::clone(choice) }
}

/// What a list shows of cards, and where each ends in it.
pub(crate) fn show<'c>(
    cx: &Context,
    cards: impl Iterator<Item = &'c Card> + Clone,
) -> (Vec<u8>, Vec<usize>) {
    // Less what each card has to tell tasks apart, more commas and brackets: the first is more.
    let most = cards.clone().map(|card| card.bytes.len()).sum();
    let (mut bytes, mut ends) = (Vec::with_capacity(most), Vec::new());
    for card in cards {
        (cx.render.listed)(&mut bytes, card);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// The bytes of a stored card, rendered anew if they are of another format.
pub(crate) fn checked(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    (format, card): (i64, Vec<u8>),
) -> Result<Option<Vec<u8>>> {
    let bytes = if format == cx.render.format {
        Some(card)
    } else {
        // Written by another version: the rows are the truth, and the next sync renews the card.
        render(tx, cx, tenant, id)?
    };
    match bytes {
        Some(bytes) if !is_card(&bytes) => {
            Err(Error::Internal(format!("the card of instance {id} cannot be read")))
        }
        bytes => Ok(bytes),
    }
}

/// The same of an instance of a flow.
pub(crate) fn flow_bytes(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    (format, bytes): (i64, Vec<u8>),
) -> Result<Vec<u8>> {
    if format == cx.render.format {
        return Ok(bytes);
    }
    // Written by another version: the rows are the truth.
    let instance = store::flow::instance_load(tx, tenant, id)?;
    Ok(instance.map_or(bytes, |instance| (cx.render.flow)(&instance)))
}

/// The card of an instance as its rows say it should be.
pub(crate) fn render(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<Vec<u8>>> {
    let Some(place) = store::external::instance_head_by_id(tx, tenant, id)? else {
        return Ok(None);
    };
    let Some(stored) = store::external::instance_load(tx, tenant, id)? else { return Ok(None) };
    let code = definition_code(tx, tenant, place.definition)?;
    let Stored { instance, tasks, .. } = &stored;
    let head = Head {
        instance_id: &instance.external_id,
        definition: place.definition,
        code: &code,
        status: instance.status,
        update_time: instance.update_time,
    };
    Ok(Some(encode(cx.render, &head, tasks)))
}

/// The real code of a definition that rows refer to.
pub(crate) fn definition_code(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: DefinitionId,
) -> Result<String> {
    store::definition::definition_code(tx, tenant, id)?
        .ok_or_else(|| Error::Internal(format!("definition {id} of tenant {tenant} is missing")))
}
