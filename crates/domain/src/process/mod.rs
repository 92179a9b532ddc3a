//! Flows that the hub runs: what a definition says, and what follows from it.
//!
//! A definition is read and checked from text ([`check`]); an instance starts ([`start`]), people
//! act on it ([`act()`]), time passes ([`tick`]). Each is a pure function: definition, state,
//! request, time, new ids and answers about people go in; the next state and one entry of the
//! history come out, or a [`Refusal`]. Knows no store, no wire and no clock.

pub mod act;
pub mod authorise;
pub mod chain;
pub mod definition;
mod diagram;
pub mod directory;
pub mod expression;
pub mod history;
mod members;
mod read;
pub mod refusal;
mod route;
mod run;
mod seats;
pub mod source;
pub mod state;
pub mod timers;
pub mod values;

pub use act::{Action, Outcome, Place, Request, Submission, act, rollback_points, start};
pub use authorise::{Actor, Verb, authorise};
pub use definition::Definition;
pub use diagram::diagram;
pub use directory::{Directory, Profile, Substitution};
pub use history::{Entry, Event};
pub use read::{SCHEMA, check};
pub use refusal::Refusal;
pub use run::World;
pub use source::{Fault, Spot};
pub use state::State;
pub use timers::{next_due, tick};
