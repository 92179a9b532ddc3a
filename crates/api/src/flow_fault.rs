//! What is refused of flows, as clients see it: one code, a message for people, and the member.

use domain::Millis;
use domain::flow::Status;
use domain::process::Refusal;
use domain::process::values::ValueFault;
use engine::flow_run::{FlowFault, KnownAs, Refused};

use crate::fault::{Code, Fault, Violation};
use crate::names::{FLOW_STATUS, word};

/// What an endpoint calls the things that any refusal may be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// The task or instance in its path.
    pub(crate) on: &'static str,
    /// Whoever acts.
    pub(crate) by: &'static str,
}

impl Default for Places {
    fn default() -> Self {
        Self { on: "task_id", by: "user_id" }
    }
}

/// The fault that a client is told.
pub(crate) fn fault(fault: FlowFault, places: &Places) -> Fault {
    let text = fault.to_string();
    match fault {
        FlowFault::NoFlow(api_id) => told("flow_id", text, Some(api_id)),
        FlowFault::NoTask | FlowFault::NoInstance | FlowFault::NotRun(_) => {
            told(places.on, text, None)
        }
        FlowFault::Nobody { member, id } => told(member, text, Some(id)),
        FlowFault::KeyUsed { instance, at } => {
            let text = format!("the key started the execution {instance} at {}", moment(at));
            told("idempotent_key", text, None)
        }
        FlowFault::Rules(refused) => refusal(&refused, places),
    }
}

fn told(field: &str, text: String, value: Option<String>) -> Fault {
    let mut violation = Violation::new(field, text.as_str());
    violation.value = value.map(|value| value.chars().take(100).collect());
    Fault::new(Code::FlowParam).msg(text).violation(violation)
}

fn refusal(refused: &Refused, places: &Places) -> Fault {
    let Refused { refusal, people, member } = refused;
    let known = |person| people.get(person).map(name).unwrap_or_default();
    let member = member.unwrap_or(places.by);
    let text = refusal.to_string();
    match refusal {
        Refusal::Values(faults) => values(faults),
        Refusal::MayNotStart => told("operator", text, None),
        Refusal::CannotStart(_) => told("flow_id", text, None),
        Refusal::NoSuchTask | Refusal::NotAllowedHere { .. } => told(places.on, text, None),
        Refusal::NotYours { .. } => told(places.by, text, None),
        Refusal::NotYourTurn { first } => {
            let first: Vec<_> = first.iter().map(known).collect();
            let text =
                format!("it is not this person's turn yet: it waits for {}", first.join(", "));
            told(places.by, text, None)
        }
        Refusal::AlreadyDecided { status, by, at } => {
            let by = by.as_ref().map_or_else(|| "the flow itself".to_owned(), known);
            told(places.on, decided(*status, &by, *at), None)
        }
        Refusal::NoSuchPoint(_) => {
            let text = "there is no such task to roll back to: rollback_points has those there are";
            told("to_task_id", text.to_owned(), None)
        }
        Refusal::NotWaitingFor(person) => {
            told(member, format!("the task does not wait for {}", known(person)), None)
        }
        Refusal::UnknownPerson(person) => {
            told(member, format!("{} is not known, or has left", known(person)), None)
        }
        Refusal::HowMany { .. } => told(member, text, None),
    }
}

fn values(faults: &[ValueFault]) -> Fault {
    let violation =
        |fault: &ValueFault| Violation::new(format!("params.{}", fault.name), &*fault.reason);
    Fault::new(Code::FlowParam).violations(faults.iter().map(violation).collect())
}

fn name(person: &KnownAs) -> String {
    match (&*person.name, &*person.id) {
        (name, "") => name.to_owned(),
        (name, id) if name.is_empty() || name == id => id.to_owned(),
        (name, id) => format!("{name} ({id})"),
    }
}

fn decided(status: Status, by: &str, at: Millis) -> String {
    format!("already {} by {by} at {}", word(FLOW_STATUS, status), moment(at))
}

/// A time as people write it, in UTC.
fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.get()).map(|time| time.to_string()).unwrap_or_default()
}
