//! Invitations to sign up: a code that one person may use, of which only the hash is kept.

use data_encoding::BASE32_NOPAD;

/// A new code: 128 random bits, easy to read out.
pub(crate) fn code() -> String {
    BASE32_NOPAD.encode(&rand::random::<[u8; 16]>()).to_ascii_lowercase()
}

/// What is kept of a code. The code is long and random: it needs no slow hash.
pub(crate) fn hash(code: &str) -> [u8; 32] {
    *blake3::hash(code.trim().to_ascii_lowercase().as_bytes()).as_bytes()
}
