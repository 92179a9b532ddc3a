//! What people do to running instances: requests by outside names made into the rules' own.

use domain::flow::LangText;
use domain::process::act::Place;
use domain::process::definition::START;
use domain::process::state::node_of;
use domain::process::{self, Action, Actor, Definition, Outcome, Request, State, Verb};
use domain::process::{Entry, Event};
use domain::{InstanceId, PersonId, TaskId, TenantId};
use store::Tx;
use store::person::person_rows_by_alias;

use super::fault::{explain, resolve, task_id};
use super::{FlowFault, KnownAs, Named, Running, ask, fault, hold, load, save};
use crate::{Caller, Context, Result};

/// On what somebody acts, by the digits that callers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// A task.
    Task(String),
    /// A whole instance.
    Instance(String),
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// On what.
    pub on: On,
    /// Who: one person.
    pub by: Named,
    /// What they say; may be empty.
    pub opinion: String,
    /// What shall be done.
    pub what: What,
}

/// What shall be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Agree.
    Agree,
    /// Reject.
    Reject,
    /// Give parts to others.
    Transfer {
        /// Whose; empty: the caller's own.
        from: Named,
        /// To whom.
        to: Named,
    },
    /// Ask others.
    AddAssignee(Named, Place),
    /// Copy to others.
    Copy(Named),
    /// Urge those whom it waits for.
    Urge(Named),
    /// Go back to the step of an earlier task, by the digits that callers have.
    RollBack(String),
    /// Withdraw the instance.
    Cancel,
}

/// Does what is asked for. Asked again, it changes nothing; says whether it did.
pub fn act(tx: &mut Tx<'_>, cx: &Context, caller: &Caller, asked: &Asked) -> Result<bool> {
    let tenant = caller.tenant;
    let (instance, task) = find(tx, tenant, &asked.on)?;
    let held = hold(tx, cx, tenant, instance)?;
    let (by_member, by) = resolve(tx, tenant, &asked.by, true)?;
    let person = *by.first().ok_or(FlowFault::Nobody { member: by_member, id: String::new() })?;
    let mut named = vec![(by_member, by)];
    let action = action(tx, tenant, task, &asked.what, &mut named)?;
    let by = Actor { tenant, person, admin: false };
    let request = Request { by, opinion: asked.opinion.clone(), action };
    let state = &held.run.state;
    let mut done =
        ask(tx, cx, tenant, |world| process::act(&held.definition, state, &request, world))?;
    if done.is_err()
        && let Some(today) = follow(tx, tenant, state, &asked.by)?
    {
        done =
            ask(tx, cx, tenant, |world| process::act(&held.definition, &today, &request, world))?;
    }
    match done {
        Ok(outcome) => save(tx, cx, Some(&held.run), &held.definition, outcome),
        Err(refusal) => Err(explain(tx, tenant, refusal, &named)?.into()),
    }
}

/// The state with everything of the caller's that has not followed them yet, if there is any: a slice
/// of a join may still be on its way to this instance.
fn follow(tx: &mut Tx<'_>, tenant: TenantId, state: &State, by: &Named) -> Result<Option<State>> {
    let alias = by.ids.first().map_or("", String::as_str);
    let kind = domain::person::AliasKind::Kunlun;
    let ids = person_rows_by_alias(tx, tenant, kind, alias)?;
    let [today, before @ ..] = &ids[..] else { return Ok(None) };
    let mut followed = state.clone();
    for old in before {
        followed.reassign(*old, *today);
    }
    Ok((followed != *state).then_some(followed))
}

fn find(tx: &mut Tx<'_>, tenant: TenantId, on: &On) -> Result<(InstanceId, Option<TaskId>)> {
    match on {
        On::Task(digits) => {
            let task = task_id(digits)?;
            let instance = store::flow::instance_of_task(tx, tenant, task)?;
            Ok((instance.ok_or(FlowFault::NoTask)?, Some(task)))
        }
        On::Instance(digits) => {
            let id = task_id(digits).map_err(|_| FlowFault::NoInstance)?;
            Ok((InstanceId(id.get()), None))
        }
    }
}

fn action(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    task: Option<TaskId>,
    what: &What,
    named: &mut Vec<(&'static str, Vec<PersonId>)>,
) -> Result<Action> {
    let mut people = |named_so: &Named| -> Result<Vec<PersonId>> {
        let found = resolve(tx, tenant, named_so, true)?;
        named.push(found.clone());
        Ok(found.1)
    };
    if let What::Cancel = what {
        return Ok(Action::Cancel);
    }
    let task = task.ok_or(FlowFault::NoTask)?;
    Ok(match what {
        What::Agree => Action::Agree(task),
        What::Reject => Action::Reject(task),
        What::Transfer { from, to } => {
            Action::Transfer { task, from: people(from)?, to: people(to)? }
        }
        What::AddAssignee(whom, place) => {
            Action::AddAssignee { task, people: people(whom)?, place: *place }
        }
        What::Copy(whom) => Action::Copy { task, people: people(whom)? },
        What::Urge(whom) => Action::Urge { task, people: people(whom)? },
        // Digits that are no id are no point to go back to, and told of as such.
        What::RollBack(to) => Action::RollBack { task, to: task_id(to).unwrap_or(TaskId(0)) },
        What::Cancel => Action::Cancel,
    })
}

/// A task to whose step one can go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Which.
    pub task: TaskId,
    /// What its step is called, per language.
    pub label: Vec<LangText>,
    /// Whether it is the start.
    pub is_start: bool,
}

