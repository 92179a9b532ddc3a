//! Every difference between the engines, in one place.
//!
//! Statements are written once, with `$1, $2, …`, in the subset that the engines share. What is
//! left is spelled here.

use std::collections::HashMap;

/// What stands in migrations for words that engines spell differently.
pub(crate) fn ddl(statement: &str) -> String {
    // Clustered tables: rows are kept in the order of their primary key.
    statement.replace("{clustered}", "WITHOUT ROWID").replace("{bytes}", "BLOB")
}

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
            // A list in one parameter, as a table `each` with a column `value`.
            let sql = sql.replace("{each ", "json_each(").replace('}', ") AS each");
            sql.replace('$', "?")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_positions() {
        let mut positional = Positional::default();
        assert_eq!(positional.get("SELECT $2, $1, $10"), "SELECT ?2, ?1, ?10");
        let list = positional.get("SELECT each.value FROM {each $2} WHERE $1");
        assert_eq!(list, "SELECT each.value FROM json_each(?2) AS each WHERE ?1");
    }
}
