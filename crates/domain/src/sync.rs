//! What a sync changes: a pure function of what is stored and what was sent.
//!
//! `Update` is incremental and guarded by version stamps, `Replace` makes the stored instance
//! equal to the sent one. Neither touches a row that would not differ. Knows nothing of people
//! behind aliases nor of definitions: the use case settles both first.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::ids::{CcId, TaskId};
use crate::instance::{Cc, Instance, InstanceStatus, Kept, Stored, Task};
use crate::refusal::Refusal;
use crate::text::{self, Resource};
use crate::time::Millis;

/// How a payload relates to what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The payload is the whole truth (the default of the page).
    #[default]
    Replace,
    /// The payload adds to what is stored, guarded by version stamps.
    Update,
}

/// What a source system sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// How it relates to what is stored.
    pub mode: Mode,
    /// The instance. An absent detail is `None`, one to clear is empty.
    pub instance: Instance,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// Its copies.
    pub ccs: Vec<Cc>,
}

/// What happens to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row<Id, T> {
    /// Stays as it is.
    Keep(Kept<Id, T>),
    /// Is written anew; the id stays.
    Update(Kept<Id, T>),
    /// Is new.
    Insert(T),
}

/// What happens to the instance's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceRow {
    /// Stays as it is.
    Keep(Instance),
    /// Is written anew.
    Update(Instance),
    /// Is new.
    Insert(Instance),
}

impl InstanceRow {
    /// The instance as it stands afterwards.
    pub fn instance(&self) -> &Instance {
        match self {
            Self::Keep(i) | Self::Update(i) | Self::Insert(i) => i,
        }
    }
}

/// What a sync does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The payload is stale: nothing at all.
    Ignore,
    /// The instance is forgotten with everything in it; its internal id stays reserved.
    Purge,
    /// Rows change.
    Apply(Box<Applied>),
}

/// The rows of an instance as they stand after a sync, and what goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The instance.
    pub instance: InstanceRow,
    /// Tasks in the order in which they were first accepted.
    pub tasks: Vec<Row<TaskId, Task>>,
    /// Tasks that go.
    pub removed_tasks: Vec<Kept<TaskId, Task>>,
    /// Copies likewise.
    pub ccs: Vec<Row<CcId, Cc>>,
    /// Copies that go.
    pub removed_ccs: Vec<Kept<CcId, Cc>>,
}

/// Whether a payload is the documented way to purge: replaced by an approved instance of nobody.
pub fn is_purge(payload: &Payload) -> bool {
    payload.mode == Mode::Replace
        && payload.instance.status == InstanceStatus::Approved
        && payload.instance.initiator.is_empty()
        && payload.instance.details.initiator_name.as_deref().unwrap_or_default().is_empty()
}

/// Decides what `payload` changes in what is `stored`. Applying the result and running the same
/// payload again changes nothing.
pub fn sync(stored: Option<&Stored>, payload: &Payload) -> Result<Change, Refusal> {
    repeated(payload.tasks.iter().map(|t| &t.external_id))
        .map_or(Ok(()), |id| Err(Refusal::RepeatedTask(id.clone())))?;
    repeated(payload.ccs.iter().map(|c| &c.external_id))
        .map_or(Ok(()), |id| Err(Refusal::RepeatedCc(id.clone())))?;
    if is_purge(payload) {
        return Ok(Change::Purge);
    }
    match (stored, payload.mode) {
        (Some(stored), Mode::Update) => update(stored, payload),
        (stored, _) => replace(stored, payload),
    }
}

/// The ids that stand for several things of one payload. Accepted, as by the live platform, but
/// worth a warning.
pub fn shared_ids(payload: &Payload) -> Vec<&str> {
    let tasks: HashSet<_> = payload.tasks.iter().map(|t| t.external_id.as_str()).collect();
    let ccs: HashSet<_> = payload.ccs.iter().map(|c| c.external_id.as_str()).collect();
    let own = payload.instance.external_id.as_str();
    let mut shared: Vec<_> = tasks.intersection(&ccs).copied().collect();
    if (tasks.contains(own) || ccs.contains(own)) && !shared.contains(&own) {
        shared.push(own);
    }
    shared.sort_unstable();
    shared
}

fn repeated<'a>(ids: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = HashSet::new();
    ids.into_iter().find(|id| !seen.insert(id.as_str()))
}

fn replace(stored: Option<&Stored>, payload: &Payload) -> Result<Change, Refusal> {
    let mut instance = payload.instance.clone();
    let mut tasks = payload.tasks.clone();
    let mut ccs = payload.ccs.clone();
    normalise_instance(&mut instance);
    tasks.iter_mut().for_each(normalise_task);
    ccs.iter_mut().for_each(normalise_cc);
    check_texts(&instance, &tasks, &ccs, &instance.details.resources)?;

    let instance = match stored {
        None => InstanceRow::Insert(instance),
        Some(old) if old.instance == instance => InstanceRow::Keep(instance),
        Some(_) => InstanceRow::Update(instance),
    };
    let (tasks, removed_tasks) = replace_rows(stored.map_or(&[], |s| &s.tasks), tasks);
    let (ccs, removed_ccs) = replace_rows(stored.map_or(&[], |s| &s.ccs), ccs);
    Ok(Change::Apply(Box::new(Applied { instance, tasks, removed_tasks, ccs, removed_ccs })))
}

