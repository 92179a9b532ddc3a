//! Where and of what a measurement was made.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::steps::root;

/// What results depend on besides the code.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// In UTC.
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) cpu: String,
    /// In MiB.
    pub(crate) memory_mib: u64,
}

impl Machine {
    pub(crate) fn look() -> Result<Self> {
        let cpus = fs::read_to_string("/proc/cpuinfo")?;
        let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let memory = fs::read_to_string("/proc/meminfo")?;
        let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let memory = memory.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
        let mut commit = say("git", &["rev-parse", "--short=12", "HEAD"])?;
        if !say("git", &["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
            commit += " with changes";
        }
        Ok(Self {
            date: say("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])?,
            commit,
            cores: cores()?,
            kernel: say("uname", &["-sr"])?,
            cpu: cpu.map_or("unknown", |(_, name)| name.trim()).to_owned(),
            memory_mib: memory.parse::<u64>()? >> 10,
        })
    }
}

fn say(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).current_dir(root()).output();
    let output = output.with_context(|| format!("cannot start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cores() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

/// Refuses a machine with one core: the load would be measured too.
pub(crate) fn two_cores() -> Result<()> {
    if cores()? < 2 {
        bail!("two cores are needed: one for the server, one for the load");
    }
    let taskset = Command::new("taskset").arg("-V").output();
    taskset.context("taskset is needed: install the package util-linux").map(drop)
}
