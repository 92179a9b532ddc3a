//! `changes`: what administrators changed, newest first.

use engine::organisation::{Recorded, changes};
use serde_json::{Value, json};

use super::{after_number, page, page_size, tenant};
use crate::fault::Fault;
use crate::fields::Faults;
use crate::gateway::{Call, Reply};

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let (size, before) = (page_size(&call, &faults), after_number(&call, &faults));
    let tenant = tenant(&call, faults).await?;
    let before = before.unwrap_or(i64::MAX);
    let read = call.hub().read(move |tx, _| changes(tx, tenant, before, size + 1));
    let token = |change: &Recorded| change.id.to_string();
    Ok(Reply::data(&page("changes", read.await?, size, token, shown)))
}

fn shown(change: &Recorded) -> Value {
    json!({
        "change_id": change.id.to_string(),
        "at": change.at.get().to_string(),
        "origin": change.origin,
        "action": change.action,
        "subject": change.subject,
        "details": change.details,
    })
}
