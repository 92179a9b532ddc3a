//! Page tokens: a query with its position, sealed so that nobody can make or change one.
//!
//! A token holds ids, not the caller's strings, so that it stays short; and a hash of the filter,
//! so that a token is not continued under another one.

use data_encoding::BASE64URL_NOPAD;
use domain::filter::TaskFilter;
use domain::instance::TaskStatus;
use domain::{DefinitionId, InstanceId, PersonId};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::keys::Use;
use crate::{Caller, Context};

/// Why a page token is not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PageFault {
    /// Not by this server, not for this app, or damaged.
    #[error("the page token was not given by this server to this app, or it is damaged")]
    Forged,
    /// For another filter than the one beside it.
    #[error("the page token belongs to another filter; send the same filter or none")]
    OtherFilter,
    /// For another query than the one beside it, which is always sent again.
    #[error("the page token belongs to another query; send the same members as for its first page")]
    OtherQuery,
}

/// A filter with everything resolved to ids. `None` = not narrowed by this; an empty list =
/// narrowed to nobody known, which matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) instances: Option<Vec<InstanceId>>,
    pub(crate) definitions: Option<Vec<DefinitionId>>,
    pub(crate) people: Option<Vec<PersonId>>,
    pub(crate) status: Option<TaskStatus>,
}

const VERSION: u8 = 1;
/// Of tokens that hold a position alone.
const PLACE_VERSION: u8 = 2;
const HASH_BYTES: usize = 16;

/// What two filters share only if they ask for the same.
pub(crate) type Hash = [u8; HASH_BYTES];

/// What is inside a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Of the filter that the caller gave.
    pub(crate) hash: Hash,
    pub(crate) query: Query,
    /// The last instance of the page before.
    pub(crate) position: InstanceId,
}

/// The hash of a filter. Costs a good part of a small query: only where a token is sealed or opened.
pub(crate) fn hash(filter: &TaskFilter) -> Hash {
    hash_of(&filter.canonical())
}

fn hash_of(text: &str) -> Hash {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&digest[..HASH_BYTES]);
    hash
}

/// A token as the caller gets it.
pub(crate) fn seal(cx: &Context, caller: &Caller, token: &Token) -> String {
    let Token { hash, query, position } = token;
    let mut plain = vec![VERSION];
    plain.extend(hash);
    plain.extend(position.get().to_be_bytes());
    plain.push(query.status.map_or(0, |s| u8::try_from(s.code()).unwrap_or(0)));
    let ids = |list: &Option<Vec<i64>>, plain: &mut Vec<u8>| match list {
        // Limits keep every list shorter than 255.
        None => plain.push(u8::MAX),
        Some(ids) => {
            plain.push(u8::try_from(ids.len()).unwrap_or(u8::MAX - 1));
            plain.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
        }
    };
    let instances = query.instances.as_ref().map(|l| l.iter().map(|i| i.get()).collect());
    let definitions = query.definitions.as_ref().map(|l| l.iter().map(|i| i.get()).collect());
    let people = query.people.as_ref().map(|l| l.iter().map(|i| i.get()).collect());
    for list in [instances, definitions, people] {
        ids(&list, &mut plain);
    }
    let sealed = cx.keys.seal(Use::Page, &cx.ids, &plain, bound_to(caller).as_bytes());
    BASE64URL_NOPAD.encode(&sealed)
}

/// What a caller's token holds.
pub(crate) fn open(cx: &Context, caller: &Caller, token: &str) -> Result<Token, PageFault> {
    let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| PageFault::Forged)?;
    let plain = cx.keys.open(Use::Page, &sealed, bound_to(caller).as_bytes());
    plain.and_then(|plain| parse(&plain)).ok_or(PageFault::Forged)
}

/// A token for queries that are sent again with each page: `query` tells them apart, and the position
/// is whatever numbers their order needs.
pub(crate) fn seal_place(cx: &Context, caller: &Caller, query: &str, place: &[i64]) -> String {
    let mut plain = vec![PLACE_VERSION];
    plain.extend(hash_of(query));
    plain.extend(place.iter().flat_map(|number| number.to_be_bytes()));
    let sealed = cx.keys.seal(Use::Page, &cx.ids, &plain, bound_to(caller).as_bytes());
    BASE64URL_NOPAD.encode(&sealed)
}

/// The position that a token of [`seal_place`] holds, if it is one of the same query.
pub(crate) fn open_place<const N: usize>(
    cx: &Context,
    caller: &Caller,
    query: &str,
    token: &str,
) -> Result<[i64; N], PageFault> {
    let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| PageFault::Forged)?;
    let plain = cx.keys.open(Use::Page, &sealed, bound_to(caller).as_bytes());
    let plain = plain.ok_or(PageFault::Forged)?;
    let rest = plain.strip_prefix(&[PLACE_VERSION]).ok_or(PageFault::Forged)?;
    let (hash, rest) = rest.split_first_chunk::<HASH_BYTES>().ok_or(PageFault::Forged)?;
    if *hash != hash_of(query) {
        return Err(PageFault::OtherQuery);
    }
    let (numbers, left) = rest.as_chunks();
    let numbers: Vec<i64> = numbers.iter().map(|n| i64::from_be_bytes(*n)).collect();
    numbers.try_into().ok().filter(|_| left.is_empty()).ok_or(PageFault::Forged)
}

