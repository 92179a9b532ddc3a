//! `hand_over`: everything that waits for somebody goes to another; and how far that is.

use domain::person::AliasKind;
use engine::hand_over::{Preview, Shown, begin, get as read_job, preview};
use engine::organisation::{Id, Origin};
use serde_json::{Value, json};

use super::{card, missing, nobody, number, person, refused, required_person, tenant, time};
use crate::fault::Fault;
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};

pub(crate) async fn hand_over(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = person(&call, &faults);
    let (to, dry_run) = asked(&call, id.0, &faults)?;
    let tenant = tenant(&call, faults).await?;
    let people = (id.clone(), to.clone());
    let read = call.hub().read(move |tx, _| preview(tx, tenant, (&people.0, &people.1)));
    let preview = read.await.map_err(refused)?.ok_or_else(|| nobody(&id))?;
    let mut data = planned(&preview);
    if !dry_run {
        let people = (id.clone(), to);
        let write = call
            .hub()
            .write(move |tx, cx| begin(tx, cx, tenant, Origin::Api, (&people.0, &people.1)));
        let job = write.await.map_err(refused)?.ok_or_else(|| nobody(&id))?;
        data["hand_over_id"] = job.id.to_string().into();
    }
    Ok(Reply::data(&data))
}

/// To whom, and whether only to tell what would move.
fn asked(call: &Call, kind: AliasKind, faults: &Faults) -> Result<(Id, bool), Fault> {
    let members = body(&call.body)?;
    let object = Object::new(&members, faults);
    Ok((required_person(&object, "to", kind), object.flag("dry_run").unwrap_or(false)))
}

fn planned(preview: &Preview) -> Value {
    let first: Vec<_> = preview.first.iter().map(ToString::to_string).collect();
    json!({
        "instances": preview.instances,
        "tasks": preview.tasks,
        "external_tasks": preview.external_tasks,
        "instance_ids": first,
    })
}

pub(crate) async fn get(call: Call) -> Result<Reply, Fault> {
    let id = number(&call, "hand_over_id");
    let tenant = tenant(&call, Faults::default()).await?;
    let read = call.hub().read(move |tx, _| read_job(tx, tenant, id)).await?;
    let found = read.ok_or_else(|| missing("hand_over_id", "there is no such hand-over"))?;
    Ok(Reply::data(&json!({"hand_over": shown(&found)})))
}

fn shown(shown: &Shown) -> Value {
    let job = &shown.job;
    json!({
        "hand_over_id": job.id.to_string(),
        "from": card(&shown.from),
        "to": card(&shown.to),
        "begun_at": job.begun_at.get().to_string(),
        "moved_instances": job.moved_instances,
        "moved_tasks": job.moved_tasks,
        "refused_instances": job.refused_instances,
        "finished_at": time(job.finished_at),
    })
}
