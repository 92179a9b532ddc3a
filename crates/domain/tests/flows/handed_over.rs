//! What is handed over in an instance that the hub does not run: open parts, and whose turn it is then.

use domain::flow::Status::{self, Agreed, InProcess, Unstarted};
use domain::flow::{Instance, InstanceDetails, Logic, Part, Task};
use domain::{FlowId, InstanceId, Millis, PersonId, TaskId};

fn instance(status: Status, parts: &[(i64, Status)]) -> Instance {
    let end_time = Millis(0);
    let part = |(person, status): &(i64, Status)| {
        let end_time = Millis(i64::from(*status == Agreed));
        Part { person: PersonId(*person), status: *status, end_time }
    };
    let task = Task {
        id: TaskId(1),
        node: String::new(),
        logic: Logic::Orderly,
        status,
        start_time: Millis(1),
        end_time,
        parts: parts.iter().map(part).collect(),
        ccs: Vec::new(),
    };
    Instance {
        id: InstanceId(1),
        flow: FlowId(1),
        initiator: PersonId(9),
        status,
        start_time: Millis(1),
        end_time,
        details: InstanceDetails::default(),
        tasks: vec![task],
    }
}

#[test]
fn open_parts_move_once_and_decided_ones_stay() {
    for (case, before, after, changed) in [
        ("in turn", vec![(1, InProcess), (3, Unstarted)], vec![(2, InProcess), (3, Unstarted)], 1),
        ("later", vec![(3, InProcess), (1, Unstarted)], vec![(3, InProcess), (2, Unstarted)], 1),
        ("decided", vec![(1, Agreed), (3, InProcess)], vec![(1, Agreed), (3, InProcess)], 0),
        ("has one", vec![(1, InProcess), (2, Unstarted)], vec![(2, InProcess)], 1),
        (
            "whoever is next is asked",
            vec![(1, InProcess), (3, Unstarted), (2, Unstarted)],
            vec![(3, InProcess), (2, Unstarted)],
            1,
        ),
        ("twice", vec![(1, InProcess), (1, Unstarted)], vec![(2, InProcess)], 1),
        ("not there", vec![(3, InProcess)], vec![(3, InProcess)], 0),
    ] {
        let mut moved = instance(InProcess, &before);
        assert_eq!(moved.hand_over(PersonId(1), PersonId(2)), changed, "{case}");
        assert_eq!(moved, instance(InProcess, &after), "{case}");
        assert_eq!(moved.hand_over(PersonId(1), PersonId(2)), 0, "{case}, again");
    }
}

#[test]
fn nothing_moves_in_an_ended_task_or_to_the_same_person() {
    let parts = [(1, InProcess)];
    for (status, to) in [(Agreed, 2), (Unstarted, 2), (InProcess, 1)] {
        let mut same = instance(status, &parts);
        assert_eq!(same.hand_over(PersonId(1), PersonId(to)), 0);
        assert_eq!(same, instance(status, &parts));
    }
}