fn update(stored: &Stored, payload: &Payload) -> Result<Change, Refusal> {
    let old = &stored.instance;
    // An equal stamp is stale too: the page asks for a greater one.
    if payload.instance.update_time <= old.update_time {
        return Ok(Change::Ignore);
    }
    let tasks = update_rows(&stored.tasks, &payload.tasks, merge_task);
    let ccs = update_rows(&stored.ccs, &payload.ccs, merge_cc);
    let mut instance = merge_instance(old, &payload.instance);

    let after_tasks = || tasks.iter().map(Row::item);
    let after_ccs = || ccs.iter().map(Row::item);
    let used: BTreeSet<String> = texts_of(&instance)
        .chain(after_tasks().flat_map(task_texts))
        .chain(after_ccs().flat_map(cc_texts))
        .map(str::to_owned)
        .collect();
    let used_refs = used.iter().map(String::as_str).collect();
    instance.details.resources =
        text::merge(&old.details.resources, &payload.instance.details.resources, &used_refs);

    // Only what was sent is checked: what is stored was checked when it came.
    check_texts(&payload.instance, &payload.tasks, &payload.ccs, &instance.details.resources)?;
    Ok(Change::Apply(Box::new(Applied {
        instance: InstanceRow::Update(instance),
        tasks,
        removed_tasks: Vec::new(),
        ccs,
        removed_ccs: Vec::new(),
    })))
}

impl<Id, T> Row<Id, T> {
    /// The thing as it stands afterwards.
    pub fn item(&self) -> &T {
        match self {
            Self::Keep(kept) | Self::Update(kept) => &kept.item,
            Self::Insert(item) => item,
        }
    }
}

/// What tasks and copies have in common for the difference between two lists of them.
trait Item: Clone + PartialEq {
    fn key(&self) -> &str;
    fn stamp(&self) -> Millis;
}

impl Item for Task {
    fn key(&self) -> &str {
        &self.external_id
    }
    fn stamp(&self) -> Millis {
        self.update_time
    }
}

impl Item for Cc {
    fn key(&self) -> &str {
        &self.external_id
    }
    fn stamp(&self) -> Millis {
        self.update_time
    }
}

type Rows<Id, T> = (Vec<Row<Id, T>>, Vec<Kept<Id, T>>);

/// Stored rows first, in their order, then new ones in the order sent.
fn replace_rows<Id: Copy, T: Item>(stored: &[Kept<Id, T>], sent: Vec<T>) -> Rows<Id, T> {
    let mut by_key: HashMap<String, T> = HashMap::with_capacity(sent.len());
    let mut new_order = Vec::new();
    let known: HashSet<&str> = stored.iter().map(|k| k.item.key()).collect();
    for item in sent {
        if known.contains(item.key()) {
            by_key.insert(item.key().to_owned(), item);
        } else {
            new_order.push(Row::Insert(item));
        }
    }
    let mut rows = Vec::with_capacity(stored.len() + new_order.len());
    let mut removed = Vec::new();
    for old in stored {
        match by_key.remove(old.item.key()) {
            None => removed.push(old.clone()),
            Some(item) if item == old.item => rows.push(Row::Keep(old.clone())),
            Some(item) => rows.push(Row::Update(Kept { item, ..old.clone() })),
        }
    }
    rows.extend(new_order);
    (rows, removed)
}

fn update_rows<Id: Copy, T: Item>(
    stored: &[Kept<Id, T>],
    sent: &[T],
    merge: fn(&T, &T) -> T,
) -> Vec<Row<Id, T>> {
    let by_key: HashMap<&str, &T> = sent.iter().map(|item| (item.key(), item)).collect();
    let known: HashSet<&str> = stored.iter().map(|k| k.item.key()).collect();
    let old = stored.iter().map(|old| match by_key.get(old.item.key()) {
        Some(new) if new.stamp() > old.item.stamp() => {
            Row::Update(Kept { item: merge(&old.item, new), ..old.clone() })
        }
        _ => Row::Keep(old.clone()),
    });
    let new = sent.iter().filter(|item| !known.contains(item.key()));
    old.chain(new.map(|item| Row::Insert(merge(item, item)))).collect()
}

/// An absent member keeps its value, an empty one clears it.
fn keep(old: Option<&String>, new: Option<&String>) -> Option<String> {
    match new {
        None => old.cloned(),
        Some(text) if text.is_empty() => None,
        Some(text) => Some(text.clone()),
    }
}

fn keep_list<T: Clone>(old: Option<&Vec<T>>, new: Option<&Vec<T>>) -> Option<Vec<T>> {
    match new {
        None => old.cloned(),
        Some(list) if list.is_empty() => None,
        Some(list) => Some(list.clone()),
    }
}

