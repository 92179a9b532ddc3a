//! `people`: who is with the company, and where they stand in it.

use domain::PersonId;
use domain::limits::{
    DEPARTMENTS_PER_PERSON, ID_CHARS, ORGANISATION_ID_CHARS, ROLES_PER_PERSON, TEXT_CHARS,
};
use engine::organisation::{
    Id, Origin, Place, Shown, people_after, people_by_id, person_left, person_put,
};
use engine::people::{Imported, ImportedPerson};
use serde_json::{Value, json};

use super::{
    after_number, card, card_or_null, id_type, leader, nobody, page, page_size, person, refused,
    tenant, time,
};
use crate::fault::Fault;
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};
use crate::import::texts;
use crate::names::ADMIN_ID_TYPE;

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let (size, after) = (page_size(&call, &faults), after_number(&call, &faults));
    let tenant = tenant(&call, faults).await?;
    let after = PersonId(after.unwrap_or_default());
    let read = call.hub().read(move |tx, _| people_after(tx, tenant, after, size + 1));
    let token = |shown: &Shown| shown.member.person.id.to_string();
    Ok(Reply::data(&page("people", read.await?, size, token, shown)))
}

pub(crate) async fn get(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = person(&call, &faults);
    let tenant = tenant(&call, faults).await?;
    let whom = id.clone();
    let read = call.hub().read(move |tx, _| {
        let found = engine::organisation::find(tx, tenant, &whom)?;
        found.map_or(Ok(Vec::new()), |found| people_by_id(tx, tenant, &[found]))
    });
    one(read.await?.as_slice(), &id)
}

fn one(found: &[Shown], id: &Id) -> Result<Reply, Fault> {
    let found = found.first().ok_or_else(|| nobody(id))?;
    Ok(Reply::data(&json!({"person": shown(found)})))
}

pub(crate) async fn put(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let (id, given) = asked(&call, &faults)?;
    let tenant = tenant(&call, faults).await?;
    let write = call.hub().write(move |tx, cx| {
        let (person, place) = &given;
        let (id, outcome) = person_put(tx, cx, tenant, Origin::Api, (person, place))?;
        Ok((people_by_id(tx, tenant, &[id])?, outcome))
    });
    let (found, outcome) = write.await.map_err(refused)?;
    let found = found.first().ok_or_else(|| nobody(&id))?;
    let created = outcome == Imported::Created;
    Ok(Reply::data(&json!({"person": shown(found), "created": created})))
}

fn asked(call: &Call, faults: &Faults) -> Result<(Id, (ImportedPerson, Place)), Fault> {
    let members = body(&call.body)?;
    let object = Object::new(&members, faults);
    let id = person(call, faults);
    let given = (imported(&object, &id), place(&object, call, faults));
    Ok((id, given))
}

/// What is said of a person: under the id in the path, and further ones.
fn imported(object: &Object<'_>, id: &Id) -> ImportedPerson {
    let mut person = ImportedPerson { aliases: vec![id.clone()], ..ImportedPerson::default() };
    for (name, kind) in ADMIN_ID_TYPE {
        let alias = object.text_up_to(name, ID_CHARS).filter(|alias| !alias.is_empty());
        match alias {
            Some(alias) if *kind == id.0 && alias != id.1 => {
                object.refuse(name, &alias, "must be the id in the path, or be left out");
            }
            Some(alias) if *kind != id.0 => person.aliases.push((*kind, alias)),
            _ => {}
        }
    }
    person.name = object.text_up_to("name", TEXT_CHARS).unwrap_or_default();
    person.names = texts(object, "names");
    person
}

fn place(object: &Object<'_>, call: &Call, faults: &Faults) -> Place {
    let ids = |name: &str, max: usize| {
        let ids = object.texts(name, max, ORGANISATION_ID_CHARS)?;
        if ids.iter().any(String::is_empty) {
            object.refuse(&format!("{name}[*]"), "", "must not be empty");
        }
        Some(ids)
    };
    Place {
        departments: ids("departments", DEPARTMENTS_PER_PERSON),
        leader: leader(object, id_type(call, faults)),
        roles: ids("roles", ROLES_PER_PERSON),
    }
}

pub(crate) async fn deactivate(call: Call) -> Result<Reply, Fault> {
    left(call, true).await
}

pub(crate) async fn activate(call: Call) -> Result<Reply, Fault> {
    left(call, false).await
}

async fn left(call: Call, left: bool) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = person(&call, &faults);
    let tenant = tenant(&call, faults).await?;
    let whom = id.clone();
    let write = call.hub().write(move |tx, cx| {
        let found = person_left(tx, cx, tenant, Origin::Api, (&whom, left))?;
        found.map_or(Ok(Vec::new()), |found| people_by_id(tx, tenant, &[found]))
    });
    one(write.await?.as_slice(), &id)
}

/// A person with their place.
pub(crate) fn shown(shown: &Shown) -> Value {
    let (person, position) = (&shown.member.person, &shown.member.position);
    let mut value = card(&shown.card);
    let names =
        person.names.iter().map(|(code, text)| json!({"language_code": code, "text": text}));
    value["names"] = names.collect();
    value["departments"] = json!(position.departments);
    value["leader"] = card_or_null(shown.leader.as_ref());
    value["roles"] = json!(position.roles);
    value["confirmed"] = (!person.stub).into();
    value["left_at"] = time(shown.member.left_at).into();
    value
}
