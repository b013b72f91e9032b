//! How SeSoDocs keeps documents, people and sessions: [`memory`] for tests, [`sqlite`] for a folder on disk.
//! What a store promises is said in `engine::store` and held by one contract suite; nothing here judges who may do what.

pub mod memory;
mod segment;
pub mod sqlite;

use std::{path::Path, str::FromStr, sync::Arc};

use engine::{log::Entry, metrics::Metrics, store::Store};

use sqlite::Sqlite;
pub use sqlite::{backup, restore};

/// Which store, as the operator names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreUrl {
    /// One SQLite database in the data folder.
    #[default]
    Sqlite,
    /// Nothing survives the process.
    Memory,
}

impl FromStr for StoreUrl {
    type Err = OpenError;
    fn from_str(name: &str) -> Result<Self, OpenError> {
        match name {
            "sqlite" => Ok(Self::Sqlite),
            "memory" => Ok(Self::Memory),
            _ => Err(OpenError(format!("there is no store “{name}”: it is `sqlite` or `memory`"))),
        }
    }
}

/// Why there is no store; the text is a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// Opens the store that the server serves from.
///
/// # Errors
/// [`OpenError`] if it cannot be read; one that can be read but not written opens, and its health says why.
pub fn open(url: &StoreUrl, data: &Path, metrics: Metrics) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match url {
        StoreUrl::Memory => Arc::new(memory::Memory::new()),
        StoreUrl::Sqlite => Arc::new(Sqlite::open(data, metrics)?),
    })
}

/// Opens the store for the command line, also beside a running server: for people and sessions only.
///
/// # Errors
/// As [`open`], and if the store lives in the memory of another process.
pub fn open_beside(url: &StoreUrl, data: &Path) -> Result<Arc<dyn Store>, OpenError> {
    match url {
        StoreUrl::Memory => Err(OpenError("the `memory` store lives in the server's process alone".to_owned())),
        StoreUrl::Sqlite => Ok(Arc::new(Sqlite::open_beside(data, Metrics::default())?)),
    }
}

/// The form of a title that searching and sorting go by, so that case does not matter.
fn fold(title: &str) -> String {
    title.to_lowercase()
}

/// How much of a limit in bytes an entry uses up.
fn update_bytes(entry: &Entry) -> usize {
    entry.edits.iter().map(|edit| edit.update.len()).sum()
}
