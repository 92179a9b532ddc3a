//! A third-party instance with its tasks and copies, as a source system describes it.
//!
//! Three parts of each thing are told apart: what is filtered by (status, people, times), what is
//! only kept and given back (`…Details`), and the internal ids, which the store adds.

use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::ids::{CcId, DefinitionId, InstanceId, PersonId, TaskId};
use crate::inbox::{Entry, Key, Place, Relation, State};
use crate::person::PersonRef;
use crate::text::Resource;
use crate::time::Millis;

coded! {
    /// How an instance stands.
    InstanceStatus {
        /// Under way.
        Pending = 1,
        /// Ended, approved.
        Approved = 2,
        /// Ended, rejected.
        Rejected = 3,
        /// Withdrawn by the initiator.
        Canceled = 4,
        /// Deleted in the source system.
        Deleted = 5,
        /// Shown without a status.
        Hidden = 6,
        /// Ended by the source system.
        Terminated = 7,
    }
}

coded! {
    /// How a task stands.
    TaskStatus {
        /// Waits for its assignee.
        Pending = 1,
        /// The assignee approved.
        Approved = 2,
        /// The assignee rejected.
        Rejected = 3,
        /// Handed to somebody else.
        Transferred = 4,
        /// Passed without this person acting; hidden from them.
        Done = 5,
    }
}

coded! {
    /// Whether a copy was read.
    ReadStatus {
        /// Read.
        Read = 1,
        /// Not yet read.
        Unread = 2,
    }
}

coded! {
    /// How a client opens the page behind a link.
    DisplayMethod {
        /// In the system's browser.
        Browser = 1,
        /// Beside the list.
        Sidebar = 2,
        /// In the client's own window.
        Normal = 3,
        /// As a form that the hub draws.
        Trusteeship = 4,
    }
}

coded! {
    /// Where a task came from.
    GenerateType {
        /// Added as a further signer.
        ExternalConsign = 1,
        /// By the flow.
        Default = 2,
    }
}

coded! {
    /// How long a form that the hub draws may be kept.
    FormPolicy {
        /// Not at all.
        Disable = 1,
        /// For good.
        Immutable = 2,
        /// Per node.
        ByNode = 3,
        /// Per person.
        ByUser = 4,
    }
}

/// An optional word of a payload in its three forms; what is stored is never `Cleared`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given<T> {
    /// Not mentioned: an update keeps what is stored.
    #[default]
    Absent,
    /// Mentioned as empty: an update clears what is stored.
    Cleared,
    /// This.
    Is(T),
}

impl<T: Copy> Given<T> {
    /// The word, if there is one.
    pub fn get(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Cleared => None,
        }
    }

    /// What is stored after this was sent over `old`.
    #[must_use]
    pub fn over(self, old: Self) -> Self {
        match self {
            Self::Absent => old,
            Self::Cleared => Self::Absent,
            Self::Is(_) => self,
        }
    }
}

/// Where the source system shows a thing. At least one of the two is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// For desktop clients.
    pub pc: Option<String>,
    /// For phones.
    pub mobile: Option<String>,
}

/// A button that acts without opening the source system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionConfig {
    /// `APPROVE`, `REJECT`, or any other key that the callback gets back.
    pub action_type: String,
    /// A text, needed for other keys.
    pub name: Option<String>,
    /// A reason may be given.
    pub need_reason: Option<bool>,
    /// A reason must be given.
    pub reason_required: Option<bool>,
    /// Files may be attached.
    pub need_attachment: Option<bool>,
}

/// Addresses of a form that the hub draws for the source system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrusteeshipUrls {
    /// What the form shows.
    pub form_detail: Option<String>,
    /// What may be done.
    pub action_definition: Option<String>,
    /// The nodes of the flow.
    pub approval_node: Option<String>,
    /// Where decisions are sent.
    pub action_callback: Option<String>,
    /// Business data on demand.
    pub pull_business_data: Option<String>,
}

/// How such a form may be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrusteeshipCache {
    /// For how long.
    pub form_policy: Option<FormPolicy>,
    /// Whether it differs by language.
    pub form_vary_with_locale: Option<bool>,
    /// The version of the form.
    pub form_version: Option<i64>,
}

/// What is kept of an instance and given back, but never filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDetails {
    /// JSON text of the source system.
    pub extra: Option<String>,
    /// Where to open the instance.
    pub links: Links,
    /// Text; absent = the definition's name.
    pub title: Option<String>,
    /// Name and value texts; clients show the first three.
    pub form: Option<Vec<(Option<String>, Option<String>)>>,
    /// Text naming an initiator who is not a person.
    pub initiator_name: Option<String>,
    /// Empty = the company, absent = none.
    pub department_id: Option<String>,
    /// Text.
    pub department_name: Option<String>,
    /// How the links open.
    #[serde(default)]
    pub display_method: Given<DisplayMethod>,
    /// Sent back in trusteeship calls.
    pub trusteeship_url_token: Option<String>,
    /// The kind of person id in trusteeship calls.
    pub trusteeship_user_id_type: Option<String>,
    /// Trusteeship addresses.
    pub trusteeship_urls: Option<TrusteeshipUrls>,
    /// Trusteeship caching.
    pub trusteeship_cache: Option<TrusteeshipCache>,
    /// Kept and given back only.
    pub resource_region: Option<String>,
    /// The texts behind every key of the instance, its tasks and its copies.
    pub resources: Vec<Resource>,
}

