//! Syncing a third-party instance: one transaction that settles people, rows, lists and the card.

use std::collections::BTreeSet;

use domain::inbox::Family;
use domain::instance::{Cc, Instance, Kept, Stored, Task};
use domain::refusal::Role;
use domain::sync::{Applied, Change, InstanceRow, Payload, Row, shared_ids, sync as decide};
use domain::{CcId, DefinitionId, InstanceId, PersonId, Refusal, TaskId, TenantId};
use store::Tx;
use store::external::{self as rows, Head};
use store::list::{self, List};
use store::lock::{self, Aggregate};

use crate::people::Resolver;
use crate::{Caller, Context, Result, card, inbox};

/// How many rows of a kind were touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New.
    pub inserted: usize,
    /// Written anew.
    pub updated: usize,
    /// Gone.
    pub deleted: usize,
}

/// What a sync did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The real code of the definition.
    pub code: String,
    /// The instance as it is stored now; what was sent, when that purged it.
    pub instance: Instance,
    /// Its tasks, in the order in which they were first accepted.
    pub tasks: Vec<Task>,
    /// Its copies.
    pub ccs: Vec<Cc>,
    /// The instance's own row.
    pub instance_rows: Counts,
    /// Tasks.
    pub task_rows: Counts,
    /// Copies.
    pub cc_rows: Counts,
    /// Ids that stand for several things of the payload, which source systems should avoid.
    pub shared_ids: Vec<String>,
}

/// The status under which a person's list holds what they started or were copied to.
const INVOLVED: i64 = 0;

/// Does what `payload` asks for under the definition with the real code `code`.
pub fn sync_instance(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    code: &str,
    payload: &Payload,
) -> Result<Synced> {
    let (tenant, app) = (caller.tenant, caller.app.id);
    lock::hold(tx, tenant, Aggregate::External(app, &payload.instance.external_id))?;
    let definition = match store::definition::definition_head(tx, tenant, code)? {
        Some((owner, id)) if owner == app => id,
        _ => return Err(Refusal::UnknownDefinition(code.to_owned()).into()),
    };
    let place = rows::instance_head(tx, tenant, app, &payload.instance.external_id)?;
    if let Some(head) = place.filter(|head| !head.purged && head.definition != definition) {
        return Err(Refusal::OtherDefinition {
            instance: payload.instance.external_id.clone(),
            stored: card::definition_code(tx, tenant, head.definition)?,
        }
        .into());
    }
    let stored = match place {
        Some(head) if !head.purged => rows::instance_load(tx, tenant, head.id)?,
        _ => None,
    };
    let id = place.map_or_else(|| InstanceId(cx.ids.next(cx.now)), |head| head.id);
    let work = Work { tenant, code, head: Head { id, app, definition, purged: false } };
    let mut done = match decide(stored.as_ref(), payload)? {
        Change::Ignore => Synced::unchanged(code, stored.as_ref(), payload),
        Change::Purge => work.purge(tx, stored.as_ref(), payload)?,
        Change::Apply(applied) => work.apply(tx, cx, stored.as_ref(), *applied)?,
    };
    done.shared_ids = shared_ids(payload).into_iter().map(str::to_owned).collect();
    Ok(done)
}

impl Synced {
    fn unchanged(code: &str, stored: Option<&Stored>, payload: &Payload) -> Self {
        let instance = stored.map_or(&payload.instance, |s| &s.instance).clone();
        let tasks = stored.iter().flat_map(|s| &s.tasks).map(|t| t.item.clone()).collect();
        let ccs = stored.iter().flat_map(|s| &s.ccs).map(|c| c.item.clone()).collect();
        Self {
            code: code.to_owned(),
            instance,
            tasks,
            ccs,
            instance_rows: Counts::default(),
            task_rows: Counts::default(),
            cc_rows: Counts::default(),
            shared_ids: Vec::new(),
        }
    }
}

/// Where a sync writes.
struct Work<'a> {
    tenant: TenantId,
    code: &'a str,
    head: Head,
}

