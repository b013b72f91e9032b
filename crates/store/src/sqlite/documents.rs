//! Documents' rows and lists in SQL. Who may see a row in a list is decided here as in the memory store; what may be done with it, nowhere in this crate.

use engine::{
    access::Role,
    document::{Document, DocumentId, Kind, Visibility},
    log::Cursor,
    person::PersonId,
    store::{DocumentChange, ListQuery, Listed, Named, Page, Place, Sort, StoreError},
};
use rusqlite::Row;

use super::{
    connection::{Fault, Tx, meaningless},
    logs::{self, Head},
};
use crate::fold;

pub(super) fn create(tx: &Tx<'_>, document: &Document, classic_name: Option<&str>) -> Result<(), Fault> {
    let id = document.id.0.to_be_bytes();
    if tx.row("SELECT 1 FROM purged WHERE id = ?", [id], |_| Ok(()))?.is_some() {
        return Err(StoreError::Conflict.into());
    }
    tx.execute(
        "INSERT INTO documents (id, title, title_folded, kind, schema, owner, visibility, created_ms,
                                changed_ms, changed_by, trashed_ms, head, head_tag)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            id,
            &document.title,
            fold(&document.title),
            kind_number(document.kind),
            document.schema,
            document.owner.0.cast_signed(),
            visibility_number(document.visibility),
            document.created_ms,
            document.changed_ms,
            document.changed_by.0.cast_signed(),
            document.trashed_ms,
            logs::number(Cursor::start(document.id).tag),
        ),
    )?;
    let key = Head::of(tx, document.id)?.key;
    for (person, role) in &document.members {
        set_member(tx, key, *person, Some(*role))?;
    }
    classic_name.map_or(Ok(()), |name| claim(tx, key, name))
}

/// Gives a name to a document. One that has it and is not in the trash keeps it: that breaks the constraint.
fn claim(tx: &Tx<'_>, key: i64, name: &str) -> Result<(), Fault> {
    let name = name.as_bytes();
    tx.execute(
        "DELETE FROM classic_names
         WHERE name = ? AND (SELECT d.trashed_ms FROM documents d WHERE d.key = document) IS NOT NULL",
        [name],
    )?;
    tx.execute("INSERT INTO classic_names (name, document) VALUES (?, ?)", (name, key))?;
    Ok(())
}

pub(super) fn get(tx: &Tx<'_>, id: DocumentId) -> Result<Document, Fault> {
    let sql = format!("SELECT {COLUMNS} {TABLES} WHERE d.id = ?");
    let found = tx.row(&sql, [id.0.to_be_bytes()], |row| listed(tx, row))?;
    let listed = found.ok_or(StoreError::NotFound)?;
    Ok(listed.document)
}

pub(super) fn change(tx: &Tx<'_>, id: DocumentId, change: &DocumentChange) -> Result<Document, Fault> {
    let mut row = get(tx, id)?;
    let key = Head::of(tx, id)?.key;
    if let Some((person, role)) = change.member {
        if person == row.owner {
            return Err(StoreError::Conflict.into());
        }
        set_member(tx, key, person, role)?;
    }
    if let Some((person, time_ms)) = change.by {
        (row.changed_by, row.changed_ms) = (person, time_ms);
    }
    let title = change.title.as_ref().unwrap_or(&row.title);
    tx.execute(
        "UPDATE documents SET title = ?, title_folded = ?, visibility = ?, trashed_ms = ?,
                              schema = max(schema, ?), changed_ms = ?, changed_by = ?
         WHERE key = ?",
        (
            title,
            fold(title),
            visibility_number(change.visibility.unwrap_or(row.visibility)),
            change.trashed_ms.unwrap_or(row.trashed_ms),
            change.schema.unwrap_or(0),
            row.changed_ms,
            row.changed_by.0.cast_signed(),
            key,
        ),
    )?;
    get(tx, id)
}

pub(super) fn purge(tx: &Tx<'_>, id: DocumentId) -> Result<(), Fault> {
    if get(tx, id)?.trashed_ms.is_none() {
        return Err(StoreError::Conflict.into());
    }
    let key = Head::of(tx, id)?.key;
    logs::purge(tx, key)?;
    tx.execute("DELETE FROM members WHERE document = ?", [key])?;
    tx.execute("DELETE FROM classic_names WHERE document = ?", [key])?;
    tx.execute("DELETE FROM documents WHERE key = ?", [key])?;
    tx.execute("INSERT INTO purged (id) VALUES (?)", [id.0.to_be_bytes()])?;
    Ok(())
}

pub(super) fn list(tx: &Tx<'_>, query: &ListQuery) -> Result<Page, Fault> {
    let trashed = if query.trash { "NOT NULL" } else { "NULL" };
    let order = match query.sort {
        Sort::Changed => "(d.changed_ms, d.id) < (?3, ?4) ORDER BY d.changed_ms DESC, d.id DESC",
        Sort::Title => "(d.title_folded, d.id) > (?3, ?4) ORDER BY d.title_folded, d.id",
    };
    let sql = format!(
        "SELECT {COLUMNS} {TABLES} WHERE d.trashed_ms IS {trashed} AND {VISIBLE}
           AND (?2 = '' OR instr(d.title_folded, ?2) > 0)
           AND {order} LIMIT ?5"
    );
    let person = query.person.0.cast_signed();
    let wanted = query.title.as_deref().map(fold).unwrap_or_default();
    let limit = query.limit.saturating_add(1);
    let read = |row: &Row<'_>| listed(tx, row);
    // The first page begins before all that there can be.
    let mut documents = match (query.sort, &query.after) {
        (Sort::Changed, None) => tx.rows(&sql, (person, wanted, i64::MAX, [0xff; 17], limit), read),
        (Sort::Changed, Some(Place { changed_ms, id, .. })) => {
            tx.rows(&sql, (person, wanted, changed_ms, id.0.to_be_bytes(), limit), read)
        }
        (Sort::Title, None) => tx.rows(&sql, (person, wanted, "", [0; 0], limit), read),
        (Sort::Title, Some(Place { title, id, .. })) => {
            tx.rows(&sql, (person, wanted, fold(title), id.0.to_be_bytes(), limit), read)
        }
    }?;
    let more = documents.len() > query.limit;
    documents.truncate(query.limit);
    Ok(Page { documents, more })
}

