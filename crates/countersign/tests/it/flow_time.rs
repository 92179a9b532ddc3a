//! What time does to flows: reminders, due times and automatic decisions, also when nobody looked for
//! long, and when several look at once.

use domain::InstanceId;
use domain::process::Event;
use engine::flow_run::audit::history;
use serde_json::json;

use crate::flow_kit::{Company, Story, all_fits, done, refused};
use crate::support::TestHub;

pub const FLOW: &str = "package_demo__c__late";
pub const HOUR: i64 = 3_600_000;

/// A flow whose one step is reminded of after an hour and two, and does something after three.
pub fn file(then: &str) -> String {
    format!(
        "
api_id: {FLOW}
namespace: package_demo
label: {{ zh-CN: 迟 }}
nodes:
  - id: only
    label: {{ zh-CN: 唯一 }}
    assignees: [{{ person: ben }}, {{ person: cat }}]
    due: {{ after: PT3H, remind: [PT1H, PT2H], then: {then} }}
"
    )
}

async fn started<'c, 'h>(company: &'c Company<'h>, then: &str) -> Story<'c, 'h> {
    company.apply(&file(then)).await;
    company.start(FLOW, "ann", &json!({})).await
}

async fn happened(hub: &TestHub, story: &Story<'_, '_>) -> Vec<Vec<Event>> {
    by_itself(hub, InstanceId(story.instance.parse().unwrap())).await
}

/// What happened by itself in an instance, entry by entry.
pub async fn by_itself(hub: &TestHub, instance: InstanceId) -> Vec<Vec<Event>> {
    let acme = hub.acme;
    let read = hub.hub.read(move |tx, _| history(tx, acme, instance, 0, 100)).await.unwrap();
    let entries = read.entries.into_iter().filter(|told| told.by.is_none());
    entries.map(|told| told.entry.unwrap().events).collect()
}

pub fn names(events: &[Event]) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::Reminded { .. } => "reminded",
        Event::Overdue { .. } => "overdue",
        Event::Decided { automatic: true, by: None, .. } => "decided by itself",
        Event::Closed { .. } => "closed",
        Event::Ended { .. } => "ended",
        _ => "something else",
    };
    events.iter().map(name).collect()
}

/// Everything that happens to an instance at which nobody has looked until it was overdue.
pub const ALL: [&str; 6] =
    ["reminded", "overdue", "decided by itself", "decided by itself", "closed", "ended"];

async fn tick(hub: &TestHub) -> usize {
    hub.hub.run_timers_of(hub.acme).await.unwrap()
}

#[tokio::test]
async fn each_moment_does_its_thing_once() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    let mut story = started(&company, "notify").await;
    assert_eq!(tick(&hub).await, 0, "nothing is due yet");
    for (hours, what) in [(1, "reminded"), (2, "reminded"), (3, "overdue")] {
        hub.clock.advance(HOUR - 1);
        assert_eq!(tick(&hub).await, 0, "a moment before {hours} hours");
        hub.clock.advance(1);
        assert_eq!((tick(&hub).await, tick(&hub).await), (1, 0), "{hours} hours");
        let told = happened(&hub, &story).await;
        assert_eq!(names(told.last().unwrap()), [what], "{hours} hours");
    }
    hub.clock.advance(1_000 * HOUR);
    assert_eq!(tick(&hub).await, 0, "nothing more is due");
    let company = company.again().await;
    let mut story_now = story.with(&company);
    story_now.shows("in_process", &["ann from 1", "ben todo 1", "cat todo 1"]).await;
    story = story_now;
    done(&story.agree(1, "ben").await);
    done(&story.agree(1, "cat").await);
    all_fits(&hub).await;
}

#[tokio::test]
async fn what_was_missed_is_caught_up_in_one_step() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    for (then, status, task) in [("agree", "agreed", "done"), ("reject", "rejected", "done")] {
        let company = company.again().await;
        let story = started(&company, then).await;
        hub.clock.advance(500 * HOUR);
        assert_eq!((tick(&hub).await, tick(&hub).await), (1, 0));
        let told = happened(&hub, &story).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(names(&told[0]), ALL);
        let company = company.again().await;
        let mut story = story.with(&company);
        let (ben, cat) = (format!("ben {task} 1"), format!("cat {task} 1"));
        story.shows(status, &["ann from-done 1", &ben, &cat]).await;
        refused(&story.agree(1, "eve").await, "user_id", &["those whose task it is"]);
        let words = [&*format!("already {status} by the flow itself"), "2026-"];
        refused(&story.cancel("ann").await, "approval_instance_id", &words);
    }
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_decision_before_the_moment_leaves_nothing_to_do() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    let mut story = started(&company, "reject").await;
    done(&story.agree(1, "ben").await);
    done(&story.agree(1, "cat").await);
    hub.clock.advance(500 * HOUR);
    assert_eq!(tick(&hub).await, 0);
    assert_eq!(happened(&hub, &story).await, Vec::<Vec<Event>>::new());
    all_fits(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_who_look_at_once_do_each_thing_once() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("agree")).await;
    let mut stories = Vec::new();
    for _ in 0..30 {
        stories.push(company.start(FLOW, "ann", &json!({})).await);
    }
    hub.clock.advance(3 * HOUR);
    let step = || hub.hub.run_timers_of(hub.acme);
    let (a, b, c, d) = tokio::join!(step(), step(), step(), step());
    let done: usize = [a, b, c, d].into_iter().map(Result::unwrap).sum();
    // On a shared database a lease may have kept all but one from looking; nobody does a thing twice.
    assert_eq!(done + tick(&hub).await, 30);
    for story in &stories {
        assert_eq!(happened(&hub, story).await.len(), 1);
    }
    all_fits(&hub).await;
}
