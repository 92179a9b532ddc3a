//! The rules against plain models: what a sync changes, what a partial update keeps of the texts,
//! which filters may be run.
//!
//! The models say member by member what stands afterwards. They share types with the rules, but no
//! function. Random cases are built from dice, so that a failing one shrinks to its first throws.

use std::collections::{BTreeMap, BTreeSet};

use domain::filter::{Fault, FilterParts, Part};
use domain::instance::{
    ActionConfig, Cc, CcDetails, DisplayMethod, FormPolicy, GenerateType, Given, Instance,
    InstanceDetails, InstanceStatus, Kept, Links, ReadStatus, Stored, Task, TaskDetails,
    TaskStatus, TrusteeshipCache, TrusteeshipUrls,
};
use domain::person::PersonRef;
use domain::sync::{Change, InstanceRow, Mode, Payload, Row, is_purge, shared_ids, sync};
use domain::text::{self, Resource};
use domain::{CcId, Millis, PersonId, Refusal, TaskFilter, TaskId, limits};
use proptest::prelude::*;

/// Random choices, the first of each when they run out.
struct Dice {
    throws: std::vec::IntoIter<u8>,
    /// Times are a little later than this.
    now: i64,
}

impl Dice {
    fn new(throws: Vec<u8>) -> Self {
        Self { throws: throws.into_iter(), now: 0 }
    }

    fn below(&mut self, sides: usize) -> usize {
        usize::from(self.throws.next().unwrap_or_default()) % sides
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn list<T>(&mut self, sides: usize, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(sides)).map(|_| each(self)).collect()
    }

