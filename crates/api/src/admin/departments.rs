//! `departments`: the parts of the company, what lies above each, and who leads it.

use domain::limits::{ORGANISATION_ID_CHARS, TEXT_CHARS};
use engine::departments::{
    NewDepartment, ShownDepartment, department, department_delete, department_put,
    departments_after,
};
use engine::organisation::Origin;
use serde_json::{Value, json};

use super::{
    after_id, card_or_null, id_type, leader, missing, own_id, page, page_size, refused, tenant,
};
use crate::fault::Fault;
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};

const ID: &str = "department_id";

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let (size, after) = (page_size(&call, &faults), after_id(&call, &faults));
    let tenant = tenant(&call, faults).await?;
    let read = call.hub().read(move |tx, _| departments_after(tx, tenant, &after, size + 1));
    let token = |(department, _): &ShownDepartment| department.id.clone();
    Ok(Reply::data(&page("departments", read.await?, size, token, shown)))
}

pub(crate) async fn get(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = own_id(&call, ID, &faults);
    let tenant = tenant(&call, faults).await?;
    let wanted = id.clone();
    let read = call.hub().read(move |tx, _| department(tx, tenant, &wanted));
    let found = read.await?.ok_or_else(|| none(&id))?;
    Ok(Reply::data(&json!({"department": shown(&found)})))
}

fn none(id: &str) -> Fault {
    missing(ID, &format!("there is no department `{id}`"))
}

pub(crate) async fn put(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let new = asked(&call, &faults)?;
    let id = new.id.clone();
    let tenant = tenant(&call, faults).await?;
    let write = call.hub().write(move |tx, cx| {
        let created = department_put(tx, cx, tenant, Origin::Api, &new)?;
        Ok((department(tx, tenant, &new.id)?, created))
    });
    let (found, created) = write.await.map_err(refused)?;
    let found = found.ok_or_else(|| none(&id))?;
    Ok(Reply::data(&json!({"department": shown(&found), "created": created})))
}

fn asked(call: &Call, faults: &Faults) -> Result<NewDepartment, Fault> {
    let members = body(&call.body)?;
    let object = Object::new(&members, faults);
    Ok(NewDepartment {
        id: own_id(call, ID, faults),
        name: object.text_up_to("name", TEXT_CHARS),
        parent: object.text_up_to("parent_department_id", ORGANISATION_ID_CHARS),
        leader: leader(&object, id_type(call, faults)),
    })
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = own_id(&call, ID, &faults);
    let tenant = tenant(&call, faults).await?;
    let wanted = id.clone();
    let write = call
        .hub()
        .write(move |tx, cx| department_delete(tx, cx, tenant, Origin::Api, &wanted))
        .await;
    if write.map_err(refused)? { Ok(Reply::data(&json!({}))) } else { Err(none(&id)) }
}

fn shown((department, leader): &ShownDepartment) -> Value {
    json!({
        "department_id": department.id,
        "name": department.name,
        "parent_department_id": department.parent,
        "leader": card_or_null(leader.as_ref()),
    })
}
