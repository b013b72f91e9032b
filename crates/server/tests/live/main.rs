//! Live connections from outside: the real server, real sockets, and clients that misbehave in every way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod client;
mod course;
mod hostile;
mod joining;
mod listing;
mod polling;
mod server;
mod typing;
