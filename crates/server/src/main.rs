//! The `sesodocs` command: reads its arguments and does what they say.

mod accounts;
mod address;
mod app;
mod auth;
mod backup;
mod cli;
mod config;
mod connections;
mod housekeeping;
mod http;
mod live;
mod person;
mod row;
mod scribes;
mod serve;
mod telemetry;
mod visitors;

use std::{io::Write, process::ExitCode};

use clap::Parser;

fn main() -> ExitCode {
    // What we write is for the account that we run as: documents, hashes, backups.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(std::io::stderr(), "{sentence}");
            ExitCode::FAILURE
        }
    }
}
