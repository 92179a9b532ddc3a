//! Importing records of another system: people, definitions, third-party instances, flows and their
//! instances.
//!
//! Ids come from the file, so the same record twice ends in the same state, and an import that was
//! stopped is simply run again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::definition::DefinitionRequest;
use domain::flow::{
    FlowDetails, Instance, InstanceDetails, LangText, Logic, Part, Status, Summary, Task,
};
use domain::person::AliasKind;
use domain::sync::Payload;
use domain::{FlowId, InstanceId, Millis, PersonId, TaskId, TenantId};
use store::Tx;

use crate::people::{ImportedPerson, import as import_person};
use crate::{Caller, Context, Error, Result, definitions, flows, sync};

/// One record.
#[derive(Clone, Debug)]
pub enum Record {
    /// A person.
    Person(ImportedPerson),
    /// A definition of the app with this public id.
    Definition(String, Box<DefinitionRequest>),
    /// An instance of the app with this public id, under its own or the real code.
    External(String, String, Box<Payload>),
    /// A flow and its api id.
    Flow(String, FlowDetails),
    /// An instance of a flow.
    FlowInstance(Box<FlowInstance>),
}

/// An instance of a flow, with people by the alias that flows use.
#[derive(Clone, Debug)]
pub struct FlowInstance {
    /// Its id, which also is its identity.
    pub id: i64,
    /// Its flow.
    pub api_id: String,
    /// Who started it.
    pub initiator: String,
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub start_time: Millis,
    /// When it ended; 0 while open.
    pub end_time: Millis,
    /// The language in which a single text is shown.
    pub language: String,
    /// Its name; empty = the flow's.
    pub label: Vec<LangText>,
    /// What it is about.
    pub summaries: Vec<Summary>,
    /// Its tasks.
    pub tasks: Vec<FlowTask>,
}

/// A task of it.
#[derive(Clone, Debug)]
pub struct FlowTask {
    /// Its id, unique in the tenant.
    pub id: i64,
    /// The node of the flow.
    pub node: String,
    /// Whose decisions it needs.
    pub logic: Logic,
    /// How it stands.
    pub status: Status,
    /// When it started.
    pub start_time: Millis,
    /// When it ended; 0 while open.
    pub end_time: Millis,
    /// Its parts: whose, how it stands, when it ended.
    pub parts: Vec<(String, Status, Millis)>,
    /// To whom it was copied.
    pub ccs: Vec<String>,
}

/// What is wrong with a record: a member of it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Which member.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// Imports records in one transaction. Nothing of a bad one is kept; the others go on.
pub fn apply(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    records: &[Record],
) -> Result<Vec<Result<(), Bad>>> {
    let mut outcomes = Vec::with_capacity(records.len());
    let mut known = Known::default();
    for record in records {
        let outcome = match record {
            // These refuse before they write anything, so they need not be undone.
            Record::Person(_) | Record::Flow(..) | Record::FlowInstance(_) => {
                one(tx, cx, tenant, record, &mut known)
            }
            Record::Definition(..) | Record::External(..) => {
                tx.attempt(|tx| one(tx, cx, tenant, record, &mut known))?
            }
        };
        outcomes.push(match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Bad(bad)) => Err(bad),
            Err(Stop::Failed(Error::Refused(refusal))) => {
                Err(Bad { field: "record", reason: refusal.to_string() })
            }
            Err(Stop::Failed(error)) => return Err(error),
        });
    }
    Ok(outcomes)
}

