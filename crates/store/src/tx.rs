//! A transaction, opaque outside this crate.
//!
//! One arm per engine. The methods that take SQL are `pub(crate)`, so that "SQL only in store" is
//! the compiler's business.

use std::cell::RefCell;

use domain::TenantId;
use rusqlite::{Connection, Statement, StatementStatus, ToSql};

use crate::dialect::Positional;
use crate::inbox::{Pending, Shape};
use crate::lease::Work;
use crate::postgres::{Answer, Sequence, Session};
use crate::value::{Param, Row};
use crate::watch::{Commit, Piece, Touched};
use crate::{Error, Result};

/// A transaction on one of the store's threads. Use cases hand it on; only this crate looks inside.
pub struct Tx<'a> {
    arm: Arm<'a>,
    statements: u64,
    steps: u64,
    rows_written: u64,
    /// Changes of lists that are folded into counts at the end.
    pub(crate) pending: Pending,
    pub(crate) shape: Shape,
    /// Work that the transaction leaves to be done after it.
    pub(crate) left: Vec<(TenantId, Work)>,
    /// What was written, for whoever watches commits.
    pub(crate) touched: Vec<Touched>,
    /// The commit that a reading transaction sees.
    pub(crate) snapshot: Option<Commit>,
}

enum Arm<'a> {
    Sqlite(&'a Connection, &'a RefCell<Positional>),
    Postgres(&'a Session, &'a Sequence),
}

impl<'a> Tx<'a> {
    pub(crate) fn sqlite(
        conn: &'a Connection,
        texts: &'a RefCell<Positional>,
        shape: Shape,
    ) -> Self {
        Self::over(Arm::Sqlite(conn, texts), shape)
    }

    pub(crate) fn postgres(session: &'a Session, sequence: &'a Sequence, shape: Shape) -> Self {
        Self::over(Arm::Postgres(session, sequence), shape)
    }

    fn over(arm: Arm<'a>, shape: Shape) -> Self {
        Self {
            arm,
            statements: 0,
            steps: 0,
            rows_written: 0,
            pending: Pending::new(),
            shape,
            left: Vec::new(),
            touched: Vec::new(),
            snapshot: None,
        }
    }

