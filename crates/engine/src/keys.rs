//! The server's keys: what signs tokens, hides secrets and seals page tokens.
//!
//! A ring: the first key signs and seals, every key verifies and opens, so that a key can be
//! replaced without a stop. Knows nothing of what it signs.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::HEXLOWER;
use domain::Ids;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of a server key.
pub const KEY_BYTES: usize = 32;
/// Bytes by which a key is named inside what it signed.
pub(crate) const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// What a derived key is for. Distinct uses never share one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Token,
    AppSecret,
    Page,
    Callback,
    Ticket,
}

impl Use {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Token => b"countersign token v1",
            Self::AppSecret => b"countersign app secret v1",
            Self::Page => b"countersign page token v1",
            Self::Callback => b"countersign callback secrets v1",
            Self::Ticket => b"countersign app ticket v1",
        }
    }
}

/// The server's keys, the signing one first.
pub struct Keyring(Vec<ServerKey>);

struct ServerKey {
    id: [u8; KEY_ID_BYTES],
    secret: SecretBox<[u8; KEY_BYTES]>,
    /// The start of every signature of a token: every request checks one.
    token: Hmac<Sha256>,
}

impl ServerKey {
    fn derive(&self, purpose: Use) -> [u8; 32] {
        mac(self.secret.expose_secret(), &[purpose.label()])
    }

    fn sign(&self, purpose: Use, parts: &[&[u8]]) -> [u8; 32] {
        match purpose {
            Use::Token => finish(self.token.clone(), parts),
            other => mac(&self.derive(other), parts),
        }
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    finish(keyed(key), parts)
}

fn finish(mut hmac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

impl Keyring {
    /// A ring of `first` and of `older` keys that still verify.
    pub fn new(first: [u8; KEY_BYTES], older: &[[u8; KEY_BYTES]]) -> Self {
        let key = |bytes: &[u8; KEY_BYTES]| {
            let digest: [u8; 32] = Sha256::digest(bytes).into();
            let mut id = [0; KEY_ID_BYTES];
            id.copy_from_slice(&digest[..KEY_ID_BYTES]);
            let token = keyed(&mac(bytes, &[Use::Token.label()]));
            ServerKey { id, secret: SecretBox::new(Box::new(*bytes)), token }
        };
        Self(std::iter::once(&first).chain(older).map(key).collect())
    }

    /// What names each key without telling it, the signing one first: kept beside the data, so that
    /// a server with other keys notices.
    pub fn fingerprints(&self) -> Vec<String> {
        let text = b"countersign fingerprint v1";
        self.0
            .iter()
            .map(|key| HEXLOWER.encode(&mac(key.secret.expose_secret(), &[text])))
            .collect()
    }

    /// The id of the key that signs.
    pub(crate) fn signing_id(&self) -> [u8; KEY_ID_BYTES] {
        self.0[0].id
    }

    /// A signature by the first key.
    pub(crate) fn sign(&self, purpose: Use, parts: &[&[u8]]) -> [u8; 32] {
        self.0[0].sign(purpose, parts)
    }

    /// Whether `signature` (possibly shortened) over `parts` is by the key with `id`.
    pub(crate) fn verify(
        &self,
        purpose: Use,
        id: [u8; KEY_ID_BYTES],
        parts: &[&[u8]],
        signature: &[u8],
    ) -> bool {
        self.0.iter().filter(|key| key.id == id).any(|key| {
            let full = key.sign(purpose, parts);
            full[..signature.len().min(32)].ct_eq(signature).into()
        })
    }

    /// Whether `signature` over `parts` is by any key of the ring.
    pub(crate) fn verify_any(&self, purpose: Use, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.0.iter().any(|key| self.verify(purpose, key.id, parts, signature))
    }

    /// Encrypts `plain` for `purpose`; only the same `context` opens it.
    pub(crate) fn seal(&self, purpose: Use, ids: &Ids, plain: &[u8], context: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = ids.random();
        let cipher = XChaCha20Poly1305::new(&self.0[0].derive(purpose).into());
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: context })
            .expect("the cipher takes any text of this size");
        [&self.0[0].id[..], &nonce, &sealed].concat()
    }

    /// What was sealed; `None` when it was not by this ring for this purpose and context.
    pub(crate) fn open(&self, purpose: Use, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_at_checked(KEY_ID_BYTES)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let key = self.0.iter().find(|key| key.id == id)?;
        let cipher = XChaCha20Poly1305::new(&key.derive(purpose).into());
        cipher.decrypt(&XNonce::from(nonce), Payload { msg: text, aad: context }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ring_the_purpose_and_the_context_open() {
        let ids = Ids::new([1; 32]);
        let ring = Keyring::new([1; 32], &[]);
        let sealed = ring.seal(Use::Page, &ids, b"text", b"tenant 1");
        assert_eq!(ring.open(Use::Page, &sealed, b"tenant 1").as_deref(), Some(&b"text"[..]));
        assert_eq!(ring.open(Use::Page, &sealed, b"tenant 2"), None);
        assert_eq!(ring.open(Use::Callback, &sealed, b"tenant 1"), None);
        assert_eq!(Keyring::new([2; 32], &[]).open(Use::Page, &sealed, b"tenant 1"), None);
        for cut in 0..sealed.len() {
            assert_eq!(ring.open(Use::Page, &sealed[..cut], b"tenant 1"), None);
        }
    }

    #[test]
    fn an_older_key_still_opens_after_a_change() {
        let ids = Ids::new([1; 32]);
        let sealed = Keyring::new([1; 32], &[]).seal(Use::Page, &ids, b"text", b"");
        let changed = Keyring::new([2; 32], &[[1; 32]]);
        assert_eq!(changed.open(Use::Page, &sealed, b"").as_deref(), Some(&b"text"[..]));
    }
}
