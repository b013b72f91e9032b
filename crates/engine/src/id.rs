//! The ids of everything: random numbers, written in lower-case base32. Nothing else is known here.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;

/// The text is not an id in our notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

/// A document's id: 128 random bits, never used again once given (L8).
/// Written as 26 characters of lower-case base32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(pub u128);

/// A person's id: 64 random bits. Written as 13 characters of lower-case base32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId(pub u64);

/// A session's id: 128 random bits, inside the token that a cookie or a program carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

impl DocumentId {
    /// Draws a new id from the operating system's random numbers.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl PersonId {
    /// Nobody: the person of a closed writer (W6). Never drawn for anybody.
    pub const NOBODY: Self = Self(0);

    /// Draws a new id from the operating system's random numbers. It fits a signed 64-bit integer.
    pub fn random() -> Self {
        Self(rand::random_range(1..=i64::MAX as u64))
    }
}

impl SessionId {
    /// Draws a new id from the operating system's random numbers.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

/// How an id is written and read.
macro_rules! notation {
    ($id:ident, $number:ty) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0.to_be_bytes()).to_ascii_lowercase())
            }
        }

        impl FromStr for $id {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read(text).map(|bytes| Self(<$number>::from_be_bytes(bytes)))
            }
        }
    };
}

notation!(DocumentId, u128);
notation!(PersonId, u64);
notation!(SessionId, u128);

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SessionId {
    /// Never the id itself: who reads a log must not be able to take a session over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Reads exactly what is written for `N` bytes, and nothing else: one id has one notation.
fn read<const N: usize>(text: &str) -> Result<[u8; N], NotAnId> {
    if text.len() != (N * 8).div_ceil(5) || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(NotAnId);
    }
    let mut bytes = [0; N];
    BASE32_NOPAD.decode_mut(text.to_ascii_uppercase().as_bytes(), &mut bytes).map_err(|_| NotAnId)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_notation() {
        let id = DocumentId(u128::MAX - 5);
        assert_eq!(id.to_string().len(), 26);
        assert_eq!(id.to_string().parse(), Ok(id));
        let person = PersonId(u64::MAX);
        assert_eq!(person.to_string().len(), 13);
        assert_eq!(person.to_string().parse(), Ok(person));
    }

    #[test]
    fn foreign_notations_are_not_ids() {
        let id = DocumentId(7).to_string();
        for bad in ["", "a", &id[1..], &id.to_uppercase(), &"1".repeat(26), &"7".repeat(26), "ä"] {
            assert_eq!(bad.parse::<DocumentId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn a_sessions_id_is_never_logged() {
        assert_eq!(format!("{:?}", SessionId(7)), "SessionId(..)");
    }
}
