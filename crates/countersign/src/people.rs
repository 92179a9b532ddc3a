//! What operators do with people: importing them, and handing their tasks over.

use std::path::Path;

use anyhow::{Result, bail};
use domain::person::AliasKind;
use engine::hand_over::{Preview, begin, get, preview};
use engine::organisation::{Id, Origin};
use engine::people::{Imported, import};
use engine::places::import_place;
use engine::{Error, Hub};
use serde_json::json;

use crate::cli::{HandOverArgs, IdType, PeopleCommand, Place};
use crate::open;
use crate::operate::{config, find_tenant};
use crate::output::Output;
use crate::people_csv::{self, Line};

pub(crate) async fn run(command: PeopleCommand, output: Output) -> Result<()> {
    match command {
        PeopleCommand::Import { file, tenant, place } => {
            import_file(&place, &file, tenant, output).await
        }
        PeopleCommand::HandOver(args) => hand_over(args, output).await,
    }
}

/// People in one transaction.
const SLICE: usize = 200;

/// How an import went.
#[derive(Default)]
struct Report {
    created: usize,
    updated: usize,
    joined: usize,
    refused: Vec<(u64, String)>,
}

impl Report {
    fn refuse(&mut self, line: &Line, reason: &dyn std::fmt::Display) {
        self.refused.push((line.number, format!("line {}: {reason}", line.number)));
    }
}

async fn import_file(place: &Place, file: &Path, tenant_key: String, output: Output) -> Result<()> {
    let lines = people_csv::read(file)?;
    let hub = open::existing(&config(place)?).await?;
    let tenant = find_tenant(&hub, tenant_key).await?;
    let mut report = Report::default();
    for slice in lines.chunks(SLICE) {
        import_people(&hub, tenant, slice, &mut report).await?;
    }
    // Everybody first: a leader may stand below those whom they lead.
    let refused: Vec<u64> = report.refused.iter().map(|(number, _)| *number).collect();
    let placed: Vec<_> = lines
        .iter()
        .filter(|line| line.place.is_some() && refused.binary_search(&line.number).is_err())
        .cloned()
        .collect();
    for slice in placed.chunks(SLICE) {
        import_places(&hub, tenant, slice, &mut report).await?;
    }
    let moved = hub.finish_joins().await?;
    report.refused.sort_unstable();
    let refused: Vec<_> = report.refused.into_iter().map(|(_, text)| text).collect();
    let (created, updated, joined) = (report.created, report.updated, report.joined);
    output.answer(
        &format!(
            "{created} created, {updated} updated, {joined} joined ({moved} instances moved), \
             {} refused",
            refused.len()
        ),
        &json!({
            "created": created, "updated": updated, "joined": joined, "moved_instances": moved,
            "refused": refused,
        }),
    );
    if !refused.is_empty() {
        bail!("some lines were refused, the others are imported:\n{}", refused.join("\n"));
    }
    Ok(())
}

async fn import_people(
    hub: &Hub,
    tenant: domain::TenantId,
    slice: &[Line],
    report: &mut Report,
) -> Result<()> {
    let lines = slice.to_vec();
    let outcomes = hub.write(move |tx, cx| {
        lines.iter().map(|line| import(tx, cx, tenant, &line.person)).collect()
    });
    let outcomes: Vec<Result<Imported, domain::Refusal>> = outcomes.await?;
    for (line, outcome) in slice.iter().zip(outcomes) {
        match outcome {
            Ok(Imported::Created) => report.created += 1,
            Ok(Imported::Updated) => report.updated += 1,
            Ok(Imported::Joined) => report.joined += 1,
            Err(refusal) => report.refuse(line, &refusal),
        }
    }
    Ok(())
}

async fn import_places(
    hub: &Hub,
    tenant: domain::TenantId,
    slice: &[Line],
    report: &mut Report,
) -> Result<()> {
    let lines = slice.to_vec();
    let outcomes = hub.write(move |tx, cx| {
        let places = lines.iter().filter_map(|line| Some((&line.person, line.place.as_ref()?)));
        places.map(|(who, place)| import_place(tx, cx, tenant, (&who.aliases, place))).collect()
    });
    let outcomes: Vec<Result<(), domain::organisation::Fault>> = outcomes.await?;
    for (line, outcome) in slice.iter().zip(outcomes) {
        if let Err(fault) = outcome {
            report.refuse(line, &format!("the person is imported, but not their place: {fault}"));
        }
    }
    Ok(())
}

async fn hand_over(args: HandOverArgs, output: Output) -> Result<()> {
    let kind = match args.id_type {
        IdType::UserId => AliasKind::UserId,
        IdType::OpenId => AliasKind::OpenId,
        IdType::UnionId => AliasKind::UnionId,
        IdType::KunlunUserId => AliasKind::Kunlun,
    };
    let hub = open::existing(&config(&args.place)?).await?;
    let tenant = find_tenant(&hub, args.tenant).await?;
    let (from, to): (Id, Id) = ((kind, args.from.clone()), (kind, args.to.clone()));
    let unknown = || Error::NotFound(format!("a person known as `{}`", args.from));
    let people = (from.clone(), to.clone());
    let planned = hub.read(move |tx, _| preview(tx, tenant, (&people.0, &people.1)));
    let planned = planned.await?.ok_or_else(unknown)?;
    if args.dry_run {
        tell_plan(&planned, output);
        return Ok(());
    }
    let people = (from, to);
    let begun =
        hub.write(move |tx, cx| begin(tx, cx, tenant, Origin::Command, (&people.0, &people.1)));
    let id = begun.await?.ok_or_else(unknown)?.id;
    hub.finish_hand_overs_of(tenant).await?;
    let done = hub.read(move |tx, _| get(tx, tenant, id)).await?;
    let job = done.ok_or_else(|| Error::NotFound(format!("the hand-over {id}")))?.job;
    let state = match job.finished_at {
        Some(_) => "",
        None => "; a server goes on with the rest",
    };
    output.answer(
        &format!(
            "{} tasks in {} instances handed over, {} instances refused; {} tasks of source \
             systems stay{state}",
            job.moved_tasks, job.moved_instances, job.refused_instances, planned.external_tasks
        ),
        &json!({
            "hand_over_id": job.id.to_string(), "instances": job.moved_instances,
            "tasks": job.moved_tasks, "refused_instances": job.refused_instances,
            "external_tasks": planned.external_tasks, "finished": job.finished_at.is_some(),
        }),
    );
    Ok(())
}

fn tell_plan(planned: &Preview, output: Output) {
    output.answer(
        &format!(
            "{} tasks in {} instances would be handed over; {} tasks of source systems would stay",
            planned.tasks, planned.instances, planned.external_tasks
        ),
        &json!({
            "instances": planned.instances, "tasks": planned.tasks,
            "external_tasks": planned.external_tasks,
        }),
    );
}
