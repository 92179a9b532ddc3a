//! The key of the admin API: kept as its hash, compared in constant time.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The shortest key that is taken, in characters (own figure: 128 bits in hexadecimal).
pub const ADMIN_KEY_CHARS: usize = 32;

/// What whoever calls the admin API must know.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// The key with this text.
    pub fn new(key: &SecretString) -> Self {
        Self(Sha256::digest(key.expose_secret()).into())
    }

    /// Whether `given` is the key. How much of it is right, or how long it is, is nobody's business.
    pub fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}
