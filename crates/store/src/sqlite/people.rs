//! People, invitations and sessions in SQL. Passwords are seen as hashes only, and the clock is the caller's.

use engine::{
    person::{Name, Person, PersonId, Session, SessionId},
    store::{Invitation, PersonChange, StoreError},
};
use rusqlite::Row;

use super::{
    connection::{Fault, Tx},
    documents::person_id,
};

pub(super) fn create(tx: &Tx<'_>, mut person: Person, invitation: Option<Invitation>) -> Result<Person, Fault> {
    let id = person.id.0.cast_signed();
    let unused = "SELECT 1 FROM invitations WHERE code_hash = ? AND used_by IS NULL AND expires_ms > ?";
    if let Some(invitation) = invitation {
        let params = (invitation.code_hash, invitation.now_ms);
        tx.row(unused, params, |_| Ok(()))?.ok_or(StoreError::NotFound)?;
    }
    // A name that is taken breaks a constraint, and with it this command alone.
    tx.execute(
        "INSERT INTO people (id, name, name_folded, password_hash, disabled, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (id, person.name.as_str(), person.name.folded(), &person.password_hash, person.disabled, person.created_ms),
    )?;
    if let Some(invitation) = invitation {
        let use_up = "UPDATE invitations SET used_by = ? WHERE code_hash = ?";
        tx.execute(use_up, (id, invitation.code_hash))?;
    }
    let own = "INSERT OR IGNORE INTO instance_owner (one, person) VALUES (1, ?)";
    person.owner = !person.disabled && tx.execute(own, [id])? == 1;
    Ok(person)
}

pub(super) fn get(tx: &Tx<'_>, id: PersonId) -> Result<Person, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM people p WHERE p.id = ?");
    let found = tx.row(&sql, [id.0.cast_signed()], |row| person(row, 0))?;
    found.ok_or(Fault::Refused(StoreError::NotFound))
}

pub(super) fn named(tx: &Tx<'_>, folded: &str) -> Result<Person, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM people p WHERE p.name_folded = ?");
    let found = tx.row(&sql, [folded], |row| person(row, 0))?;
    found.ok_or(Fault::Refused(StoreError::NotFound))
}

pub(super) fn has_owner(tx: &Tx<'_>) -> Result<bool, Fault> {
    let found = tx.row("SELECT 1 FROM instance_owner", [], |_| Ok(()))?;
    Ok(found.is_some())
}

pub(super) fn change(tx: &Tx<'_>, id: PersonId, change: &PersonChange) -> Result<(), Fault> {
    let key = id.0.cast_signed();
    let changed = match change {
        PersonChange::Password(hash) => tx.execute("UPDATE people SET password_hash = ? WHERE id = ?", (hash, key)),
        PersonChange::Disable => tx.execute("UPDATE people SET disabled = 1 WHERE id = ?", [key]),
        PersonChange::Enable => tx.execute("UPDATE people SET disabled = 0 WHERE id = ?", [key]),
    }?;
    if changed == 0 {
        return Err(StoreError::NotFound.into());
    }
    tx.execute("DELETE FROM sessions WHERE person = ?", [key])?;
    move_version(tx)
}

pub(super) fn invite(tx: &Tx<'_>, code_hash: [u8; 32], expires_ms: i64) -> Result<(), Fault> {
    let sql = "INSERT INTO invitations (code_hash, expires_ms) VALUES (?, ?)";
    tx.execute(sql, (code_hash, expires_ms))?;
    Ok(())
}

pub(super) fn create_session(tx: &Tx<'_>, session: &Session) -> Result<(), Fault> {
    match get(tx, session.person)? {
        person if person.disabled => return Err(StoreError::NotFound.into()),
        _ => {}
    }
    // Whoever signs in sweeps out what is over.
    tx.execute("DELETE FROM sessions WHERE expires_ms < ?", [session.created_ms])?;
    tx.execute(
        "INSERT INTO sessions (id, person, created_ms, expires_ms) VALUES (?, ?, ?, ?)",
        (session.id.0.to_be_bytes(), session.person.0.cast_signed(), session.created_ms, session.expires_ms),
    )?;
    Ok(())
}

pub(super) fn session(tx: &Tx<'_>, id: SessionId) -> Result<(Session, Person), Fault> {
    let sql = format!(
        "SELECT s.person, s.created_ms, s.expires_ms, {COLUMNS}
         FROM sessions s JOIN people p ON p.id = s.person WHERE s.id = ?"
    );
    let found = tx.row(&sql, [id.0.to_be_bytes()], |row| {
        let session = Session { id, person: person_id(row, 0)?, created_ms: row.get(1)?, expires_ms: row.get(2)? };
        Ok((session, person(row, 3)?))
    })?;
    found.ok_or(Fault::Refused(StoreError::NotFound))
}

pub(super) fn extend_session(tx: &Tx<'_>, id: SessionId, expires_ms: i64) -> Result<(), Fault> {
    let sql = "UPDATE sessions SET expires_ms = ? WHERE id = ?";
    match tx.execute(sql, (expires_ms, id.0.to_be_bytes()))? {
        0 => Err(StoreError::NotFound.into()),
        _ => Ok(()),
    }
}

pub(super) fn end_session(tx: &Tx<'_>, id: SessionId) -> Result<(), Fault> {
    match tx.execute("DELETE FROM sessions WHERE id = ?", [id.0.to_be_bytes()])? {
        0 => Ok(()),
        _ => move_version(tx),
    }
}

pub(super) fn sessions_version(tx: &Tx<'_>) -> Result<u64, Fault> {
    let sql = "SELECT value FROM counters WHERE name = 'sessions'";
    let version: Option<i64> = tx.row(sql, [], |row| Ok(row.get(0)?))?;
    let missing = || StoreError::Corrupt("a counter is missing".to_owned());
    Ok(version.ok_or_else(missing)?.cast_unsigned())
}

fn move_version(tx: &Tx<'_>) -> Result<(), Fault> {
    tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'sessions'", [])?;
    Ok(())
}

const COLUMNS: &str = "p.id, p.name, p.name_folded, p.password_hash, p.disabled, p.created_ms,
    EXISTS (SELECT 1 FROM instance_owner o WHERE o.person = p.id)";

fn person(row: &Row<'_>, from: usize) -> Result<Person, Fault> {
    Ok(Person {
        id: person_id(row, from)?,
        name: Name::kept(row.get(from + 1)?, row.get(from + 2)?),
        password_hash: row.get(from + 3)?,
        disabled: row.get(from + 4)?,
        created_ms: row.get(from + 5)?,
        owner: row.get(from + 6)?,
    })
}
