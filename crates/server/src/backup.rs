//! `sesodocs backup` and `sesodocs restore`: what is said about them. The store does them.

use std::path::Path;

use crate::cli::say;

/// Writes everything into one file.
pub(crate) fn backup(data: &Path, file: &Path) -> Result<(), String> {
    store::backup(data, file).map_err(|error| error.to_string())?;
    say(&format!("Everything in {} is now in {}.", data.display(), file.display()));
    Ok(())
}

/// Puts a backup in the place of what there is.
pub(crate) fn restore(data: &Path, file: &Path) -> Result<(), String> {
    store::restore(file, data).map_err(|error| error.to_string())?;
    say(&format!("{} holds what is in {} now. Everybody must sign in again.", data.display(), file.display()));
    Ok(())
}