    fn maybe<T>(&mut self, given: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 1).then(|| given(self))
    }

    fn time(&mut self) -> Millis {
        Millis(self.now + self.of(&[1, 2, 3, 4, 5]))
    }

    /// Absent, empty or given.
    fn word(&mut self) -> Option<String> {
        self.of(&[None, Some(""), Some("x"), Some("y")]).map(str::to_owned)
    }

    /// Absent, empty, plain, a key that mostly has a text, and now and then one that has none.
    fn text(&mut self) -> Option<String> {
        let known = [None, Some(""), Some("plain"), Some("@i18n@a"), Some("@i18n@b")];
        if self.below(200) == 199 { Some("@i18n@none") } else { self.of(&known) }.map(str::to_owned)
    }

    fn node_name(&mut self) -> Option<String> {
        let known = [None, Some(""), Some("@i18n@a"), Some("@i18n@c")];
        if self.below(200) == 199 { Some("plain") } else { self.of(&known) }.map(str::to_owned)
    }

    fn display(&mut self) -> Given<DisplayMethod> {
        let is = [DisplayMethod::Browser, DisplayMethod::Normal].map(Given::Is);
        self.of(&[Given::Absent, Given::Cleared, is[0], is[1]])
    }

    fn links(&mut self) -> Links {
        Links { pc: self.word(), mobile: self.word() }
    }

    fn person(&mut self) -> PersonRef {
        PersonRef { user_id: self.of(&[None, Some("u".to_owned())]), open_id: None }
    }

    fn resources(&mut self) -> Vec<Resource> {
        let marked = self.below(12);
        let mut all = Vec::new();
        for (index, locale) in ["zh-CN", "en-US", "ja-JP"].into_iter().enumerate() {
            // The first language is nearly always there and whole, or most payloads were refused.
            let sides = if index == 0 { 60 } else { 2 };
            if self.below(sides) == sides - 1 {
                continue;
            }
            let keys = ["@i18n@a", "@i18n@b", "@i18n@c", "plain", "@i18n@unused"];
            let keys = keys.into_iter().filter(|_| self.below(sides) < sides - 1);
            let keys: Vec<_> = keys.collect();
            let texts = keys.iter().map(|key| ((*key).to_owned(), self.of(&["1", "2"]).to_owned()));
            let texts = texts.collect();
            // One mark at most; the first language has most of them.
            let is_default = marked == index || marked > 3 && index == 0;
            all.push(Resource { locale: locale.to_owned(), texts, is_default });
        }
        all
    }

    fn action(&mut self) -> ActionConfig {
        ActionConfig {
            action_type: self.of(&["APPROVE", "OTHER"]).to_owned(),
            name: self.text(),
            need_reason: None,
            reason_required: None,
            need_attachment: None,
        }
    }

    fn task(&mut self) -> Task {
        let details = TaskDetails {
            title: self.text(),
            links: self.links(),
            extra: self.word(),
            action_context: self.word(),
            actions: self.maybe(|dice| dice.list(3, Self::action)),
            display_method: self.display(),
            exclude_statistics: self.of(&[None, Some(false), Some(true)]),
            node_id: self.word(),
            node_name: self.node_name(),
            generate_type: self.maybe(|dice| dice.of(GenerateType::ALL)),
        };
        Task {
            external_id: self.of(&["a", "b", "own"]).to_owned(),
            assignee: self.person(),
            status: self.of(TaskStatus::ALL),
            create_time: self.time(),
            end_time: self.time(),
            update_time: self.time(),
            details,
        }
    }

    fn cc(&mut self) -> Cc {
        let details = CcDetails {
            title: self.text(),
            links: self.links(),
            extra: self.word(),
            display_method: self.display(),
        };
        Cc {
            external_id: self.of(&["a", "c", "own"]).to_owned(),
            person: self.person(),
            read_status: self.of(ReadStatus::ALL),
            create_time: self.time(),
            update_time: self.time(),
            details,
        }
    }

    fn instance(&mut self) -> Instance {
        let details = InstanceDetails {
            extra: self.word(),
            links: self.links(),
            title: self.text(),
            form: self.maybe(|dice| dice.list(3, |dice| (dice.text(), dice.text()))),
            initiator_name: self.text(),
            department_id: self.word(),
            department_name: self.text(),
            display_method: self.display(),
            trusteeship_url_token: self.word(),
            trusteeship_user_id_type: self.word(),
            trusteeship_urls: self
                .maybe(|dice| TrusteeshipUrls { form_detail: dice.word(), ..Default::default() }),
            trusteeship_cache: self.maybe(|dice| TrusteeshipCache {
                form_policy: dice.maybe(|dice| dice.of(FormPolicy::ALL)),
                ..Default::default()
            }),
            resource_region: self.word(),
            resources: self.resources(),
        };
        Instance {
            external_id: "own".to_owned(),
            status: self.of(InstanceStatus::ALL),
            initiator: self.person(),
            start_time: self.time(),
            end_time: self.time(),
            update_time: self.time(),
            details,
        }
    }

    fn payload(&mut self) -> Payload {
        let mode = self.of(&[Mode::Replace, Mode::Update]);
        let (mut tasks, mut ccs) = (self.list(5, Self::task), self.list(4, Self::cc));
        // Mostly without repeated ids, which refuse everything.
        if self.below(8) < 7 {
            let mut seen = BTreeSet::new();
            tasks.retain(|task| seen.insert(task.external_id.clone()));
            let mut seen = BTreeSet::new();
            ccs.retain(|cc| seen.insert(cc.external_id.clone()));
        }
        Payload { mode, instance: self.instance(), tasks, ccs }
    }
}

