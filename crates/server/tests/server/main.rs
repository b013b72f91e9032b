//! The real binary, over real sockets: what HTTP and the command line promise.

mod budgets;
mod commands;
mod documents;
mod harness;
mod life;
mod origin;
mod pages;
mod people;
mod sessions;
