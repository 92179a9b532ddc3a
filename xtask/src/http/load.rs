//! The load on a server: wrk, and what it counted. Anything but a success fails the run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::rows::Mode;
use super::server::Server;

/// Connections that are open at once.
const CONNECTIONS: &str = "32";

/// What wrk is told to do.
const SCRIPT: &str = include_str!("load.lua");

/// What was measured of one server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Latency in microseconds.
    pub(crate) p50: u64,
    /// Latency in microseconds.
    pub(crate) p99: u64,
    /// The server's processor time for a request, in microseconds; with a writer beside the load its
    /// writes are in it.
    pub(crate) cpu: f64,
    /// How many cores it kept busy. A bare server with time left was waiting for the load generator,
    /// and then the ratio of requests flatters the product.
    pub(crate) busy: f64,
    requests: u64,
}

#[derive(Deserialize)]
struct Counted {
    requests: u64,
    micros: u64,
    p50: u64,
    p99: u64,
    refused: u64,
    broken: u64,
}

/// The load generator, with its script.
pub(crate) struct Wrk {
    script: PathBuf,
    micros_per_tick: f64,
}

impl Wrk {
    /// Finds wrk, or installs it where that may be done.
    pub(crate) fn prepare(folder: &Path) -> Result<Self> {
        let there = || Command::new("wrk").arg("-v").stdout(Stdio::null()).status().is_ok();
        if !there() && Path::new("/usr/bin/apt-get").exists() {
            let _ = Command::new("apt-get").args(["install", "-y", "-qq", "wrk"]).status();
        }
        if !there() {
            bail!("wrk is needed as the load generator: install the package wrk");
        }
        let script = folder.join("load.lua");
        std::fs::write(&script, SCRIPT)?;
        let ticks = Command::new("getconf").arg("CLK_TCK").output()?.stdout;
        let ticks: f64 = String::from_utf8_lossy(&ticks).trim().parse()?;
        Ok(Self { script, micros_per_tick: 1e6 / ticks })
    }

    /// Sends the requests of a file in turn for some seconds.
    pub(crate) fn load(
        &self,
        server: &Server,
        mode: Mode,
        file: &Path,
        token: Option<&str>,
        seconds: u32,
    ) -> Result<Load> {
        let before = server.ticks()?;
        let mut wrk = Command::new("taskset");
        wrk.args(["-c", mode.load_cores(), "wrk", "-t1", "-c", CONNECTIONS]);
        wrk.arg(format!("-d{seconds}s")).arg("-s").arg(&self.script);
        wrk.arg(format!("http://{}", server.address)).arg("--").arg(file);
        wrk.env_remove("BENCH_TOKEN").envs(token.map(|token| ("BENCH_TOKEN", token)));
        let output = wrk.output().context("cannot start wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let Some(result) = result.filter(|_| output.status.success()) else {
            bail!("{wrk:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        };
        let counted: Counted = serde_json::from_str(result)?;
        let Counted { requests, micros, p50, p99, refused, broken } = counted;
        if refused + broken > 0 || requests == 0 {
            bail!("{}: {requests} requests, {refused} refused, {broken} broken", file.display());
        }
        let ticks = server.ticks()?.saturating_sub(before);
        let (used, requested) = (ticks as f64 * self.micros_per_tick, requests as f64);
        let (cpu, busy) = (used / requested, used / micros as f64);
        Ok(Load { rate: requested * 1e6 / micros as f64, p50, p99, cpu, busy, requests })
    }
}