enum Stop {
    Bad(Bad),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn bad(field: &'static str, reason: String) -> Stop {
    Stop::Bad(Bad { field, reason })
}

/// What earlier records of the same transaction named, so that it is looked up once.
#[derive(Default)]
struct Known {
    people: HashMap<String, PersonId>,
    flows: HashMap<String, (FlowId, Vec<LangText>)>,
}

fn one(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    record: &Record,
    known: &mut Known,
) -> Result<(), Stop> {
    match record {
        Record::Person(person) => {
            known.people.clear();
            import_person(tx, cx, tenant, person)?.map_err(Error::from)?;
        }
        Record::Definition(app, request) => {
            let caller = caller(tx, tenant, app)?;
            definitions::put(tx, cx, &caller, request)?;
        }
        Record::External(app, code, payload) => {
            known.people.clear();
            let caller = caller(tx, tenant, app)?;
            let own =
                store::definition::definition_by_custom_code(tx, tenant, caller.app.id, code)?;
            let real = own.map_or_else(|| code.clone(), |own| own.real_code);
            sync::sync_instance(tx, cx, &caller, &real, payload)?;
        }
        Record::Flow(api_id, details) => {
            known.flows.clear();
            flows::define(tx, cx, tenant, api_id, details)?;
        }
        Record::FlowInstance(instance) => {
            let instance = resolve(tx, tenant, instance, known)?;
            flows::put(tx, cx, tenant, &instance)?;
        }
    }
    Ok(())
}

fn caller(tx: &mut Tx<'_>, tenant: TenantId, app: &str) -> Result<Caller, Stop> {
    let found = store::access::app_by_key(tx, app)?.filter(|found| found.tenant == Some(tenant));
    let found = found.ok_or_else(|| bad("app_id", format!("the tenant has no app `{app}`")))?;
    Ok(Caller { tenant, app: Arc::new(found) })
}

fn person(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    known: &mut Known,
    field: &'static str,
    kunlun: &str,
) -> Result<PersonId, Stop> {
    if let Some(id) = known.people.get(kunlun) {
        return Ok(*id);
    }
    let id = store::person::person_by_alias_held(tx, tenant, AliasKind::Kunlun, kunlun)?
        .ok_or_else(|| bad(field, format!("nobody has the kunlun_user_id `{kunlun}`")))?;
    known.people.insert(kunlun.to_owned(), id);
    Ok(id)
}

fn flow(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    known: &mut Known,
    api_id: &str,
) -> Result<(FlowId, Vec<LangText>), Stop> {
    if let Some(flow) = known.flows.get(api_id) {
        return Ok(flow.clone());
    }
    let id = store::flow::flow_by_api_id(tx, tenant, api_id)?
        .ok_or_else(|| bad("api_id", format!("there is no flow `{api_id}`")))?;
    let details = store::flow::flow_details(tx, tenant, id)?;
    let label = details.map(|details| details.label).unwrap_or_default();
    known.flows.insert(api_id.to_owned(), (id, label.clone()));
    Ok((id, label))
}

fn resolve(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    given: &FlowInstance,
    known: &mut Known,
) -> Result<Instance, Stop> {
    let (flow, own_label) = flow(tx, tenant, known, &given.api_id)?;
    let label = if given.label.is_empty() { own_label } else { given.label.clone() };
    let id = InstanceId(given.id);
    let mut tasks = Vec::with_capacity(given.tasks.len());
    let mut ids = HashSet::new();
    for task in &given.tasks {
        if !ids.insert(task.id) {
            let reason = format!("the task {} is given more than once", task.id);
            return Err(bad("tasks[*].id", reason));
        }
        let owner = store::flow::instance_of_task(tx, tenant, TaskId(task.id))?;
        if owner.is_some_and(|owner| owner != id) {
            let reason = format!("the task {} belongs to another instance", task.id);
            return Err(bad("tasks[*].id", reason));
        }
        let mut parts = Vec::with_capacity(task.parts.len());
        for (kunlun, status, end_time) in &task.parts {
            let person = person(tx, tenant, known, "tasks[*].assignees[*].kunlun_user_id", kunlun)?;
            parts.push(Part { person, status: *status, end_time: *end_time });
        }
        let mut ccs = Vec::with_capacity(task.ccs.len());
        for kunlun in &task.ccs {
            ccs.push(person(tx, tenant, known, "tasks[*].cc[*]", kunlun)?);
        }
        ccs.sort_unstable();
        ccs.dedup();
        tasks.push(Task {
            id: TaskId(task.id),
            node: task.node.clone(),
            logic: task.logic,
            status: task.status,
            start_time: task.start_time,
            end_time: task.end_time,
            parts,
            ccs,
        });
    }
    tasks.sort_by_key(|task| task.id);
    Ok(Instance {
        id,
        flow,
        initiator: person(tx, tenant, known, "initiator", &given.initiator)?,
        status: given.status,
        start_time: given.start_time,
        end_time: given.end_time,
        details: InstanceDetails {
            label,
            summaries: given.summaries.clone(),
            language: given.language.clone(),
        },
        tasks,
    })
}
