//! The real binary, over real sockets: what HTTP and the command line promise.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budgets;
mod commands;
mod documents;
mod harness;
mod life;
mod origin;
mod pages;
mod people;
mod sessions;
mod site;
mod writing;