fn dice(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

fn quiet() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

// The model of a sync.

fn keep<T: Clone>(old: Option<&T>, sent: Option<&T>, empty: impl Fn(&T) -> bool) -> Option<T> {
    sent.or(old).filter(|value| !empty(value)).cloned()
}

fn word(old: Option<&String>, sent: Option<&String>) -> Option<String> {
    keep(old, sent, String::is_empty)
}

fn display(old: Given<DisplayMethod>, sent: Given<DisplayMethod>) -> Given<DisplayMethod> {
    match sent {
        Given::Is(_) => sent,
        Given::Absent if matches!(old, Given::Is(_)) => old,
        Given::Absent | Given::Cleared => Given::Absent,
    }
}

/// What stands of an instance, but for its texts, after `sent` came over `old` or over nothing.
fn instance_after(old: Option<&Instance>, sent: &Instance) -> Instance {
    let before = old.unwrap_or(sent);
    let (o, s) = (&before.details, &sent.details);
    let nobody = sent.initiator.user_id.is_none() && sent.initiator.open_id.is_none();
    Instance {
        external_id: sent.external_id.clone(),
        status: sent.status,
        initiator: if nobody { before.initiator.clone() } else { sent.initiator.clone() },
        start_time: sent.start_time,
        end_time: sent.end_time,
        update_time: sent.update_time,
        details: InstanceDetails {
            extra: word(o.extra.as_ref(), s.extra.as_ref()),
            links: s.links.clone(),
            title: word(o.title.as_ref(), s.title.as_ref()),
            form: keep(o.form.as_ref(), s.form.as_ref(), Vec::is_empty),
            initiator_name: word(o.initiator_name.as_ref(), s.initiator_name.as_ref()),
            // What was said first stands, and empty means the company.
            department_id: o.department_id.clone(),
            department_name: o.department_name.clone(),
            display_method: display(o.display_method, s.display_method),
            trusteeship_url_token: word(
                o.trusteeship_url_token.as_ref(),
                s.trusteeship_url_token.as_ref(),
            ),
            trusteeship_user_id_type: word(
                o.trusteeship_user_id_type.as_ref(),
                s.trusteeship_user_id_type.as_ref(),
            ),
            trusteeship_urls: keep(
                o.trusteeship_urls.as_ref(),
                s.trusteeship_urls.as_ref(),
                |_| false,
            ),
            trusteeship_cache: keep(
                o.trusteeship_cache.as_ref(),
                s.trusteeship_cache.as_ref(),
                |_| false,
            ),
            resource_region: word(o.resource_region.as_ref(), s.resource_region.as_ref()),
            resources: s.resources.clone(),
        },
    }
}

fn task_after(old: Option<&Task>, sent: &Task) -> Task {
    let before = old.unwrap_or(sent);
    let (o, s) = (&before.details, &sent.details);
    Task {
        external_id: sent.external_id.clone(),
        assignee: before.assignee.clone(),
        status: sent.status,
        create_time: before.create_time,
        end_time: sent.end_time,
        update_time: sent.update_time,
        details: TaskDetails {
            title: word(o.title.as_ref(), s.title.as_ref()),
            links: s.links.clone(),
            extra: word(o.extra.as_ref(), s.extra.as_ref()),
            action_context: word(o.action_context.as_ref(), s.action_context.as_ref()),
            actions: keep(o.actions.as_ref(), s.actions.as_ref(), Vec::is_empty),
            display_method: display(o.display_method, s.display_method),
            exclude_statistics: s.exclude_statistics.or(o.exclude_statistics),
            node_id: word(None, o.node_id.as_ref()),
            node_name: word(None, o.node_name.as_ref()),
            generate_type: s.generate_type.or(o.generate_type),
        },
    }
}

fn cc_after(old: Option<&Cc>, sent: &Cc) -> Cc {
    let before = old.unwrap_or(sent);
    let (o, s) = (&before.details, &sent.details);
    Cc {
        external_id: sent.external_id.clone(),
        person: before.person.clone(),
        read_status: sent.read_status,
        create_time: before.create_time,
        update_time: sent.update_time,
        details: CcDetails {
            title: word(o.title.as_ref(), s.title.as_ref()),
            links: s.links.clone(),
            extra: word(o.extra.as_ref(), s.extra.as_ref()),
            display_method: display(o.display_method, s.display_method),
        },
    }
}

/// What the model needs to know of a task or a copy.
struct Kind<T> {
    id: fn(&T) -> &str,
    stamp: fn(&T) -> Millis,
    after: fn(Option<&T>, &T) -> T,
}

const TASK: Kind<Task> =
    Kind { id: |t| &t.external_id, stamp: |t| t.update_time, after: task_after };
const CC: Kind<Cc> = Kind { id: |c| &c.external_id, stamp: |c| c.update_time, after: cc_after };

impl<T: Clone> Kind<T> {
    fn repeated(&self, sent: &[T]) -> BTreeSet<String> {
        let mut count = BTreeMap::new();
        for item in sent {
            *count.entry((self.id)(item).to_owned()).or_insert(0) += 1;
        }
        count.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id).collect()
    }

    /// What was there in its order, then what is new in the order sent.
    fn after(&self, mode: Mode, stored: &[T], sent: &[T]) -> Vec<T> {
        let mut all = Vec::new();
        for old in stored {
            match (mode, sent.iter().find(|new| (self.id)(new) == (self.id)(old))) {
                (Mode::Replace, None) => {}
                (Mode::Replace, Some(new)) => all.push((self.after)(None, new)),
                (Mode::Update, Some(new)) if (self.stamp)(old) < (self.stamp)(new) => {
                    all.push((self.after)(Some(old), new));
                }
                (Mode::Update, _) => all.push(old.clone()),
            }
        }
        for new in sent {
            if !stored.iter().any(|old| (self.id)(new) == (self.id)(old)) {
                all.push((self.after)(None, new));
            }
        }
        all
    }
}