impl Work<'_> {
    fn purge(&self, tx: &mut Tx<'_>, stored: Option<&Stored>, payload: &Payload) -> Result<Synced> {
        let mut done = Synced::unchanged(self.code, None, payload);
        let Some(stored) = stored else { return Ok(done) };
        move_lists(tx, self.tenant, self.head.id, &self.lists(stored), &BTreeSet::new())?;
        inbox::move_rows(tx, self.tenant, &self.rows(stored), &BTreeSet::new())?;
        rows::instance_purge(tx, self.tenant, self.head.id)?;
        done.instance_rows.deleted = 1;
        done.task_rows.deleted = stored.tasks.len();
        done.cc_rows.deleted = stored.ccs.len();
        Ok(done)
    }

    fn apply(
        &self,
        tx: &mut Tx<'_>,
        cx: &Context,
        stored: Option<&Stored>,
        change: Applied,
    ) -> Result<Synced> {
        let (tenant, id) = (self.tenant, self.head.id);
        let mut people = Resolver::default();
        let initiator = self.initiator(tx, cx, &mut people, stored, change.instance.instance())?;
        let mut instance_rows = Counts::default();
        match &change.instance {
            InstanceRow::Keep(_) => {}
            InstanceRow::Update(_) => instance_rows.updated = 1,
            InstanceRow::Insert(_) => instance_rows.inserted = 1,
        }
        if instance_rows != Counts::default() {
            rows::instance_put(tx, tenant, &self.head, change.instance.instance(), initiator)?;
        }

        // Rows are in the order of ids, and another process may have made the last one, in this very
        // millisecond or by a clock that is ahead.
        let last = stored.and_then(|s| s.tasks.iter().map(|task| task.id.get()).max());
        let last_cc = stored.and_then(|s| s.ccs.iter().map(|cc| cc.id.get()).max());
        cx.ids.above(last.max(last_cc).unwrap_or_default());

        let mut task_rows = Counts { deleted: change.removed_tasks.len(), ..Counts::default() };
        for task in &change.removed_tasks {
            rows::task_delete(tx, tenant, id, task.id)?;
        }
        let mut tasks = Vec::with_capacity(change.tasks.len());
        for row in change.tasks {
            let old = stored.map_or(&[][..], |s| &s.tasks);
            let new_id = || TaskId(cx.ids.next(cx.now));
            let (kept, write) = self.settle(tx, cx, &mut people, old, row, new_id)?;
            task_rows.note(write);
            if write != Write::No {
                rows::task_put(tx, tenant, &self.head, &kept)?;
            }
            tasks.push(kept);
        }

        let mut cc_rows = Counts { deleted: change.removed_ccs.len(), ..Counts::default() };
        for cc in &change.removed_ccs {
            rows::cc_delete(tx, tenant, id, cc.id)?;
        }
        let mut ccs = Vec::with_capacity(change.ccs.len());
        for row in change.ccs {
            let old = stored.map_or(&[][..], |s| &s.ccs);
            let new_id = || CcId(cx.ids.next(cx.now));
            let (kept, write) = self.settle(tx, cx, &mut people, old, row, new_id)?;
            cc_rows.note(write);
            if write != Write::No {
                rows::cc_put(tx, tenant, &self.head, &kept)?;
            }
            ccs.push(kept);
        }

        let instance = change.instance.instance().clone();
        let after = Stored { instance, initiator, tasks, ccs };
        let before = stored.map(|s| self.lists(s)).unwrap_or_default();
        move_lists(tx, tenant, id, &before, &self.lists(&after))?;
        let before = stored.map(|s| self.rows(s)).unwrap_or_default();
        inbox::move_rows(tx, tenant, &before, &self.rows(&after))?;
        if instance_rows != Counts::default() || task_rows != Counts::default() {
            self.write_card(tx, cx, &after)?;
        }
        Ok(Synced {
            code: self.code.to_owned(),
            instance: after.instance,
            tasks: after.tasks.into_iter().map(|kept| kept.item).collect(),
            ccs: after.ccs.into_iter().map(|kept| kept.item).collect(),
            instance_rows,
            task_rows,
            cc_rows,
            shared_ids: Vec::new(),
        })
    }

    fn initiator(
        &self,
        tx: &mut Tx<'_>,
        cx: &Context,
        people: &mut Resolver,
        stored: Option<&Stored>,
        instance: &Instance,
    ) -> Result<Option<PersonId>> {
        if instance.initiator.is_empty() {
            return Ok(None);
        }
        match stored {
            Some(old) if old.instance.initiator == instance.initiator => Ok(old.initiator),
            _ => people.person(tx, cx, self.tenant, Role::Initiator, &instance.initiator).map(Some),
        }
    }

    /// Gives a row its id and its person. An unchanged alias keeps its person without a look-up.
    fn settle<Id: Copy + PartialEq, T: Named>(
        &self,
        tx: &mut Tx<'_>,
        cx: &Context,
        people: &mut Resolver,
        old: &[Kept<Id, T>],
        row: Row<Id, T>,
        new_id: impl FnOnce() -> Id,
    ) -> Result<(Kept<Id, T>, Write)> {
        match row {
            Row::Keep(kept) => Ok((kept, Write::No)),
            Row::Update(mut kept) => {
                let before = old.iter().find(|o| o.id == kept.id);
                if before.is_none_or(|before| before.item.person() != kept.item.person()) {
                    kept.person =
                        people.person(tx, cx, self.tenant, T::ROLE, kept.item.person())?;
                }
                Ok((kept, Write::Update))
            }
            Row::Insert(item) => {
                let person = people.person(tx, cx, self.tenant, T::ROLE, item.person())?;
                Ok((Kept { id: new_id(), person, item }, Write::Insert))
            }
        }
    }

    fn lists(&self, stored: &Stored) -> BTreeSet<List> {
        lists(self.head.definition, stored)
    }

    fn rows(&self, stored: &Stored) -> BTreeSet<inbox::Row> {
        inbox_rows(&self.head, stored)
    }

    fn write_card(&self, tx: &mut Tx<'_>, cx: &Context, stored: &Stored) -> Result<()> {
        let head = card::Head {
            instance_id: &stored.instance.external_id,
            definition: self.head.definition,
            code: self.code,
            status: stored.instance.status,
            update_time: stored.instance.update_time,
        };
        card::write(tx, cx, self.tenant, self.head.id, &head, &stored.tasks)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    No,
    Update,
    Insert,
}

