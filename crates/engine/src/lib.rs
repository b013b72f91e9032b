//! What SeSoDocs does: documents, logs, rooms. No network, no disk, no clock of its own.

pub mod access;
mod client;
pub mod document;
pub mod id;
pub mod log;
pub mod merge;
pub mod metrics;
pub mod person;
mod presence;
pub mod refusal;
pub mod replica;
mod room;
pub mod rooms;
pub mod scribe;
pub mod store;
pub mod update;
