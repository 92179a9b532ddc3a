//! Flows that the hub runs, from the outside: files, instances, people and time.
//!
//! Stories are told with the people of `support`; random histories are compared with a model that
//! shares no function with the rules (`oracle`).

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod branches;
mod chains;
mod decisions;
mod dice;
mod examples;
mod files;
mod handed_over;
mod joins;
mod limits;
mod oracle;
mod people;
mod random;
mod rights;
mod substitutes;
mod support;
mod time;
