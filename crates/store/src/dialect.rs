//! Every difference between the engines, in one place.
//!
//! Statements are written once, with `$1, $2, …`, in the subset that the engines share. What is
//! left is spelled with words in braces, which are replaced here.

use std::collections::HashMap;

/// What stands in migrations for what engines spell differently: word, SQLite, PostgreSQL.
const DDL: [(&str, &str, &str); 4] = [
    // Rows are kept in the order of their primary key.
    ("{clustered}", "WITHOUT ROWID", ""),
    ("{bytes}", "BLOB", "BYTEA"),
    // A member of JSON text, as text: where a migration makes a column of it.
    (
        "{member group_code of details}",
        "json_extract(details, '$.group_code')",
        "(details::json ->> 'group_code')",
    ),
    // Codes, ids and aliases are compared byte by byte, as SQLite does, whatever language the
    // database speaks: this also keeps indexes sound when the system's collations change.
    (" TEXT", " TEXT", " TEXT COLLATE \"C\""),
];

/// A statement of a migration with this word is for PostgreSQL alone: it serves several processes.
const SHARED_ONLY: &str = "{shared} ";

/// The statement of a migration for SQLite; `None` when it needs none.
pub(crate) fn sqlite_ddl(statement: &str) -> Option<String> {
    let replace = |text: String, (word, here, _): &(&str, &str, &str)| text.replace(word, here);
    (!statement.contains(SHARED_ONLY))
        .then(|| DDL.iter().fold(statement.to_owned(), replace).trim_end().to_owned())
}

/// The same for PostgreSQL.
pub(crate) fn postgres_ddl(statement: &str) -> String {
    let statement = statement.replace(SHARED_ONLY, "");
    DDL.iter().fold(statement, |text, (word, _, there)| text.replace(word, there))
}

/// What stands in statements: word, SQLite, PostgreSQL. `{each $n}` and `{each text $n}` are a list
/// in one parameter, as a table `each` with a column `value`.
const WORDS: [(&str, &str, &str); 5] = [
    // Read before what follows. SQLite takes the order as an order; PostgreSQL knows better.
    ("{then join}", "CROSS JOIN", "JOIN"),
    // Nobody else changes or removes these rows until the end of the transaction, or their keys.
    // SQLite has one writer, so nobody can.
    ("{for update}", "", "FOR UPDATE"),
    ("{for key share}", "", "FOR KEY SHARE"),
    ("{each text $", "json_each($", "unnest_text($"),
    ("{each $", "json_each($", "unnest_int($"),
];

/// Statements as SQLite must read them.
///
/// To SQLite `$n` is a *name*, bound in order of first appearance, so `$2 … $1` would be bound the
/// wrong way round without a word. `?n` is a position.
#[derive(Default)]
pub(crate) struct Positional(HashMap<(usize, usize), String>);

impl Positional {
    /// The statement with `$n` as `?n`, rewritten on first use. Keyed by address: statements are
    /// constants, and hashing the text at every call would cost more than the look-up.
    pub(crate) fn get(&mut self, sql: &'static str) -> &str {
        self.0.entry((sql.as_ptr() as usize, sql.len())).or_insert_with(|| {
            let sql =
                WORDS.iter().fold(sql.to_owned(), |sql, (word, here, _)| sql.replace(word, here));
            sql.replace('}', ") AS each").replace('$', "?")
        })
    }
}

/// A statement as PostgreSQL must read it.
pub(crate) fn postgres(sql: &str) -> String {
    let sql = WORDS.iter().fold(sql.to_owned(), |sql, (word, _, there)| sql.replace(word, there));
    let mut done = String::with_capacity(sql.len() + 32);
    let mut rest = sql.as_str();
    // `unnest_int($3}` becomes `unnest($3::BIGINT[]) AS each(value)`.
    while let Some((before, after)) = rest.split_once("unnest_") {
        let (kind, after) = after.split_once('(').unwrap_or((after, ""));
        let (number, after) = after.split_once('}').unwrap_or((after, ""));
        let array = if kind == "int" { "BIGINT[]" } else { "TEXT[]" };
        done.extend([before, "unnest(", number, "::", array, ") AS each(value)"]);
        rest = after;
    }
    done.push_str(rest);
    done
}

/// The statement that has the engine look for faults in its own files, where there is one.
/// PostgreSQL has an extension (`amcheck`) for its administrators.
pub(crate) const SQLITE_FILE_CHECK: &str = "PRAGMA integrity_check";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_positions() {
        let mut positional = Positional::default();
        assert_eq!(positional.get("SELECT $2, $1, $10"), "SELECT ?2, ?1, ?10");
        let list = positional.get("SELECT each.value FROM {each $2} {then join} t WHERE $1");
        assert_eq!(list, "SELECT each.value FROM json_each(?2) AS each CROSS JOIN t WHERE ?1");
        assert_eq!(positional.get("SELECT $1 {for update}"), "SELECT ?1 ");
    }

    #[test]
    fn lists_become_arrays() {
        assert_eq!(postgres("SELECT $2, $1"), "SELECT $2, $1");
        assert_eq!(
            postgres("FROM {each $2} {then join} {each text $13} WHERE $1 {for key share}"),
            "FROM unnest($2::BIGINT[]) AS each(value) JOIN unnest($13::TEXT[]) AS each(value) \
             WHERE $1 FOR KEY SHARE"
        );
    }

    #[test]
    fn a_migration_is_spelled_for_each_engine() {
        let table = "CREATE TABLE t (id TEXT NOT NULL, b {bytes}) {clustered}";
        assert_eq!(
            sqlite_ddl(table).unwrap(),
            "CREATE TABLE t (id TEXT NOT NULL, b BLOB) WITHOUT ROWID"
        );
        assert_eq!(
            postgres_ddl(table).trim_end(),
            "CREATE TABLE t (id TEXT COLLATE \"C\" NOT NULL, b BYTEA)"
        );
        assert_eq!(sqlite_ddl("{shared} CREATE TABLE t (n BIGINT)"), None);
    }
}
