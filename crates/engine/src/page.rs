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
}

/// A filter with everything resolved to ids. `None` = not narrowed by this; an empty list =
/// narrowed to nobody known, which matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) hash: [u8; HASH_BYTES],
    pub(crate) instances: Option<Vec<InstanceId>>,
    pub(crate) definitions: Option<Vec<DefinitionId>>,
    pub(crate) people: Option<Vec<PersonId>>,
    pub(crate) status: Option<TaskStatus>,
}

const VERSION: u8 = 1;
const HASH_BYTES: usize = 16;

/// What two filters share only if they ask for the same.
pub(crate) fn hash(filter: &TaskFilter) -> [u8; HASH_BYTES] {
    let digest: [u8; 32] = Sha256::digest(filter.canonical()).into();
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&digest[..HASH_BYTES]);
    hash
}

/// A token that continues `query` after `position`.
pub(crate) fn seal(cx: &Context, caller: &Caller, query: &Query, position: InstanceId) -> String {
    let mut plain = vec![VERSION];
    plain.extend(query.hash);
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

/// The query and position inside a token.
pub(crate) fn open(
    cx: &Context,
    caller: &Caller,
    token: &str,
) -> Result<(Query, InstanceId), PageFault> {
    let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| PageFault::Forged)?;
    let plain = cx.keys.open(Use::Page, &sealed, bound_to(caller).as_bytes());
    plain.and_then(|plain| parse(&plain)).ok_or(PageFault::Forged)
}

fn bound_to(caller: &Caller) -> String {
    format!("{}/{}", caller.tenant, caller.app.id)
}

fn parse(plain: &[u8]) -> Option<(Query, InstanceId)> {
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
        hash: *hash,
        instances: instances.map(|l| l.into_iter().map(InstanceId).collect()),
        definitions: definitions.map(|l| l.into_iter().map(DefinitionId).collect()),
        people: people.map(|l| l.into_iter().map(PersonId).collect()),
        status: TaskStatus::from_code(i64::from(*status)),
    };
    Some((query, InstanceId(i64::from_be_bytes(*position))))
}
