//! The commands and their arguments. What they do is done elsewhere.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand};

use crate::{backup, config::Config, person, serve};

/// SeSoDocs: a place where people write documents together.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<Config>),
    /// Make accounts, set passwords, let people in or keep them out; also while the server runs
    Person(person::Options),
    /// Write everything into one file, also while the server runs
    Backup(Copy),
    /// Put a backup in the place of what is in the data folder, and end all sessions; the server must not run
    Restore(Copy),
}

/// A data folder and a file.
#[derive(Debug, Args)]
struct Copy {
    /// Folder that holds everything
    #[arg(long, env = "SESODOCS_DATA", value_name = "FOLDER", default_value = "./data")]
    data: PathBuf,
    /// The backup
    file: PathBuf,
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// A sentence for whoever asked.
    pub(crate) fn run(self) -> Result<(), String> {
        match self.command {
            Command::Serve(config) => serve::run(*config),
            Command::Person(options) => person::run(options),
            Command::Backup(Copy { data, file }) => backup::backup(&data, &file),
            Command::Restore(Copy { data, file }) => backup::restore(&data, &file),
        }
    }
}

/// Writes a line to standard output: what a command answers.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody may be listening, which is no reason to fail.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
