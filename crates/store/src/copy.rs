//! Rows as they are, for copying all data from one store into another, and for comparing both.
//!
//! A table is copied in the order of its key, so the newest key in the target tells how far a copy
//! has come. Knows tables and keys, not what rows mean.

use domain::TenantId;
use sha2::{Digest, Sha256};

use crate::catalogue::{self, Kind, Table};
use crate::value::{Param, Row};
use crate::{Result, Tx};

/// The rows of one table, or one tenant's share of it.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    table: &'static Table,
    tenant: Option<TenantId>,
}

impl Part {
    /// The table's name.
    pub fn name(&self) -> &'static str {
        &self.table.name
    }

    /// Whose rows they are; `None` for a table that belongs to nobody.
    pub fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
}

/// Tables of tenants and apps, and those of each of `tenants`: everything but settings, and but what
/// one engine has for itself. In the order in which they are copied.
pub fn parts(tenants: &[TenantId]) -> Result<Vec<Part>> {
    let tables = catalogue::tables()?;
    let global = tables.iter().filter(|table| !table.of_tenant && table.name != "setting");
    let mut parts: Vec<Part> = global.map(|table| Part { table, tenant: None }).collect();
    for tenant in tenants {
        let own = tables.iter().filter(|table| table.of_tenant);
        parts.extend(own.map(|table| Part { table, tenant: Some(*tenant) }));
    }
    Ok(parts)
}

/// How many rows each table has, settings too, in the order of [`parts`] without tenants.
pub fn counts(tx: &mut Tx<'_>) -> Result<Vec<(&'static str, u64)>> {
    let mut counts = Vec::new();
    for table in catalogue::tables()? {
        let n = tx.query_one(&table.count, &[], |row| row.int(0))?.unwrap_or_default();
        counts.push((&*table.name, n.cast_unsigned()));
    }
    Ok(counts)
}

#[derive(Clone, Debug)]
enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    fn param(&self) -> Param<'_> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(*value),
            Self::Text(value) => Param::Text(value),
            Self::Bytes(value) => Param::Bytes(value),
        }
    }

    /// Written so that no two rows of a table read the same.
    fn hash_into(&self, hash: &mut Sha256) {
        let (kind, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Int(value) => (1, &value.to_be_bytes()),
            Self::Text(value) => (2, value.as_bytes()),
            Self::Bytes(value) => (3, value),
        };
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
}

fn value(row: &Row<'_>, at: usize, kind: Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Int => row.opt_int(at)?.map_or(Value::Null, Value::Int),
        Kind::Text => row.opt_text(at)?.map_or(Value::Null, Value::Text),
        Kind::Bytes => row.opt_bytes(at)?.map_or(Value::Null, Value::Bytes),
    })
}

/// A place in the order of a table.
#[derive(Clone, Debug)]
pub struct Key(Vec<Value>);

/// Rows of a part, in the order of its key.
#[derive(Clone, Debug)]
pub struct Rows(Vec<Vec<Value>>);

impl Rows {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of the last one.
    pub fn last(&self, part: Part) -> Option<Key> {
        let key = |row: &Vec<Value>| part.table.key.iter().map(|at| row[*at].clone()).collect();
        self.0.last().map(|row| Key(key(row)))
    }
}

/// Counts rows and adds up their checksums, in whatever order they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many rows.
    pub rows: u64,
    hash: u128,
}

impl Sum {
    /// Adds rows.
    pub fn add(&mut self, rows: &Rows) {
        for row in &rows.0 {
            let mut hash = Sha256::new();
            for value in row {
                value.hash_into(&mut hash);
            }
            // Half of it: two sums that differ are equal by chance once in 2^128.
            let half = hash.finalize().first_chunk().copied().unwrap_or_default();
            self.hash = self.hash.wrapping_add(u128::from_be_bytes(half));
            self.rows += 1;
        }
    }
}

/// At most `limit` rows after a place, or from the start.
pub fn rows_after(tx: &mut Tx<'_>, part: Part, after: Option<&Key>, limit: i64) -> Result<Rows> {
    let mut params: Vec<Param<'_>> = part.tenant.map(Param::from).into_iter().collect();
    let sql = match after {
        None => &part.table.first,
        Some(key) => {
            params.extend(key.0.iter().map(Value::param));
            &part.table.after
        }
    };
    params.push(limit.into());
    let kinds = &part.table.kinds;
    let rows = tx.query_all(sql, &params, |row| {
        kinds.iter().enumerate().map(|(at, kind)| value(row, at, *kind)).collect()
    });
    Ok(Rows(rows?))
}

/// The greatest key that a part has.
pub fn newest_key(tx: &mut Tx<'_>, part: Part) -> Result<Option<Key>> {
    let params: Vec<Param<'_>> = part.tenant.map(Param::from).into_iter().collect();
    let table = part.table;
    tx.query_one(&table.newest, &params, |row| {
        let kinds = table.key.iter().map(|at| table.kinds[*at]).enumerate();
        Ok(Key(kinds.map(|(at, kind)| value(row, at, kind)).collect::<Result<_>>()?))
    })
}

/// Adds rows to a part, none of which is there.
pub fn rows_insert(tx: &mut Tx<'_>, part: Part, rows: &Rows) -> Result<()> {
    let params: Vec<Vec<Param<'_>>> =
        rows.0.iter().map(|row| row.iter().map(Value::param).collect()).collect();
    tx.execute_each(&part.table.insert, &params)
}
