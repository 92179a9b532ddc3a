//! Two people, or one twice, at the same instant: exactly one thing happens, and who comes second hears
//! what it was.

use serde_json::json;

use crate::flow_kit::{Company, all_fits, kunlun};
use crate::support::TestHub;

const FLOW: &str = "package_demo__c__race";

/// Either decides alone.
const FILE: &str = "
api_id: package_demo__c__race
namespace: package_demo
label: { zh-CN: 竞争 }
nodes:
  - id: only
    label: { zh-CN: 唯一 }
    logic: first
    assignees: [{ person: ben }, { person: cat }]
";

/// How many races: the figure of the requirement, on either engine.
const RACES: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_opposite_decisions_at_once_exactly_one_counts() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(FILE).await;
    let (mut agreed, mut rejected) = (0, 0);
    for race in 0..RACES {
        let params = json!({"operator": json!({"_id": kunlun("ann")}).to_string()});
        let started = company.execute(FLOW, &params).await.data();
        let asked = json!({"source": "assignMe", "type": "pending", "limit": "1"});
        let task = company.query("ben", &asked).await["tasks"][0].clone();
        assert_eq!(task["workflow_instance"]["id"], started["execution_id"]);
        let task = task["task_id"].as_str().unwrap().to_owned();
        let decide = |verb: &str, by: &str| {
            let path = format!("{}/approval_tasks/{task}/{verb}", crate::flow_kit::APAAS);
            let (company, body) = (&company, json!({"user_id": kunlun(by)}));
            async move { company.app.post(&path, &body).await }
        };
        // Each begins first in half of the races.
        let (yes, no) = if race % 2 == 0 {
            tokio::join!(decide("agree", "ben"), decide("reject", "cat"))
        } else {
            let (no, yes) = tokio::join!(decide("reject", "cat"), decide("agree", "ben"));
            (yes, no)
        };
        let (lost, won) = match (yes.code(), no.code()) {
            (0, 2_320_001) => {
                agreed += 1;
                (no, "agreed by ben")
            }
            (2_320_001, 0) => {
                rejected += 1;
                (yes, "rejected by cat")
            }
            codes => panic!("race {race}: {codes:?}: {} {}", yes.text, no.text),
        };
        assert!(
            lost.text.contains(won) && lost.text.contains("at 2026-01-05T01:00:00Z"),
            "{}",
            lost.text
        );
    }
    assert_eq!(agreed + rejected, RACES);
    for (person, mine) in [("ben", "ben"), ("cat", "cat"), ("ann", "ann")] {
        let count = company.query(person, &json!({"type": "archived"})).await["count"].clone();
        assert_eq!(count, RACES.to_string(), "{mine}");
        assert_eq!(company.query(person, &json!({"type": "pending"})).await["count"], "0");
    }
    all_fits(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_starts_with_one_key_exactly_one_counts() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(FILE).await;
    for round in 0..20 {
        let operator = json!({"_id": kunlun("ann")}).to_string();
        let body = json!({"operator": operator, "idempotent_key": format!("key {round}")});
        let start = || company.execute(FLOW, &body);
        let (a, b, c, d) = tokio::join!(start(), start(), start(), start());
        let mut codes = [a.code(), b.code(), c.code(), d.code()];
        codes.sort_unstable();
        assert_eq!(codes, [0, 2_320_001, 2_320_001, 2_320_001], "round {round}");
    }
    assert_eq!(company.query("ann", &json!({})).await["count"], "20");
    all_fits(&hub).await;
}