/// An instance as a source system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The caller's id, unique per tenant and app.
    pub external_id: String,
    /// How it stands.
    pub status: InstanceStatus,
    /// Who started it; nobody, when the initiator is not a person.
    pub initiator: PersonRef,
    /// When it was started.
    pub start_time: Millis,
    /// When it ended; 0 while open.
    pub end_time: Millis,
    /// The version stamp.
    pub update_time: Millis,
    /// The rest.
    pub details: InstanceDetails,
}

/// What is kept of a task and given back, but never filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDetails {
    /// Text; absent = the instance's title.
    pub title: Option<String>,
    /// Where to open the task.
    pub links: Links,
    /// JSON text of the source system.
    pub extra: Option<String>,
    /// Sent back when a button is pressed.
    pub action_context: Option<String>,
    /// The buttons.
    pub actions: Option<Vec<ActionConfig>>,
    /// How the links open.
    #[serde(default)]
    pub display_method: Given<DisplayMethod>,
    /// Left out of efficiency figures.
    pub exclude_statistics: Option<bool>,
    /// The node, the same over all instances of a definition.
    pub node_id: Option<String>,
    /// Text naming the node; always a key.
    pub node_name: Option<String>,
    /// Where it came from.
    pub generate_type: Option<GenerateType>,
}

/// A task as a source system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The caller's id, unique inside the instance.
    pub external_id: String,
    /// Who is to act.
    pub assignee: PersonRef,
    /// How it stands.
    pub status: TaskStatus,
    /// When it was made.
    pub create_time: Millis,
    /// When it ended; 0 while open.
    pub end_time: Millis,
    /// The version stamp.
    pub update_time: Millis,
    /// The rest.
    pub details: TaskDetails,
}

/// What is kept of a copy and given back, but never filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CcDetails {
    /// Text.
    pub title: Option<String>,
    /// Where to open it.
    pub links: Links,
    /// JSON text of the source system.
    pub extra: Option<String>,
    /// How the links open.
    #[serde(default)]
    pub display_method: Given<DisplayMethod>,
}

/// A copy (cc) as a source system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cc {
    /// The caller's id, unique inside the instance.
    pub external_id: String,
    /// Who is to know.
    pub person: PersonRef,
    /// Whether they read it.
    pub read_status: ReadStatus,
    /// When it was made.
    pub create_time: Millis,
    /// The version stamp.
    pub update_time: Millis,
    /// The rest.
    pub details: CcDetails,
}

/// A thing of an instance (a task or a copy) as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<Id, T> {
    /// The internal id, which no sync changes.
    pub id: Id,
    /// The person behind the alias when the row was written.
    pub person: PersonId,
    /// What the source system said.
    pub item: T,
}

impl Stored {
    /// Where the instance stands in the inboxes of everybody who has to do with it: once for its
    /// initiator, once for each task that its assignee may see, once for each copy.
    pub fn places(&self, id: InstanceId, definition: DefinitionId) -> Vec<Place> {
        // What was deleted in the source system is in nobody's inbox.
        if self.instance.status == InstanceStatus::Deleted {
            return Vec::new();
        }
        let place = |person, relation, start: Millis, task: i64, pending| Place {
            person,
            entry: Entry {
                key: Key { start: start.get(), task },
                flow: definition.get(),
                instance: id,
            },
            relation,
            state: if pending { State::Pending } else { State::Archived },
        };
        let started = self.initiator.map(|person| {
            let pending = self.instance.status == InstanceStatus::Pending;
            place(person, Relation::Initiated, self.instance.start_time, id.get(), pending)
        });
        // A task that passed without its assignee is hidden from them.
        let seen = self.tasks.iter().filter(|task| task.item.status != TaskStatus::Done);
        let tasks = seen.map(|task| {
            let pending = task.item.status == TaskStatus::Pending;
            place(task.person, Relation::Assigned, task.item.create_time, task.id.get(), pending)
        });
        let ccs = self.ccs.iter().map(|cc| {
            let pending = cc.item.read_status == ReadStatus::Unread;
            place(cc.person, Relation::Cc, cc.item.create_time, cc.id.get(), pending)
        });
        started.into_iter().chain(tasks).chain(ccs).collect()
    }
}

/// An instance as it is stored, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The instance.
    pub instance: Instance,
    /// Its initiator, if a person.
    pub initiator: Option<PersonId>,
    /// Its tasks, in the order in which they were first accepted.
    pub tasks: Vec<Kept<TaskId, Task>>,
    /// Its copies, likewise.
    pub ccs: Vec<Kept<CcId, Cc>>,
}
