//! What commits change, told to whoever keeps copies of what was read.
//!
//! Commits are numbered, so that a copy can be known to be of the present. Knows nothing of what is
//! copied: it names what a copy may depend on.

use domain::{DefinitionId, FlowId, InstanceId, PersonId, TenantId};

use crate::list;

/// The number of a commit, by whichever process. Numbers only compare for being the same: they
/// begin anew after 2^32 commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commit(pub u32);

/// Something of a tenant that reading depends on and writing touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// The rows of a list under an inbox.
    Inbox(domain::inbox::List),
    /// A flow's numbers and names.
    Flow(FlowId),
    /// An instance of a flow with its card.
    FlowInstance(InstanceId),
    /// A third-party instance with its card.
    External(InstanceId),
    /// The instances on a list of third-party ones.
    ExternalList(list::List),
    /// A person with name and aliases, and who else they turned out to be.
    Person(PersonId),
    /// A definition of third-party approvals.
    Definition(DefinitionId),
}

/// A piece of a tenant.
pub type Touched = (TenantId, Piece);

/// Is told of commits on the writer's thread, after each and before anybody gets its answer.
pub trait Watch: Send + Sync {
    /// `now` followed `before` and changed what `touched` names.
    fn committed(&self, before: Commit, now: Commit, touched: &[Touched]);
    /// Another process wrote, nobody knows what; `now` is the newest commit, `None` if that is
    /// unknown too.
    fn lost(&self, now: Option<Commit>);
}
