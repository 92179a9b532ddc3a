//! Nouns and rules: what an approval is, and what may happen to it.
//!
//! Everything here is true on paper, without a computer: no async, no I/O, no SQL, and no name
//! of a JSON member. Stored text uses this crate's own serde names, which no client ever sees.

mod coded;
pub mod definition;
pub mod filter;
pub mod flow;
pub mod ids;
pub mod inbox;
pub mod instance;
pub mod limits;
pub mod organisation;
pub mod person;
pub mod process;
pub mod refusal;
pub mod sync;
pub mod text;
pub mod time;

pub use filter::TaskFilter;
pub use ids::{AppId, CcId, DefinitionId, FlowId, Ids, InstanceId, PersonId, TaskId, TenantId};
pub use refusal::Refusal;
pub use time::{Clock, Millis};
