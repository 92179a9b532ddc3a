//! How the server ran each statement, for tests that bound what a query may read.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::dialect;
use crate::value::Param;

/// A statement and its plan with what each step really read, as JSON.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The statement as it is written in this crate.
    pub sql: &'static str,
    /// What `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)` answered.
    pub json: String,
}

/// Collects plans.
#[derive(Clone, Debug, Default)]
pub struct Plans(Arc<Mutex<Vec<Plan>>>);

impl Plans {
    /// What was collected since the last call.
    pub fn take(&self) -> Vec<Plan> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a statement once more under a plan that knows none of its values, as prepared
    /// statements have it from some day on, and keeps that plan.
    pub(super) async fn collect(
        &self,
        client: &Client,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<(), tokio_postgres::Error> {
        let mut values = String::new();
        for (n, param) in params.iter().enumerate() {
            values.push_str(if n == 0 { "(" } else { ", " });
            write_literal(&mut values, param);
        }
        if !params.is_empty() {
            values.push(')');
        }
        let text = dialect::postgres(sql);
        let answer = client
            .simple_query(&format!(
                "SET LOCAL plan_cache_mode = force_generic_plan; PREPARE explained AS {text}; \
                 EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained{values}; \
                 DEALLOCATE explained"
            ))
            .await?;
        let json = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        let plan = Plan { sql, json: json.unwrap_or_default() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
        Ok(())
    }
}

/// A value as SQL writes it.
fn write_literal(out: &mut String, param: &Param<'_>) {
    let list = |out: &mut String, items: &mut dyn Iterator<Item = String>| {
        let items: Vec<String> = items.collect();
        let _ = write!(out, "ARRAY[{}]", items.join(", "));
    };
    let text = |value: &str| format!("'{}'", value.replace('\'', "''"));
    let _ = match param {
        Param::Null => write!(out, "NULL"),
        Param::Int(value) => write!(out, "{value}"),
        Param::Text(value) => write!(out, "{}", text(value)),
        Param::Bytes(value) => {
            out.push_str("'\\x");
            let digits = value.iter().try_for_each(|byte| write!(out, "{byte:02x}"));
            digits.and_then(|()| write!(out, "'"))
        }
        Param::Ids(ids) => {
            list(out, &mut ids.iter().map(|id| id.get().to_string()));
            write!(out, "::BIGINT[]")
        }
        Param::Ints(ids) => {
            list(out, &mut ids.iter().map(i64::to_string));
            write!(out, "::BIGINT[]")
        }
        Param::Texts(texts) => {
            list(out, &mut texts.iter().map(|item| text(item)));
            write!(out, "::TEXT[]")
        }
    };
}
