//! What people can do to the tasks of a flow, one action after the other, each told by what everybody
//! sees afterwards.

use serde_json::json;

use crate::flow_kit::{Company, all_fits, done, kunlun, refused};
use crate::support::TestHub;

/// Two steps: ben, then cat and dan both.
const TWO_STEPS: &str = "
api_id: package_demo__c__two
namespace: package_demo
label: { zh-CN: 两步, en-US: Two steps }
parameters:
  - { name: days, type: integer, label: { zh-CN: 天数 }, required: false }
summary:
  - { label: { zh-CN: 天数 }, value: \"params.days == null ? '-' : string(params.days)\" }
nodes:
  - { id: first, label: { zh-CN: 第一步, en-US: First }, assignees: [{ person: ben }] }
  - { id: second, label: { zh-CN: 第二步, en-US: Second }, assignees: [{ person: cat }, { person: dan }] }
";
const TWO: &str = "package_demo__c__two";

#[tokio::test]
async fn an_instance_goes_from_step_to_step_before_everybodys_eyes() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(TWO_STEPS).await;
    let mut story = company.start(TWO, "ann", &json!({"days": 3})).await;
    story.shows("in_process", &["ann from 1", "ben todo 1"]).await;
    done(&story.agree(1, "ben").await);
    story
        .shows(
            "in_process",
            &["ann from 2", "ann from-done 1", "ben done 1", "cat todo 2", "dan todo 2"],
        )
        .await;
    done(&story.agree(2, "dan").await);
    story
        .shows(
            "in_process",
            &["ann from 2", "ann from-done 1", "ben done 1", "cat todo 2", "dan done 2"],
        )
        .await;
    done(&story.agree(2, "cat").await);
    let end = ["ann from-done 1 2", "ben done 1", "cat done 2", "dan done 2"];
    story.shows("agreed", &end).await;

    // Each once more changes nothing; the opposite hears who decided what, and when.
    for (task, person) in [(1, "ben"), (2, "cat"), (2, "dan")] {
        done(&story.agree(task, person).await);
        let words = ["already agreed by", person, &kunlun(person), "2026-01-05T01:00:00Z"];
        refused(&story.reject(task, person).await, "approval_task_id", &words);
    }
    refused(
        &story.cancel("ann").await,
        "approval_instance_id",
        &["already agreed by the flow itself"],
    );
    refused(&story.agree(1, "eve").await, "user_id", &["it is for those whose task it is"]);
    story.shows("agreed", &end).await;
    all_fits(&hub).await;
}