fn instance_texts(instance: &Instance) -> Vec<&String> {
    let d = &instance.details;
    let mut all: Vec<_> =
        d.title.iter().chain(&d.initiator_name).chain(&d.department_name).collect();
    for (name, value) in d.form.iter().flatten() {
        all.extend(name.iter().chain(value));
    }
    all
}

fn texts(instance: &Instance, tasks: &[Task], ccs: &[Cc]) -> BTreeSet<String> {
    let mut all = instance_texts(instance);
    for task in tasks {
        let d = &task.details;
        all.extend(d.title.iter().chain(&d.node_name));
        all.extend(d.actions.iter().flatten().filter_map(|action| action.name.as_ref()));
    }
    all.extend(ccs.iter().filter_map(|cc| cc.details.title.as_ref()));
    all.into_iter().filter(|text| !text.is_empty()).cloned().collect()
}

fn merged(stored: &[Resource], sent: &[Resource], used: &BTreeSet<String>) -> Vec<Resource> {
    let of = |all: &[Resource], locale: &str| -> Vec<(String, String)> {
        all.iter().filter(|r| r.locale == locale).flat_map(|r| r.texts.clone()).collect()
    };
    let marked = |all: &[Resource]| all.iter().find(|r| r.is_default).map(|r| r.locale.clone());
    let default = marked(sent).or_else(|| marked(stored));
    let mut locales: Vec<&String> = sent.iter().map(|r| &r.locale).collect();
    let further = stored.iter().filter(|r| r.texts.iter().any(|(key, _)| used.contains(key)));
    for locale in further.map(|r| &r.locale) {
        if !locales.contains(&locale) {
            locales.push(locale);
        }
    }
    let each = locales.into_iter().map(|locale| {
        let mut texts = of(sent, locale);
        for (key, text) in of(stored, locale) {
            if used.contains(&key) && texts.iter().all(|(known, _)| *known != key) {
                texts.push((key, text));
            }
        }
        let is_default = default.as_ref() == Some(locale);
        Resource { locale: locale.clone(), texts, is_default }
    });
    each.collect()
}

/// The texts that ought to be in the default language and are not.
fn missing(
    instance: &Instance,
    tasks: &[Task],
    ccs: &[Cc],
    resources: &[Resource],
) -> BTreeSet<String> {
    let default = resources.iter().find(|r| r.is_default);
    let known = |key: &String| default.is_some_and(|r| r.texts.iter().any(|(k, _)| k == key));
    let nodes = tasks.iter().filter_map(|task| task.details.node_name.clone());
    let nodes = nodes.filter(|name| !name.is_empty());
    let keys = texts(instance, tasks, ccs).into_iter().filter(|t| t.starts_with("@i18n@"));
    keys.chain(nodes).filter(|key| !known(key)).collect()
}

#[derive(Debug, PartialEq)]
enum Expected {
    Repeated { tasks: BTreeSet<String>, ccs: BTreeSet<String> },
    NoText(BTreeSet<String>),
    Ignore,
    Purge,
    Stands(Box<Instance>, Vec<Task>, Vec<Cc>),
}

