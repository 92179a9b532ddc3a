//! What people do: start an instance, and act on it. Pure functions from a state to the next one.
//!
//! The same request again has no second effect: it is answered with the state as it is and no
//! entry, whatever happened in between, as long as it asks for what is already so.

use super::authorise::{Actor, Verb, authorise};
use super::definition::{Definition, Expression, START};
use super::expression::{self, Scope};
use super::history::{Entry, Event};
use super::refusal::Refusal;
use super::route::Route;
use super::run::{Run, World};
use super::state::{State, Task, Visit};
use super::values::{self, Values};
use crate::flow::{InstanceDetails, LangText, Logic, Status, Summary};
use crate::ids::{FlowId, InstanceId, PersonId, TaskId, TenantId};
use crate::limits;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub by: Actor,
    /// What they say; may be empty.
    pub opinion: String,
    /// What shall be done.
    pub action: Action,
}

/// What shall be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Agree to a task.
    Agree(TaskId),
    /// Reject a task.
    Reject(TaskId),
    /// Give parts of a task to others.
    Transfer {
        /// Of which task.
        task: TaskId,
        /// Whose parts; empty: the caller's own.
        from: Vec<PersonId>,
        /// To whom.
        to: Vec<PersonId>,
    },
    /// Ask others.
    AddAssignee {
        /// About which task.
        task: TaskId,
        /// Whom.
        people: Vec<PersonId>,
        /// Beside the present ones, or in a step after the task.
        place: Place,
    },
    /// Copy a task to others.
    Copy {
        /// Which.
        task: TaskId,
        /// To whom.
        people: Vec<PersonId>,
    },
    /// Urge those whom a task waits for.
    Urge {
        /// Which.
        task: TaskId,
        /// Whom.
        people: Vec<PersonId>,
    },
    /// Go back to an earlier task's step.
    RollBack {
        /// From which task.
        task: TaskId,
        /// To which: one of [`rollback_points`].
        to: TaskId,
    },
    /// Withdraw the instance.
    Cancel,
    /// Move everything that waits for a leaver to another.
    HandOver {
        /// From whom.
        from: PersonId,
        /// To whom.
        to: PersonId,
    },
}

/// Where added people decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the same task.
    Beside,
    /// In a task after it.
    After,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How the instance stands now.
    pub state: State,
    /// What to write down; nothing where nothing changed.
    pub entry: Option<Entry>,
}

/// What an instance is started with.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its new id.
    pub instance: InstanceId,
    /// The flow, and which version of it.
    pub flow: FlowId,
    /// See [`Submission::flow`].
    pub version: i64,
    /// Who starts it.
    pub initiator: PersonId,
    /// With what.
    pub values: Values,
}

/// Starts an instance.
pub fn start(
    definition: &Definition,
    submission: Submission,
    world: &mut World<'_>,
) -> Result<Outcome, Refusal> {
    let Submission { tenant, instance, flow, version, initiator, values } = submission;
    let faults = values::faults(&definition.parameters, &values);
    if !faults.is_empty() {
        return Err(Refusal::Values(faults));
    }
    if world.directory.profile(initiator).is_none() {
        return Err(Refusal::UnknownPerson(initiator));
    }
    let scope = Scope { parameters: &definition.parameters, values: &values, initiator };
    if let Some(may_start) = &definition.may_start
        && !expression::holds(may_start, &scope, world.directory).map_err(Refusal::CannotStart)?
    {
        return Err(Refusal::MayNotStart);
    }
    let details = details(definition, &scope, world)?;
    let first = (world.next_id)();
    let mut begun = Task::new(first, START, Logic::All, world.now);
    begun.status = Status::Unstarted;
    let state = State {
        tenant,
        instance,
        flow,
        version,
        initiator,
        values,
        details,
        status: Status::InProcess,
        start_time: world.now,
        end: None,
        tasks: vec![begun],
        lap: [(START.to_owned(), Visit::Passed(first))].into(),
        added: Vec::new(),
    };
    let mut run = Run { definition, state, world, events: Vec::new() };
    run.proceed();
    if let Some(Event::Ended { status: Status::Failed, reason }) = run.events.last() {
        return Err(Refusal::CannotStart(reason.clone()));
    }
    Ok(run.done(Verb::Start, Some(initiator), None, ""))
}

