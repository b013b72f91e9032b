//! Why something was not done: stable codes, what a client should do next (D3), and a sentence for a person.

use crate::{access::Denied, store::StoreError};

/// What a client does with an edit that was refused (D3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Keep it and send it again, with growing pauses.
    Again,
    /// Keep it, turn read-only, send it when restored or signed in.
    Later,
    /// Stop, load anew, offer what was not accepted as text.
    Never,
}

/// A refusal. Codes are stable: clients and programs may depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too much waits already (B2, B3).
    Busy,
    /// The store cannot write or read for now.
    Unavailable,
    /// An earlier edit of the same writer is missing: send again from the oldest that waits.
    OutOfOrder,
    /// The writer belongs to somebody else (W2): take a new Yjs client id.
    WriterTaken,
    /// The document is in the trash.
    Trashed,
    /// Nobody is signed in, or no longer.
    Unauthenticated,
    /// More than a person may do in this time.
    TooMany,
    /// The person's role is too small.
    Forbidden,
    /// There is no such thing, or this person may not know of it.
    NotFound,
    /// It was deleted for ever.
    Gone,
    /// It breaks a rule; the text says which, for the programmer of a client.
    Invalid(&'static str),
    /// It is larger than what is allowed.
    TooLarge,
    /// What is stored is damaged; an operator must restore it.
    Corrupt,
}

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::OutOfOrder => "out_of_order",
            Self::WriterTaken => "writer_taken",
            Self::Trashed => "trashed",
            Self::Unauthenticated => "unauthenticated",
            Self::TooMany => "too_many",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Gone => "gone",
            Self::Invalid(_) => "invalid",
            Self::TooLarge => "too_large",
            Self::Corrupt => "corrupt",
        }
    }

    /// What a client does next.
    pub fn retry(self) -> Retry {
        match self {
            Self::Busy | Self::Unavailable | Self::OutOfOrder | Self::WriterTaken => Retry::Again,
            Self::Trashed | Self::Unauthenticated | Self::TooMany | Self::Corrupt => Retry::Later,
            Self::Forbidden | Self::NotFound | Self::Gone | Self::Invalid(_) | Self::TooLarge => Retry::Never,
        }
    }

    /// A sentence that helps a person.
    pub fn message(self) -> String {
        match self {
            Self::Busy => "The server is busy. It will be tried again.",
            Self::Unavailable => "The server cannot save for now. It will be tried again.",
            Self::OutOfOrder => "An earlier change is missing. It will be sent again.",
            Self::WriterTaken => "This editing session belongs to somebody else. A new one is needed.",
            Self::Trashed => "This document is in the trash. Restore it to go on.",
            Self::Unauthenticated => "Please sign in.",
            Self::TooMany => "That was too much in a short time. Please wait a while.",
            Self::Forbidden => "You may not do this here.",
            Self::NotFound => "There is no such thing, or you may not see it.",
            Self::Gone => "This document was deleted for ever.",
            Self::Invalid(why) => return format!("This could not be accepted: {why}."),
            Self::TooLarge => "This is too large.",
            Self::Corrupt => "This document is damaged on the server. The operator has been told.",
        }
        .to_owned()
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Hidden => Self::NotFound,
            Denied::Forbidden => Self::Forbidden,
            Denied::Trashed => Self::Trashed,
            Denied::NotTrashed => Self::Invalid("only what is in the trash can be deleted for ever"),
        }
    }
}

impl From<&StoreError> for Refusal {
    /// A `Conflict` means that the caller's view was old: reading again helps.
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict | StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::Corrupt(_) => Self::Corrupt,
        }
    }
}
