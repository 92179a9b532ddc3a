//! Measurements that anyone can run: ratios to a reference in the same run, never bare times.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::steps::{cargo, root, run, target};

pub(crate) fn lists(rows: usize) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = Command::new(cargo);
    bench.args(["bench", "-q", "-p", "countersign", "--bench", "lists"]).current_dir(root());
    run(bench.env("ROWS", rows.to_string()))
}

/// People among whom the tasks are: one has a tenth of all.
const TASKS_PER_PERSON: usize = 150;

pub(crate) fn import(tasks: usize) -> Result<()> {
    cargo(&["build", "-q", "--release", "-p", "countersign"])?;
    let folder = target().join("bench-import");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let (file, data) = (folder.join("records.ndjson"), folder.join("data"));
    write_records(&file, tasks)?;
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

fn write_records(file: &Path, tasks: usize) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    let people = (tasks / TASKS_PER_PERSON).max(20);
    for n in 0..people {
        writeln!(out, r#"{{"record":"person","kunlun_user_id":"17{n:014}","name":"Person {n}"}}"#)?;
    }
    for n in 0..30 {
        let label = format!(r#"[{{"language_code":"2052","text":"流程 {n}"}}]"#);
        writeln!(out, r#"{{"record":"flow","api_id":"flow_{n}","label":{label}}}"#)?;
    }
    // A fixed stride, so that every run writes the same file.
    let mut dice = 1_u64;
    let mut roll = |end: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(dice >> 33).unwrap_or_default() % end
    };
    for n in 0..tasks {
        let initiator = roll(people);
        let assignee = if roll(10) == 0 { 0 } else { roll(people) };
        let status = if roll(2) == 0 { "in_process" } else { "agreed" };
        let (id, start) = ((n + 1) * 10, 1_700_000_000_000 + n * 1_000 + roll(60_000));
        let (flow, days) = (roll(30), roll(30));
        writeln!(
            out,
            r#"{{"record":"flow_instance","id":"{id}","api_id":"flow_{flow}","initiator":"17{initiator:014}","status":"{status}","start_time":"{start}","end_time":"0","summarys":[{{"file_key":[{{"language_code":"2052","text":"天数"}},{{"language_code":"1033","text":"Days"}}],"file_value":[{{"language_code":"2052","text":"{days} 天"}},{{"language_code":"1033","text":"{days} days"}}]}}],"tasks":[{{"id":"{}","node":"manager","status":"{status}","start_time":"{start}","assignees":[{{"kunlun_user_id":"17{assignee:014}","status":"{status}"}}]}}]}}"#,
            id + 1
        )?;
    }
    Ok(out.flush()?)
}