fn merge_instance(old: &Instance, new: &Instance) -> Instance {
    let (o, n) = (&old.details, &new.details);
    let mut merged = new.clone();
    if new.initiator.is_empty() {
        merged.initiator = old.initiator.clone();
    }
    let d = &mut merged.details;
    d.extra = keep(o.extra.as_ref(), n.extra.as_ref());
    d.title = keep(o.title.as_ref(), n.title.as_ref());
    d.form = keep_list(o.form.as_ref(), n.form.as_ref());
    d.initiator_name = keep(o.initiator_name.as_ref(), n.initiator_name.as_ref());
    // The page forbids to change the department by an update.
    d.department_id.clone_from(&o.department_id);
    d.department_name.clone_from(&o.department_name);
    d.display_method = n.display_method.over(o.display_method);
    d.trusteeship_url_token =
        keep(o.trusteeship_url_token.as_ref(), n.trusteeship_url_token.as_ref());
    d.trusteeship_user_id_type =
        keep(o.trusteeship_user_id_type.as_ref(), n.trusteeship_user_id_type.as_ref());
    d.trusteeship_urls = n.trusteeship_urls.clone().or_else(|| o.trusteeship_urls.clone());
    d.trusteeship_cache = n.trusteeship_cache.clone().or_else(|| o.trusteeship_cache.clone());
    d.resource_region = keep(o.resource_region.as_ref(), n.resource_region.as_ref());
    merged
}

fn merge_task(old: &Task, new: &Task) -> Task {
    let (o, n) = (&old.details, &new.details);
    let mut merged = new.clone();
    merged.assignee = old.assignee.clone();
    merged.create_time = old.create_time;
    let d = &mut merged.details;
    d.title = keep(o.title.as_ref(), n.title.as_ref());
    d.extra = keep(o.extra.as_ref(), n.extra.as_ref());
    d.action_context = keep(o.action_context.as_ref(), n.action_context.as_ref());
    d.actions = keep_list(o.actions.as_ref(), n.actions.as_ref());
    d.display_method = n.display_method.over(o.display_method);
    d.exclude_statistics = n.exclude_statistics.or(o.exclude_statistics);
    d.node_id = o.node_id.clone().filter(|id| !id.is_empty());
    d.node_name = o.node_name.clone().filter(|name| !name.is_empty());
    d.generate_type = n.generate_type.or(o.generate_type);
    merged
}

fn merge_cc(old: &Cc, new: &Cc) -> Cc {
    let (o, n) = (&old.details, &new.details);
    let mut merged = new.clone();
    merged.person = old.person.clone();
    merged.create_time = old.create_time;
    let d = &mut merged.details;
    d.title = keep(o.title.as_ref(), n.title.as_ref());
    d.extra = keep(o.extra.as_ref(), n.extra.as_ref());
    d.display_method = n.display_method.over(o.display_method);
    merged
}

/// Empty members are absent ones, but for the department, where empty means the company.
fn normalise_instance(instance: &mut Instance) {
    let department = instance.details.department_id.take();
    let mut blank = instance.clone();
    blank.details.department_id = department;
    *instance = merge_instance(&blank, &blank);
}

fn normalise_task(task: &mut Task) {
    *task = merge_task(task, task);
}

fn normalise_cc(cc: &mut Cc) {
    *cc = merge_cc(cc, cc);
}

fn texts_of(instance: &Instance) -> impl Iterator<Item = &str> {
    let d = &instance.details;
    let single = [&d.title, &d.initiator_name, &d.department_name];
    let form = d.form.iter().flatten().flat_map(|(name, value)| [name, value]);
    single.into_iter().chain(form).filter_map(Option::as_deref)
}

fn task_texts(task: &Task) -> impl Iterator<Item = &str> {
    let d = &task.details;
    let buttons = d.actions.iter().flatten().map(|action| &action.name);
    [&d.title, &d.node_name].into_iter().chain(buttons).filter_map(Option::as_deref)
}

fn cc_texts(cc: &Cc) -> impl Iterator<Item = &str> {
    cc.details.title.as_deref().into_iter()
}

/// Every key needs a text in the default language. A node's name must be a key, as measured on
/// the live platform; elsewhere plain text is taken as it is.
fn check_texts(
    instance: &Instance,
    tasks: &[Task],
    ccs: &[Cc],
    resources: &[Resource],
) -> Result<(), Refusal> {
    let keys = texts_of(instance)
        .chain(tasks.iter().flat_map(task_texts))
        .chain(ccs.iter().flat_map(cc_texts))
        .filter(|t| text::is_key(t));
    let node_names = tasks.iter().filter_map(|t| t.details.node_name.as_deref());
    match keys
        .chain(node_names)
        .find(|key| !key.is_empty() && text::lookup(resources, key).is_none())
    {
        Some(key) => Err(Refusal::NoText(key.to_owned())),
        None => Ok(()),
    }
}
