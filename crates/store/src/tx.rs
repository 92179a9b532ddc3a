//! A transaction, opaque outside this crate.
//!
//! One arm per engine. The methods that take SQL are `pub(crate)`, so that "SQL only in store" is
//! the compiler's business.

use std::cell::RefCell;

use domain::TenantId;
use rusqlite::{Connection, ToSql};

use crate::Result;
use crate::dialect::Positional;
use crate::inbox::{Pending, Shape};
use crate::value::{Param, Row};
use crate::watch::{Commit, Piece, Touched};

/// A transaction on one of the store's threads. Use cases hand it on; only this crate looks inside.
pub struct Tx<'a> {
    arm: Arm<'a>,
    statements: u64,
    rows_written: u64,
    /// Changes of lists that are folded into counts at the end.
    pub(crate) pending: Pending,
    pub(crate) shape: Shape,
    /// What was written, for whoever watches commits.
    pub(crate) touched: Vec<Touched>,
    /// The commit that a reading transaction sees.
    pub(crate) snapshot: Option<Commit>,
}

enum Arm<'a> {
    Sqlite(&'a Connection, &'a RefCell<Positional>),
}

impl<'a> Tx<'a> {
    pub(crate) fn sqlite(
        conn: &'a Connection,
        texts: &'a RefCell<Positional>,
        shape: Shape,
    ) -> Self {
        let arm = Arm::Sqlite(conn, texts);
        Self {
            arm,
            statements: 0,
            rows_written: 0,
            pending: Pending::new(),
            shape,
            touched: Vec::new(),
            snapshot: None,
        }
    }

    /// The connection itself, to make it fail.
    #[cfg(test)]
    pub(crate) fn connection(&self) -> &'a Connection {
        let Arm::Sqlite(conn, _) = &self.arm;
        conn
    }

    /// How many statements this transaction ran so far.
    pub fn statements(&self) -> u64 {
        self.statements
    }

    /// How many rows this transaction wrote or deleted so far.
    pub fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// The commit that this transaction sees; `None` when it writes, or when nobody watches.
    pub fn snapshot(&self) -> Option<Commit> {
        self.snapshot
    }

    /// Notes that something changes. Also what is undone later may be noted: a copy is then thrown
    /// away for nothing.
    pub(crate) fn touch(&mut self, tenant: TenantId, piece: Piece) {
        self.touched.push((tenant, piece));
    }

    /// Runs a part of a use case that is undone on its own when it fails, so that the rest can go
    /// on.
    pub fn attempt<T, E: From<crate::Error>>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Result<T, E>> {
        self.execute("SAVEPOINT attempt", &[])?;
        let recorded = self.pending.len();
        let result = part(self);
        if result.is_err() {
            self.execute("ROLLBACK TO attempt", &[])?;
            self.pending.truncate(recorded);
        }
        self.execute("RELEASE attempt", &[])?;
        Ok(result)
    }

    /// Runs a statement that answers no rows, and tells how many it changed.
    pub(crate) fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<usize> {
        let Arm::Sqlite(conn, texts) = &self.arm;
        let mut statement = conn.prepare_cached(texts.borrow_mut().get(sql))?;
        let changed = statement.execute(refs(params).as_slice())?;
        self.statements += 1;
        self.rows_written += changed as u64;
        Ok(changed)
    }

    /// Hands each row of an answer to `each`.
    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.statements += 1;
        let Arm::Sqlite(conn, texts) = &self.arm;
        let mut statement = conn.prepare_cached(texts.borrow_mut().get(sql))?;
        let mut rows = statement.query(refs(params).as_slice())?;
        while let Some(row) = rows.next()? {
            each(&Row::Sqlite(row))?;
        }
        Ok(())
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
        let Arm::Sqlite(conn, texts) = &self.arm;
        let mut statement = conn.prepare_cached(texts.borrow_mut().get(sql))?;
        let mut rows = statement.query(refs(params).as_slice())?;
        rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
    }
}

fn refs<'p>(params: &'p [Param<'p>]) -> Vec<&'p dyn ToSql> {
    params.iter().map(|param| param as &dyn ToSql).collect()
}
