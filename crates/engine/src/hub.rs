//! The hub: the store with everything that a use case needs beside a transaction.

use std::sync::Arc;

use domain::{Clock, Ids, Millis};
use store::watch::Commit;
use store::{Store, Tx};

use crate::access::Directory;
use crate::card::Renderers;
use crate::flow_run::definitions::{Versions, versions};
use crate::hot::HotSet;
use crate::keys::Keyring;
use crate::view::View;
use crate::{Error, Result};

/// What an operator decides about the rules.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A sync that names an unknown person makes a stub of them; off: the sync is refused.
    pub create_people: bool,
    /// How many bytes of what was read are kept in memory; 0 for none.
    pub hot_set_bytes: u64,
}

/// Enough for the first pages of some ten thousand people (own figure).
const HOT_SET_BYTES: u64 = 256 << 20;

const YEAR_MS: i64 = 366 * 86_400_000;

/// How often a query looks whether the hot set is of the newest commit (own figure).
const LOOKS: usize = 4;

impl Default for Settings {
    fn default() -> Self {
        Self { create_people: true, hot_set_bytes: HOT_SET_BYTES }
    }
}

/// What a use case gets beside its transaction: no global clock, no global randomness.
#[derive(Clone)]
pub struct Context {
    /// When the request came.
    pub now: Millis,
    /// Where new ids and random bytes come from.
    pub ids: Arc<Ids>,
    /// The server's keys.
    pub keys: Arc<Keyring>,
    /// How cards are rendered.
    pub render: Renderers,
    /// What the operator decided.
    pub settings: Settings,
    /// Definitions of flows as they were read.
    pub(crate) versions: Arc<Versions>,
    pub(crate) hot: Option<Arc<HotSet>>,
}

/// The hub of one data folder or database. One per process.
pub struct Hub {
    pub(crate) store: Store,
    pub(crate) directory: Directory,
    /// This process among those that share the data.
    pub(crate) holder: i64,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    keys: Arc<Keyring>,
    render: Renderers,
    settings: Settings,
    versions: Arc<Versions>,
    hot: Option<Arc<HotSet>>,
}

impl Hub {
    /// A hub over an open store.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        keys: Keyring,
        render: Renderers,
        settings: Settings,
    ) -> Self {
        let directory = Directory::default();
        let hot = match settings.hot_set_bytes {
            0 => None,
            // Nobody tells what other processes change.
            _ if store.is_shared() => None,
            bytes => Some(Arc::new(HotSet::new(bytes))),
        };
        if let Some(hot) = &hot {
            store.watch(Arc::clone(hot) as _);
        }
        let holder = i64::from_be_bytes(ids.random());
        let (keys, versions) = (Arc::new(keys), Arc::new(versions()));
        Self { store, directory, holder, clock, ids, keys, render, settings, versions, hot }
    }

    /// The store below, for what is not a use case (backup).
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The time by this hub's clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Random bytes, for log ids and the like.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The context of a request that comes now.
    pub fn context(&self) -> Context {
        Context {
            now: self.now(),
            ids: Arc::clone(&self.ids),
            keys: Arc::clone(&self.keys),
            render: self.render,
            settings: self.settings,
            versions: Arc::clone(&self.versions),
            hot: self.hot.clone(),
        }
    }

    /// Runs a use case that only reads, on one snapshot.
    pub async fn read<T, F>(&self, use_case: F) -> Result<T>
    where
        F: for<'t> Fn(&mut Tx<'t>, &Context) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let context = self.context();
        self.store.read(move |tx| use_case(tx, &context)).await
    }

    /// Runs a use case that only reads: on what is in memory, if all of it is there and of now, else
    /// on a snapshot of the data. The first costs no thread a turn.
    pub async fn look<T, F>(&self, use_case: F) -> Result<T>
    where
        F: for<'v, 't> Fn(&mut View<'v, 't>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let context = self.context();
        if let Some(hot) = &self.hot {
            if let Some(commit) = self.newest_in(hot) {
                match use_case(&mut View::of_memory(&context, commit)) {
                    Err(Error::NotInMemory) => {}
                    done => {
                        metrics::counter!("countersign_hot_set_hits_total").increment(1);
                        return done;
                    }
                }
            }
            metrics::counter!("countersign_hot_set_misses_total").increment(1);
        }
        self.store.read(move |tx| use_case(&mut View::over(tx, &context))).await
    }

    /// The newest commit, if the set is of that one.
    fn newest_in(&self, hot: &HotSet) -> Option<Commit> {
        for _ in 0..LOOKS {
            let newest = self.store.newest_commit()?;
            if hot.is_of(newest) {
                return Some(newest);
            }
            // Most likely the writer is between its commit and telling of it, which is a matter of
            // microseconds; reading the file instead takes a hundred.
            std::thread::yield_now();
        }
        None
    }

    /// How many bytes of memory the hot set takes.
    pub fn hot_set_weight(&self) -> u64 {
        self.hot.as_ref().map_or(0, |hot| hot.weight())
    }

    /// Runs a use case that writes, as one transaction. It may be run again.
    pub async fn write<T, F>(&self, use_case: F) -> Result<T>
    where
        F: for<'t> Fn(&mut Tx<'t>, &Context) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let context = self.context();
        self.store.write(move |tx| use_case(tx, &context)).await
    }

    /// The same, and all that the use case reads is of one moment.
    pub(crate) async fn write_snapshot<T, F>(&self, use_case: F) -> Result<T>
    where
        F: for<'t> Fn(&mut Tx<'t>, &Context) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let context = self.context();
        self.store.write_snapshot(move |tx| use_case(tx, &context)).await
    }

    /// Makes sure that one of the ring's keys is the one that the data was written under, and notes
    /// the first from now on. Without this, a lost key file would silently kill every secret.
    pub async fn claim(&self) -> Result<()> {
        let (newest, task) = self
            .read(|tx, cx| {
                // A clock that was set back by more than a year is a fault of its own.
                let bound = Ids::before(cx.now.plus(YEAR_MS));
                let task = store::flow::task_newest(tx, bound)?;
                Ok((store::external::instance_newest(tx)?, task))
            })
            .await?;
        self.ids.above(newest.map_or(0, domain::InstanceId::get));
        self.ids.above(task.map_or(0, domain::TaskId::get));
        self.write(|tx, cx| {
            const NAME: &str = "server_key_fingerprint";
            if let Some(source) = store::access::setting_get(tx, crate::transfer::MARK)? {
                return Err(Error::Invalid(format!(
                    "this data is an unfinished copy of {source}: finish it with `countersign copy`"
                )));
            }
            let own = cx.keys.fingerprints();
            match store::access::setting_get(tx, NAME)? {
                Some(stored) if stored == own[0] => Ok(()),
                Some(stored) if !own.contains(&stored) => Err(Error::Internal(
                    "this data was written under another server key: bring back its key file, \
                     since app secrets, tokens and callback secrets depend on it"
                        .into(),
                )),
                Some(_) => Ok(store::access::setting_put(tx, NAME, &own[0])?),
                // Of two who start at once the second is run again, and finds the first one's.
                None => Ok(store::access::setting_insert(tx, NAME, &own[0])?),
            }
        })
        .await
    }

    /// Whether the data can be read: for readiness probes.
    pub async fn ready(&self) -> Result<()> {
        self.read(|tx, _| Ok(store::access::setting_get(tx, "")?)).await.map(drop)
    }
}
