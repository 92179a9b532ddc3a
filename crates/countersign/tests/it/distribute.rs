//! `migrate --distribute`: what it asks of a cluster, here one that only writes down what it was asked.

use serde_json::{Value, json};

use crate::postgres::{Schema, ask, command};
use crate::process::{run, text};
use crate::support::database;

/// The functions and the view of Citus that are used, with its names and parameters. A table that
/// `stuck` names is refused.
const CLUSTER: &str = "
CREATE TABLE asked (n SERIAL, what TEXT, name TEXT, by TEXT, beside TEXT);
CREATE TABLE stuck (name TEXT);
CREATE FUNCTION note(what TEXT, name REGCLASS, by TEXT, beside TEXT) RETURNS VOID AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM stuck s WHERE s.name = note.name::TEXT) THEN RAISE 'stuck'; END IF;
  INSERT INTO asked (what, name, by, beside) VALUES (note.what, note.name, note.by, note.beside);
END $$ LANGUAGE plpgsql;
CREATE FUNCTION create_reference_table(table_name REGCLASS) RETURNS VOID AS
  $$ SELECT note('reference', table_name, '<none>', '') $$ LANGUAGE sql;
CREATE FUNCTION create_distributed_table(table_name REGCLASS, distribution_column TEXT,
  colocate_with TEXT DEFAULT 'default') RETURNS VOID AS
  $$ SELECT note('distributed', table_name, distribution_column, colocate_with) $$ LANGUAGE sql;
CREATE FUNCTION truncate_local_data_after_distributing_table(function_name REGCLASS) RETURNS VOID AS
  $$ SELECT note('truncate', function_name, '', '') $$ LANGUAGE sql;
CREATE VIEW citus_tables AS SELECT name::REGCLASS AS table_name, what AS citus_table_type,
  by AS distribution_column FROM asked WHERE what <> 'truncate';
";

const DISTRIBUTE: [&str; 2] = ["migrate", "--distribute"];

fn refused(schema: &Schema) -> String {
    let done = command(&schema.url).args(DISTRIBUTE).output().unwrap();
    assert!(!done.status.success());
    text(&done)
}

#[test]
fn where_there_is_no_cluster_it_is_told_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(&DISTRIBUTE, folder.path());
    assert!(!done.status.success() && text(&done).contains("--database"), "{}", text(&done));
    let Some(url) = database() else { return };
    let complaint = refused(&Schema::new(&url));
    assert!(complaint.contains("CREATE EXTENSION citus"), "{complaint}");
}

#[test]
fn tables_are_distributed_once_beside_each_other_and_a_stopped_run_goes_on() {
    let Some(url) = database() else { return };
    let schema = Schema::new(&url);
    ask(&schema.url, &["migrate"]);
    schema.psql(CLUSTER);
    schema.psql("INSERT INTO stuck VALUES ('flow_task')");
    let complaint = refused(&schema);
    assert!(complaint.contains("flow_task: ") && complaint.contains("stuck"), "{complaint}");
    let first = schema.psql("SELECT count(*) FROM asked WHERE what <> 'truncate'");
    schema.psql("DELETE FROM stuck");

    let tables = ask(&schema.url, &DISTRIBUTE);
    let tables = tables.as_array().unwrap();
    let since = |when: &str| tables.iter().filter(|table| table["since"] == when).count();
    assert_eq!(since("before").to_string(), first);
    assert!(since("now") > 5, "{tables:?}");
    let name = |table: &Value| table["table"].as_str().unwrap().to_owned();
    let global: Vec<String> =
        tables.iter().filter(|t| t["distributed"] == "on every node").map(name).collect();
    let known =
        ["schema_migration", "setting", "tenant", "app", "work_hint", "store_app", "app_event"];
    assert_eq!(global, known);
    // All of them, each once, global ones first, and all others beside the first.
    let all = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() \
               AND tablename NOT IN ('asked', 'stuck')";
    assert_eq!(schema.psql(all), tables.len().to_string());
    let asked = "SELECT string_agg(DISTINCT beside, ' ' ORDER BY beside), count(*), \
                 count(DISTINCT name) FROM asked WHERE what = 'distributed' AND by = 'tenant_id'";
    let own = tables.len() - global.len();
    assert_eq!(schema.psql(asked), format!("default token_issue|{own}|{own}"));
    let order = "SELECT max(n) FILTER (WHERE what = 'reference') \
                 < min(n) FILTER (WHERE what = 'distributed') FROM asked";
    assert_eq!(schema.psql(order), "t");
    let left = "SELECT count(DISTINCT name) FROM asked WHERE what = 'truncate'";
    assert_eq!(schema.psql(left), tables.len().to_string());

    let again = ask(&schema.url, &DISTRIBUTE);
    assert!(again.as_array().unwrap().iter().all(|table| table["since"] == "before"), "{again}");
    assert_eq!(ask(&schema.url, &["tenant", "list"]), json!([]));
    schema.psql("UPDATE asked SET by = 'person_id' WHERE name = 'person' AND what = 'distributed'");
    let other = refused(&schema);
    assert!(other.contains("person is a distributed table by `person_id` already"), "{other}");
}
