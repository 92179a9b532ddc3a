//! One size: which server runs when, and which requests it gets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::client::Client;
use super::load::Wrk;
use super::requests::{Request, inbox_of, requests, save, shows_something};
use super::rows::{Kind, Mode, Read, Under};
use super::samples::{ReadSample, Reads, Results, Room, Starts, SyncSample, Writes};
use super::server::{Place, Server};
use super::writes::{Bulk, Syncs, append, copy};
use super::{Options, Programs};
use crate::company::Company;

/// How many answers are looked at before a row is measured.
const LOOKED_AT: usize = 200;
/// How long a server is loaded before it is measured.
const WARM_SECONDS: u32 = 4;

/// The requests of a row, for either server.
struct Asked {
    row: &'static str,
    read: Read,
    product: PathBuf,
    bare: PathBuf,
    /// The mean answer, in bytes.
    bytes: usize,
}

/// A size with everything that its rows need.
pub(crate) struct Size<'a> {
    programs: &'a Programs,
    wrk: &'a Wrk,
    options: &'a Options,
    company: Company,
    /// Files of this size that may go after the run.
    folder: PathBuf,
    asked: Vec<Asked>,
    syncs: Option<Syncs>,
    room: Room,
}

impl<'a> Size<'a> {
    /// Learns from the product what the answers are, and writes all requests.
    pub(crate) fn prepare(
        programs: &'a Programs,
        wrk: &'a Wrk,
        options: &'a Options,
        company: Company,
    ) -> Result<Self> {
        let folder = company.data.with_file_name("run");
        fs::create_dir_all(&folder)?;
        let size = company.tasks;
        let data_bytes = fs::metadata(company.data.join("countersign.db"))?.len();
        let room = Room { size, memory_kib: 0, data_bytes, log_bytes: 0 };
        let (asked, syncs) = (Vec::new(), None);
        let mut this = Self { programs, wrk, options, company, folder, asked, syncs, room };
        println!("{size} tasks: looking at answers");
        let cores = Mode::Two.server_cores();
        let server = Server::product(&programs.product, this.company.place(), cores, true)?;
        let client = server.sign_in(&this.company)?;
        for row in &options.rows {
            if let Kind::Read(read) = row.kind {
                let asked = this.look(row.name, read, &client)?;
                this.asked.push(asked);
            }
        }
        if this.writes_anything() {
            let (writer, company) = (&programs.writer, &this.company);
            // On a database the question is what one person's lists carry.
            let initiator = company.database.is_some().then_some(1);
            let syncs = Syncs::prepare(writer, &this.folder, company, &client, initiator)?;
            this.syncs = Some(syncs);
        }
        Ok(this)
    }

    fn writes_anything(&self) -> bool {
        let syncs = self.options.rows.iter().any(|row| matches!(row.kind, Kind::Sync(_)));
        let beside = self.options.under.iter().any(|under| *under != Under::Idle);
        syncs || (beside && !self.asked.is_empty()) || self.company.database.is_some()
    }

    fn look(&self, row: &'static str, read: Read, client: &Client) -> Result<Asked> {
        let all = requests(read, &self.company, client)?;
        let sample: Vec<&Request> =
            all.iter().step_by((all.len() / LOOKED_AT).max(1)).take(LOOKED_AT).collect();
        let (mut bytes, mut shown) = (0, 0);
        for request in &sample {
            let answer = client.ask(request)?;
            bytes += answer.bytes;
            shown += usize::from(shows_something(read, &answer.json));
        }
        // A few people have nothing in a list; most must have.
        if shown * 10 < sample.len() * 9 {
            bail!("{row}: only {shown} of {} answers show anything", sample.len());
        }
        let bytes = bytes / sample.len();
        let file = |server: &str| self.folder.join(format!("{row}-{server}.txt"));
        let (product, bare) = (file("product"), file("bare"));
        save(&bare, all.iter().map(|request| request.bare(bytes)))?;
        save(&product, all)?;
        Ok(Asked { row, read, product, bare, bytes })
    }

    /// Measures every row: reads on the data as it is, then everything that writes, on a copy.
    pub(crate) fn measure(mut self, results: &mut Results) -> Result<()> {
        let data = self.company.data.clone();
        for mode in self.options.modes.clone() {
            self.starts(mode, results)?;
            self.all_reads(&data, mode, results)?;
        }
        if let Some(syncs) = self.syncs.take() {
            self.measure_writes(syncs, results)?;
        }
        if self.options.rows.iter().any(|row| row.kind == Kind::Memory) {
            results.rooms.push(self.room);
        }
        Ok(())
    }

    /// Every row of reads, on the data as it is.
    pub(crate) fn all_reads(
        &mut self,
        data: &Path,
        mode: Mode,
        results: &mut Results,
    ) -> Result<()> {
        (0..self.asked.len())
            .try_for_each(|asked| self.reads(data, asked, mode, Under::Idle, results))
    }

    /// What is left to be written.
    pub(crate) fn into_syncs(self) -> Result<(Company, Syncs)> {
        Ok((self.company, self.syncs.context("no syncs were prepared")?))
    }

    fn measure_writes(&mut self, syncs: Syncs, results: &mut Results) -> Result<()> {
        let scratch = self.folder.join("data");
        copy(&self.company.data, &scratch)?;
        self.syncs = Some(syncs);
        self.all_syncs(&scratch, results)?;
        for mode in self.options.modes.clone() {
            for under in [Under::Writes, Under::Saturated] {
                for asked in 0..self.asked.len() {
                    self.reads(&scratch, asked, mode, under, results)?;
                }
            }
        }
        Ok(fs::remove_dir_all(&scratch)?)
    }