impl Counts {
    fn note(&mut self, write: Write) {
        match write {
            Write::No => {}
            Write::Update => self.updated += 1,
            Write::Insert => self.inserted += 1,
        }
    }
}

/// What tasks and copies have in common here: they name somebody.
trait Named {
    const ROLE: Role;
    fn person(&self) -> &domain::person::PersonRef;
}

impl Named for Task {
    const ROLE: Role = Role::Assignee;
    fn person(&self) -> &domain::person::PersonRef {
        &self.assignee
    }
}

impl Named for Cc {
    const ROLE: Role = Role::Cc;
    fn person(&self) -> &domain::person::PersonRef {
        &self.person
    }
}

/// Every list that an instance belongs on.
pub(crate) fn lists(definition: DefinitionId, stored: &Stored) -> BTreeSet<List> {
    let involved = stored.initiator.into_iter().chain(stored.ccs.iter().map(|cc| cc.person));
    let involved = involved.map(|person| List::Person(person, INVOLVED, definition));
    let tasks = stored.tasks.iter().flat_map(|task| {
        let status = task.item.status.code();
        [List::Status(definition, status), List::Person(task.person, status, definition)]
    });
    involved.chain(tasks).collect()
}

/// Every row of an inbox that an instance asks for.
pub(crate) fn inbox_rows(head: &Head, stored: &Stored) -> BTreeSet<inbox::Row> {
    domain::inbox::rows(Family::External, &stored.places(head.id, head.definition))
}

fn move_lists(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
    before: &BTreeSet<List>,
    after: &BTreeSet<List>,
) -> Result<()> {
    for gone in before.difference(after) {
        list::list_delete(tx, tenant, *gone, id)?;
    }
    for new in after.difference(before) {
        list::list_insert(tx, tenant, *new, id)?;
    }
    Ok(())
}

/// Gives everything that `from` has in an instance to `into`, who turned out to be the same person.
/// Says whether there was an instance: it may be purged since it was found.
pub(crate) fn reassign(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    from: PersonId,
    into: PersonId,
) -> Result<bool> {
    if let Some((app, name)) = rows::instance_name(tx, tenant, id)? {
        lock::hold(tx, tenant, Aggregate::External(app, &name))?;
    }
    let head = rows::instance_head_by_id(tx, tenant, id)?;
    let stored = rows::instance_load(tx, tenant, id)?;
    let (Some(head), Some(mut stored)) = (head, stored) else { return Ok(false) };
    let before = lists(head.definition, &stored);
    let rows_before = inbox_rows(&head, &stored);
    if stored.initiator == Some(from) {
        stored.initiator = Some(into);
        rows::instance_put(tx, tenant, &head, &stored.instance, stored.initiator)?;
    }
    for task in stored.tasks.iter_mut().filter(|task| task.person == from) {
        task.person = into;
        rows::task_put(tx, tenant, &head, task)?;
    }
    for cc in stored.ccs.iter_mut().filter(|cc| cc.person == from) {
        cc.person = into;
        rows::cc_put(tx, tenant, &head, cc)?;
    }
    move_lists(tx, tenant, id, &before, &lists(head.definition, &stored))?;
    inbox::move_rows(tx, tenant, &rows_before, &inbox_rows(&head, &stored))?;
    let code = card::definition_code(tx, tenant, head.definition)?;
    Work { tenant, code: &code, head }.write_card(tx, cx, &stored)?;
    Ok(true)
}
