//! What use cases that only read look at: the hot set first, then the database.
//!
//! The same use case runs without a transaction, on what is in memory alone, and with one, where
//! what was missing is read and kept. Either way all that it sees is of one commit.

use std::collections::HashMap;
use std::sync::Arc;

use domain::inbox::{Entry, List};
use domain::person::AliasKind;
use domain::{AppId, DefinitionId, FlowId, InstanceId, PersonId, TenantId};
use store::Tx;
use store::external::Head;
use store::watch::{Commit, Piece, Touched};

use crate::card::{Card, Choice};
use crate::copies::{Copied, FlowCard, Key, Named, Newest, Rendered, Shown, ShownCard, Stretch};
use crate::tasks::gone;
use crate::{Context, Error, Result, card};

/// How many rows of a list are kept where a question needs more than [`FEW`]: first pages of every
/// size.
pub(crate) const NEWEST: usize = 128;

/// How many rows of a list are read at first: most pages have 10 or 20, and reading 128 took a
/// fourth of a query that nothing was kept for (measured).
const FEW: usize = 32;

/// How many rows a list may have to be kept whole where a question about a part of it needs more
/// than the newest: past this, counts tell sooner than rows (lists have nodes from there on).
pub(crate) const WHOLE: usize = 512;

/// What a reading use case sees.
pub struct View<'v, 't> {
    tx: Option<&'v mut Tx<'t>>,
    cx: &'v Context,
    /// The commit that all of it is of, where the hot set can help.
    at: Option<Commit>,
}

impl<'v, 't> View<'v, 't> {
    /// Over a reading transaction.
    pub fn over(tx: &'v mut Tx<'t>, cx: &'v Context) -> Self {
        let at = tx.snapshot().filter(|_| cx.hot.is_some());
        Self { tx: Some(tx), cx, at }
    }

    /// Over what is in memory as of `commit`, and nothing else.
    pub(crate) fn of_memory(cx: &'v Context, commit: Commit) -> Self {
        Self { tx: None, cx, at: Some(commit) }
    }