    fn start(&self, data: &Path, mode: Mode, read: Read) -> Result<(Server, Client)> {
        let cores = mode.server_cores();
        let place = Place { data, ..self.company.place() };
        let server = Server::product(&self.programs.product, place, cores, read.hot_set())?;
        let client = server.sign_in(&self.company)?;
        Ok((server, client))
    }

    /// One row of reads in one mode, product and bare server by turns.
    fn reads(
        &mut self,
        data: &Path,
        asked: usize,
        mode: Mode,
        under: Under,
        results: &mut Results,
    ) -> Result<()> {
        if !self.options.under.contains(&under) {
            return Ok(());
        }
        let Asked { row, read, ref product, ref bare, bytes } = self.asked[asked];
        let (product, bare) = (product.clone(), bare.clone());
        let (wrk, seconds) = (self.wrk, self.options.seconds);
        println!("{} tasks: {row}, {}{}", self.company.tasks, mode.name(), under.suffix());
        let mut server = self.start(data, mode, read)?;
        let other = Server::bare(&self.programs.bare, mode.server_cores())?;
        wrk.load(&server.0, mode, &product, Some(&server.1.token), WARM_SECONDS)?;
        wrk.load(&other, mode, &bare, Some(&server.1.token), WARM_SECONDS)?;
        let mut samples = Vec::new();
        for _ in 0..self.options.rounds {
            if read.cold() {
                // The folder is free only after the one before has stopped.
                drop(server);
                server = self.start(data, mode, read)?;
            }
            let (running, client) = &server;
            let token = Some(client.token.as_str());
            let load = || wrk.load(running, mode, &product, token, seconds);
            let (product, written) = match (under, self.syncs.as_mut()) {
                (Under::Writes | Under::Saturated, Some(syncs)) => {
                    let (load, written) = syncs.beside(client, mode, under, seconds, load)?;
                    (load, Some(written))
                }
                _ => (load()?, None),
            };
            let memory_kib = running.memory_kib()?;
            let bare = wrk.load(&other, mode, &bare, token, seconds)?;
            samples.push(ReadSample { product, bare, written, memory_kib });
        }
        let memory = samples.iter().map(|sample| sample.memory_kib).max().unwrap_or(0);
        self.note_room(data, if read.hot_set() { memory } else { 0 })?;
        let size = self.company.tasks;
        results.reads.push(Reads { row, size, mode, under, answer_bytes: bytes, samples });
        Ok(())
    }

    fn note_room(&mut self, data: &Path, memory_kib: u64) -> Result<()> {
        let log = data.join("countersign.db-wal");
        let log = if log.exists() { fs::metadata(log)?.len() } else { 0 };
        self.room.log_bytes = self.room.log_bytes.max(log);
        self.room.memory_kib = self.room.memory_kib.max(memory_kib);
        Ok(())
    }

    fn all_syncs(&mut self, scratch: &Path, results: &mut Results) -> Result<()> {
        let rows = self.options.rows.iter();
        let rows: Vec<_> = rows
            .filter_map(|row| match row.kind {
                Kind::Sync(connections) => Some((row.name, connections)),
                _ => None,
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let Some(mut syncs) = self.syncs.take() else { return Ok(()) };
        println!("{} tasks: noting what syncs change", self.company.tasks);
        let bulk = Bulk::record(&self.programs.product, &self.company, &self.folder, &syncs)?;
        for mode in self.options.modes.clone() {
            for &(row, connections) in &rows {
                println!("{} tasks: {row}, {}", self.company.tasks, mode.name());
                let sample = self.syncs(scratch, mode, connections, &mut syncs, &bulk)?;
                results.writes.push(Writes {
                    row,
                    size: self.company.tasks,
                    mode,
                    samples: sample,
                });
            }
        }
        self.syncs = Some(syncs);
        bulk.remove()
    }

    /// Syncs over so many connections, then the same in bulk and a bare loop, by turns.
    fn syncs(
        &mut self,
        scratch: &Path,
        mode: Mode,
        connections: usize,
        syncs: &mut Syncs,
        bulk: &Bulk,
    ) -> Result<Vec<SyncSample>> {
        let (server, client) = self.start(scratch, mode, Read::InboxHot)?;
        let seconds = self.options.seconds;
        syncs.saturate(&client, mode, connections, WARM_SECONDS)?;
        let rounds = 0..self.options.rounds;
        let samples = rounds.map(|_| {
            let product = syncs.saturate(&client, mode, connections, seconds)?;
            let bulk = bulk.replay(connections, seconds, mode)?;
            let appends = append(&self.folder, seconds)?;
            Ok(SyncSample { product, bulk, appends })
        });
        let samples = samples.collect::<Result<_>>()?;
        // The log goes with the server.
        self.note_room(scratch, 0)?;
        drop(server);
        Ok(samples)
    }

    fn starts(&self, mode: Mode, results: &mut Results) -> Result<()> {
        if !self.options.rows.iter().any(|row| row.kind == Kind::Start) {
            return Ok(());
        }
        println!("{} tasks: start, {}", self.company.tasks, mode.name());
        // The first one reads the file into the system's cache.
        let (_, client) = self.start(&self.company.data, mode, Read::InboxHot)?;
        let request = inbox_of(1);
        let rounds = 0..self.options.rounds.max(1);
        let millis = rounds.map(|_| {
            let (place, cores) = (self.company.place(), mode.server_cores());
            let server = Server::product(&self.programs.product, place, cores, true)?;
            server.first_answer(&client, &request)
        });
        let millis = millis.collect::<Result<_>>()?;
        results.starts.push(Starts { size: self.company.tasks, mode, millis });
        Ok(())
    }
}