fn bound_to(caller: &Caller) -> String {
    format!("{}/{}", caller.tenant, caller.app.id)
}

fn parse(plain: &[u8]) -> Option<Token> {
    let (version, rest) = plain.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (hash, rest) = rest.split_first_chunk()?;
    let (position, rest) = rest.split_first_chunk()?;
    let (status, mut rest) = rest.split_first()?;
    let mut ids = || -> Option<Option<Vec<i64>>> {
        let (count, after) = rest.split_first()?;
        rest = after;
        if *count == u8::MAX {
            return Some(None);
        }
        let (list, after) = rest.split_at_checked(usize::from(*count) * 8)?;
        rest = after;
        let (chunks, _) = list.as_chunks();
        Some(Some(chunks.iter().map(|id| i64::from_be_bytes(*id)).collect()))
    };
    let (instances, definitions, people) = (ids()?, ids()?, ids()?);
    let query = Query {
        instances: instances.map(|l| l.into_iter().map(InstanceId).collect()),
        definitions: definitions.map(|l| l.into_iter().map(DefinitionId).collect()),
        people: people.map(|l| l.into_iter().map(PersonId).collect()),
        status: TaskStatus::from_code(i64::from(*status)),
    };
    let position = InstanceId(i64::from_be_bytes(*position));
    Some(Token { hash: *hash, query, position })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use domain::filter::FilterParts;
    use domain::{AppId, Ids, Millis, TenantId, limits};
    use proptest::prelude::*;
    use store::access::App;

    use super::*;
    use crate::Settings;
    use crate::card::Renderers;
    use crate::flow_run::definitions::versions;
    use crate::keys::Keyring;

    pub(crate) fn context(key: u8) -> Context {
        Context {
            now: Millis(0),
            ids: Arc::new(Ids::new([key; 32])),
            keys: Arc::new(Keyring::new([key; 32], &[])),
            render: Renderers {
                format: 0,
                head: |_| Vec::new(),
                task: |_| Vec::new(),
                listed: |_, _| (),
                flow: |_| Vec::new(),
                initiator: |_, name| name.into(),
            },
            settings: Settings::default(),
            versions: Arc::new(versions()),
            hot: None,
        }
    }

    pub(crate) fn caller(tenant: i64, app: i64) -> Caller {
        let app = App {
            id: AppId(app),
            key: "cli_a".to_owned(),
            tenant: Some(TenantId(tenant)),
            name: "oa".to_owned(),
            secret_mac: Vec::new(),
            epoch: 0,
            scopes: Vec::new(),
            disabled: false,
            created_at: Millis(0),
        };
        Caller { tenant: TenantId(tenant), app: Arc::new(app) }
    }

    fn query(lists: [Option<Vec<i64>>; 3], status: Option<TaskStatus>) -> Query {
        let [instances, definitions, people] = lists;
        Query {
            instances: instances.map(|l| l.into_iter().map(InstanceId).collect()),
            definitions: definitions.map(|l| l.into_iter().map(DefinitionId).collect()),
            people: people.map(|l| l.into_iter().map(PersonId).collect()),
            status,
        }
    }

    /// A token after the third instance.
    fn third(query: Query) -> Token {
        Token { hash: [9; HASH_BYTES], query, position: InstanceId(3) }
    }

    fn statuses() -> impl Iterator<Item = Option<TaskStatus>> {
        TaskStatus::ALL.iter().copied().map(Some).chain([None])
    }

    /// What a token seals.
    fn plain(cx: &Context, caller: &Caller, token: &str) -> Vec<u8> {
        let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
        cx.keys.open(Use::Page, &sealed, bound_to(caller).as_bytes()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_token_opens_to_what_was_sealed(
            hash in any::<[u8; HASH_BYTES]>(),
            lists in any::<[Option<Vec<i64>>; 3]>(),
            status in prop::sample::select(statuses().collect::<Vec<_>>()),
            position in any::<i64>(),
        ) {
            let (cx, caller) = (context(1), caller(1, 2));
            let token = Token { hash, query: query(lists, status), position: InstanceId(position) };
            prop_assert_eq!(open(&cx, &caller, &seal(&cx, &caller, &token)), Ok(token));
        }
    }

    #[test]
    fn every_shape_of_a_query_comes_back() {
        let (cx, caller) = (context(1), caller(1, 2));
        let shapes = [None, Some(vec![]), Some(vec![7]), Some(vec![-1, i64::MIN, i64::MAX])];
        for (a, b) in shapes.iter().flat_map(|a| shapes.iter().map(move |b| (a, b))) {
            for (c, status) in shapes.iter().flat_map(|c| statuses().map(move |s| (c, s))) {
                let query = query([a.clone(), b.clone(), c.clone()], status);
                let token = third(query);
                assert_eq!(open(&cx, &caller, &seal(&cx, &caller, &token)), Ok(token));
            }
        }
    }

    #[test]
    fn a_place_opens_under_the_query_that_it_was_sealed_for_and_no_other() {
        let (cx, own) = (context(1), caller(1, 2));
        let token = seal_place(&cx, &own, "a", &[1, i64::MIN, i64::MAX]);
        let opened =
            |caller: &Caller, query: &str, token: &str| open_place::<3>(&cx, caller, query, token);
        assert_eq!(opened(&own, "a", &token), Ok([1, i64::MIN, i64::MAX]));
        assert_eq!(opened(&own, "b", &token), Err(PageFault::OtherQuery));
        assert_eq!(opened(&caller(1, 3), "a", &token), Err(PageFault::Forged));
        assert_eq!(open_place::<2>(&cx, &own, "a", &token), Err(PageFault::Forged));
        assert_eq!(opened(&own, "a", &token[1..]), Err(PageFault::Forged));
        // Nor does a token of one kind open as one of the other.
        let filter = seal(&cx, &own, &third(query([None, None, None], None)));
        assert_eq!(opened(&own, "a", &filter), Err(PageFault::Forged));
        assert_eq!(open(&cx, &own, &token), Err(PageFault::Forged));
    }

    #[test]
    fn nobody_else_opens_a_token() {
        let (cx, own) = (context(1), caller(1, 2));
        let token = seal(&cx, &own, &third(query([None, None, None], None)));
        for other in [caller(2, 2), caller(1, 3), caller(2, 1), caller(12, 0)] {
            assert_eq!(open(&cx, &other, &token), Err(PageFault::Forged));
        }
        assert_eq!(open(&context(2), &own, &token), Err(PageFault::Forged));
        // Sealed by the same key, but not as a page token.
        let text = plain(&cx, &own, &token);
        let sealed = cx.keys.seal(Use::Callback, &cx.ids, &text, bound_to(&own).as_bytes());
        let token = BASE64URL_NOPAD.encode(&sealed);
        assert_eq!(open(&cx, &own, &token), Err(PageFault::Forged));
    }

    #[test]
    fn a_token_that_was_cut_or_changed_does_not_open() {
        let (cx, caller) = (context(1), caller(1, 2));
        let query = query([Some(vec![1, 2]), None, Some(vec![])], Some(TaskStatus::Pending));
        let token = seal(&cx, &caller, &third(query));
        for at in 0..token.len() {
            assert_eq!(open(&cx, &caller, &token[..at]), Err(PageFault::Forged));
            for other in ["A", "_", "=", "甲"] {
                let changed = [&token[..at], other, &token[at + 1..]].concat();
                let opened = open(&cx, &caller, &changed);
                assert_eq!(opened.is_ok(), changed == token, "at {at}");
            }
        }
        assert_eq!(open(&cx, &caller, &format!("{token}A")), Err(PageFault::Forged));
    }

    #[test]
    fn what_was_sealed_by_another_version_or_is_too_short_is_not_read() {
        let (cx, caller) = (context(1), caller(1, 2));
        let query = query([Some(vec![1, 2]), Some(vec![3]), None], Some(TaskStatus::Done));
        let token = third(query);
        let plain = plain(&cx, &caller, &seal(&cx, &caller, &token));
        assert_eq!(parse(&plain), Some(token));
        for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
            assert_eq!(parse(&[&[version], &plain[1..]].concat()), None);
        }
        for cut in 0..plain.len() {
            assert_eq!(parse(&plain[..cut]), None, "cut to {cut}");
        }
    }

    #[test]
    fn the_largest_query_makes_a_token_of_less_than_1600_characters() {
        let (cx, caller) = (context(1), caller(i64::MAX, i64::MAX));
        let ids = |count: usize| Some(vec![i64::MAX; count]);
        let lists =
            [ids(limits::FILTER_INSTANCES), ids(limits::FILTER_CODES), ids(limits::FILTER_USERS)];
        let query = query(lists, Some(TaskStatus::Done));
        let token = Token { position: InstanceId(i64::MAX), ..third(query) };
        let sealed = seal(&cx, &caller, &token);
        assert!(sealed.len() < 1_600, "{}", sealed.len());
        assert_eq!(open(&cx, &caller, &sealed), Ok(token));
    }

    #[test]
    fn a_list_beyond_every_limit_is_cut_and_never_read_as_everybody() {
        let (cx, caller) = (context(1), caller(1, 2));
        let token = seal(&cx, &caller, &third(query([None, None, Some(vec![1; 256])], None)));
        let opened = open(&cx, &caller, &token).unwrap();
        assert_eq!(opened.query.people.map(|people| people.len()), Some(254));
    }

    #[test]
    fn filters_have_the_same_hash_only_if_they_ask_for_the_same() {
        let of = |ids: &[&str]| {
            let instances = ids.iter().map(|id| (*id).to_owned()).collect();
            hash(&TaskFilter::new(FilterParts { instances, ..Default::default() }).unwrap())
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["a"]));
        assert_ne!(of(&["a"]), of(&["b"]));
    }
}