    /// What a use case gets beside the data.
    pub(crate) fn context(&self) -> &'v Context {
        self.cx
    }

    /// Whether what is read is kept, so that a little more may be worth reading.
    pub(crate) fn keeps(&self) -> bool {
        self.at.is_some()
    }

    /// The transaction, for what is never kept.
    pub(crate) fn tx(&mut self) -> Result<&mut Tx<'t>> {
        self.tx.as_deref_mut().ok_or(Error::NotInMemory)
    }

    /// The copy under `key`, if there is one.
    fn kept<T: Copied>(&self, key: &Key) -> Option<T> {
        T::take(self.cx.hot.as_ref()?.get(self.at?, key)?)
    }

    /// The copy under `key`, else what `read` reads, which is kept with what it depends on. What is
    /// not there is not kept: it would have to be known when it comes.
    fn copy<T: Copied + Clone>(
        &mut self,
        key: Key,
        read: impl FnOnce(&mut Tx<'t>, &Context) -> Result<Option<(T, Vec<Touched>)>>,
    ) -> Result<Option<T>> {
        if let Some(kept) = self.kept(&key) {
            return Ok(Some(kept));
        }
        let cx = self.cx;
        let Some((found, depends)) = read(self.tx()?, cx)? else { return Ok(None) };
        self.keep(key, found.clone(), &depends);
        Ok(Some(found))
    }

    fn keep<T: Copied>(&self, key: Key, found: T, depends: &[Touched]) {
        if let (Some(hot), Some(at)) = (&self.cx.hot, self.at) {
            hot.put(at, key, found.wrap(), depends);
        }
    }

    /// The person behind an alias, and everybody else under whose id rows of theirs may stand.
    pub(crate) fn rows_by_alias(
        &mut self,
        tenant: TenantId,
        kind: AliasKind,
        value: &str,
    ) -> Result<Option<Arc<Vec<PersonId>>>> {
        self.copy(Key::Alias(tenant, kind, value.into()), |tx, _| {
            let rows = store::person::person_rows_by_alias(tx, tenant, kind, value)?;
            let person = rows.first().copied();
            Ok(person.map(|person| (Arc::new(rows), vec![(tenant, Piece::Person(person))])))
        })
    }

    /// Every id under which rows of a person may stand today.
    pub(crate) fn rows_of(
        &mut self,
        tenant: TenantId,
        person: PersonId,
    ) -> Result<Arc<Vec<PersonId>>> {
        let found = self.copy(Key::Rows(tenant, person), |tx, _| {
            let today = store::person::person_today(tx, tenant, person)?;
            let rows = store::person::person_rows_of(tx, tenant, today)?;
            let depends = [person, today].map(|id| (tenant, Piece::Person(id)));
            Ok(Some((Arc::new(rows), depends.into())))
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The numbers of flows; unknown ones are left out.
    pub(crate) fn flows(&mut self, tenant: TenantId, api_ids: &[String]) -> Result<Vec<FlowId>> {
        let (mut found, mut missing) = (Vec::with_capacity(api_ids.len()), Vec::new());
        for api_id in api_ids {
            match self.kept(&Key::Flow(tenant, api_id.as_str().into())) {
                Some(flow) => found.push(flow),
                None => missing.push(api_id.as_str()),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for (api_id, flow) in store::flow::flows_by_api_id(self.tx()?, tenant, &missing)? {
            self.keep(Key::Flow(tenant, api_id.into()), flow, &[(tenant, Piece::Flow(flow))]);
            found.push(flow);
        }
        Ok(found)
    }

    /// The newest rows of a list, at least `wanted` as far as there are so many, and how many there
    /// are in all; where it has to be read, with the cards of those that are wanted.
    pub(crate) fn newest(
        &mut self,
        tenant: TenantId,
        list: List,
        wanted: usize,
    ) -> Result<Arc<Newest>> {
        let key = Key::Newest(tenant, list);
        let kept: Option<Arc<Newest>> = self.kept(&key);
        if let Some(kept) = kept.filter(|kept| kept.is_whole() || kept.rows.len() >= wanted) {
            return Ok(kept);
        }
        let limit = if wanted > FEW { NEWEST } else { FEW };
        let (n, rows) = store::inbox::newest(self.tx()?, tenant, list, limit)?;
        let cards = self.flow_cards(tenant, rows.iter().take(wanted).map(|row| row.instance))?;
        let mut depends = vec![(tenant, Piece::Inbox(list))];
        depends.extend(rows.iter().zip(&cards).flat_map(|(row, (card, shown))| {
            let people = [card.initiator, shown.person].map(Piece::Person);
            let pieces = people.into_iter().chain([Piece::FlowInstance(row.instance)]);
            pieces.map(|piece| (tenant, piece))
        }));
        let newest = Arc::new(Newest { n, rows, cards });
        self.keep(key, Arc::clone(&newest), &depends);
        Ok(newest)
    }

    /// Every row of a list that has at most [`WHOLE`] of them, greatest first.
    pub(crate) fn whole(&mut self, tenant: TenantId, list: List) -> Result<Arc<Vec<Entry>>> {
        let rows = self.copy(Key::Whole(tenant, list), |tx, _| {
            let (_, rows) = store::inbox::newest(tx, tenant, list, WHOLE)?;
            Ok(Some((Arc::new(rows), vec![(tenant, Piece::Inbox(list))])))
        })?;
        Ok(rows.unwrap_or_default())
    }

    /// The card of each instance of a flow, with whoever started it.
    pub(crate) fn flow_cards(
        &mut self,
        tenant: TenantId,
        instances: impl Iterator<Item = InstanceId>,
    ) -> Result<Vec<ShownCard>> {
        let (mut cards, mut missing) = (Vec::new(), Vec::new());
        for id in instances {
            let card: Option<ShownCard> = self.kept(&Key::FlowCard(tenant, id));
            missing.extend(card.is_none().then_some(id));
            cards.push((id, card));
        }
        let read = if missing.is_empty() {
            HashMap::new()
        } else {
            missing.sort_unstable();
            missing.dedup();
            self.read_flow_cards(tenant, &missing)?
        };
        let found = |(id, card): (InstanceId, Option<_>)| {
            let not_there = || Error::Internal(format!("instance {id} is in an inbox, not there"));
            card.or_else(|| read.get(&id).cloned()).ok_or_else(not_there)
        };
        cards.into_iter().map(found).collect()
    }

    fn read_flow_cards(
        &mut self,
        tenant: TenantId,
        ids: &[InstanceId],
    ) -> Result<HashMap<InstanceId, ShownCard>> {
        let rows = store::flow::cards_shown(self.tx()?, tenant, ids, AliasKind::Kunlun)?;
        let mut read = HashMap::with_capacity(rows.len());
        for row in rows {
            read.insert(row.instance, self.shown(tenant, row)?);
        }
        Ok(read)
    }

    /// A card as it was read, and whoever started its instance.
    pub(crate) fn shown(
        &mut self,
        tenant: TenantId,
        row: store::flow::ShownCard,
    ) -> Result<ShownCard> {
        let (cx, id, initiator) = (self.cx, row.instance, row.initiator);
        let bytes = card::flow_bytes(self.tx()?, cx, tenant, id, (row.format, row.card))?;
        let card = Arc::new(FlowCard { initiator, bytes });
        let bytes = (cx.render.initiator)(&row.alias, &row.name);
        let shown = Arc::new(Shown { person: row.today, bytes });
        // Both under one name: looking for each cost a tenth of a filtered query (measured).
        let both = (card, shown);
        let people = [initiator, row.today].map(Piece::Person);
        let pieces = people.into_iter().chain([Piece::FlowInstance(id)]);
        let depends: Vec<Touched> = pieces.map(|piece| (tenant, piece)).collect();
        self.keep(Key::FlowCard(tenant, id), both.clone(), &depends);
        Ok(both)
    }

    /// The id of an app's definition by its real or its own code.
    pub(crate) fn definition(
        &mut self,
        tenant: TenantId,
        app: AppId,
        code: &str,
    ) -> Result<Option<DefinitionId>> {
        self.copy(Key::Definition(tenant, app, code.into()), |tx, _| {
            let found = match store::definition::definition_head(tx, tenant, code)? {
                Some((owner, id)) if owner == app => Some(id),
                _ => store::definition::definition_id_by_custom_code(tx, tenant, app, code)?,
            };
            Ok(found.map(|id| (id, vec![(tenant, Piece::Definition(id))])))
        })
    }

    /// An app's third-party instances by the app's own ids; unknown ones are left out.
    pub(crate) fn named(
        &mut self,
        tenant: TenantId,
        app: AppId,
        names: &[String],
    ) -> Result<Vec<Named>> {
        let (mut found, mut missing) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            match self.kept(&Key::Named(tenant, app, name.as_str().into())) {
                Some(named) => found.push(named),
                None => missing.push(name.as_str()),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let cx = self.cx;
        for row in store::external::instances_named(self.tx()?, tenant, app, &missing)? {
            let id = row.head.id;
            let card = match row.card {
                Some(card) => card::checked(self.tx()?, cx, tenant, id, card)?,
                None => None,
            };
            let named = Named { head: row.head, card: card.map(Into::into) };
            let depends = [(tenant, Piece::External(id))];
            let name = row.external_id.into();
            self.keep(Key::Named(tenant, app, name), named.clone(), &depends);
            found.push(named);
        }
        Ok(found)
    }

    /// Where a third-party instance is.
    pub(crate) fn head_by_id(&mut self, tenant: TenantId, id: InstanceId) -> Result<Option<Head>> {
        self.copy(Key::HeadById(tenant, id), |tx, _| {
            let found = store::external::instance_head_by_id(tx, tenant, id)?;
            Ok(found.map(|head| (head, vec![(tenant, Piece::External(id))])))
        })
    }

    /// The bytes of each third-party instance's card; `None` where it is unknown or purged.
    pub(crate) fn cards(
        &mut self,
        tenant: TenantId,
        ids: &[InstanceId],
    ) -> Result<Vec<Option<Arc<[u8]>>>> {
        let mut cards: Vec<Option<Arc<[u8]>>> =
            ids.iter().map(|id| self.kept(&Key::Card(tenant, *id))).collect();
        let missing: Vec<InstanceId> =
            ids.iter().zip(&cards).filter(|(_, card)| card.is_none()).map(|(id, _)| *id).collect();
        if missing.is_empty() {
            return Ok(cards);
        }
        let cx = self.cx;
        let mut read = HashMap::with_capacity(missing.len());
        for (id, format, card) in store::external::cards_get(self.tx()?, tenant, &missing)? {
            if let Some(card) = card::checked(self.tx()?, cx, tenant, id, (format, card))? {
                let card: Arc<[u8]> = card.into();
                let depends = [(tenant, Piece::External(id))];
                self.keep(Key::Card(tenant, id), Arc::clone(&card), &depends);
                read.insert(id, card);
            }
        }
        for (id, card) in ids.iter().zip(&mut cards) {
            if card.is_none() {
                *card = read.get(id).cloned();
            }
        }
        Ok(cards)
    }

    /// At most `limit` instances of a third-party list after `after`, in order.
    pub(crate) fn list_page(
        &mut self,
        tenant: TenantId,
        list: store::list::List,
        after: InstanceId,
        limit: usize,
    ) -> Result<Vec<InstanceId>> {
        Ok(store::list::list_page(self.tx()?, tenant, list, after, limit)?)
    }

    /// The same with their cards.
    pub(crate) fn stretch(
        &mut self,
        tenant: TenantId,
        list: store::list::List,
        after: InstanceId,
        limit: usize,
    ) -> Result<Vec<(InstanceId, Arc<[u8]>)>> {
        let key = Key::Stretch(tenant, list, after);
        let kept: Option<Arc<Stretch>> = self.kept(&key);
        let enough = |stretch: &Arc<Stretch>| stretch.whole || stretch.ids.len() >= limit;
        let stretch = if let Some(stretch) = kept.filter(enough) {
            stretch
        } else {
            let (stretch, depends) = self.read_stretch(tenant, list, after, limit)?;
            let stretch = Arc::new(stretch);
            self.keep(key, Arc::clone(&stretch), &depends);
            stretch
        };
        let both = stretch.ids.iter().copied().zip(stretch.cards.iter().cloned());
        Ok(both.take(limit).collect())
    }

    /// The same as the list shows it. `choice` is what the list is of.
    pub(crate) fn rendered(
        &mut self,
        tenant: TenantId,
        list: store::list::List,
        after: InstanceId,
        limit: usize,
        choice: &Arc<Choice>,
    ) -> Result<Arc<Rendered>> {
        let key = Key::Rendered(tenant, list, after);
        let kept: Option<Arc<Rendered>> = self.kept(&key);
        let enough = |rendered: &Arc<Rendered>| rendered.whole || rendered.ids.len() >= limit;
        if let Some(kept) = kept.filter(enough) {
            return Ok(kept);
        }
        let (Stretch { ids, cards, whole }, depends) =
            self.read_stretch(tenant, list, after, limit)?;
        let cards: Vec<Card> = cards.into_iter().map(|card| card::choose(card, choice)).collect();
        let (bytes, ends) = card::show(self.cx, cards.iter());
        let rendered = Arc::new(Rendered { ids, bytes, ends, whole });
        self.keep(key, Arc::clone(&rendered), &depends);
        Ok(rendered)
    }

    /// Reads a stretch, and tells what it depends on.
    fn read_stretch(
        &mut self,
        tenant: TenantId,
        list: store::list::List,
        after: InstanceId,
        limit: usize,
    ) -> Result<(Stretch, Vec<Touched>)> {
        let ids = self.list_page(tenant, list, after, limit)?;
        let cards = ids.iter().zip(self.cards(tenant, &ids)?);
        let cards = cards.map(|(id, card)| card.ok_or_else(|| gone(*id)));
        let cards = cards.collect::<Result<Vec<Arc<[u8]>>>>()?;
        let mut depends = vec![(tenant, Piece::ExternalList(list))];
        depends.extend(ids.iter().map(|id| (tenant, Piece::External(*id))));
        Ok((Stretch { whole: ids.len() < limit, ids, cards }, depends))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use domain::time::ManualClock;
    use domain::{Ids, Millis};
    use store::person::{Person, person_put};
    use store::{Options, Store};

    use super::*;
    use crate::keys::Keyring;
    use crate::page::tests::context;
    use crate::{Hub, Settings};

    const TENANT: TenantId = TenantId(1);
    const WHO: PersonId = PersonId(7);

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&Options::new(folder.path().join("data.db")), Millis(0)).unwrap()
    }

    fn hub(folder: &tempfile::TempDir) -> Hub {
        let clock = Arc::new(ManualClock::new(Millis(0)));
        let (ids, keys) = (Arc::new(Ids::new([1; 32])), Keyring::new([1; 32], &[]));
        Hub::new(store(folder), clock, ids, keys, context(1).render, Settings::default())
    }

    fn named(name: &str) -> Person {
        let name = name.to_owned();
        Person { id: WHO, name, names: Vec::new(), department: String::new(), stub: false }
    }

    async fn rename(hub: &Hub, name: &'static str) {
        hub.write(move |tx, _| Ok(person_put(tx, TENANT, &named(name), Millis(0))?)).await.unwrap();
    }

    /// What is shown of the person; `meanwhile` happens after it was read and before it is kept.
    fn shown(view: &mut View<'_, '_>, meanwhile: impl Fn()) -> Result<Arc<Shown>> {
        let both = view.copy(Key::FlowCard(TENANT, InstanceId(1)), |tx, _| {
            let bytes = store::person::person_get(tx, TENANT, WHO)?.unwrap().name.into();
            meanwhile();
            let card = Arc::new(FlowCard { initiator: WHO, bytes: Vec::new() });
            let shown = Arc::new(Shown { person: WHO, bytes });
            Ok(Some(((card, shown), vec![(TENANT, Piece::Person(WHO))])))
        })?;
        Ok(both.unwrap().1)
    }

    /// The name that is shown, and whether it came from memory.
    async fn name(hub: &Hub) -> (String, bool) {
        let look = |view: &mut View<'_, '_>| {
            let shown = shown(view, || ())?;
            Ok((String::from_utf8(shown.bytes.clone()).unwrap(), view.tx().is_err()))
        };
        hub.look(look).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_read_once_comes_from_memory_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let hub = hub(&folder);
        rename(&hub, "Ann").await;
        assert_eq!(name(&hub).await, ("Ann".into(), false));
        assert_eq!(name(&hub).await, ("Ann".into(), true));
        // Others may change, and so may nothing at all.
        hub.write(|tx, _| {
            Ok(person_put(tx, TENANT, &Person { id: PersonId(8), ..named("Bob") }, Millis(0))?)
        })
        .await
        .unwrap();
        hub.write(|_, _| Ok(())).await.unwrap();
        assert_eq!(name(&hub).await, ("Ann".into(), true));
        rename(&hub, "Anna").await;
        assert_eq!(name(&hub).await, ("Anna".into(), false));
        assert_eq!(name(&hub).await, ("Anna".into(), true));
    }

    /// Reads the name, and holds it while `meanwhile` happens; only then it may be kept.
    async fn read_slowly(hub: &Arc<Hub>, meanwhile: impl Future<Output = ()>) -> String {
        let (has_read, wait_for_read) = mpsc::channel();
        let (go_on, wait_to_go_on) = mpsc::channel();
        let wait_to_go_on = std::sync::Mutex::new(wait_to_go_on);
        let reader = Arc::clone(hub);
        let slow = tokio::spawn(async move {
            let look = move |view: &mut View<'_, '_>| {
                let shown = shown(view, || {
                    has_read.send(()).unwrap();
                    wait_to_go_on.lock().unwrap().recv().unwrap();
                })?;
                Ok(String::from_utf8(shown.bytes.clone()).unwrap())
            };
            reader.look(look).await.unwrap()
        });
        tokio::task::spawn_blocking(move || wait_for_read.recv().unwrap()).await.unwrap();
        meanwhile.await;
        go_on.send(()).unwrap();
        slow.await.unwrap()
    }

    async fn rename_another(hub: &Hub, number: usize) {
        // The same name again would be no commit.
        let name = format!("Bob {number}");
        let bob = move || Person { id: PersonId(8), ..named(&name) };
        hub.write(move |tx, _| Ok(person_put(tx, TENANT, &bob(), Millis(0))?)).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_read_before_a_commit_is_not_kept_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let hub = Arc::new(hub(&folder));
        rename(&hub, "Ann").await;
        // The reader has the old name in its hands while the new one is committed.
        assert_eq!(read_slowly(&hub, rename(&hub, "Anna")).await, "Ann");
        assert_eq!(name(&hub).await, ("Anna".into(), false));
    }

    #[tokio::test]
    async fn what_a_commit_did_not_change_is_kept_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let hub = Arc::new(hub(&folder));
        rename(&hub, "Ann").await;
        assert_eq!(read_slowly(&hub, rename_another(&hub, 0)).await, "Ann");
        assert_eq!(name(&hub).await, ("Ann".into(), true));
        rename(&hub, "Anna").await;
        // Too long ago to know what changed since.
        let many = async {
            for number in 1..100 {
                rename_another(&hub, number).await;
            }
        };
        assert_eq!(read_slowly(&hub, many).await, "Anna");
        assert_eq!(name(&hub).await, ("Anna".into(), false));
    }

    #[tokio::test]
    async fn what_another_process_changes_is_seen_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let hub = hub(&folder);
        rename(&hub, "Ann").await;
        assert_eq!(name(&hub).await.0, "Ann");
        assert_eq!(name(&hub).await, ("Ann".into(), true));
        // As good as another process: nobody tells the hub.
        let other = store(&folder);
        let write = |tx: &mut Tx<'_>| person_put(tx, TENANT, &named("Anna"), Millis(0));
        other.write(write).await.unwrap();
        assert_eq!(name(&hub).await, ("Anna".into(), false));
        // The next commit here finds that another one came between.
        hub.write(|tx, _| {
            Ok(person_put(tx, TENANT, &Person { id: PersonId(8), ..named("Bob") }, Millis(0))?)
        })
        .await
        .unwrap();
        // From memory or not: the writer may have noticed by itself before.
        assert_eq!(name(&hub).await.0, "Anna");
        assert_eq!(name(&hub).await, ("Anna".into(), true));
    }
}
