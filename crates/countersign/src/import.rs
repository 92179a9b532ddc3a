//! `import`: records from a file, slice by slice, with a progress bar.
//!
//! Every slice is one transaction, so a stop at any point keeps whole slices; run again, what is
//! there changes nothing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use engine::import::{Bad, Record, apply};
use engine::{Error, Hub};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::open;
use crate::operate::find_tenant;
use crate::output::Output;

/// How many bad lines are told one by one.
const TOLD: usize = 100;

pub(crate) async fn run(
    config: Config,
    file: &Path,
    tenant_key: String,
    slice_len: usize,
    output: Output,
) -> Result<()> {
    // A server that runs keeps what it read; the lock says whether there is one.
    open::check_data(&config)?;
    let _lock = open::lock(&config)?;
    let hub = open::for_import(&config).await?;
    let tenant = find_tenant(&hub, tenant_key).await?;
    let shown = file.display();
    let input = File::open(file).with_context(|| format!("cannot read {shown}"))?;
    let bar = bar(input.metadata()?.len(), output);
    let mut faults = Faults::default();
    let mut imported = 0;
    let mut slice: Vec<(usize, Record)> = Vec::with_capacity(slice_len);
    // The slice that is being written while the next one is read.
    let mut writing = None;
    let mut reader = BufReader::new(input);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read > 0 {
            number += 1;
            bar.inc(read as u64);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match api::import::read(&line) {
                Ok(record) => slice.push((number, record)),
                Err(bad) => faults.note(number, bad),
            }
        }
        if slice.len() >= slice_len || (read == 0 && !slice.is_empty()) {
            imported += finish(writing.take(), &mut faults).await?;
            let (hub, slice) = (Arc::clone(&hub), std::mem::take(&mut slice));
            writing = Some(tokio::spawn(async move { write(&hub, tenant, slice).await }));
        }
        if read == 0 {
            break;
        }
    }
    imported += finish(writing, &mut faults).await?;
    bar.finish_and_clear();
    hub.finish_joins().await?;
    output.answer(
        &format!("{imported} records imported, {} refused", faults.count),
        &json!({"imported": imported, "refused": faults.count, "faults": faults.told}),
    );
    if faults.count > 0 {
        bail!("some lines were refused, the others are imported:\n{}", faults.told.join("\n"));
    }
    Ok(())
}

fn bar(bytes: u64, output: Output) -> ProgressBar {
    if output.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes_per_sec} {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[derive(Default)]
struct Faults {
    count: usize,
    told: Vec<String>,
}

impl Faults {
    fn note(&mut self, line: usize, bad: impl IntoIterator<Item = (String, String)>) {
        self.count += 1;
        for (field, reason) in bad {
            if self.told.len() < TOLD {
                self.told.push(format!("line {line}: {field}: {reason}"));
            }
        }
    }
}

/// The line of each record, and how it ended.
type Outcomes = Vec<(usize, Result<(), Bad>)>;

async fn write(
    hub: &Hub,
    tenant: domain::TenantId,
    slice: Vec<(usize, Record)>,
) -> Result<Outcomes, Error> {
    let (numbers, records): (Vec<usize>, Vec<Record>) = slice.into_iter().unzip();
    let outcomes = hub.write(move |tx, cx| apply(tx, cx, tenant, &records)).await?;
    Ok(numbers.into_iter().zip(outcomes).collect())
}

async fn finish(
    writing: Option<JoinHandle<Result<Outcomes, Error>>>,
    faults: &mut Faults,
) -> Result<usize> {
    let Some(writing) = writing else { return Ok(0) };
    let mut imported = 0;
    for (number, outcome) in writing.await?? {
        match outcome {
            Ok(()) => imported += 1,
            Err(Bad { field, reason }) => faults.note(number, [(field.to_owned(), reason)]),
        }
    }
    Ok(imported)
}
