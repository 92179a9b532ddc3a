//! Made-up records for `countersign import`, in the size that a measurement needs: every run writes
//! the same file. Person 0 is the heavy one: a tenth of all tasks are theirs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

/// How many tasks a person has in the mean, but for the heavy one.
const TASKS_PER_PERSON: usize = 150;
/// How many flows there are: `flow_0` and on.
pub(crate) const FLOWS: usize = 30;
/// How many definitions of third-party approvals there are: `code_0` and on. A third of all
/// instances are of the first.
pub(crate) const CODES: usize = 20;
/// How many tasks a third-party instance has.
pub(crate) const TASKS_PER_INSTANCE: usize = 3;
/// When the first one starts, in Unix milliseconds.
pub(crate) const START: usize = 1_700_000_000_000;
/// How much later each next one starts, in milliseconds.
pub(crate) const STEP: usize = 1_000;

/// How many people there are for so many tasks.
pub(crate) fn people(tasks: usize) -> usize {
    (tasks / TASKS_PER_PERSON).max(20)
}

/// The `kunlun_user_id` of a person.
pub(crate) fn kunlun(person: usize) -> String {
    format!("17{person:014}")
}

/// Numbers that always fall the same way.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// The next number, below `end`.
    pub(crate) fn roll(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }
}

/// People, flows, and `tasks` instances of flows with one task each.
pub(crate) fn flows(file: &Path, tasks: usize) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    let people = people(tasks);
    for n in 0..people {
        let id = kunlun(n);
        writeln!(
            out,
            r#"{{"record":"person","user_id":"u{n}","kunlun_user_id":"{id}","name":"Person {n}"}}"#
        )?;
    }
    for n in 0..FLOWS {
        let label = format!(r#"[{{"language_code":"2052","text":"流程 {n}"}}]"#);
        writeln!(out, r#"{{"record":"flow","api_id":"flow_{n}","label":{label}}}"#)?;
    }
    let mut dice = Dice(1);
    for n in 0..tasks {
        let initiator = kunlun(dice.roll(people));
        let assignee = kunlun(if dice.roll(10) == 0 { 0 } else { dice.roll(people) });
        let status = if dice.roll(2) == 0 { "in_process" } else { "agreed" };
        let (id, start) = ((n + 1) * 10, START + n * STEP + dice.roll(60_000));
        let (flow, days) = (dice.roll(FLOWS), dice.roll(30));
        writeln!(
            out,
            r#"{{"record":"flow_instance","id":"{id}","api_id":"flow_{flow}","initiator":"{initiator}","status":"{status}","start_time":"{start}","end_time":"0","summarys":[{{"file_key":[{{"language_code":"2052","text":"天数"}},{{"language_code":"1033","text":"Days"}}],"file_value":[{{"language_code":"2052","text":"{days} 天"}},{{"language_code":"1033","text":"{days} days"}}]}}],"tasks":[{{"id":"{}","node":"manager","status":"{status}","start_time":"{start}","assignees":[{{"kunlun_user_id":"{assignee}","status":"{status}"}}]}}]}}"#,
            id + 1
        )?;
    }
    Ok(out.flush()?)
}

/// Definitions and third-party instances with `tasks` tasks in all, of `app`, for the people of
/// [`flows`].
pub(crate) fn externals(file: &Path, tasks: usize, app: &str) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for n in 0..CODES {
        writeln!(
            out,
            r#"{{"record":"external_approval","app_id":"{app}","approval_code":"code_{n}","approval_name":"Approval {n}","group_code":"all","group_name":"All","external":{{"support_pc":true,"create_link_pc":"https://oa.example.com/{n}"}}}}"#
        )?;
    }
    for made in made(tasks) {
        let line = external(&made, &format!("code_{}", made.code), false);
        writeln!(out, r#"{{"record":"external_instance","app_id":"{app}",{line}}}"#)?;
    }
    Ok(out.flush()?)
}

/// A third-party instance: who has what to do.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) n: usize,
    /// The number of its definition.
    pub(crate) code: usize,
    initiator: usize,
    /// Of each task, the assignee and whether it is pending.
    tasks: [(usize, bool); TASKS_PER_INSTANCE],
}

impl Made {
    /// The same, started by somebody else if a person is named.
    pub(crate) fn started_by(self, person: Option<usize>) -> Self {
        Self { initiator: person.unwrap_or(self.initiator), ..self }
    }
}

/// Every third-party instance of a folder with `tasks` tasks of them.
pub(crate) fn made(tasks: usize) -> impl Iterator<Item = Made> {
    let people = people(tasks);
    let mut dice = Dice(2);
    (0..tasks / TASKS_PER_INSTANCE).map(move |n| {
        let code = if dice.roll(3) == 0 { 0 } else { dice.roll(CODES) };
        let pending = [dice.roll(2) == 0, dice.roll(4) == 0, dice.roll(8) == 0];
        let initiator = dice.roll(people);
        let tasks = pending.map(|pending| {
            let user = if dice.roll(10) == 0 { 0 } else { dice.roll(people) };
            (user, pending)
        });
        Made { n, code, initiator, tasks }
    })
}

/// The members of a third-party instance, as a sync has them too, without the braces. `changed` is
/// the instance after every task of it went from one status to the other.
pub(crate) fn external(made: &Made, code: &str, changed: bool) -> String {
    let Made { n, initiator, .. } = made;
    let start = START + n * STEP;
    let stamp = start + usize::from(changed);
    let word = |pending: bool| if pending { "PENDING" } else { "APPROVED" };
    let tasks = made.tasks.map(|(user, pending)| (user, pending != changed));
    let status = word(tasks.iter().any(|(_, pending)| *pending));
    let link = format!(r#"{{"pc_link":"https://oa.example.com/i/{n}"}}"#);
    let list: Vec<String> = (0..TASKS_PER_INSTANCE)
        .map(|t| {
            let (user, pending) = tasks[t];
            let status = word(pending);
            format!(
                r#"{{"task_id":"i{n}-{t}","user_id":"u{user}","status":"{status}","links":{link},"create_time":"{start}","end_time":"0","update_time":"{stamp}"}}"#
            )
        })
        .collect();
    format!(
        r#""approval_code":"{code}","instance_id":"i{n}","status":"{status}","user_id":"u{initiator}","links":{link},"start_time":"{start}","end_time":"0","update_time":"{stamp}","task_list":[{}],"i18n_resources":[]"#,
        list.join(",")
    )
}
