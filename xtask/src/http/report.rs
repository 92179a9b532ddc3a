//! Tables for people, all samples for programs, and the section of a document.

use std::fs;
use std::io::Write;

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde_json::json;

use super::goals::{Verdict, verdicts};
use super::machine::Machine;
use super::samples::{Reads, Results, Writes, median};
use super::shared::{Shared, SharedSample};
use super::{Engine, Options, document};
use crate::steps::target;

/// Prints the tables, keeps the samples, and adds to the document when that was asked for.
pub(crate) fn report(options: &Options, sizes: &[usize], results: &Results) -> Result<()> {
    let machine = Machine::look()?;
    let verdicts = verdicts(results)?;
    let text = tables(results, &verdicts);
    println!("\n{text}");
    let all = json!({
        "machine": machine, "profile": options.profile, "rounds": options.rounds,
        "seconds": options.seconds, "sizes": sizes, "results": results, "goals": verdicts,
        "bulk": "wal_autocheckpoint 1000 (inline), synchronous FULL",
    });
    let name = format!("results-{}.json", machine.date.replace(':', ""));
    let file = target().join("bench").join(name);
    fs::write(&file, serde_json::to_string_pretty(&all)?)?;
    println!("all samples: {}", file.display());
    if options.report {
        let mut document = fs::OpenOptions::new().append(true).open(document())?;
        write!(document, "{}", section(&machine, options, sizes, &text))?;
    }
    Ok(())
}

fn section(machine: &Machine, options: &Options, sizes: &[usize], text: &str) -> String {
    let Machine { date, commit, cores, kernel, cpu, memory_mib } = machine;
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let rows: Vec<&str> = options.rows.iter().map(|row| row.name).collect();
    let names = |values: &[String]| values.join(",");
    let modes: Vec<String> = options.modes.iter().map(|mode| mode.name().to_owned()).collect();
    let under: Vec<String> =
        options.under.iter().map(|under| format!("{under:?}").to_lowercase()).collect();
    let (sizes, modes, under) = (names(&sizes), names(&modes), names(&under));
    let (rounds, seconds, rows) = (options.rounds, options.seconds, rows.join(","));
    let engine = if options.engine == Engine::Postgres { " --engine postgres" } else { "" };
    let (day, profile) = (date.get(..10).unwrap_or(date), &options.profile);
    format!(
        "\n## {day}, commit {commit}\n\n{cpu}, {cores} cores, {memory_mib} MiB, {kernel}.\n\n    \
         cargo xtask bench{engine} --tasks {sizes} --rounds {rounds} --seconds {seconds} \
         --profile {profile} \\\n      --modes {modes} --under {under} \\\n      --rows {rows}\n\n\
         {text}"
    )
}

fn tables(results: &Results, verdicts: &[Verdict]) -> String {
    let mut parts = Vec::new();
    if !results.reads.is_empty() {
        parts.push(reads(&results.reads));
    }
    if !results.writes.is_empty() {
        parts.push(writes(&results.writes));
    }
    if !results.shared.is_empty() {
        parts.push(shared(&results.shared));
    }
    if !results.starts.is_empty() || !results.rooms.is_empty() {
        parts.push(figures(results));
    }
    if !verdicts.is_empty() {
        parts.push(goals(verdicts));
    }
    parts.join("\n\n") + "\n"
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(head);
    table
}

fn shared(all: &[Shared]) -> String {
    let mut table = table(&[
        "row",
        "tasks",
        "to the same without counts",
        "with counts to without, no server",
        "statements",
        "p50 µs",
        "p99 µs",
        "spread",
    ]);
    for shared in all {
        let each = |value: fn(&SharedSample) -> f64| {
            median(&shared.samples.iter().map(value).collect::<Vec<_>>())
        };
        table.add_row([
            "sync-32, one initiator".to_owned(),
            shared.size.to_string(),
            format!("{:.3}", shared.ratio()),
            format!("{:.3}", shared.counted()),
            format!("{:.1}", shared.counted.statements),
            format!("{:.0}", each(|sample| sample.product.p50 as f64)),
            format!("{:.0}", each(|sample| sample.product.p99 as f64)),
            format!("{:.2}", shared.spread()),
        ]);
    }
    table.to_string()
}

