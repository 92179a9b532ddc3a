//! Which instances a query of task states asks for, and which combinations are allowed.
//!
//! The names in a filter are the caller's; the use case resolves them to ids.

use crate::instance::TaskStatus;
use crate::limits;

/// What a caller gives, each part possibly empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterParts {
    /// Codes of definitions, the real ones or the caller's own.
    pub codes: Vec<String>,
    /// The caller's ids of instances.
    pub instances: Vec<String>,
    /// The tenant's ids of assignees.
    pub users: Vec<String>,
    /// The status of tasks.
    pub status: Option<TaskStatus>,
}

impl FilterParts {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A filter that may be run. Its lists are sorted and hold no entry twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskFilter {
    /// Named instances, optionally narrowed.
    Instances {
        /// The instances.
        instances: Vec<String>,
        /// Only of these definitions, if any are given.
        codes: Vec<String>,
        /// Only tasks of these people, if any are given.
        users: Vec<String>,
        /// Only tasks of this status.
        status: Option<TaskStatus>,
    },
    /// Every instance of the definitions with a task of the status, optionally of some people.
    Status {
        /// The definitions.
        codes: Vec<String>,
        /// Only tasks of these people, if any are given.
        users: Vec<String>,
        /// Only tasks of this status.
        status: TaskStatus,
    },
}

/// Which part of a filter a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Definition codes.
    Codes,
    /// Instance ids.
    Instances,
    /// Assignees.
    Users,
    /// The status.
    Status,
    /// All of it.
    Whole,
}

/// What is wrong with one part of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is asked for at all.
    Empty,
    /// More entries than allowed.
    TooMany {
        /// How many are allowed.
        limit: usize,
    },
    /// Needed beside what is given.
    Needed,
}

impl TaskFilter {
    /// The filter that `parts` ask for, or every fault in them.
    pub fn new(parts: FilterParts) -> Result<Self, Vec<(Part, Fault)>> {
        let FilterParts { codes, instances, users, status } = parts;
        let mut faults = Vec::new();
        for (part, count, limit) in [
            (Part::Codes, codes.len(), limits::FILTER_CODES),
            (Part::Instances, instances.len(), limits::FILTER_INSTANCES),
            (Part::Users, users.len(), limits::FILTER_USERS),
        ] {
            if count > limit {
                faults.push((part, Fault::TooMany { limit }));
            }
        }
        let (codes, instances, users) = (distinct(codes), distinct(instances), distinct(users));
        if !instances.is_empty() {
            return faults
                .is_empty()
                .then_some(())
                .map_or(Err(faults), |()| Ok(Self::Instances { instances, codes, users, status }));
        }
        if codes.is_empty() && users.is_empty() && status.is_none() {
            faults.push((Part::Whole, Fault::Empty));
            return Err(faults);
        }
        if codes.is_empty() {
            faults.push((Part::Codes, Fault::Needed));
        }
        match status {
            Some(status) if faults.is_empty() => Ok(Self::Status { codes, users, status }),
            Some(_) => Err(faults),
            None => {
                faults.push((Part::Status, Fault::Needed));
                Err(faults)
            }
        }
    }

    /// A text that two filters share only if they ask for the same. Its hash is sealed into page
    /// tokens, so its form may change only together with the tokens' version.
    pub fn canonical(&self) -> String {
        let (kind, instances, codes, users, status) = match self {
            Self::Instances { instances, codes, users, status } => {
                ("i", instances.as_slice(), codes, users, *status)
            }
            Self::Status { codes, users, status } => ("s", &[][..], codes, users, Some(*status)),
        };
        // The length in front keeps entries apart, whatever they contain.
        let list = |entries: &[String]| -> String {
            let each = entries.iter().map(|e| format!(":{}:{e}", e.len()));
            format!("{}{}", entries.len(), each.collect::<String>())
        };
        let status = status.map_or(0, TaskStatus::code);
        [kind, &list(instances), &list(codes), &list(users), &status.to_string()].join("|")
    }
}

fn distinct(mut entries: Vec<String>) -> Vec<String> {
    entries.sort_unstable();
    entries.dedup();
    entries
}