/// What lists show of an instance.
fn details(
    definition: &Definition,
    scope: &Scope<'_>,
    world: &World<'_>,
) -> Result<InstanceDetails, Refusal> {
    let shown = |(language, value): &(String, Expression)| -> Result<LangText, String> {
        let text = expression::text(value, scope, world.directory)?;
        let one = if language.is_empty() { &definition.language } else { language };
        Ok((one.clone(), text))
    };
    let mut summaries = Vec::new();
    for field in &definition.summary {
        let value: Result<Vec<_>, _> = field.value.iter().map(shown).collect();
        let value = value.map_err(|reason| Refusal::CannotStart(format!("summary: {reason}")))?;
        summaries.push(Summary { key: field.label.clone(), value });
    }
    let (label, language) = (definition.label.clone(), definition.language.clone());
    Ok(InstanceDetails { label, summaries, language })
}

/// Does what is asked for, or says why not.
pub fn act(
    definition: &Definition,
    state: &State,
    request: &Request,
    world: &mut World<'_>,
) -> Result<Outcome, Refusal> {
    let (verb, id) = request.action.names();
    let task = match id {
        Some(id) => Some(state.task(id).ok_or(Refusal::NoSuchTask)?),
        None => None,
    };
    authorise(definition, state, task, verb, &request.by)?;
    let mut run = Run { definition, state: state.clone(), world, events: Vec::new() };
    let by = &request.by;
    match &request.action {
        Action::Agree(task) => run.decide(*task, by, Status::Agreed)?,
        Action::Reject(task) => run.decide(*task, by, Status::Rejected)?,
        Action::Transfer { task, from, to } => run.transfer(*task, by, from, to)?,
        Action::AddAssignee { task, people, place: Place::Beside } => {
            run.add_beside(*task, by, people)?;
        }
        Action::AddAssignee { task, people, place: Place::After } => {
            run.add_after(*task, by, people)?;
        }
        Action::Copy { task, people } => run.copy_to(*task, people)?,
        Action::Urge { task, people } => run.urge(*task, people)?,
        Action::RollBack { task, to } => run.roll_back(*task, by, *to)?,
        Action::Cancel => run.cancel(by)?,
        Action::HandOver { from, to } => run.hand_over(by, *from, *to)?,
    }
    Ok(run.done(verb, Some(by.person), id, &request.opinion))
}

/// The tasks to which one can go back from `task`, in order: those of the steps that have been
/// passed in this lap and come before it on its own way. The first is the start.
pub fn rollback_points(definition: &Definition, state: &State, task: &Task) -> Vec<TaskId> {
    let route = Route::new(definition, &state.added);
    let passed = |key: &str| match state.lap.get(key) {
        Some(Visit::Passed(id)) => Some(*id),
        _ => None,
    };
    let current = task.is_open();
    let earlier = route.earlier(&task.key).filter(|_| current).unwrap_or_default();
    earlier.into_iter().filter_map(passed).collect()
}

impl Action {
    /// What is asked for, and of which task.
    pub fn names(&self) -> (Verb, Option<TaskId>) {
        match self {
            Self::Agree(task) => (Verb::Agree, Some(*task)),
            Self::Reject(task) => (Verb::Reject, Some(*task)),
            Self::Transfer { task, .. } => (Verb::Transfer, Some(*task)),
            Self::AddAssignee { task, .. } => (Verb::AddAssignee, Some(*task)),
            Self::Copy { task, .. } => (Verb::Copy, Some(*task)),
            Self::Urge { task, .. } => (Verb::Urge, Some(*task)),
            Self::RollBack { task, .. } => (Verb::RollBack, Some(*task)),
            Self::Cancel => (Verb::Cancel, None),
            Self::HandOver { .. } => (Verb::HandOver, None),
        }
    }
}

impl Run<'_, '_> {
    pub(super) fn done(
        self,
        verb: Verb,
        by: Option<PersonId>,
        task: Option<TaskId>,
        opinion: &str,
    ) -> Outcome {
        let (at, opinion, events) = (self.world.now, opinion.to_owned(), self.events);
        let entry = (!events.is_empty()).then_some(Entry { at, verb, by, task, opinion, events });
        Outcome { state: self.state, entry }
    }

    fn decide(&mut self, id: TaskId, by: &Actor, status: Status) -> Result<(), Refusal> {
        let (verb, person) = (verb_of(status), by.person);
        let task = self.task(id);
        let own: Vec<_> = (0..task.seats.len())
            .filter(|index| task.seats[*index].in_turn() && task.seats[*index].is_for(person))
            .collect();
        if own.is_empty() {
            return match task.decision_of(person) {
                Some((before, _)) if before == status => Ok(()),
                Some((status, at)) => Err(Refusal::AlreadyDecided { status, by: Some(person), at }),
                None => Err(lost(task, person, verb)),
            };
        }
        for index in own {
            self.decide_seat(id, index, status, Some(person), false);
        }
        self.settle(id, Some(person));
        Ok(())
    }

