//! The form of an access token: signed, never stored.
//!
//! `t-`, or `a-` for a store app's own token, and lower-case base32 of version, key id, app, tenant,
//! epoch, time of issue and a shortened HMAC. It survives a restart and is accepted by every process
//! that has the key.

use data_encoding::{BASE32_NOPAD, Encoding};
use domain::{AppId, Millis, TenantId};

use crate::keys::{KEY_ID_BYTES, Keyring, Use};

/// A token lives two hours (page of the token endpoints).
pub(crate) const LIFETIME_MS: i64 = 7_200_000;
/// How far in the future a time of issue is accepted: clocks of several processes differ.
pub(crate) const SKEW_MS: i64 = 60_000;

/// Stands for the tenant in a store app's own token. No tenant has this id.
pub(crate) const NO_TENANT: TenantId = TenantId(0);

/// What a token starts with tells what it is good for.
fn prefix(tenant: TenantId) -> &'static str {
    if tenant == NO_TENANT { "a-" } else { "t-" }
}

const VERSION: u8 = 1;
const MAC_BYTES: usize = 16;
const BODY_BYTES: usize = 1 + KEY_ID_BYTES + 8 + 8 + 4 + 8;

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) app: AppId,
    pub(crate) tenant: TenantId,
    pub(crate) epoch: u32,
    pub(crate) issued_at: Millis,
}

impl Claims {
    /// Which app, and where.
    pub(crate) fn key(&self) -> (AppId, TenantId) {
        (self.app, self.tenant)
    }
}

/// The token for `claims`. The same claims and key give the same token.
pub(crate) fn encode(keys: &Keyring, claims: &Claims) -> String {
    let mut bytes = Vec::with_capacity(BODY_BYTES + MAC_BYTES);
    bytes.push(VERSION);
    bytes.extend(keys.signing_id());
    bytes.extend(claims.app.get().to_be_bytes());
    bytes.extend(claims.tenant.get().to_be_bytes());
    bytes.extend(claims.epoch.to_be_bytes());
    bytes.extend(claims.issued_at.get().to_be_bytes());
    let mac = keys.sign(Use::Token, &[&bytes]);
    bytes.extend(&mac[..MAC_BYTES]);
    format!("{}{}", prefix(claims.tenant), BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

/// The bytes of a token, signature included.
pub(crate) type Signed = [u8; BODY_BYTES + MAC_BYTES];

/// What a token says, whoever made it.
pub(crate) struct Unverified {
    pub(crate) claims: Claims,
    pub(crate) signed: Signed,
}

impl Unverified {
    /// Whether this ring signed it.
    pub(crate) fn is_signed_by(&self, keys: &Keyring) -> bool {
        let (body, mac) = self.signed.split_at(BODY_BYTES);
        let id = body[1..].first_chunk::<KEY_ID_BYTES>();
        id.is_some_and(|id| keys.verify(Use::Token, *id, &[body], mac))
    }
}

/// Reads a token without checking who signed it.
pub(crate) fn decode(token: &str) -> Option<Unverified> {
    let text = token.get(prefix(NO_TENANT).len()..)?.as_bytes();
    let mut signed: Signed = [0; BODY_BYTES + MAC_BYTES];
    let encoding = lower_base32();
    if encoding.decode_len(text.len()).ok()? != signed.len() {
        return None;
    }
    encoding.decode_mut(text, &mut signed).ok()?;
    if signed[0] != VERSION {
        return None;
    }
    let (_, rest) = signed[1..].split_first_chunk::<KEY_ID_BYTES>()?;
    let (app, rest) = rest.split_first_chunk()?;
    let (tenant, rest) = rest.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (issued_at, _) = rest.split_first_chunk()?;
    let claims = Claims {
        app: AppId(i64::from_be_bytes(*app)),
        tenant: TenantId(i64::from_be_bytes(*tenant)),
        epoch: u32::from_be_bytes(*epoch),
        issued_at: Millis(i64::from_be_bytes(*issued_at)),
    };
    token.starts_with(prefix(claims.tenant)).then_some(Unverified { claims, signed })
}

fn lower_base32() -> &'static Encoding {
    static LOWER: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    LOWER.get_or_init(|| {
        let mut spec = BASE32_NOPAD.specification();
        spec.symbols = spec.symbols.to_ascii_lowercase();
        spec.encoding().expect("lower case is as good an alphabet")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: Claims =
        Claims { app: AppId(7), tenant: TenantId(9), epoch: 3, issued_at: Millis(1_700_000) };

    /// What a token says, if the ring signed it.
    fn decode(keys: &Keyring, token: &str) -> Option<Claims> {
        super::decode(token).filter(|token| token.is_signed_by(keys)).map(|token| token.claims)
    }

    #[test]
    fn a_token_says_what_it_was_made_of() {
        let keys = Keyring::new([1; 32], &[]);
        let token = encode(&keys, &CLAIMS);
        assert!(token.starts_with("t-") && token.len() >= 32, "{token}");
        assert!(token[2..].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert_eq!(decode(&keys, &token), Some(CLAIMS));
    }

    #[test]
    fn no_changed_or_foreign_token_is_read() {
        let keys = Keyring::new([1; 32], &[]);
        let token = encode(&keys, &CLAIMS);
        for at in 2..token.len() - 1 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(decode(&keys, std::str::from_utf8(&bytes).unwrap()), None, "at {at}");
        }
        assert_eq!(decode(&Keyring::new([2; 32], &[]), &token), None);
        assert_eq!(decode(&keys, &token[..token.len() - 1]), None);
        assert_eq!(decode(&keys, "t-"), None);
    }
}