fn expected(stored: Option<&Stored>, payload: &Payload) -> Expected {
    let Payload { mode, instance, tasks, ccs } = payload;
    let repeated = (TASK.repeated(tasks), CC.repeated(ccs));
    if !(repeated.0.is_empty() && repeated.1.is_empty()) {
        return Expected::Repeated { tasks: repeated.0, ccs: repeated.1 };
    }
    let name = instance.details.initiator_name.clone().unwrap_or_default();
    let nobody = instance.initiator == PersonRef::default() && name.is_empty();
    if *mode == Mode::Replace && nobody && instance.status == InstanceStatus::Approved {
        return Expected::Purge;
    }
    // An update of what is not there is the same as to replace it.
    let mode = if stored.is_none() { Mode::Replace } else { *mode };
    if mode == Mode::Update
        && stored.is_some_and(|s| s.instance.update_time >= instance.update_time)
    {
        return Expected::Ignore;
    }
    let old_tasks: Vec<Task> =
        stored.iter().flat_map(|s| &s.tasks).map(|kept| kept.item.clone()).collect();
    let old_ccs: Vec<Cc> =
        stored.iter().flat_map(|s| &s.ccs).map(|kept| kept.item.clone()).collect();
    let tasks_after = TASK.after(mode, &old_tasks, tasks);
    let ccs_after = CC.after(mode, &old_ccs, ccs);
    let old = stored.filter(|_| mode == Mode::Update).map(|s| &s.instance);
    let mut after = instance_after(old, instance);
    if let Some(old) = old {
        let used = texts(&after, &tasks_after, &ccs_after);
        after.details.resources =
            merged(&old.details.resources, &instance.details.resources, &used);
    }
    let missing = missing(instance, tasks, ccs, &after.details.resources);
    if !missing.is_empty() {
        return Expected::NoText(missing);
    }
    Expected::Stands(Box::new(after), tasks_after, ccs_after)
}

// Doing what a change says.

/// inserted, updated, removed
type Counts = [usize; 3];

fn rows<Id: Clone + PartialEq, T: Clone + PartialEq>(
    kind: &Kind<T>,
    stored: &[Kept<Id, T>],
    rows: &[Row<Id, T>],
    removed: &[Kept<Id, T>],
    mut next: impl FnMut() -> Id,
) -> (Vec<Kept<Id, T>>, Counts) {
    let mut counts = [0, 0, removed.len()];
    let old = |kept: &Kept<Id, T>| stored.iter().find(|s| s.id == kept.id).expect("a stored row");
    let mut all = Vec::new();
    for row in rows {
        let kept = match row {
            Row::Keep(kept) => {
                assert!(kept == old(kept), "what is kept does not differ");
                kept.clone()
            }
            Row::Update(kept) => {
                let old = old(kept);
                assert!(old.item != kept.item && old.person == kept.person, "only what differs");
                assert_eq!((kind.id)(&old.item), (kind.id)(&kept.item));
                counts[1] += 1;
                kept.clone()
            }
            Row::Insert(item) => {
                let id = (kind.id)(item);
                assert!(stored.iter().all(|s| (kind.id)(&s.item) != id), "only what is new");
                counts[0] += 1;
                Kept { id: next(), person: PersonId(7), item: item.clone() }
            }
        };
        assert!(*row.item() == kept.item);
        all.push(kept);
    }
    let gone = stored.iter().filter(|s| all.iter().all(|kept| kept.id != s.id));
    assert!(gone.eq(removed), "what is removed is what is no longer there");
    (all, counts)
}

/// What is stored after a change, and how many instances, tasks and copies that took.
fn apply(stored: Option<&Stored>, change: &Change, ids: &mut i64) -> (Stored, [Counts; 3]) {
    let Change::Apply(applied) = change else { panic!("{change:?} changes no rows") };
    let (instance, count) = match &applied.instance {
        InstanceRow::Insert(new) => (new, [1, 0, 0]),
        InstanceRow::Update(new) => (new, [0, 1, 0]),
        InstanceRow::Keep(same) => (same, [0; 3]),
    };
    assert!(applied.instance.instance() == instance);
    match stored {
        None => assert_eq!(count, [1, 0, 0]),
        Some(old) => assert_eq!(count, [0, usize::from(old.instance != *instance), 0]),
    }
    let mut next = || {
        *ids += 1;
        *ids
    };
    let no_tasks = Vec::new();
    let old = stored.map_or(&no_tasks, |s| &s.tasks);
    let (tasks, task_counts) =
        rows(&TASK, old, &applied.tasks, &applied.removed_tasks, || TaskId(next()));
    let no_ccs = Vec::new();
    let old = stored.map_or(&no_ccs, |s| &s.ccs);
    let (ccs, cc_counts) = rows(&CC, old, &applied.ccs, &applied.removed_ccs, || CcId(next()));
    let after = Stored { instance: instance.clone(), initiator: None, tasks, ccs };
    (after, [count, task_counts, cc_counts])
}