fn reads(reads: &[Reads]) -> String {
    let mut table = table(&[
        "row",
        "tasks",
        "mode",
        "requests to bare",
        "CPU to bare",
        "cores busy (bare)",
        "p50 µs (bare)",
        "p99 µs (bare)",
        "p99 to bare",
        "p99 to idle",
        "syncs/s",
        "spread",
        "",
    ]);
    for read in reads {
        let [p50, bare_p50, p99, bare_p99] = read.latencies();
        let [busy, bare_busy] = read.busy();
        let idle = reads.iter().find(|other| {
            (other.row, other.size, other.mode, other.under.suffix())
                == (read.row, read.size, read.mode, "")
        });
        let written = idle.filter(|_| read.writes().is_some());
        let to_idle = written.map(|idle| format!("{:.2}", p99 / idle.latencies()[2]));
        table.add_row([
            read.row.to_owned(),
            read.size.to_string(),
            format!("{}{}", read.mode.name(), read.under.suffix()),
            format!("{:.3}", read.ratio()),
            format!("{:.2}", read.cpu()),
            format!("{busy:.2} ({bare_busy:.2})"),
            format!("{p50:.0} ({bare_p50:.0})"),
            format!("{p99:.0} ({bare_p99:.0})"),
            format!("{:.2}", p99 / bare_p99),
            to_idle.unwrap_or_default(),
            read.writes().map(|rate| format!("{rate:.0}")).unwrap_or_default(),
            format!("{:.2} (bare {:.2})", read.spread(), read.bare_spread()),
            read.doubt().to_owned(),
        ]);
    }
    table.to_string()
}

fn writes(writes: &[Writes]) -> String {
    let mut table = table(&[
        "row",
        "tasks",
        "mode",
        "syncs to bulk",
        "syncs to appends",
        "p50 µs",
        "p99 µs",
        "spread",
        "",
    ]);
    for write in writes {
        let [p50, p99] = write.latencies();
        table.add_row([
            write.row.to_owned(),
            write.size.to_string(),
            write.mode.name().to_owned(),
            format!("{:.3}", write.to_bulk()),
            format!("{:.3}", write.to_appends()),
            format!("{p50:.0}"),
            format!("{p99:.0}"),
            format!("{:.2} (references {:.2})", write.spread(), write.reference_spread()),
            write.doubt().to_owned(),
        ]);
    }
    table.to_string()
}

fn figures(results: &Results) -> String {
    let mut table = table(&["figure", "tasks", "value"]);
    for starts in &results.starts {
        let what = format!("start to first answer, {}", starts.mode.name());
        let value = format!("{:.1} ms", median(&starts.millis));
        table.add_row([what, starts.size.to_string(), value]);
    }
    for room in &results.rooms {
        let mut add = |what: &str, value: u64| {
            table.add_row([what.to_owned(), room.size.to_string(), format!("{value} MiB")]);
        };
        if room.memory_kib > 0 {
            add("own memory, most after a row", room.memory_kib >> 10);
        }
        add("data file", room.data_bytes >> 20);
        add("log, most after a row", room.log_bytes >> 20);
    }
    table.to_string()
}

fn goals(verdicts: &[Verdict]) -> String {
    let mut table = table(&["goal", "tasks", "wanted", "measured", ""]);
    for Verdict { what, size, wanted, got, met } in verdicts {
        let met = if *met { "met" } else { "missed" };
        table.add_row([what, &size.to_string(), wanted, &format!("{got:.3}"), met]);
    }
    table.to_string()
}
