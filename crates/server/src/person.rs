//! `sesodocs person`: accounts from the command line, on the data folder itself, whether a server runs or not.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use engine::{
    person::{Name, Person, PersonId},
    store::{PersonChange, Store, StoreError},
};

use crate::{
    auth::{invitation, password::Password},
    cli::say,
    serve::now_ms,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder that holds everything
    #[arg(long, env = "SESODOCS_DATA", value_name = "FOLDER", default_value = "./data", global = true)]
    data: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account; the password is read from standard input. The first one owns the instance
    Add {
        /// The person's name
        #[arg(required_unless_present = "from")]
        name: Option<String>,
        /// Make many: one on each line, the name, a tab, the password; - is standard input
        #[arg(long, value_name = "FILE", conflicts_with = "name")]
        from: Option<PathBuf>,
    },
    /// Set a new password, read from standard input, and sign the person out everywhere
    Password {
        /// The person's name
        name: String,
    },
    /// Sign the person out everywhere and keep them out; their documents stay
    Disable {
        /// The person's name
        name: String,
    },
    /// Let a disabled person in again
    Enable {
        /// The person's name
        name: String,
    },
    /// Make a code with which one person may sign up where that needs an invitation
    Invite {
        /// Days until it ends
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
    },
}

/// Does it.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let store = store::open_beside(&store::StoreUrl::Sqlite, &options.data).map_err(|error| error.to_string())?;
        let done = perform(&*store, options.command).await;
        let closed = store.close().await.map_err(|error| format!("The data folder could not be closed: {error}"));
        done.and(closed)
    })
}

async fn perform(store: &dyn Store, command: Command) -> Result<(), String> {
    match command {
        Command::Add { name: Some(name), .. } => {
            let person = new_person(&name, &password_from_input()?)?;
            let person = add(store, person).await?;
            let owns = if person.owner { " and owns this instance" } else { "" };
            say(&format!("{} can sign in now{owns}.", person.name));
            Ok(())
        }
        Command::Add { from, .. } => add_many(store, &from.unwrap_or_else(|| PathBuf::from("-"))).await,
        Command::Password { name } => {
            let person = named(store, &name).await?;
            let hash = hash(&password_from_input()?)?;
            change(store, &person, PersonChange::Password(hash)).await?;
            say(&format!("{} has a new password and is signed out everywhere.", person.name));
            Ok(())
        }
        Command::Disable { name } => {
            let person = named(store, &name).await?;
            change(store, &person, PersonChange::Disable).await?;
            say(&format!("{} is signed out everywhere and cannot sign in.", person.name));
            Ok(())
        }
        Command::Enable { name } => {
            let person = named(store, &name).await?;
            change(store, &person, PersonChange::Enable).await?;
            say(&format!("{} can sign in again.", person.name));
            Ok(())
        }
        Command::Invite { days } => invite(store, days).await,
    }
}

/// Adds everybody in a list; nobody if a line cannot be used. A name that exists already is told and passed over.
async fn add_many(store: &dyn Store, file: &Path) -> Result<(), String> {
    let text = if file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    let text = text.map_err(|error| format!("The list {} cannot be read: {error}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut listed = Vec::new();
    for (index, line) in lines {
        let at_line = |why: String| format!("Line {} of the list: {why} Nobody was added.", index + 1);
        let (name, password) =
            line.split_once('\t').ok_or_else(|| at_line("expected a name, a tab and a password.".to_owned()))?;
        let name = Name::new(name).map_err(|error| at_line(format!("{error}.")))?;
        let password = Password::new(password).map_err(|error| at_line(format!("{error}.")))?;
        listed.push((name, password));
    }
    let (mut added, mut known) = (0, 0);
    for (name, password) in listed {
        let person = with_hash(name, password.hash().map_err(|error| error.to_string())?);
        match store.create_person(person, None).await {
            Ok(_) => added += 1,
            Err(StoreError::Conflict) => known += 1,
            Err(error) => return Err(format!("After {added} people: {}", sentence(&error))),
        }
    }
    let passed_over = if known > 0 { format!(" {known} had an account already.") } else { String::new() };
    say(&format!("{added} people can sign in now.{passed_over}"));
    Ok(())
}

async fn add(store: &dyn Store, person: Person) -> Result<Person, String> {
    let name = person.name.clone();
    store.create_person(person, None).await.map_err(|error| match error {
        StoreError::Conflict => format!("There is somebody called {name} already."),
        error => sentence(&error),
    })
}

async fn named(store: &dyn Store, name: &str) -> Result<Person, String> {
    let typed = Name::new(name).map_err(|error| format!("{name}: {error}."))?;
    store.person_named(typed.folded()).await.map_err(|error| match error {
        StoreError::NotFound => format!("There is nobody called {typed}."),
        error => sentence(&error),
    })
}

async fn change(store: &dyn Store, person: &Person, change: PersonChange) -> Result<(), String> {
    store.change_person(person.id, change).await.map_err(|error| sentence(&error))
}

async fn invite(store: &dyn Store, days: u16) -> Result<(), String> {
    let code = invitation::code();
    let expires_ms = now_ms() + i64::from(days) * 24 * 60 * 60 * 1000;
    store.create_invitation(invitation::hash(&code), expires_ms).await.map_err(|error| sentence(&error))?;
    say(&format!("{code}\nOne person can sign up with this code within {days} days, at /signup?invite={code}"));
    Ok(())
}

fn new_person(name: &str, password: &str) -> Result<Person, String> {
    let name = Name::new(name).map_err(|error| format!("{name}: {error}."))?;
    Ok(with_hash(name, hash(password)?))
}

fn with_hash(name: Name, password_hash: String) -> Person {
    Person { id: PersonId::random(), name, password_hash, owner: false, disabled: false, created_ms: now_ms() }
}

fn hash(password: &str) -> Result<String, String> {
    let password = Password::new(password).map_err(|error| format!("The password cannot be used: {error}."))?;
    password.hash().map_err(|error| format!("The password cannot be hashed: {error}."))
}

/// The first line of standard input.
fn password_from_input() -> Result<String, String> {
    let input = io::stdin();
    if input.is_terminal() {
        let _ = write!(io::stderr(), "Password (it is shown as you type): ");
    }
    let mut line = String::new();
    // Bounded: the longest password has 256 characters.
    let read = input.lock().take(4096).read_line(&mut line);
    read.map_err(|error| format!("The password cannot be read: {error}."))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn sentence(error: &StoreError) -> String {
    match error {
        StoreError::NotFound => "It is not there any more.".to_owned(),
        StoreError::Conflict => "Somebody else was faster. Please try again.".to_owned(),
        StoreError::Unavailable(why) => format!("The data folder cannot be written: {why}."),
        StoreError::Corrupt(why) => format!("The data folder is damaged: {why}."),
    }
}
