//! Copying all data from one store into an empty one, on whichever engines, and comparing both.
//!
//! Slices in the order of keys: what the target has tells how far a copy has come, so one that was
//! stopped goes on. Until everything was compared a mark keeps servers off the target.

use std::collections::BTreeMap;

use store::access::{setting_all, setting_delete, setting_get, setting_insert, setting_put};
use store::copy::{self, Part, Sum};
use store::{Store, inbox};

use crate::{Error, Result};

/// The setting that says from where a target is being filled.
pub(crate) const MARK: &str = "copied_from";

/// Rows in one transaction (own figure: a thousandth of a second's work is lost between two).
const SLICE: i64 = 1_000;

/// How often everything that waits in the source is folded before somebody else must be at work.
const FOLDS: usize = 3;

/// Lists whose changes are looked up at once (own figure).
const LISTS: i64 = 200;

/// How far a copy has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Rows that were copied, found copied, or compared.
    pub done: u64,
    /// How many that will be.
    pub of: u64,
    /// The table that is at work.
    pub table: &'static str,
}

/// What is the same in both stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Tenants.
    pub tenants: usize,
    /// Rows, in all tables.
    pub rows: u64,
    /// How many of them were in the target already when this copy began.
    pub found: u64,
}

/// Copies everything from `source`, which nobody may change meanwhile, into `target`, which is empty
/// or holds an earlier part of the same copy; `name` says which source it is.
pub async fn copy(
    source: &Store,
    target: &Store,
    name: &str,
    mut told: impl FnMut(Progress),
) -> Result<Copied> {
    if let Some(mark) = source.read(|tx| setting_get(tx, MARK)).await? {
        return Err(Error::Invalid(format!("the source is itself an unfinished copy of {mark}")));
    }
    fold_all(source).await?;
    let wanted = source.read(copy::counts).await?;
    let all: u64 = wanted.iter().map(|(_, rows)| rows).sum();
    let found = begin(target, name).await?;
    let tenants = source.read(store::access::tenant_all).await?;
    let tenants: Vec<_> = tenants.into_iter().map(|tenant| tenant.id).collect();
    let parts = copy::parts(&tenants)?;
    let mut progress = Progress { done: found, of: 2 * all, table: "" };
    told(progress);
    for part in &parts {
        progress.table = part.name();
        fill(source, target, *part, |rows| {
            progress.done += rows;
            told(progress);
        })
        .await?;
    }
    let mut faults = Vec::new();
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for part in &parts {
        progress.table = part.name();
        let (here, there) = (sum(source, *part).await?, sum(target, *part).await?);
        if here != there {
            faults.push(difference(*part, here, there));
        }
        *rows.entry(part.name()).or_default() += here.rows;
        progress.done += here.rows;
        told(progress);
    }
    let settings = finish(source, target, &wanted, &rows, &mut faults).await?;
    Ok(Copied { tenants: tenants.len(), rows: rows.values().sum::<u64>() + settings, found })
}

fn difference(part: Part, here: Sum, there: Sum) -> String {
    let whose = part.tenant().map(|tenant| format!(" of tenant {tenant}")).unwrap_or_default();
    let name = part.name();
    if here.rows == there.rows {
        return format!("{name}{whose}: {} rows, whose checksums differ", here.rows);
    }
    format!("{name}{whose}: {} rows in the source, {} in the target", here.rows, there.rows)
}

/// Folds what is not in the counts of the source's lists yet: the target has no place for it where it
/// has one writer.
async fn fold_all(source: &Store) -> Result<()> {
    for _ in 0..FOLDS {
        let tenants = source.read(inbox::tenants_with_deltas).await?;
        if tenants.is_empty() {
            return Ok(());
        }
        for tenant in tenants {
            loop {
                let lists =
                    move |tx: &mut store::Tx<'_>| inbox::lists_with_deltas(tx, tenant, LISTS);
                let lists = source.read(lists).await?;
                if lists.is_empty() {
                    break;
                }
                for list in lists {
                    source.write_snapshot(move |tx| inbox::fold_deltas(tx, tenant, list)).await?;
                }
            }
        }
    }
    Err(Error::Busy("somebody still writes to the source: stop its servers first".into()))
}

/// Marks an empty target, or finds the mark of the same copy. Answers how many rows are there.
async fn begin(target: &Store, name: &str) -> Result<u64> {
    let own = name.to_owned();
    target
        .write(move |tx| {
            let mark = setting_get(tx, MARK)?;
            let rows: u64 = copy::counts(tx)?.iter().map(|(_, rows)| rows).sum();
            match mark {
                Some(mark) if mark == own => Ok(rows.saturating_sub(1)),
                Some(mark) => Err(Error::Exists(format!("an unfinished copy of {mark}"))),
                None if rows > 0 => Err(Error::Invalid(
                    "the target holds data already: a copy needs an empty one".into(),
                )),
                None => {
                    setting_insert(tx, MARK, &own)?;
                    Ok(0)
                }
            }
        })
        .await
}

/// Copies what the target lacks of a part.
async fn fill(source: &Store, target: &Store, part: Part, mut told: impl FnMut(u64)) -> Result<()> {
    let mut after = target.read(move |tx| copy::newest_key(tx, part)).await?;
    loop {
        let from = after.clone();
        let rows = source.read(move |tx| copy::rows_after(tx, part, from.as_ref(), SLICE)).await?;
        let Some(last) = rows.last(part) else { return Ok(()) };
        let count = rows.len() as u64;
        target.write(move |tx| copy::rows_insert(tx, part, &rows)).await?;
        after = Some(last);
        told(count);
    }
}

async fn sum(store: &Store, part: Part) -> Result<Sum> {
    let (mut sum, mut after) = (Sum::default(), None);
    loop {
        let from = after.take();
        let rows = store.read(move |tx| copy::rows_after(tx, part, from.as_ref(), SLICE)).await?;
        sum.add(&rows);
        after = rows.last(part);
        if after.is_none() {
            return Ok(sum);
        }
    }
}

/// Copies the settings and takes the mark away, when nothing differs.
async fn finish(
    source: &Store,
    target: &Store,
    wanted: &[(&'static str, u64)],
    seen: &BTreeMap<&str, u64>,
    faults: &mut Vec<String>,
) -> Result<u64> {
    // Also rows that belong to no tenant would be missed.
    for (stage, counts) in [("was", wanted), ("is", &source.read(copy::counts).await?)] {
        for (table, rows) in counts.iter().filter(|(table, _)| *table != "setting") {
            let copied = seen.get(table).copied().unwrap_or_default();
            if copied != *rows {
                faults.push(format!("{table}: {rows} rows in the source {stage}, {copied} copied"));
            }
        }
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(format!(
            "the copy is not what the source is; if somebody wrote to the source meanwhile, empty \
             the target and begin anew:\n{}",
            faults.join("\n")
        )));
    }
    let settings = source.read(setting_all).await?;
    let count = settings.len() as u64;
    target
        .write(move |tx| {
            for (name, value) in &settings {
                setting_put(tx, name, value)?;
            }
            setting_delete(tx, MARK)
        })
        .await?;
    Ok(count)
}
