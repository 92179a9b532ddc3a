//! The four flows of `examples/flows`, from their start to each end that they can come to, told by what
//! everybody sees after every step.

use serde_json::{Value, json};

use crate::flow_kit::{Company, Story, all_fits, done, example, kunlun, refused};
use crate::support::TestHub;

const DAY: i64 = 86_400_000;

async fn story<'c, 'h>(company: &'c Company<'h>, flow: &str, params: &Value) -> Story<'c, 'h> {
    company.apply(&example(flow)).await;
    company.start(&format!("package_demo__c__{flow}"), "ann", params).await
}

fn leave(days: f64) -> Value {
    json!({"kind": "annual", "from": "2026-03-02", "days": days})
}

#[tokio::test]
async fn a_short_leave_is_the_leaders_alone() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut agreed = story(&company, "leave", &leave(2.0)).await;
    agreed.shows("in_process", &["ann from 1", "ben todo 1"]).await;
    done(&agreed.agree(1, "ben").await);
    agreed.shows("agreed", &["ann from-done 1", "ben done 1"]).await;
    let mut rejected = story(&company, "leave", &leave(1.0)).await;
    done(&rejected.reject(1, "ben").await);
    rejected.shows("rejected", &["ann from-done 1", "ben done 1"]).await;
    let mut canceled = story(&company, "leave", &leave(2.5)).await;
    done(&canceled.cancel("ann").await);
    canceled.shows("canceled", &["ann from-done 1", "ben done 1"]).await;
    refused(&canceled.agree(1, "ben").await, "approval_task_id", &["already canceled by ann"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_leave_that_lies_about_is_the_leaders_leaders_too() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let story = story(&company, "leave", &leave(1.0)).await;
    hub.clock.advance(2 * DAY);
    assert_eq!(hub.hub.run_timers_of(hub.acme).await.unwrap(), 1);
    let company = company.again().await;
    let mut story = story.with(&company);
    story.shows("in_process", &["ann from 1", "ben todo 1", "cat todo 1"]).await;
    done(&story.agree(1, "cat").await);
    story.shows("agreed", &["ann from-done 1", "ben done 1", "cat done 1"]).await;
    refused(&story.reject(1, "ben").await, "approval_task_id", &["already agreed by cat"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_long_leave_starts_over_where_the_department_rejects_it() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut story = story(&company, "leave", &leave(12.0)).await;
    done(&story.agree(1, "ben").await);
    story.shows("in_process", &["ann from 2", "ann from-done 1", "ben done 1", "cat todo 2"]).await;
    done(&story.reject(2, "cat").await);
    let back = ["ann todo 3", "ann from 3", "ann from-done 1 2", "ben done 1", "cat done 2"];
    story.shows("in_process", &back).await;
    done(&story.agree(3, "ann").await);
    let again = [
        "ann from 4",
        "ann from-done 1 2 3",
        "ann done 3",
        "ben todo 4",
        "ben done 1",
        "cat done 2",
    ];
    story.shows("in_process", &again).await;
    done(&story.agree(4, "ben").await);
    done(&story.agree(5, "cat").await);
    let personnel = [
        "ann from 6",
        "ann from-done 1 2 3 4 5",
        "ann done 3",
        "ben done 1 4",
        "cat done 2 5",
        "dan todo 6",
        "eve todo 6",
    ];
    story.shows("in_process", &personnel).await;
    done(&story.agree(6, "eve").await);
    let end = [
        "ann from-done 1 2 3 4 5 6",
        "ann done 3",
        "ben done 1 4",
        "cat done 2 5",
        "dan done 6",
        "eve done 6",
    ];
    story.shows("agreed", &end).await;
    // The first one decided for both.
    refused(&story.reject(6, "dan").await, "approval_task_id", &["already agreed by eve"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn who_gives_up_what_came_back_rejects_it_and_the_personnel_office_may_too() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut given_up = story(&company, "leave", &leave(5.0)).await;
    done(&given_up.agree(1, "ben").await);
    done(&given_up.reject(2, "cat").await);
    done(&given_up.reject(3, "ann").await);
    let end = ["ann from-done 1 2 3", "ann done 3", "ben done 1", "cat done 2"];
    given_up.shows("rejected", &end).await;
    let mut rejected = story(&company, "leave", &leave(10.0)).await;
    done(&rejected.agree(1, "ben").await);
    done(&rejected.agree(2, "cat").await);
    done(&rejected.reject(3, "dan").await);
    let end = ["ann from-done 1 2 3", "ben done 1", "cat done 2", "dan done 3", "eve done 3"];
    rejected.shows("rejected", &end).await;
    all_fits(&hub).await;
}

fn expense(amount: i64) -> Value {
    json!({"amount": amount, "currency": "CNY", "destination": "成都"})
}

#[tokio::test]
async fn small_expenses_go_from_the_leader_to_the_cashiers() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut paid = story(&company, "expense", &expense(5_000)).await;
    done(&paid.agree(1, "ben").await);
    let paying =
        ["ann from 2", "ann from-done 1", "ann cc 2", "ben done 1", "ida todo 2", "jon todo 2"];
    paid.shows("in_process", &paying).await;
    refused(
        &paid
            .approval(
                2,
                "add_assignee",
                json!({"user_id": kunlun("ida"), "approvers": [kunlun("leo")]}),
            )
            .await,
        "approval_task_id",
        &["does not allow add assignee at node payment"],
    );
    done(&paid.agree(2, "jon").await);
    let end = ["ann from-done 1 2", "ann cc-done 2", "ben done 1", "ida done 2", "jon done 2"];
    paid.shows("agreed", &end).await;
    let mut refused_payment = story(&company, "expense", &expense(1)).await;
    done(&refused_payment.agree(1, "ben").await);
    done(&refused_payment.reject(2, "ida").await);
    refused_payment.shows("rejected", &end).await;
    all_fits(&hub).await;
}

#[tokio::test]
async fn large_expenses_go_back_a_step_or_to_the_start() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut story = story(&company, "expense", &expense(60_000)).await;
    done(&story.agree(1, "ben").await);
    let finance = ["ann from 2", "ann from-done 1", "ben done 1", "fay todo 2", "gus todo 2"];
    story.shows("in_process", &finance).await;
    done(&story.reject(2, "gus").await);
    let back =
        ["ann from 3", "ann from-done 1 2", "ben todo 3", "ben done 1", "fay done 2", "gus done 2"];
    story.shows("in_process", &back).await;
    done(&story.agree(3, "ben").await);
    done(&story.agree(4, "fay").await);
    let head = [
        "ann from 5",
        "ann from-done 1 2 3 4",
        "ben done 1 3",
        "fay done 2 4",
        "gus done 2 4",
        "hal todo 5",
    ];
    story.shows("in_process", &head).await;
    done(&story.reject(5, "hal").await);
    done(&story.cancel("ann").await);
    let end = [
        "ann from-done 1 2 3 4 5 6",
        "ann done 6",
        "ben done 1 3",
        "fay done 2 4",
        "gus done 2 4",
        "hal done 5",
    ];
    story.shows("canceled", &end).await;
    all_fits(&hub).await;
}

fn contract(amount: i64) -> Value {
    let kim = kunlun("kim");
    json!({"title": "框架合同", "partner": "乙方", "amount": amount, "reviewers": [kim]})
}

/// A contract whose owner has agreed: legal is task 2, finance 3, the reviewers 4.
async fn countersigned<'c, 'h>(company: &'c Company<'h>, amount: i64) -> Story<'c, 'h> {
    let mut story = story(company, "contract", &contract(amount)).await;
    done(&story.agree(1, "ben").await);
    let beside = [
        "ann from 2 3 4",
        "ann from-done 1",
        "ben done 1",
        "dan todo 2",
        "eve todo 2",
        "fay todo 3",
        "gus todo 3",
        "kim todo 4",
    ];
    story.shows("in_process", &beside).await;
    story
}

#[tokio::test]
async fn a_contract_waits_for_all_sides_and_is_sealed_then() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut story = countersigned(&company, 1_000_000).await;
    done(&story.agree(2, "dan").await);
    done(&story.agree(3, "fay").await);
    done(&story.agree(3, "gus").await);
    let head = [
        "ann from 4 5",
        "ann from-done 1 2 3",
        "ben done 1",
        "dan done 2",
        "eve done 2",
        "fay done 3",
        "gus done 3",
        "hal todo 5",
        "kim todo 4",
    ];
    story.shows("in_process", &head).await;
    // The head of finance sends it back to finance alone; the other sides go on.
    done(&story.reject(5, "hal").await);
    done(&story.agree(4, "kim").await);
    let again = [
        "ann from 6",
        "ann from-done 1 2 3 4 5",
        "ben done 1",
        "dan done 2",
        "eve done 2",
        "fay done 3",
        "fay todo 6",
        "gus done 3",
        "gus todo 6",
        "hal done 5",
        "kim done 4",
    ];
    story.shows("in_process", &again).await;
    done(&story.agree(6, "gus").await);
    done(&story.agree(6, "fay").await);
    done(&story.agree(7, "hal").await);
    let sealing = [
        "ann from 8",
        "ann from-done 1 2 3 4 5 6 7",
        "ann cc 8",
        "ben done 1",
        "dan cc 8",
        "dan done 2",
        "eve cc 8",
        "eve done 2",
        "fay done 3 6",
        "gus done 3 6",
        "hal done 5 7",
        "ida todo 8",
        "kim done 4",
    ];
    story.shows("in_process", &sealing).await;
    done(&story.agree(8, "ida").await);
    let (status, _) = story.views().await;
    assert_eq!(status, "agreed");
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_contract_ends_where_one_side_rejects_it_and_starts_over_where_legal_does() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut rejected = countersigned(&company, 10).await;
    done(&rejected.reject(3, "gus").await);
    let end = [
        "ann from-done 1 2 3 4",
        "ben done 1",
        "dan done 2",
        "eve done 2",
        "fay done 3",
        "gus done 3",
        "kim done 4",
    ];
    rejected.shows("rejected", &end).await;
    refused(&rejected.agree(2, "dan").await, "approval_task_id", &["already auto_end by gus"]);

    let mut back = countersigned(&company, 10).await;
    done(&back.reject(2, "eve").await);
    let owner = [
        "ann from 5",
        "ann from-done 1 2 3 4",
        "ben done 1",
        "ben todo 5",
        "dan done 2",
        "eve done 2",
        "fay done 3",
        "gus done 3",
        "kim done 4",
    ];
    back.shows("in_process", &owner).await;
    done(&back.cancel("ann").await);
    let (status, _) = back.views().await;
    assert_eq!(status, "canceled");
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_legal_opinion_that_does_not_come_counts_as_agreement() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut story = countersigned(&company, 10).await;
    for person in ["fay", "gus"] {
        done(&story.agree(3, person).await);
    }
    done(&story.agree(4, "kim").await);
    hub.clock.advance(5 * DAY - 1);
    assert_eq!(hub.hub.run_timers_of(hub.acme).await.unwrap(), 1, "a reminder");
    hub.clock.advance(1);
    assert_eq!(hub.hub.run_timers_of(hub.acme).await.unwrap(), 1);
    let company = company.again().await;
    let mut story = story.with(&company);
    let sealing = [
        "ann from 5",
        "ann from-done 1 2 3 4",
        "ann cc 5",
        "ben done 1",
        "dan cc 5",
        "dan done 2",
        "eve cc 5",
        "eve done 2",
        "fay done 3",
        "gus done 3",
        "ida todo 5",
        "kim done 4",
    ];
    story.shows("in_process", &sealing).await;
    refused(&story.agree(2, "dan").await, "approval_task_id", &["agreed by the flow itself"]);
    done(&story.reject(5, "ida").await);
    let (status, _) = story.views().await;
    assert_eq!(status, "rejected");
    all_fits(&hub).await;
}

fn purchase(price: f64) -> Value {
    let buyer = kunlun("jon");
    json!({"goods": "笔记本", "quantity": 2, "price": price, "payer": "sales", "buyer": buyer})
}

#[tokio::test]
async fn a_purchase_is_signed_in_turn() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let mut story = story(&company, "purchase", &purchase(6_000.0)).await;
    // Whose turn has not come has nothing to do yet.
    let buyer = ["ann from 1", "jon todo 1", "leo done 1", "head.purchasing done 1"];
    story.shows("in_process", &buyer).await;
    refused(&story.agree(1, "leo").await, "user_id", &["it waits for jon"]);
    done(&story.agree(1, "jon").await);
    let warehouse = ["ann from 1", "jon done 1", "leo todo 1", "head.purchasing done 1"];
    story.shows("in_process", &warehouse).await;
    done(&story.agree(1, "leo").await);
    let head = ["ann from 1", "jon done 1", "leo done 1", "head.purchasing todo 1"];
    story.shows("in_process", &head).await;
    done(&story.reject(1, "head.purchasing").await);
    let back = [
        "ann from 2",
        "ann from-done 1",
        "ann todo 2",
        "jon done 1",
        "leo done 1",
        "head.purchasing done 1",
    ];
    story.shows("in_process", &back).await;
    done(&story.agree(2, "ann").await);
    for person in ["jon", "leo", "head.purchasing"] {
        done(&story.agree(3, person).await);
    }
    let payer = [
        "ann from 4",
        "ann from-done 1 2 3",
        "ann done 2",
        "head.purchasing done 1 3",
        "jon cc 4",
        "jon done 1 3",
        "leo done 1 3",
        "mia todo 4",
    ];
    story.shows("in_process", &payer).await;
    done(&story.agree(4, "mia").await);
    let (status, _) = story.views().await;
    assert_eq!(status, "agreed");
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_purchase_that_nobody_signs_comes_back_after_a_month_and_the_payer_may_reject_it() {
    let hub = TestHub::new().await;
    let company = Company::organised(&hub).await;
    let late = story(&company, "purchase", &purchase(1.0)).await;
    let mut refusing = story(&company, "purchase", &purchase(2.0)).await;
    for person in ["jon", "leo"] {
        done(&refusing.agree(1, person).await);
    }
    hub.clock.advance(31 * DAY);
    // Three reminders and the due time were missed: one tick catches them up, in one instance.
    assert_eq!(hub.hub.run_timers_of(hub.acme).await.unwrap(), 1);
    assert_eq!(hub.hub.run_timers_of(hub.acme).await.unwrap(), 0);
    let company = company.again().await;
    let (mut late, mut refusing) = (late.with(&company), refusing.with(&company));
    let back = ["ann from 2", "ann from-done 1", "ann todo 2", "jon done 1", "leo done 1"];
    late.shows("in_process", &back).await;
    done(&refusing.reject(2, "mia").await);
    let end = ["ann from-done 1 2", "jon cc-done 2", "jon done 1", "leo done 1", "mia done 2"];
    refusing.shows("rejected", &end).await;
    done(&late.reject(2, "ann").await);
    let given_up = ["ann from-done 1 2", "ann done 2", "jon done 1", "leo done 1"];
    late.shows("rejected", &given_up).await;
    all_fits(&hub).await;
}