pub(super) fn texts(tx: &Tx<'_>, person: PersonId) -> Result<Vec<Named>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, n.name {TABLES} LEFT JOIN classic_names n ON n.document = d.key
         WHERE d.kind = {TEXT} AND d.trashed_ms IS NULL AND {VISIBLE} ORDER BY d.created_ms, d.id"
    );
    tx.rows(&sql, [person.0.cast_signed()], |row| {
        let name: Option<Vec<u8>> = row.get(13)?;
        let name = name.map(String::from_utf8).transpose().map_err(|_| meaningless("name"))?;
        Ok(Named { document: listed(tx, row)?.document, name })
    })
}

pub(super) fn trashed_before(tx: &Tx<'_>, before_ms: i64) -> Result<Vec<DocumentId>, Fault> {
    let sql = "SELECT id FROM documents WHERE trashed_ms < ? ORDER BY trashed_ms, id LIMIT 100";
    tx.rows(sql, [before_ms], |row| document_id(row, 0))
}

/// A row with the names of its people, as [`listed`] reads it.
const COLUMNS: &str = "d.key, d.id, d.title, d.kind, d.schema, d.owner, d.visibility, d.created_ms, d.changed_ms,
    d.changed_by, d.trashed_ms, coalesce(owner.name, ''), coalesce(changer.name, '')";

const TABLES: &str = "FROM documents d
    LEFT JOIN people owner ON owner.id = d.owner
    LEFT JOIN people changer ON changer.id = d.changed_by";

/// Whether lists show the row to the person `?1` (A4): to all if its visibility is 0, and to those who have a role of their own.
const VISIBLE: &str = "(d.visibility = 0 OR d.owner = ?1
    OR EXISTS (SELECT 1 FROM members m WHERE m.document = d.key AND m.person = ?1))";

fn listed(tx: &Tx<'_>, row: &Row<'_>) -> Result<Listed, Fault> {
    let document = Document {
        id: document_id(row, 1)?,
        title: row.get(2)?,
        kind: kind(row.get(3)?)?,
        schema: row.get(4)?,
        owner: person_id(row, 5)?,
        visibility: visibility(row.get(6)?)?,
        members: members(tx, row.get(0)?)?,
        created_ms: row.get(7)?,
        changed_ms: row.get(8)?,
        changed_by: person_id(row, 9)?,
        trashed_ms: row.get(10)?,
    };
    Ok(Listed { document, owner: row.get(11)?, changed_by: row.get(12)? })
}

fn members(tx: &Tx<'_>, key: i64) -> Result<Vec<(PersonId, Role)>, Fault> {
    let sql = "SELECT person, role FROM members WHERE document = ?";
    let mut members = tx.rows(sql, [key], |row| Ok((person_id(row, 0)?, role(row.get(1)?)?)))?;
    members.sort();
    Ok(members)
}

fn set_member(tx: &Tx<'_>, key: i64, person: PersonId, role: Option<Role>) -> Result<(), Fault> {
    let person = person.0.cast_signed();
    match role {
        Some(role) => tx.execute(
            "INSERT OR REPLACE INTO members (document, person, role) VALUES (?, ?, ?)",
            (key, person, role_number(role)),
        )?,
        None => tx.execute("DELETE FROM members WHERE document = ? AND person = ?", (key, person))?,
    };
    Ok(())
}

fn document_id(row: &Row<'_>, column: usize) -> Result<DocumentId, Fault> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(DocumentId(u128::from_be_bytes(bytes)))
}

pub(super) fn person_id(row: &Row<'_>, column: usize) -> rusqlite::Result<PersonId> {
    let number: i64 = row.get(column)?;
    Ok(PersonId(number.cast_unsigned()))
}

// The numbers of these words are on disk for ever.

const EVERYBODY: i64 = 0;

fn visibility_number(visibility: Visibility) -> i64 {
    match visibility {
        Visibility::Instance => EVERYBODY,
        Visibility::Private => 1,
    }
}

fn visibility(number: i64) -> Result<Visibility, Fault> {
    match number {
        EVERYBODY => Ok(Visibility::Instance),
        1 => Ok(Visibility::Private),
        _ => Err(meaningless("visibility")),
    }
}

const TEXT: i64 = 1;

fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Rich => 0,
        Kind::Text => TEXT,
    }
}

fn kind(number: i64) -> Result<Kind, Fault> {
    match number {
        0 => Ok(Kind::Rich),
        TEXT => Ok(Kind::Text),
        _ => Err(meaningless("kind")),
    }
}

fn role_number(role: Role) -> i64 {
    match role {
        Role::Viewer => 0,
        Role::Commenter => 1,
        Role::Editor => 2,
        Role::Owner => 3,
    }
}

fn role(number: i64) -> Result<Role, Fault> {
    match number {
        0 => Ok(Role::Viewer),
        1 => Ok(Role::Commenter),
        2 => Ok(Role::Editor),
        3 => Ok(Role::Owner),
        _ => Err(meaningless("role")),
    }
}
