//! Measurements that anyone can run: ratios to a reference in the same run, never bare times.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::records;
use crate::steps::{cargo, root, run, target};

pub(crate) fn lists(rows: usize) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = Command::new(cargo);
    bench.args(["bench", "-q", "-p", "countersign", "--bench", "lists"]).current_dir(root());
    run(bench.env("ROWS", rows.to_string()))
}

pub(crate) fn import(tasks: usize) -> Result<()> {
    cargo(&["build", "-q", "--release", "-p", "countersign"])?;
    let folder = target().join("bench-import");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let (file, data) = (folder.join("records.ndjson"), folder.join("data"));
    records::flows(&file, tasks)?;
    let binary = target().join("release/countersign");
    let mut create = Command::new(&binary);
    run(create.args(["tenant", "create", "bench", "--data"]).arg(&data).stdout(Stdio::null()))?;

    let started = Instant::now();
    let mut import = Command::new(&binary);
    import.args(["--json", "import"]).arg(&file).args(["--tenant", "bench", "--data"]).arg(&data);
    let mut child = import.spawn().context("cannot start the import")?;
    let memory = peak_memory(&mut child)?;
    let seconds = started.elapsed().as_secs_f64();

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bulk = Command::new(cargo);
    bulk.args(["bench", "-q", "-p", "store", "--bench", "bulk"]).current_dir(root());
    let bulk = bulk.env("DATA", data.join("countersign.db")).output()?;
    let text = String::from_utf8_lossy(&bulk.stdout).into_owned();
    println!("import: {tasks} tasks in {seconds:.2} s, peak memory {memory} MiB");
    for line in text.lines().filter(|line| line.contains("bulk:")) {
        let bare: f64 = line.split_whitespace().rev().nth(1).context("no seconds")?.parse()?;
        println!("{line}: import rate / rate of the same rows {:.2}", bare / seconds);
    }
    println!("file: {} MiB", fs::metadata(data.join("countersign.db"))?.len() >> 20);
    Ok(())
}

/// The most memory that a process held, in MiB, read until it ends.
fn peak_memory(child: &mut std::process::Child) -> Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // Anonymous memory: pages of the file belong to the system's cache.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok());
        peak = peak.max(kib.unwrap_or(0_u64));
        if let Some(ended) = child.try_wait()? {
            if !ended.success() {
                bail!("the import ended with {ended}");
            }
            return Ok(peak >> 10);
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
}