    /// The connection itself, to make it fail.
    #[cfg(test)]
    pub(crate) fn connection(&self) -> &'a Connection {
        match self.arm {
            Arm::Sqlite(conn, _) => conn,
            Arm::Postgres(..) => panic!("there is no connection to make fail"),
        }
    }

    /// How many statements this transaction ran so far.
    pub fn statements(&self) -> u64 {
        self.statements
    }

    /// How much SQLite did for this transaction's questions so far, in instructions of its machine:
    /// what is looked at counts, not what is answered. 0 on PostgreSQL, which explains instead.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many rows this transaction wrote or deleted so far.
    pub fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// The commit that this transaction sees; `None` when it writes, or when nobody watches.
    pub fn snapshot(&self) -> Option<Commit> {
        self.snapshot
    }

    /// Whether others may write to the same data at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.arm, Arm::Postgres(..))
    }

    /// A number that nobody else makes; `None` where others do not write.
    pub(crate) fn sequence(&self) -> Option<&'a Sequence> {
        match self.arm {
            Arm::Sqlite(..) => None,
            Arm::Postgres(_, sequence) => Some(sequence),
        }
    }

    /// An id that was just made belongs to something else already: another process made the same in
    /// the same millisecond. Where there are others, the use case is run again, with another id.
    pub(crate) fn id_is_taken(&self, what: &'static str) -> Error {
        if let Arm::Postgres(session, _) = self.arm {
            session.ask_again("an id was made twice");
        }
        Error::Conflict(what.to_owned())
    }

    /// Notes that something changes. Also what is undone later may be noted: a copy is then thrown
    /// away for nothing.
    pub(crate) fn touch(&mut self, tenant: TenantId, piece: Piece) {
        self.touched.push((tenant, piece));
    }

    /// Runs a part of a use case that is undone on its own when it fails, so that the rest can go
    /// on.
    pub fn attempt<T, E: From<Error>>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Result<T, E>> {
        self.execute("SAVEPOINT attempt", &[])?;
        let recorded = self.pending.len();
        let result = part(self);
        if result.is_err() {
            // Fails where the server, not a rule, stopped the part: then the whole is run again or
            // given up.
            self.execute("ROLLBACK TO attempt", &[])?;
            self.pending.truncate(recorded);
        }
        self.execute("RELEASE attempt", &[])?;
        Ok(result)
    }

    /// Runs a statement that answers no rows, and tells how many it changed.
    pub(crate) fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<usize> {
        self.statements += 1;
        let changed = match &self.arm {
            Arm::Sqlite(conn, texts) => {
                let mut statement = conn.prepare_cached(texts.borrow_mut().get(sql))?;
                statement.execute(refs(params).as_slice())?
            }
            Arm::Postgres(session, _) => {
                usize::try_from(session.run(sql, params)?.changed).unwrap_or(usize::MAX)
            }
        };
        self.rows_written += changed as u64;
        Ok(changed)
    }

    /// Runs a statement that answers no rows once for each set of parameters, without waiting for
    /// one before the next is sent.
    pub(crate) fn execute_each(
        &mut self,
        sql: &'static str,
        each: &[Vec<Param<'_>>],
    ) -> Result<()> {
        if let Arm::Postgres(session, _) = self.arm {
            self.statements += each.len() as u64;
            self.rows_written += session.run_each(sql, each)?;
            return Ok(());
        }
        each.iter().try_for_each(|params| self.execute(sql, params).map(drop))
    }

    /// Hands each row of an answer to `each`.
    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.query_with(Session::run, sql, params, each)
    }

    /// The same for a statement that needs no snapshot but its own: on the shared engine, where it is
    /// the first, what follows may see a later moment.
    pub(crate) fn query_alone(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.query_with(Session::run_alone, sql, params, each)
    }

    fn query_with(
        &mut self,
        run: impl FnOnce(&Session, &'static str, &[Param<'_>]) -> Result<Answer>,
        sql: &'static str,
        params: &[Param<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.statements += 1;
        match &self.arm {
            Arm::Sqlite(conn, texts) => {
                let mut statement = conn.prepare_cached(texts.borrow_mut().get(sql))?;
                let mut rows = statement.query(refs(params).as_slice())?;
                while let Some(row) = rows.next()? {
                    each(&Row::Sqlite(row))?;
                }
                drop(rows);
                self.steps += steps(&statement);
                Ok(())
            }
            Arm::Postgres(..) if params.iter().any(Param::equals_nothing) => Ok(()),
            Arm::Postgres(session, _) => {
                let answer = run(session, sql, params)?;
                answer.rows.iter().try_for_each(|row| each(&Row::Postgres(row)))
            }
        }
    }

    /// Every row of an answer, read by `read`.
    pub(crate) fn query_all<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.query(sql, params, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first row of an answer, if there is one.
    pub(crate) fn query_one<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.statements += 1;
        match &self.arm {
            Arm::Sqlite(conn, texts) => {
                let mut statement = conn.prepare_cached(texts.borrow_mut().get(sql))?;
                let mut rows = statement.query(refs(params).as_slice())?;
                let found = rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose();
                drop(rows);
                self.steps += steps(&statement);
                found
            }
            Arm::Postgres(..) if params.iter().any(Param::equals_nothing) => Ok(None),
            Arm::Postgres(session, _) => {
                let answer = session.run(sql, params)?;
                answer.rows.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }
}

/// What a statement did since it was last asked.
fn steps(statement: &Statement<'_>) -> u64 {
    u64::try_from(statement.reset_status(StatementStatus::VmStep)).unwrap_or_default()
}

fn refs<'p>(params: &'p [Param<'p>]) -> Vec<&'p dyn ToSql> {
    params.iter().map(|param| param as &dyn ToSql).collect()
}
