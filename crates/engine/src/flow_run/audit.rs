//! Histories: reading them, anchoring their ends, and proving that nobody changed them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use domain::process::Entry;
use domain::process::chain::{self, Anchor, Hash};
use domain::{InstanceId, Millis, PersonId, TenantId};
use serde::Serialize;
use store::Tx;
use store::flow_history::{entries_after, entry_hash};
use store::flow_run::{self as rows, Run};
use store::lease::Work;

use super::execute::KEY_MS;
use super::{KnownAs, fault};
use crate::{Context, Error, Hub, Result};

/// Entries of one history that are read at once, instances that one transaction looks at, and heads in
/// one anchor. Own figures: some megabytes at most.
const ENTRIES: i64 = 1_000;
/// See [`ENTRIES`].
const INSTANCES: i64 = 200;
/// See [`ENTRIES`].
const HEADS: i64 = 1_000;

/// Anchors are written at most once in each hour of the clock (decided).
const HOUR_MS: i64 = 3_600_000;

/// One entry of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number, from 1.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// What, in a word.
    pub action: String,
    /// By whom; nobody where time did it.
    pub by: Option<PersonId>,
    /// The whole entry; absent for imported instances.
    pub entry: Option<Entry>,
    /// The hash that chains it; absent for imported instances.
    pub hash: Option<Hash>,
}

/// The history of an instance, with how everybody in it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// In order.
    pub entries: Vec<Told>,
    /// Who the numbers are.
    pub people: BTreeMap<PersonId, KnownAs>,
}

/// At most `limit` entries of an instance's history after the one with number `after`.
pub fn history(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    after: i64,
    limit: i64,
) -> Result<History> {
    let mut history = History { entries: Vec::new(), people: BTreeMap::new() };
    for (row, hash) in entries_after(tx, tenant, instance, after, limit)? {
        let entry = match hash {
            None => None,
            Some(_) => Some(serde_json::from_str::<Entry>(&row.details).map_err(|e| {
                let seq = row.seq;
                Error::Internal(format!("entry {seq} of instance {instance} is unreadable: {e}"))
            })?),
        };
        let people = row.person.into_iter().chain(entry.iter().flat_map(Entry::people));
        for person in people {
            if let MapEntry::Vacant(place) = history.people.entry(person) {
                place.insert(fault::known_as(tx, tenant, person)?);
            }
        }
        let (seq, at, action, by) = (row.seq, row.at, row.action, row.person);
        history.entries.push(Told { seq, at, action, by, entry, hash });
    }
    if history.entries.is_empty() && after == 0 {
        return Err(Error::NotFound(format!("the instance {instance}")));
    }
    Ok(history)
}

/// What an audit read, and what is not as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Instances that are run here.
    pub instances: usize,
    /// Entries of their histories.
    pub entries: usize,
    /// Anchors over the ends of these.
    pub anchors: usize,
    /// What does not fit, in words.
    pub faults: Vec<String>,
}

impl Hub {
    /// Anchors every history that moved in an hour before this one; says how many.
    pub async fn anchor(&self) -> Result<usize> {
        let mut anchored = 0;
        for tenant in self.tenants_with(Work::Anchors).await? {
            anchored += self.anchor_of(tenant).await?;
        }
        Ok(anchored)
    }

    /// The same for one tenant. Nothing while another process does it.
    pub async fn anchor_of(&self, tenant: TenantId) -> Result<usize> {
        let hour = |at: Millis| at.get().div_euclid(HOUR_MS);
        let now = self.now();
        let waits = self.read(move |tx, _| {
            let newest = rows::anchor_newest_at(tx, tenant)?;
            let moved = !rows::heads_to_anchor(tx, tenant, 1)?.is_empty();
            Ok((newest.is_some_and(|at| hour(at) == hour(now)), moved))
        });
        let (done, moved) = waits.await?;
        if done {
            return Ok(0);
        }
        let Some(lease) = self.lease_if(moved, tenant, Work::Anchors).await? else { return Ok(0) };
        let mut anchored = 0;
        loop {
            match self.write(move |tx, cx| add_anchor(tx, cx, tenant)).await? {
                0 => break,
                heads => anchored += heads,
            }
            if !self.prolong(&lease).await? {
                return Ok(anchored);
            }
        }
        self.end(lease).await?;
        Ok(anchored)
    }