proptest! {
    #![proptest_config(quiet())]

    #[test]
    fn a_history_of_syncs_leaves_what_the_model_says(throws in dice(3_000)) {
        let mut dice = Dice::new(throws);
        let (mut stored, mut ids) = (None::<Stored>, 0);
        for _ in 0..8 {
            // Mostly later than before, at times equal or earlier.
            dice.now += 2;
            let payload = dice.payload();
            let outcome = sync(stored.as_ref(), &payload);
            match expected(stored.as_ref(), &payload) {
                Expected::Repeated { tasks, ccs } => match outcome {
                    Err(Refusal::RepeatedTask(id)) => prop_assert!(tasks.contains(&id)),
                    Err(Refusal::RepeatedCc(id)) => prop_assert!(ccs.contains(&id)),
                    other => prop_assert!(false, "{other:?}"),
                },
                Expected::NoText(keys) => match outcome {
                    Err(Refusal::NoText(key)) => prop_assert!(keys.contains(&key), "{key}"),
                    other => prop_assert!(false, "{other:?}"),
                },
                Expected::Ignore => prop_assert_eq!(outcome, Ok(Change::Ignore)),
                Expected::Purge => {
                    prop_assert_eq!(outcome, Ok(Change::Purge));
                    stored = None;
                }
                Expected::Stands(instance, tasks, ccs) => {
                    let change = outcome.expect("nothing is wrong with it");
                    let (after, _) = apply(stored.as_ref(), &change, &mut ids);
                    prop_assert_eq!(&after.instance, &*instance);
                    prop_assert!(after.tasks.iter().map(|kept| &kept.item).eq(&tasks));
                    prop_assert!(after.ccs.iter().map(|kept| &kept.item).eq(&ccs));
                    // The same once more changes nothing.
                    let again = sync(Some(&after), &payload).expect("it was accepted before");
                    if again != Change::Ignore {
                        let (same, counts) = apply(Some(&after), &again, &mut ids);
                        prop_assert_eq!(&same, &after);
                        prop_assert_eq!(counts, [[0; 3]; 3]);
                    }
                    stored = Some(after);
                }
            }
        }
    }

    #[test]
    fn a_merge_of_texts_is_what_the_model_says(throws in dice(150)) {
        let mut dice = Dice::new(throws);
        let (stored, sent) = (dice.resources(), dice.resources());
        let used = ["@i18n@a", "@i18n@b", "plain"].into_iter().filter(|_| dice.below(2) == 0);
        let used: BTreeSet<&str> = used.collect();
        let owned = used.iter().map(|key| (*key).to_owned()).collect();
        let after = text::merge(&stored, &sent, &used);
        prop_assert_eq!(&after, &merged(&stored, &sent, &owned));
        for key in ["@i18n@a", "plain", "@i18n@none"] {
            let default = after.iter().find(|r| r.is_default);
            prop_assert_eq!(text::default_of(&after), default);
            let pairs = default.map_or(&[][..], |r| &r.texts);
            let text = pairs.iter().find(|(k, _)| k == key).map(|(_, text)| text.as_str());
            prop_assert_eq!(text::lookup(&after, key), text);
        }
    }

    #[test]
    fn shared_ids_are_those_that_stand_in_two_places(throws in dice(200)) {
        let payload = Dice::new(throws).payload();
        let tasks: BTreeSet<_> = payload.tasks.iter().map(|t| t.external_id.as_str()).collect();
        let ccs: BTreeSet<_> = payload.ccs.iter().map(|c| c.external_id.as_str()).collect();
        let all = ["a", "b", "c", "own"].into_iter();
        let places = |id: &str| [id == "own", tasks.contains(id), ccs.contains(id)];
        let shared = all.filter(|id| places(id).into_iter().filter(|there| *there).count() > 1);
        prop_assert_eq!(shared_ids(&payload), shared.collect::<Vec<_>>());
    }

    #[test]
    fn filters_share_their_text_only_if_they_ask_for_the_same(throws in dice(40)) {
        let mut dice = Dice::new(throws);
        // Entries that look like the text around them.
        let names = |dice: &mut Dice| {
            dice.list(3, |dice| dice.of(&["a", "b", "", "1:a", "a:1:b", "|", "a|0"]).to_owned())
        };
        let draw = |dice: &mut Dice| FilterParts {
            codes: names(dice),
            instances: names(dice),
            users: names(dice),
            status: dice.maybe(|dice| dice.of(TaskStatus::ALL)),
        };
        let (one, other) = (draw(&mut dice), draw(&mut dice));
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        let asked = |p: &FilterParts| (set(&p.codes), set(&p.instances), set(&p.users), p.status);
        let same = asked(&one) == asked(&other);
        let twice = FilterParts {
            codes: one.codes.iter().rev().chain(&one.codes).cloned().collect(),
            instances: one.instances.iter().rev().chain(&one.instances).cloned().collect(),
            users: one.users.iter().rev().chain(&one.users).cloned().collect(),
            status: one.status,
        };
        let made = TaskFilter::new(one);
        prop_assert_eq!(&made, &TaskFilter::new(twice));
        if let (Ok(one), Ok(other)) = (made, TaskFilter::new(other)) {
            prop_assert_eq!(one.canonical() == other.canonical(), same);
            prop_assert_eq!(one == other, same);
        }
    }
}

