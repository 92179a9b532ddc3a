//! Writes the committed OpenAPI document anew. What is in it is the server's business: the test that
//! compares the two writes it when asked to.

use std::process::Command;

use anyhow::Result;

use crate::steps::{root, run};

/// What the test looks for.
const ACCEPT: &str = "COUNTERSIGN_ACCEPT_OPENAPI";

pub(crate) fn accept() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let test = "openapi::the_committed_document_is_the_one_that_is_served";
    let args = ["test", "--quiet", "--package", "countersign", "--test", "it", test];
    run(Command::new(cargo).args(args).env(ACCEPT, "1").current_dir(root()))
}
