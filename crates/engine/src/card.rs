//! Cards: what a query answers for an instance, rendered when it is written and copied when it is
//! read.
//!
//! A card holds the bytes of the instance's head and, for each task, its bytes with what a filter
//! needs to choose it. The bytes themselves come from renderers that the binary brings.

use std::ops::Range;

use domain::instance::{InstanceStatus, Kept, Stored, Task, TaskStatus};
use domain::{DefinitionId, InstanceId, Millis, PersonId, TaskId, TenantId};
use store::Tx;

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
    /// An instance of a human-task flow, but for its task, start and initiator.
    pub flow: fn(&domain::flow::Instance) -> Vec<u8>,
}

/// A card as it was read, with the parts that a filter chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    bytes: Vec<u8>,
    head: Range<usize>,
    tasks: Vec<Range<usize>>,
}

impl Card {
    /// The bytes of the head.
    pub fn head(&self) -> &[u8] {
        &self.bytes[self.head.clone()]
    }

    /// The bytes of each chosen task, in the order in which tasks were first accepted.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.tasks.iter().map(|range| &self.bytes[range.clone()])
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

/// The parts of a card that `choice` takes; `None` when the bytes are not a card.
fn decode(bytes: Vec<u8>, choice: &Choice) -> Option<Card> {
    let number = |at: usize| -> Option<usize> {
        let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(word)).ok()
    };
    let (count, head_len) = (number(0)?, number(4)?);
    let head_at = FIXED + count.checked_mul(PER_TASK)?;
    let mut at = head_at + head_len;
    let mut tasks = Vec::new();
    for index in 0..count {
        let entry = FIXED + index * PER_TASK;
        let status = i64::from(*bytes.get(entry)?);
        let person: [u8; 8] = bytes.get(entry + 1..entry + 9)?.try_into().ok()?;
        let end = at + number(entry + 9)?;
        if choice.takes(status, PersonId(i64::from_be_bytes(person))) {
            tasks.push(at..end);
        }
        at = end;
    }
    (at == bytes.len()).then_some(Card { bytes, head: head_at..head_at + head_len, tasks })
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

/// The chosen parts of an instance's card; `None` when the instance is unknown or purged.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    choice: &Choice,
) -> Result<Option<Card>> {
    let bytes = match store::external::card_get(tx, tenant, id)? {
        None => return Ok(None),
        Some((format, card)) if format == cx.render.format => card,
        // Written by another version: the rows are the truth, and the next sync renews the card.
        Some(_) => match render(tx, cx, tenant, id)? {
            None => return Ok(None),
            Some(card) => card,
        },
    };
    decode(bytes, choice)
        .map(Some)
        .ok_or_else(|| Error::Internal(format!("the card of instance {id} cannot be read")))
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