fn names(count: usize) -> Vec<String> {
    // Falling, so that an order must be made.
    (0..count).rev().map(|n| format!("n{n:03}")).collect()
}

/// What is wrong with lists of these lengths.
fn faults(codes: usize, instances: usize, users: usize, status: bool) -> Vec<(Part, Fault)> {
    let mut faults = Vec::new();
    if codes > 20 {
        faults.push((Part::Codes, Fault::TooMany { limit: 20 }));
    }
    if instances > 20 {
        faults.push((Part::Instances, Fault::TooMany { limit: 20 }));
    }
    if users > 100 {
        faults.push((Part::Users, Fault::TooMany { limit: 100 }));
    }
    match (instances, codes, users, status) {
        (1.., ..) => {}
        (0, 0, 0, false) => faults.push((Part::Whole, Fault::Empty)),
        (0, ..) => {
            if codes == 0 {
                faults.push((Part::Codes, Fault::Needed));
            }
            if !status {
                faults.push((Part::Status, Fault::Needed));
            }
        }
    }
    faults
}

#[test]
fn a_filter_names_instances_or_codes_with_a_status_within_the_limits() {
    assert_eq!(
        (limits::FILTER_CODES, limits::FILTER_INSTANCES, limits::FILTER_USERS),
        (20, 20, 100)
    );
    for codes in [0, 1, 2, 20, 21] {
        for instances in [0, 1, 2, 20, 21] {
            for users in [0, 1, 2, 100, 101] {
                for status in [None, Some(TaskStatus::Done)] {
                    let sorted = |count| {
                        let mut sorted = names(count);
                        sorted.sort();
                        sorted
                    };
                    let parts = FilterParts {
                        codes: names(codes),
                        instances: names(instances),
                        users: names(users),
                        status,
                    };
                    let nothing = codes + instances + users == 0 && status.is_none();
                    assert_eq!(parts.is_empty(), nothing);
                    let faults = faults(codes, instances, users, status.is_some());
                    let (codes, users) = (sorted(codes), sorted(users));
                    let expected = match (instances, status) {
                        _ if !faults.is_empty() => Err(faults),
                        (0, None) => unreachable!("a status is needed"),
                        (0, Some(status)) => Ok(TaskFilter::Status { codes, users, status }),
                        (count, status) => {
                            let instances = sorted(count);
                            Ok(TaskFilter::Instances { instances, codes, users, status })
                        }
                    };
                    assert_eq!(TaskFilter::new(parts), expected);
                }
            }
        }
    }
}

