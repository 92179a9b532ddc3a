//! `roles`: what some people are asked to do, and who they are. People get roles with their own page.

use domain::PersonId;
use domain::limits::TEXT_CHARS;
use domain::organisation::Role;
use engine::departments::{role, role_delete, role_put, roles_after};
use engine::organisation::{Origin, Shown, role_members};
use serde_json::{Value, json};

use super::{after_id, after_number, missing, own_id, page, page_size, people, refused, tenant};
use crate::fault::Fault;
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};

const ID: &str = "role_id";

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let (size, after) = (page_size(&call, &faults), after_id(&call, &faults));
    let tenant = tenant(&call, faults).await?;
    let read = call.hub().read(move |tx, _| roles_after(tx, tenant, &after, size + 1));
    let token = |role: &Role| role.id.clone();
    Ok(Reply::data(&page("roles", read.await?, size, token, shown)))
}

pub(crate) async fn get(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = own_id(&call, ID, &faults);
    let tenant = tenant(&call, faults).await?;
    let wanted = id.clone();
    let read = call.hub().read(move |tx, _| role(tx, tenant, &wanted));
    let found = read.await?.ok_or_else(|| none(&id))?;
    Ok(Reply::data(&json!({"role": shown(&found)})))
}

fn none(id: &str) -> Fault {
    missing(ID, &format!("there is no role `{id}`"))
}

pub(crate) async fn put(call: Call) -> Result<Reply, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let id = own_id(&call, ID, &faults);
    let name = Object::new(&members, &faults).text_up_to("name", TEXT_CHARS).unwrap_or_default();
    let tenant = tenant(&call, faults).await?;
    let wanted = id.clone();
    let write = call.hub().write(move |tx, cx| {
        let created = role_put(tx, cx, tenant, Origin::Api, (&wanted, &name))?;
        Ok((role(tx, tenant, &wanted)?, created))
    });
    let (found, created) = write.await?;
    let found = found.ok_or_else(|| none(&id))?;
    Ok(Reply::data(&json!({"role": shown(&found), "created": created})))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = own_id(&call, ID, &faults);
    let tenant = tenant(&call, faults).await?;
    let wanted = id.clone();
    let write =
        call.hub().write(move |tx, cx| role_delete(tx, cx, tenant, Origin::Api, &wanted)).await;
    if write.map_err(refused)? { Ok(Reply::data(&json!({}))) } else { Err(none(&id)) }
}

pub(crate) async fn members(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = own_id(&call, ID, &faults);
    let (size, after) = (page_size(&call, &faults), after_number(&call, &faults));
    let tenant = tenant(&call, faults).await?;
    let (wanted, after) = (id.clone(), PersonId(after.unwrap_or_default()));
    let read = call.hub().read(move |tx, _| role_members(tx, tenant, &wanted, after, size + 1));
    let found = read.await?.ok_or_else(|| none(&id))?;
    let token = |shown: &Shown| shown.member.person.id.to_string();
    Ok(Reply::data(&page("people", found, size, token, people::shown)))
}

fn shown(role: &Role) -> Value {
    json!({"role_id": role.id, "name": role.name})
}
