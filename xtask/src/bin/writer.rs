//! Sends writes over keep-alive connections: at a fixed rate, or as fast as they are answered.
//!
//! A program of its own, so that it can be put on a core and is built with optimisation. It knows no
//! endpoint: the requests are lines of a file, sent in their order and again from the first.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::json;
use tokio::net::TcpStream;

#[derive(Debug, Parser)]
struct Cli {
    /// Where the server listens
    #[arg(long)]
    address: SocketAddr,
    /// One request a line: method, path and body with tabs between them
    #[arg(long)]
    file: PathBuf,
    /// The access token
    #[arg(long, env = "BENCH_TOKEN", hide_env_values = true)]
    token: String,
    #[arg(long)]
    connections: usize,
    /// Writes a second; 0 sends the next one as soon as the one before is answered
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// How long
    #[arg(long, default_value_t = 3_600.0)]
    seconds: f64,
    /// The number of the first write: how many were sent before
    #[arg(long)]
    from: usize,
    /// Ends before the write of this number
    #[arg(long)]
    until: Option<usize>,
}

/// What all connections share.
struct Plan {
    cli: Cli,
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
    started: Instant,
}

impl Plan {
    /// The number of the next write, unless it is over. Every number that was given out is sent.
    fn take(&self) -> Option<usize> {
        if self.started.elapsed().as_secs_f64() >= self.cli.seconds {
            return None;
        }
        let until = self.cli.until.unwrap_or(usize::MAX);
        let more = |n: usize| (n < until).then_some(n + 1);
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()
    }

    /// When a write is due. Its latency counts from here, so that a slow answer to the write before
    /// shows in this one too.
    fn due(&self, number: usize) -> Instant {
        if self.cli.rate == 0 {
            return Instant::now();
        }
        let before = number - self.cli.from;
        self.started + Duration::from_secs_f64(before as f64 / f64::from(self.cli.rate))
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let text = std::fs::read_to_string(&cli.file)?;
    let requests = text.lines().map(|line| request(line, &cli)).collect::<Result<Vec<_>>>()?;
    if requests.is_empty() {
        bail!("{} has no requests", cli.file.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (next, started) = (AtomicUsize::new(cli.from), Instant::now());
    runtime.block_on(run(Arc::new(Plan { cli, requests, next, started })))
}

fn request(line: &str, cli: &Cli) -> Result<Vec<u8>> {
    let mut parts = line.splitn(3, '\t');
    let mut part = || parts.next().context("a line is not a request");
    let (method, path, body) = (part()?, part()?, part()?);
    let (address, token, length) = (cli.address, &cli.token, body.len());
    Ok(format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes())
}

async fn run(plan: Arc<Plan>) -> Result<()> {
    let connections: Vec<_> =
        (0..plan.cli.connections).map(|_| tokio::spawn(connection(Arc::clone(&plan)))).collect();
    let mut micros = Vec::new();
    for connection in connections {
        micros.extend(connection.await??);
    }
    let seconds = plan.started.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |part: usize| micros.get(micros.len() * part / 100).copied().unwrap_or(0);
    let (p50, p99, next) = (at(50), at(99), plan.next.load(Ordering::Relaxed));
    println!(
        "{}",
        json!({"done": micros.len(), "seconds": seconds, "next": next, "p50": p50, "p99": p99})
    );
    Ok(())
}

/// Sends writes until it is over; answers their latencies in microseconds.
async fn connection(plan: Arc<Plan>) -> Result<Vec<u64>> {
    let stream = TcpStream::connect(plan.cli.address).await?;
    stream.set_nodelay(true)?;
    let mut micros = Vec::new();
    let mut buffer = Vec::with_capacity(16 << 10);
    while let Some(number) = plan.take() {
        let due = plan.due(number);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        send(&stream, &plan.requests[number % plan.requests.len()]).await?;
        receive(&stream, &mut buffer).await?;
        micros.push(u64::try_from(due.elapsed().as_micros())?);
    }
    Ok(micros)
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads one answer and sees that it is a success.
async fn receive(stream: &TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    let mut end = None;
    let mut chunk = [0; 4 << 10];
    while end.is_none_or(|end| buffer.len() < end) {
        stream.readable().await?;
        match stream.try_read(&mut chunk) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(read) => {
                buffer.extend_from_slice(&chunk[..read]);
                if end.is_none() {
                    end = whole(buffer)?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    let success =
        buffer.starts_with(b"HTTP/1.1 200") && buffer.windows(9).any(|part| part == b"\"code\":0,");
    if !success {
        bail!("a write was answered {}", String::from_utf8_lossy(buffer));
    }
    Ok(())
}

/// How long the answer is whose head has arrived, in bytes with its head.
fn whole(buffer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = buffer.windows(4).position(|part| part == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer has no length")?.trim().parse()?;
    Ok(Some(head + 4 + length))
}
