//! `instances`: the history of an instance of a flow, with the hashes that chain it.

use domain::InstanceId;
use engine::Error;
use engine::flow_run::audit::{self, Told};
use serde_json::Value;

use super::{after_number, missing, number, page_size, tenant};
use crate::fault::Fault;
use crate::fields::Faults;
use crate::gateway::{Call, Reply};
use crate::history::history as shown;

pub(crate) async fn history(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let (size, after) = (page_size(&call, &faults), after_number(&call, &faults));
    let id = InstanceId(number(&call, "instance_id"));
    let tenant = tenant(&call, faults).await?;
    let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
    let read = call
        .hub()
        .read(move |tx, _| audit::history(tx, tenant, id, after.unwrap_or_default(), limit));
    let mut history = read.await.map_err(|error| match error {
        Error::NotFound(_) => missing("instance_id", "there is no such instance"),
        other => other.into(),
    })?;
    let has_more = history.entries.len() > size;
    history.entries.truncate(size);
    let mut data: Value = shown(&history);
    data["has_more"] = has_more.into();
    if let Some(Told { seq, .. }) = history.entries.last().filter(|_| has_more) {
        data["page_token"] = seq.to_string().into();
    }
    Ok(Reply::data(&data))
}
