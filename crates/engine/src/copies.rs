//! What the hot set holds copies of, and under which names.

use std::sync::Arc;

use compact_str::CompactString;
use domain::inbox::{self, Entry};
use domain::person::AliasKind;
use domain::{AppId, DefinitionId, FlowId, InstanceId, PersonId, TenantId};
use store::external::Head;
use store::list;

/// The name of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Alias(TenantId, AliasKind, CompactString),
    Rows(TenantId, PersonId),
    Flow(TenantId, CompactString),
    Newest(TenantId, inbox::List),
    Whole(TenantId, inbox::List),
    FlowCard(TenantId, InstanceId),
    Definition(TenantId, AppId, CompactString),
    Named(TenantId, AppId, CompactString),
    HeadById(TenantId, InstanceId),
    Card(TenantId, InstanceId),
    Stretch(TenantId, list::List, InstanceId),
    Rendered(TenantId, list::List, InstanceId),
}

/// A person as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Who they are today.
    pub person: PersonId,
    /// What a task shows of whoever started its instance.
    pub bytes: Vec<u8>,
}

/// The card of an instance of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowCard {
    /// Who started it.
    pub initiator: PersonId,
    /// What every task of it shows of it.
    pub bytes: Vec<u8>,
}

/// The card of an instance of a flow, and whoever started it.
pub(crate) type ShownCard = (Arc<FlowCard>, Arc<Shown>);

/// The newest rows of a list under an inbox.
#[derive(Debug)]
pub(crate) struct Newest {
    /// How many rows the list has in all.
    pub(crate) n: i64,
    /// Greatest first.
    pub(crate) rows: Vec<Entry>,
    /// The cards of the first rows: looking for each would cost more than all the rest.
    pub(crate) cards: Vec<ShownCard>,
}

impl Newest {
    /// Whether no row of the list is missing here.
    pub(crate) fn is_whole(&self) -> bool {
        usize::try_from(self.n) == Ok(self.rows.len())
    }
}

/// Instances of a list of third-party ones that follow each other.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) ids: Vec<InstanceId>,
    /// Their cards.
    pub(crate) cards: Vec<Arc<[u8]>>,
    /// Whether no more follow.
    pub(crate) whole: bool,
}

/// The same, each as the list shows it: a page of hundreds is one copy instead of hundreds.
#[derive(Debug)]
pub struct Rendered {
    pub(crate) ids: Vec<InstanceId>,
    /// What is shown of all of them.
    pub(crate) bytes: Vec<u8>,
    /// Where each ends in that.
    pub(crate) ends: Vec<usize>,
    /// Whether no more follow.
    pub(crate) whole: bool,
}

impl Rendered {
    /// What is shown of the first `n`, or of all where there are less.
    pub(crate) fn first(&self, n: usize) -> &[u8] {
        let end = n
            .checked_sub(1)
            .map_or(0, |last| self.ends.get(last).copied().unwrap_or(self.bytes.len()));
        &self.bytes[..end]
    }

    /// The last of the first `n`, where more follow.
    pub(crate) fn last_of(&self, n: usize) -> Option<InstanceId> {
        let more = self.ids.len() > n;
        self.ids.get(n.checked_sub(1)?).copied().filter(|_| more)
    }
}

/// A third-party instance by the app's own id.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) head: Head,
    /// `None` when it was purged.
    pub(crate) card: Option<Arc<[u8]>>,
}

/// A copy, cheap to clone.
#[derive(Clone)]
pub(crate) enum Value {
    People(Arc<Vec<PersonId>>),
    Flow(FlowId),
    Newest(Arc<Newest>),
    Whole(Arc<Vec<Entry>>),
    FlowCard(ShownCard),
    Definition(DefinitionId),
    Head(Head),
    Named(Named),
    Card(Arc<[u8]>),
    Stretch(Arc<Stretch>),
    Rendered(Arc<Rendered>),
}

impl Value {
    /// Bytes of the content.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Flow(_) | Self::Definition(_) | Self::Head(_) => 0,
            Self::People(ids) => size_of_val(ids.as_slice()),
            Self::Named(named) => named.card.as_ref().map_or(0, |card| card.len()),
            Self::Newest(newest) => {
                let cards = newest.cards.iter();
                let cards = cards.map(|(card, shown)| card.bytes.len() + shown.bytes.len());
                size_of_val(newest.rows.as_slice()) + cards.sum::<usize>()
            }
            Self::Whole(rows) => size_of_val(rows.as_slice()),
            Self::FlowCard((card, shown)) => card.bytes.len() + shown.bytes.len(),
            Self::Card(card) => card.len(),
            Self::Stretch(stretch) => {
                let cards = stretch.cards.iter().map(|card| card.len()).sum::<usize>();
                size_of_val(stretch.ids.as_slice()) + cards
            }
            Self::Rendered(rendered) => {
                let (ids, ends) = (rendered.ids.as_slice(), rendered.ends.as_slice());
                size_of_val(ids) + size_of_val(ends) + rendered.bytes.len()
            }
        }
    }
}

/// What can be copied, and taken out of a copy again.
pub(crate) trait Copied: Sized {
    fn wrap(self) -> Value;
    fn take(copy: Value) -> Option<Self>;
}

macro_rules! copied {
    ($($variant:ident: $what:ty),*) => {$(
        impl Copied for $what {
            fn wrap(self) -> Value {
                Value::$variant(self)
            }
            fn take(copy: Value) -> Option<Self> {
                match copy {
                    Value::$variant(it) => Some(it),
                    _ => None,
                }
            }
        }
    )*};
}

copied!(
    People: Arc<Vec<PersonId>>,
    Flow: FlowId,
    Newest: Arc<Newest>,
    Whole: Arc<Vec<Entry>>,
    FlowCard: ShownCard,
    Definition: DefinitionId,
    Head: Head,
    Named: Named,
    Card: Arc<[u8]>,
    Stretch: Arc<Stretch>,
    Rendered: Arc<Rendered>
);
