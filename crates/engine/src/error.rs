//! Why a use case did not do what was asked.

use domain::Refusal;
use domain::filter::{Fault, Part};
use thiserror::Error;

use crate::flow_run::FlowFault;
use crate::page::PageFault;

/// The outcome of a use case that changed nothing.
#[derive(Debug, Error)]
pub enum Error {
    /// The rules say no.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A change of the organisation that the rules refuse.
    #[error("{0}")]
    Organisation(#[from] domain::organisation::Fault),
    /// A filter that may not be run.
    #[error("the filter is not valid: {0:?}")]
    Filter(Vec<(Part, Fault)>),
    /// What is asked of a flow is not done.
    #[error("{0}")]
    Flow(#[from] FlowFault),
    /// A page token that was not given by this server for this caller, or not for this filter.
    #[error("{0}")]
    Page(#[from] PageFault),
    /// What a command names is not there.
    #[error("{0} does not exist")]
    NotFound(String),
    /// What a command would create is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// What a command gives cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// Try again: too much waits, or another process holds the data.
    #[error("busy: {0}")]
    Busy(String),
    /// The write is done or not, nobody can know; it is safe to repeat.
    #[error("unknown outcome: {0}")]
    Unknown(String),
    /// Asked in memory for what is only in the database: to be asked there. Nobody outside sees it.
    #[error("not in memory")]
    NotInMemory,
    /// A fault of this program or of its data; the text is for the log.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Whether the same may succeed when it is tried again, so that nothing is to be concluded from it.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unknown(_))
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy(_) | store::Error::Closed => Self::Busy(error.to_string()),
            store::Error::Unknown(_) => Self::Unknown(error.to_string()),
            store::Error::Unsupported(text) => Self::Invalid(text),
            other => Self::Internal(other.to_string()),
        }
    }
}
