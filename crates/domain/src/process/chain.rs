//! Histories that cannot be changed unnoticed: each entry carries a hash over itself and the one
//! before, and anchors carry hashes over the heads of many histories.
//!
//! Knows rows, not what an entry means. Whoever can rewrite every row after a change and every
//! anchor can still lie; an anchor that was written down elsewhere finds that out too.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::ids::{InstanceId, PersonId, TenantId};
use crate::time::Millis;

/// What a hash is over, so that another form of rows can never give the same one.
const ENTRY_FORM: &[u8] = b"countersign history entry 1";
const ANCHOR_FORM: &[u8] = b"countersign history anchor 1";

/// A SHA-256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What comes before the first entry, and before the first anchor.
    pub const NONE: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A row of a history, without its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose.
    pub tenant: TenantId,
    /// Of which instance.
    pub instance: InstanceId,
    /// Its number, from 1.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// What, as it is stored.
    pub action: String,
    /// By whom.
    pub person: Option<PersonId>,
    /// The rest, as it is stored: hashed byte for byte, never read.
    pub details: String,
}

/// The end of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Of which instance.
    pub instance: InstanceId,
    /// The number of its last entry.
    pub seq: i64,
    /// The hash of it.
    pub hash: Hash,
}

/// A hash over the heads that have moved since the anchor before. The heads are kept with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Its number, from 1.
    pub number: i64,
    /// When it was written.
    pub at: Millis,
    /// The heads that moved, by instance.
    pub heads: Vec<Head>,
    /// The hash over all this and the anchor before.
    pub hash: Hash,
}

/// Where a history or the anchors are not what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Break {
    /// An entry is missing.
    #[error("entry {0} is missing")]
    MissingEntry(i64),
    /// An entry, or the one before it, was changed.
    #[error("entry {0} was changed, or the one before it")]
    ChangedEntry(i64),
    /// An anchor is missing.
    #[error("anchor {0} is missing")]
    MissingAnchor(i64),
    /// An anchor, or the one before it, was changed.
    #[error("anchor {0} was changed, or the one before it")]
    ChangedAnchor(i64),
    /// An instance, or the end of its history, was there and is gone.
    #[error("anchor {anchor} knows entry {} of instance {}, which is not there", head.seq, head.instance)]
    Removed {
        /// The anchor that knows it.
        anchor: i64,
        /// What was there.
        head: Head,
    },
    /// The history of an instance was written anew.
    #[error("anchor {anchor} knows another entry {} of instance {}", head.seq, head.instance)]
    Rewritten {
        /// The anchor that knows it.
        anchor: i64,
        /// What was there.
        head: Head,
    },
}

/// The hash of a row after the one with hash `previous`.
pub fn seal(previous: Hash, row: &Row) -> Hash {
    let mut hasher = Sha256::new();
    field(&mut hasher, ENTRY_FORM);
    field(&mut hasher, &previous.0);
    for number in [row.tenant.get(), row.instance.get(), row.seq, row.at.get()] {
        field(&mut hasher, &number.to_be_bytes());
    }
    field(&mut hasher, row.action.as_bytes());
    match row.person {
        Some(person) => field(&mut hasher, &person.get().to_be_bytes()),
        None => field(&mut hasher, b""),
    }
    field(&mut hasher, row.details.as_bytes());
    Hash(hasher.finalize().into())
}

/// Checks one history, given its rows with their hashes in order of their numbers. Its head, which
/// is none where there are no rows.
pub fn verify<'a>(rows: impl IntoIterator<Item = (&'a Row, Hash)>) -> Result<Option<Head>, Break> {
    let mut head: Option<Head> = None;
    for (row, hash) in rows {
        let (expected, previous) = head.map_or((1, Hash::NONE), |head| (head.seq + 1, head.hash));
        if row.seq != expected {
            return Err(Break::MissingEntry(expected));
        }
        let other = head.is_some_and(|head| head.instance != row.instance);
        if other || seal(previous, row) != hash {
            return Err(Break::ChangedEntry(row.seq));
        }
        head = Some(Head { instance: row.instance, seq: row.seq, hash });
    }
    Ok(head)
}

/// The anchor after `previous`, over the heads that have moved since.
pub fn anchor(
    tenant: TenantId,
    previous: Option<&Anchor>,
    mut heads: Vec<Head>,
    at: Millis,
) -> Anchor {
    heads.sort_unstable_by_key(|head| head.instance);
    let number = previous.map_or(1, |previous| previous.number + 1);
    let before = previous.map_or(Hash::NONE, |previous| previous.hash);
    let hash = seal_anchor(tenant, before, number, at, &heads);
    Anchor { number, at, heads, hash }
}

/// Checks the anchors of a tenant in order, and that everything they know is still there. `entry`
/// answers the hash of an entry by instance and number, from histories that were verified.
pub fn verify_anchors<'a>(
    tenant: TenantId,
    anchors: impl IntoIterator<Item = &'a Anchor>,
    mut entry: impl FnMut(InstanceId, i64) -> Option<Hash>,
) -> Result<(), Break> {
    let mut previous = None;
    for anchor in anchors {
        let breaks = verify_anchor(tenant, previous, anchor, &mut entry);
        breaks.into_iter().next().map_or(Ok(()), Err)?;
        previous = Some(anchor);
    }
    Ok(())
}

/// Everything that is wrong with one anchor, given the one before it: none before the first.
pub fn verify_anchor(
    tenant: TenantId,
    previous: Option<&Anchor>,
    anchor: &Anchor,
    mut entry: impl FnMut(InstanceId, i64) -> Option<Hash>,
) -> Vec<Break> {
    let number = anchor.number;
    let (expected, before) = previous.map_or((1, Hash::NONE), |one| (one.number + 1, one.hash));
    if number != expected {
        return vec![Break::MissingAnchor(expected)];
    }
    if seal_anchor(tenant, before, number, anchor.at, &anchor.heads) != anchor.hash {
        return vec![Break::ChangedAnchor(number)];
    }
    let gone = |head: &Head| match entry(head.instance, head.seq) {
        None => Some(Break::Removed { anchor: number, head: *head }),
        Some(hash) if hash != head.hash => Some(Break::Rewritten { anchor: number, head: *head }),
        Some(_) => None,
    };
    anchor.heads.iter().filter_map(gone).collect()
}

fn seal_anchor(tenant: TenantId, previous: Hash, number: i64, at: Millis, heads: &[Head]) -> Hash {
    let mut hasher = Sha256::new();
    field(&mut hasher, ANCHOR_FORM);
    field(&mut hasher, &previous.0);
    for number in [tenant.get(), number, at.get()] {
        field(&mut hasher, &number.to_be_bytes());
    }
    for head in heads {
        field(&mut hasher, &head.instance.get().to_be_bytes());
        field(&mut hasher, &head.seq.to_be_bytes());
        field(&mut hasher, &head.hash.0);
    }
    Hash(hasher.finalize().into())
}

/// Lengths stand before what they measure, so that no byte can move from one field to the next.
fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(bytes);
}
