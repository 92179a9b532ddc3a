//! Anchors, audits and what `doctor` says of running instances: whatever does not fit is told.

use domain::process::chain::Hash;
use store::flow_run::run_update;

use super::*;

#[tokio::test]
async fn histories_are_anchored_once_an_hour() {
    let desk = desk().await;
    let tenant = desk.caller.tenant;
    for _ in 0..3 {
        desk.start(None, &[]).await.unwrap();
    }
    assert_eq!(desk.hub.anchor().await.unwrap(), 3);
    desk.start(None, &[]).await.unwrap();
    assert_eq!(desk.hub.anchor_of(tenant).await.unwrap(), 0, "one an hour");
    desk.clock.advance(HOUR);
    assert_eq!(desk.hub.anchor_of(tenant).await.unwrap(), 1);
    desk.clock.advance(HOUR);
    assert_eq!(desk.hub.anchor_of(tenant).await.unwrap(), 0, "nothing moved");
    let audit = desk.hub.audit(&[tenant]).await.unwrap();
    assert_eq!((audit.instances, audit.entries, audit.anchors), (4, 4, 2));
    desk.all_fits().await;
}

#[tokio::test]
async fn more_histories_than_an_anchor_has_are_anchored_by_several() {
    let desk = desk().await;
    desk.start_many(1_001).await;
    assert_eq!(desk.hub.anchor().await.unwrap(), 1_001);
    let audit = desk.hub.audit(&[desk.caller.tenant]).await.unwrap();
    assert_eq!((audit.instances, audit.entries, audit.anchors), (1_001, 1_001, 2));
    assert_eq!(audit.faults, Vec::<String>::new());
}

#[tokio::test]
async fn an_instance_that_cannot_go_on_does_not_hold_up_the_others() {
    let desk = desk().await;
    let tenant = desk.caller.tenant;
    let broken = desk.start(None, &[]).await.unwrap();
    let whole = desk.run(broken).await;
    let mut run = whole.clone();
    run.state.version = 9;
    desk.put(run).await;
    desk.clock.advance(1);
    // With the broken one, which has waited longest, more than are looked up at once.
    desk.start_many(101).await;
    desk.clock.advance(2 * HOUR);
    let told = desk.hub.run_timers_of(tenant).await.unwrap_err().to_string();
    assert!(told.starts_with("version 9 of flow "), "{told}");
    assert!(told.ends_with(" is missing"), "{told}");
    // Late as it was, each was reminded and decided at once.
    let audit = desk.hub.audit(&[tenant]).await.unwrap();
    assert_eq!((audit.instances, audit.entries), (102, 203));
    desk.put(whole).await;
    assert_eq!(desk.hub.run_timers().await.unwrap(), 1);
    assert_eq!(desk.status(broken).await, Status::Agreed);
    desk.all_fits().await;
}

#[tokio::test]
async fn an_instance_that_is_due_by_mistake_keeps_nobody_busy() {
    let desk = desk().await;
    let id = desk.start(None, &[]).await.unwrap();
    let mut run = desk.run(id).await;
    run.next_due = Some(Millis(1));
    desk.put(run).await;
    assert_eq!(desk.hub.run_timers().await.unwrap(), 0);
    assert_eq!(desk.history(id, 1).await.unwrap().entries, []);
}

impl Desk {
    async fn put(&self, run: Run) {
        self.hub.write(move |tx, _| Ok(run_update(tx, &run)?)).await.unwrap();
    }

    /// What doctor and audit say while an instance is stored otherwise.
    async fn told(&self, id: InstanceId, change: fn(&mut Run)) -> [Vec<String>; 2] {
        let before = self.run(id).await;
        let mut run = before.clone();
        change(&mut run);
        self.put(run).await;
        let doctor = self.hub.doctor(false).await.unwrap().faults;
        let audit = self.hub.audit(&[self.caller.tenant]).await.unwrap().faults;
        self.put(before).await;
        self.all_fits().await;
        [doctor, audit]
    }
}

#[tokio::test]
async fn whatever_does_not_fit_a_state_is_told() {
    let desk = desk().await;
    let tenant = desk.caller.tenant;
    desk.start(None, &[]).await.unwrap();
    let id = desk.start(None, &[]).await.unwrap();
    let [task, _] = desk.todo("2").await[..] else { panic!() };
    assert!(desk.act(on(task), "2", What::Copy(named("3"))).await.unwrap());
    let doctor = |told: &str| vec![format!("tenant {tenant}: {told}")];
    let audit = |told: &str| vec![format!("instance {id}: {told}")];

    let due = format!("instance {id} is not due when its state says");
    assert_eq!(desk.told(id, |run| run.next_due = None).await, [doctor(&due), vec![]]);
    let rows = format!("the rows of instance {id} are not as its state says");
    let start = |run: &mut Run| run.state.start_time = Millis(1);
    assert_eq!(desk.told(id, start).await, [doctor(&rows), vec![]]);
    let version = format!("version 9 of the flow of instance {id} is missing");
    let other = |run: &mut Run| run.state.version = 9;
    assert_eq!(desk.told(id, other).await, [doctor(&version), vec![]]);

    let end = doctor(&format!("the history of instance {id} does not end as noted"));
    let cut = audit("entry 3 is missing");
    assert_eq!(desk.told(id, |run| run.head.seq += 1).await, [end.clone(), cut]);
    let otherwise = audit("the history ends with entry 2, and otherwise than noted");
    let changes: [fn(&mut Run); 2] = [|run| run.head.seq -= 1, |run| run.head.hash = Hash::NONE];
    for change in changes {
        assert_eq!(desk.told(id, change).await, [end.clone(), otherwise.clone()]);
    }
}