/// How the start is called.
const START_LABEL: [(&str, &str); 2] = [("2052", "发起"), ("1033", "Start")];

/// The tasks to which somebody can go back from a task, in order.
pub fn rollback_points(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    on: &On,
    by: &Named,
) -> Result<Vec<Point>> {
    let Permitted { running, task, .. } =
        permitted(tx, cx, caller, (on, by), Verb::RollBack, false)?;
    let (state, definition) = (&running.run.state, &running.definition);
    let task = state.task(task).ok_or(FlowFault::NoTask)?;
    let points = process::rollback_points(definition, state, task);
    let point = |id: TaskId| {
        let key = &state.task(id)?.key;
        let is_start = key == START;
        let label = if is_start { start_label() } else { label(definition, key) };
        Some(Point { task: id, label, is_start })
    };
    Ok(points.into_iter().filter_map(point).collect())
}

fn start_label() -> Vec<LangText> {
    START_LABEL.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
}

fn label(definition: &Definition, key: &str) -> Vec<LangText> {
    let node = definition.approval(node_of(key));
    node.map(|node| node.label.clone()).unwrap_or_default()
}

/// A running instance, for somebody who may do something to a task of it.
struct Permitted {
    running: Running,
    task: TaskId,
    person: PersonId,
}

/// Reads an instance for somebody who may do `verb` to a task of it; `held` where it shall change.
fn permitted(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    (on, by): (&On, &Named),
    verb: Verb,
    held: bool,
) -> Result<Permitted> {
    let tenant = caller.tenant;
    let (instance, task) = find(tx, tenant, on)?;
    let task = task.ok_or(FlowFault::NoTask)?;
    let read = if held { hold } else { load };
    let mut running = read(tx, cx, tenant, instance)?;
    let (member, people) = resolve(tx, tenant, by, held)?;
    let person = *people.first().ok_or(FlowFault::Nobody { member, id: String::new() })?;
    if let Some(today) = follow(tx, tenant, &running.run.state, by)? {
        running.run.state = today;
    }
    let state = &running.run.state;
    let actor = Actor { tenant, person, admin: false };
    let may = process::authorise(&running.definition, state, state.task(task), verb, &actor);
    if let Err(refusal) = may {
        return Err(explain(tx, tenant, refusal, &[(member, people)])?.into());
    }
    Ok(Permitted { running, task, person })
}

/// A group in which people shall talk about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The task.
    pub task: TaskId,
    /// Its instance.
    pub instance: InstanceId,
    /// What the instance is called, per language.
    pub label: Vec<LangText>,
    /// Who asks for it.
    pub by: KnownAs,
    /// Whom to invite; without any named, those whom the task waits for.
    pub invited: Vec<KnownAs>,
}

/// What is needed to make a group, for somebody who may.
pub fn chat(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    on: &On,
    by: &Named,
    invited: &Named,
) -> Result<Chat> {
    let tenant = caller.tenant;
    let Permitted { running, task, person } =
        permitted(tx, cx, caller, (on, by), Verb::Chat, false)?;
    let (_, mut people) = resolve(tx, tenant, invited, false)?;
    if people.is_empty() {
        people =
            running.run.state.task(task).map(process::state::Task::waits_for).unwrap_or_default();
    }
    let by = fault::known_as(tx, tenant, person)?;
    let invited: Result<_> =
        people.into_iter().map(|person| fault::known_as(tx, tenant, person)).collect();
    let State { instance, details, .. } = running.run.state;
    Ok(Chat { task, instance, label: details.label, by, invited: invited? })
}

/// Notes that a group was made or joined.
pub fn chat_made(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    on: &On,
    by: &Named,
    chat: &str,
) -> Result<bool> {
    let Permitted { running, task, person } =
        permitted(tx, cx, caller, (on, by), Verb::Chat, true)?;
    let events = vec![Event::Talked { task, chat: chat.to_owned() }];
    let opinion = String::new();
    let entry =
        Entry { at: cx.now, verb: Verb::Chat, by: Some(person), task: Some(task), opinion, events };
    let outcome = Outcome { state: running.run.state.clone(), entry: Some(entry) };
    save(tx, cx, Some(&running.run), &running.definition, outcome)
}
