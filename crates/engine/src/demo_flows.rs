//! The human tasks of the demo company: four flows, in every state and relation, with the skew of a
//! real company: most people have few tasks, one has a tenth of all.

use domain::flow::{FlowDetails, LangText, Logic, Status, Summary};
use domain::person::AliasKind;
use domain::{Millis, TenantId};

use crate::demo::{Dice, HOUR, PEOPLE, START, kunlun_id};
use crate::import::{FlowInstance, FlowTask, Record};
use crate::people::ImportedPerson;
use crate::{Context, Result, Tx, flows};

/// Api id, Chinese name, English name.
const FLOWS: [(&str, &str, &str); 4] = [
    ("package_demo__c__leave", "请假", "Leave"),
    ("package_demo__c__expense", "差旅报销", "Travel expenses"),
    ("package_demo__c__contract", "合同会签", "Contract countersign"),
    ("package_demo__c__purchase", "采购审批", "Purchase approval"),
];

/// Whoever has a tenth of all tasks.
const BUSY: usize = 0;
/// People beyond the named ones: one for this many tasks.
const TASKS_PER_PERSON: usize = 150;
/// Instances that tasks are numbered after.
const FIRST_ID: i64 = 7_400_000_000_000_000;

fn both(chinese: &str, english: &str) -> Vec<LangText> {
    vec![("2052".to_owned(), chinese.to_owned()), ("1033".to_owned(), english.to_owned())]
}

/// How many people the demo has for so many tasks.
pub(crate) fn people(tasks: usize) -> usize {
    PEOPLE.len().max(tasks / TASKS_PER_PERSON)
}

/// The `number`th person beyond the named ones.
pub(crate) fn extra_person(number: usize) -> Record {
    Record::Person(ImportedPerson {
        aliases: vec![
            (AliasKind::UserId, format!("person{number:06}")),
            (AliasKind::Kunlun, kunlun_id(number)),
        ],
        name: format!("员工{number:06}"),
        names: both(&format!("员工{number:06}"), &format!("Person {number:06}")),
        department: "operations".to_owned(),
    })
}

pub(crate) fn define(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId) -> Result<()> {
    for (api_id, chinese, english) in FLOWS {
        let details =
            FlowDetails { label: both(chinese, english), namespace: "package_demo".to_owned() };
        flows::define(tx, cx, tenant, api_id, &details)?;
    }
    Ok(())
}

/// The `number`th instance. `people` is how many there are to choose from.
pub(crate) fn instance(dice: &mut Dice, number: usize, people: usize) -> FlowInstance {
    let id = FIRST_ID + i64::try_from(number).unwrap_or_default() * 10;
    let start = START.plus(i64::try_from(number).unwrap_or_default() * HOUR / 180);
    // The first instances show every status once.
    let status = match Status::ALL.get(number) {
        Some(status) => *status,
        None if dice.roll(2) == 0 => Status::InProcess,
        None => Status::ALL[dice.roll(Status::ALL.len())],
    };
    let steps = 1 + dice.roll(2);
    let tasks = (0..steps).map(|step| task(dice, id, status, start, step, steps, people));
    let tasks = tasks.collect();
    let (amount, days) = (100 + dice.roll(900), 1 + dice.roll(9));
    let open = status == Status::InProcess;
    FlowInstance {
        id,
        api_id: FLOWS[number % FLOWS.len()].0.to_owned(),
        initiator: kunlun_id(person(dice, people)),
        status,
        start_time: start,
        end_time: if open { Millis(0) } else { start.plus(HOUR * 8) },
        language: "2052".to_owned(),
        label: Vec::new(),
        summaries: vec![
            Summary {
                key: both("金额", "Amount"),
                value: both(&format!("{amount} 元"), &format!("CNY {amount}")),
            },
            Summary {
                key: both("天数", "Days"),
                value: both(&format!("{days} 天"), &format!("{days} days")),
            },
        ],
        tasks,
    }
}

fn person(dice: &mut Dice, people: usize) -> usize {
    dice.roll(people)
}

fn task(
    dice: &mut Dice,
    instance: i64,
    of: Status,
    start: Millis,
    step: usize,
    steps: usize,
    people: usize,
) -> FlowTask {
    let status = if step + 1 == steps { of } else { Status::Agreed };
    let number = i64::try_from(step).unwrap_or_default();
    let start_time = start.plus(number * HOUR);
    let open = status == Status::InProcess;
    let ended = if open { Millis(0) } else { start_time.plus(HOUR) };
    let signers = 1 + usize::from(dice.roll(4) == 0);
    let parts = (0..signers)
        .map(|turn| {
            let busy = turn == 0 && dice.roll(10) == 0;
            let whose = kunlun_id(if busy { BUSY } else { person(dice, people) });
            (whose, if open && turn > 0 { Status::Agreed } else { status }, ended)
        })
        .collect();
    let ccs = if dice.roll(6) == 0 { vec![kunlun_id(person(dice, people))] } else { Vec::new() };
    FlowTask {
        id: instance + 1 + number,
        node: format!("node-{}", step + 1),
        logic: Logic::ALL[dice.roll(Logic::ALL.len())],
        status,
        start_time,
        end_time: ended,
        parts,
        ccs,
    }
}