#[test]
fn the_text_of_a_filter_stays_as_it_is_in_page_tokens() {
    let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let instances = FilterParts { instances: texts(&["b", "a"]), ..FilterParts::default() };
    let instances = TaskFilter::new(instances).expect("it may be run");
    assert_eq!(instances.canonical(), "i|2:1:a:1:b|0|0|0");
    let (codes, users) = (texts(&["甲"]), texts(&[""]));
    let status = FilterParts { codes, users, status: Some(TaskStatus::Done), instances: vec![] };
    let status = TaskFilter::new(status).expect("it may be run");
    assert_eq!(status.canonical(), "s|0|1:3:甲|1:0:|5");
}

#[test]
fn only_an_approved_instance_of_nobody_that_replaces_is_a_purge() {
    let mut purges = 0;
    for mode in [Mode::Replace, Mode::Update] {
        for status in InstanceStatus::ALL {
            for user in [None, Some("u")] {
                for name in [None, Some(""), Some("x")] {
                    let mut payload = Dice::new(Vec::new()).payload();
                    payload.mode = mode;
                    payload.instance.status = *status;
                    payload.instance.initiator.user_id = user.map(str::to_owned);
                    payload.instance.details.initiator_name = name.map(str::to_owned);
                    let replaces = mode == Mode::Replace && *status == InstanceStatus::Approved;
                    let nobody = user.is_none() && name != Some("x");
                    assert_eq!(is_purge(&payload), replaces && nobody);
                    let change = sync(None, &payload).expect("nothing is wrong with it");
                    assert_eq!(change == Change::Purge, replaces && nobody);
                    purges += usize::from(replaces && nobody);
                }
            }
        }
    }
    assert_eq!(purges, 2);
}

#[test]
fn a_key_is_told_by_how_it_starts() {
    for (text, key) in [("@i18n@", true), ("@i18n@a", true), ("i18n@a", false), ("", false)] {
        assert_eq!(text::is_key(text), key);
    }
}

#[test]
fn counts_say_what_was_inserted_updated_and_removed() {
    let mut ids = 0;
    let mut payload = Dice::new(Vec::new()).payload();
    let task = |id: &str, stamp: i64| {
        let mut task = Dice::new(Vec::new()).task();
        (task.external_id, task.update_time) = (id.to_owned(), Millis(stamp));
        task
    };
    payload.tasks = vec![task("a", 1), task("b", 1), task("c", 1)];
    let change = sync(None, &payload).expect("nothing is wrong with it");
    let (stored, counts) = apply(None, &change, &mut ids);
    assert_eq!(counts, [[1, 0, 0], [3, 0, 0], [0; 3]]);

    // Replaced: one goes, one is new, one differs, one stays.
    payload.tasks = vec![task("d", 1), task("c", 2), task("b", 1)];
    let change = sync(Some(&stored), &payload).expect("nothing is wrong with it");
    let (stored, counts) = apply(Some(&stored), &change, &mut ids);
    assert_eq!(counts, [[0; 3], [1, 1, 1], [0; 3]]);
    let order: Vec<_> =
        stored.tasks.iter().map(|t| (t.id.0, t.item.external_id.as_str())).collect();
    assert_eq!(order, [(2, "b"), (3, "c"), (4, "d")]);

    // Updated: nothing goes, an equal stamp is stale.
    payload.mode = Mode::Update;
    payload.instance.update_time = Millis(2);
    payload.tasks = vec![task("e", 1), task("c", 3), task("b", 1)];
    payload.tasks[2].status = TaskStatus::Done;
    let change = sync(Some(&stored), &payload).expect("nothing is wrong with it");
    let (_, counts) = apply(Some(&stored), &change, &mut ids);
    assert_eq!(counts, [[0, 1, 0], [1, 1, 0], [0; 3]]);
    payload.instance.update_time = Millis(1);
    assert_eq!(sync(Some(&stored), &payload), Ok(Change::Ignore));
}
