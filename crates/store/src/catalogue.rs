//! The tables of this version, as they are: columns, keys, and whose rows they hold.
//!
//! Nobody lists columns twice: a scratch database with every migration is asked for them.

use std::fmt::Write;
use std::sync::LazyLock;

use rusqlite::Connection;

use crate::{Error, Result, dialect, migrate};

/// Tables that belong to no tenant. All others have a tenant first in their key.
pub(crate) const GLOBAL: [&str; 7] =
    ["setting", "tenant", "app", "work_hint", "schema_migration", "store_app", "app_event"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// A table that every engine has, with the statements that copy it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) kinds: Vec<Kind>,
    /// Columns of the key, in its order; without the tenant where `of_tenant`.
    pub(crate) key: Vec<usize>,
    pub(crate) of_tenant: bool,
    pub(crate) first: String,
    pub(crate) after: String,
    pub(crate) newest: String,
    pub(crate) insert: String,
    pub(crate) count: String,
}

/// Every table that both engines have, in the order in which migrations make them, but the record of
/// migrations. Made once: statements are known by their address.
pub(crate) fn tables() -> Result<&'static [Table]> {
    static TABLES: LazyLock<Result<Vec<Table>>> = LazyLock::new(read);
    TABLES.as_deref().map_err(|error| Error::Engine(error.to_string()))
}

fn read() -> Result<Vec<Table>> {
    let scratch = Connection::open_in_memory()?;
    for (_, text) in migrate::MIGRATIONS {
        for statement in migrate::statements(text).filter_map(dialect::sqlite_ddl) {
            scratch.execute_batch(&statement)?;
        }
    }
    let mut names = scratch.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    names.into_iter().map(|name| table(&scratch, name)).collect()
}

fn table(scratch: &Connection, name: String) -> Result<Table> {
    let mut info = scratch.prepare("SELECT name, type, pk FROM pragma_table_info(?1)")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let columns: Vec<(String, String, i64)> =
        info.query_map([&name], read)?.collect::<Result<_, _>>()?;
    let kinds = columns.iter().map(|(_, kind, _)| match kind.as_str() {
        "TEXT" => Kind::Text,
        "BLOB" => Kind::Bytes,
        _ => Kind::Int,
    });
    let kinds = kinds.collect();
    let mut key: Vec<(i64, usize)> =
        columns.iter().enumerate().map(|(at, (.., pk))| (*pk, at)).filter(|k| k.0 > 0).collect();
    key.sort_unstable();
    let of_tenant = !GLOBAL.contains(&&*name);
    let key: Vec<usize> = key.into_iter().skip(of_tenant.into()).map(|(_, at)| at).collect();

    let called = |at: &usize| columns[*at].0.clone();
    let all = columns.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>().join(", ");
    let order = key.iter().map(called).collect::<Vec<_>>().join(", ");
    let down = key.iter().map(|at| called(at) + " DESC").collect::<Vec<_>>().join(", ");
    let tenant = if of_tenant { "WHERE tenant_id = $1 " } else { "" };
    let own = usize::from(of_tenant);
    let numbers = |from: usize, n: usize| {
        (from..from + n).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
    };
    let mut after = format!("SELECT {all} FROM {name} {tenant}");
    let joint = if of_tenant { "AND" } else { "WHERE" };
    let _ = write!(
        after,
        "{joint} ({order}) > ({}) ORDER BY {order} LIMIT ${}",
        numbers(own + 1, key.len()),
        own + key.len() + 1
    );
    Ok(Table {
        first: format!("SELECT {all} FROM {name} {tenant}ORDER BY {order} LIMIT ${}", own + 1),
        after,
        newest: format!("SELECT {order} FROM {name} {tenant}ORDER BY {down} LIMIT 1"),
        insert: format!("INSERT INTO {name} ({all}) VALUES ({})", numbers(1, columns.len())),
        count: format!("SELECT count(*) FROM {name}"),
        name,
        kinds,
        key,
        of_tenant,
    })
}