    /// Reads every history and anchor of some tenants, and tells what is not as it was written.
    pub async fn audit(&self, tenants: &[TenantId]) -> Result<Audit> {
        let mut audit = Audit::default();
        for tenant in tenants.iter().copied() {
            let mut after = InstanceId(0);
            loop {
                let slice = self.read(move |tx, _| verify_slice(tx, tenant, after)).await?;
                audit.instances += slice.instances;
                audit.entries += slice.entries;
                audit.faults.extend(slice.faults);
                let Some(last) = slice.last else { break };
                after = last;
            }
            let mut previous: Option<Anchor> = None;
            loop {
                let last = previous.clone();
                let (anchor, faults) =
                    self.read(move |tx, _| verify_anchor(tx, tenant, last.as_ref())).await?;
                audit.faults.extend(faults);
                let Some(anchor) = anchor else { break };
                audit.anchors += 1;
                previous = Some(anchor);
            }
        }
        Ok(audit)
    }
}

/// Adds an anchor over some of the histories that moved; says over how many. Keys of starts that have
/// had their time go with it.
fn add_anchor(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId) -> Result<usize> {
    rows::start_keys_forget(tx, tenant, cx.now.plus(-KEY_MS), HEADS)?;
    let heads = rows::heads_to_anchor(tx, tenant, HEADS)?;
    if heads.is_empty() {
        return Ok(0);
    }
    let (count, newest) = (heads.len(), rows::anchor_newest(tx, tenant)?);
    let anchor = chain::anchor(tenant, newest.as_ref(), heads, cx.now);
    rows::anchor_insert(tx, tenant, &anchor)?;
    Ok(count)
}

#[derive(Default)]
struct Slice {
    last: Option<InstanceId>,
    instances: usize,
    entries: usize,
    faults: Vec<String>,
}

fn verify_slice(tx: &mut Tx<'_>, tenant: TenantId, after: InstanceId) -> Result<Slice> {
    let mut slice = Slice::default();
    for id in rows::runs_after(tx, tenant, after, INSTANCES)? {
        slice.last = Some(id);
        slice.instances += 1;
        let Some(run) = rows::run_get(tx, tenant, id)? else { continue };
        let (entries, fault) = verify_history(tx, tenant, &run)?;
        slice.entries += entries;
        slice.faults.extend(fault.map(|fault| format!("instance {id}: {fault}")));
    }
    Ok(slice)
}

/// How many entries a history has, and the first thing that is wrong with it.
fn verify_history(tx: &mut Tx<'_>, tenant: TenantId, run: &Run) -> Result<(usize, Option<String>)> {
    let id = run.head.instance;
    let (mut history, mut after) = (Vec::new(), 0);
    loop {
        let page = entries_after(tx, tenant, id, after, ENTRIES)?;
        let Some((last, _)) = page.last() else { break };
        after = last.seq;
        history.extend(page);
    }
    let chained = history.iter().map(|(row, hash)| (row, hash.unwrap_or(Hash::NONE)));
    let fault = match chain::verify(chained) {
        Err(found) => Some(found.to_string()),
        Ok(head) if head == Some(run.head) => None,
        Ok(head) => {
            let (seq, noted) = (head.map_or(0, |head| head.seq), run.head.seq);
            Some(if seq < noted {
                format!("entry {} is missing", seq + 1)
            } else {
                format!("the history ends with entry {seq}, and otherwise than noted")
            })
        }
    };
    Ok((history.len(), fault))
}

/// The anchor after `previous`, if there is one, and everything that is wrong with it.
fn verify_anchor(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    previous: Option<&Anchor>,
) -> Result<(Option<Anchor>, Vec<String>)> {
    let after = previous.map_or(0, |anchor| anchor.number);
    let Some(anchor) = rows::anchors_after(tx, tenant, after, 1)?.pop() else {
        return Ok((None, Vec::new()));
    };
    let mut known = BTreeMap::new();
    for head in &anchor.heads {
        if let Some(hash) = entry_hash(tx, tenant, head.instance, head.seq)? {
            known.insert((head.instance, head.seq), hash);
        }
    }
    let breaks = chain::verify_anchor(tenant, previous, &anchor, |instance, seq| {
        known.get(&(instance, seq)).copied()
    });
    Ok((Some(anchor), breaks.iter().map(ToString::to_string).collect()))
}
