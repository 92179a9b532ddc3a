//! Flow files at the command line: faults with their places, pictures, the schema.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::{countersign, text};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flows").join(name)
}

#[test]
fn the_examples_are_sound() {
    let mut command = countersign();
    let names = ["leave.yaml", "expense.yaml", "contract.yaml", "purchase.yaml"];
    let done = command.args(["flow", "check"]).args(names.map(example)).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    assert_eq!(text(&done).matches("is sound").count(), 4);
}

#[test]
fn every_fault_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leave.yaml");
    let sound = fs::read_to_string(example("leave.yaml")).unwrap();
    let faulty = sound.replace("type: date", "type: day").replace("after: P2D", "after: 2 days");
    assert_ne!(sound, faulty);
    fs::write(&file, &faulty).unwrap();
    let place = |part: &str| {
        let at = faulty.lines().position(|line| line.contains(part)).unwrap();
        u64::try_from(at + 1).unwrap()
    };

    let done = countersign().args(["--json", "flow", "check"]).arg(&file).output().unwrap();
    assert!(!done.status.success());
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let lines: Vec<_> =
        told[0]["faults"].as_array().unwrap().iter().map(|f| f["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [place("type: day"), place("after: 2 days")], "{told}");

    // At a terminal, as compilers write it.
    let done = countersign().args(["flow", "check"]).arg(&file).output().unwrap();
    let first = format!("{}:{}:", file.display(), place("type: day"));
    assert!(text(&done).contains(&first), "{}", text(&done));
}

#[test]
fn a_flow_is_drawn_in_the_language_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leave.svg");
    let mut command = countersign();
    command.args(["flow", "diagram"]).arg(example("leave.yaml")).arg("--out").arg(&file);
    assert!(command.output().unwrap().status.success());
    let picture = fs::read_to_string(&file).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("直属上级"), "{picture}");
    let mut command = countersign();
    command.args(["flow", "diagram", "--language", "1033"]).arg(example("leave.yaml"));
    assert!(text(&command.output().unwrap()).contains("Head of department"));
}

#[test]
fn the_schema_is_printed_for_editors() {
    let done = countersign().args(["flow", "schema"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
}
