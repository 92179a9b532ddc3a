//! `substitutes`: who stands in for somebody, from when until when.

use domain::Millis;
use domain::person::AliasKind;
use engine::organisation::{Id, Origin};
use engine::substitutes::{self, Shown};
use serde_json::{Value, json};

use super::{card, missing, nobody, number, person, refused, required_person, tenant};
use crate::fault::Fault;
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = person(&call, &faults);
    let tenant = tenant(&call, faults).await?;
    let whom = id.clone();
    let read = call.hub().read(move |tx, cx| substitutes::of(tx, cx, tenant, &whom));
    let found = read.await?.ok_or_else(|| nobody(&id))?;
    Ok(Reply::data(&json!({"substitutes": found.iter().map(shown).collect::<Vec<_>>()})))
}

pub(crate) async fn add(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let id = person(&call, &faults);
    let (substitute, range) = asked(&call, id.0, &faults)?;
    let tenant = tenant(&call, faults).await?;
    let whom = id.clone();
    let write = call.hub().write(move |tx, cx| {
        substitutes::add(tx, cx, tenant, Origin::Api, (&whom, &substitute), range)
    });
    let added = write.await.map_err(refused)?.ok_or_else(|| nobody(&id))?;
    Ok(Reply::data(&json!({"substitute_id": added.to_string()})))
}

/// Who stands in, from when until when.
fn asked(call: &Call, kind: AliasKind, faults: &Faults) -> Result<(Id, (Millis, Millis)), Fault> {
    let members = body(&call.body)?;
    let object = Object::new(&members, faults);
    let substitute = required_person(&object, "substitute", kind);
    Ok((substitute, (object.required_time("from"), object.required_time("until"))))
}

pub(crate) async fn end(call: Call) -> Result<Reply, Fault> {
    let id = number(&call, "substitute_id");
    let tenant = tenant(&call, Faults::default()).await?;
    let write =
        call.hub().write(move |tx, cx| substitutes::end(tx, cx, tenant, Origin::Api, id)).await?;
    let none = || missing("substitute_id", "there is no such time to be away");
    if write { Ok(Reply::data(&json!({}))) } else { Err(none()) }
}

fn shown(shown: &Shown) -> Value {
    json!({
        "substitute_id": shown.range.id.to_string(),
        "substitute": card(&shown.substitute),
        "from": shown.range.what.from.get().to_string(),
        "until": shown.range.what.until.get().to_string(),
    })
}
