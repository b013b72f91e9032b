//! What SeSoDocs does: documents, logs, rooms. No network, no disk, no clock of its own.

pub mod access;
pub mod document;
pub mod log;
pub mod metrics;
pub mod person;
pub mod store;
pub mod update;