    fn copy_to(&mut self, id: TaskId, people: &[PersonId]) -> Result<(), Refusal> {
        self.known(people, limits::COPIES_PER_ACTION)?;
        for person in people {
            self.copy(id, *person);
        }
        Ok(())
    }

    fn urge(&mut self, id: TaskId, people: &[PersonId]) -> Result<(), Refusal> {
        self.known(people, limits::PEOPLE_PER_ACTION)?;
        let now = self.world.now;
        let task = self.task(id);
        still_open(task)?;
        let waiting = task.waits_for();
        if let Some(person) = people.iter().find(|person| !waiting.contains(person)) {
            return Err(Refusal::NotWaitingFor(*person));
        }
        let mut events = Vec::new();
        for person in people {
            let last = task.urged.get(person);
            if last.is_none_or(|last| last.plus(limits::URGE_INTERVAL_MS) <= now) {
                task.urged.insert(*person, now);
                events.push(Event::Urged { task: id, person: *person });
            }
        }
        self.events.append(&mut events);
        Ok(())
    }

    fn roll_back(&mut self, id: TaskId, by: &Actor, to: TaskId) -> Result<(), Refusal> {
        let definition = self.definition;
        let Some(task) = self.state.task(id) else { return Err(Refusal::NoSuchTask) };
        let ended_by = task.end.and_then(|end| end.by);
        if task.returned_to == Some(to) && ended_by == Some(by.person) {
            return Ok(());
        }
        still_open(task)?;
        if !by.admin && !task.waits_for().contains(&by.person) {
            return Err(lost(task, by.person, Verb::RollBack));
        }
        if !rollback_points(definition, &self.state, task).contains(&to) {
            return Err(Refusal::NoSuchPoint(to));
        }
        let target = self.task(to).key.clone();
        self.task(id).returned_to = Some(to);
        self.go_back(&target, Some(by.person));
        Ok(())
    }

    fn cancel(&mut self, by: &Actor) -> Result<(), Refusal> {
        match self.state.end {
            None => self.finish(Status::Canceled, Some(by.person), ""),
            Some(_) if self.state.status == Status::Canceled => {}
            Some(end) => {
                let status = self.state.status;
                return Err(Refusal::AlreadyDecided { status, by: end.by, at: end.at });
            }
        }
        Ok(())
    }

    /// Whether as many people are named as may be, all of whom are with the company.
    pub(super) fn known(&self, people: &[PersonId], most: usize) -> Result<(), Refusal> {
        if people.is_empty() || people.len() > most {
            return Err(Refusal::HowMany { most });
        }
        let stranger =
            people.iter().find(|person| self.world.directory.profile(**person).is_none());
        stranger.map_or(Ok(()), |person| Err(Refusal::UnknownPerson(*person)))
    }
}

fn verb_of(status: Status) -> Verb {
    if status == Status::Agreed { Verb::Agree } else { Verb::Reject }
}

/// Refuses to go on with a task that has ended.
pub(super) fn still_open(task: &Task) -> Result<(), Refusal> {
    match task.end {
        Some(end) => Err(Refusal::AlreadyDecided { status: task.status, by: end.by, at: end.at }),
        // The start to which nothing came back is there, but not open.
        None if !task.is_open() => Err(Refusal::NoSuchTask),
        None => Ok(()),
    }
}

/// Why somebody who had to do with a task can no longer, or cannot yet, act on it.
pub(super) fn lost(task: &Task, person: PersonId, verb: Verb) -> Refusal {
    let decided = task.seats.iter().filter(|seat| seat.is_for(person)).find_map(|seat| {
        let end = seat.end?;
        let decided = matches!(seat.status, Status::Agreed | Status::Rejected);
        decided.then_some(Refusal::AlreadyDecided { status: seat.status, by: end.by, at: end.at })
    });
    let waits = task.seats.iter().any(|seat| seat.is_for(person) && seat.is_open());
    match (decided, still_open(task)) {
        (Some(refusal), _) | (None, Err(refusal)) => refusal,
        (None, Ok(())) if waits => Refusal::NotYourTurn { first: task.waits_for() },
        (None, Ok(())) => Refusal::NotYours { verb },
    }
}
