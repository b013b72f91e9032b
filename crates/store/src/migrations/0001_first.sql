-- The first form of the database. A migration that was released is never changed; a later one follows it.
-- Ids that people see are stored as they are; within the database documents go by small integer keys.

PRAGMA application_id = 0x5e50d0c5;

CREATE TABLE documents (
    key          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    title        TEXT    NOT NULL,
    title_folded TEXT    NOT NULL,
    kind         INTEGER NOT NULL,
    schema       INTEGER NOT NULL,
    owner        INTEGER NOT NULL,
    visibility   INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    changed_ms   INTEGER NOT NULL,
    changed_by   INTEGER NOT NULL,
    trashed_ms   INTEGER,
    -- The last entry's place and tag: the next one must follow it (L2), and a log that ends earlier is damaged (L6).
    head         INTEGER NOT NULL,
    head_tag     INTEGER NOT NULL,
    -- The pointer to the newest snapshot: the last entry that it covers, 0 for none (L4).
    covered      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX documents_by_change ON documents (changed_ms, id) WHERE trashed_ms IS NULL;
CREATE INDEX documents_by_title ON documents (title_folded, id) WHERE trashed_ms IS NULL;
CREATE INDEX documents_in_trash ON documents (trashed_ms) WHERE trashed_ms IS NOT NULL;

-- Ids of documents that were deleted for ever: never given again (L8).
CREATE TABLE purged (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    document INTEGER NOT NULL REFERENCES documents,
    person   INTEGER NOT NULL,
    role     INTEGER NOT NULL,
    PRIMARY KEY (document, person)
) STRICT, WITHOUT ROWID;

-- The log. A row is one entry, or a segment of history that took the place of the entries `first` to `seq` (L2).
-- `seq`, `time_ms` and `tag` are those of the last entry that it holds.
CREATE TABLE log (
    row      INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents,
    seq      INTEGER NOT NULL,
    first    INTEGER,
    time_ms  INTEGER NOT NULL,
    tag      INTEGER NOT NULL,
    body     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_by_place ON log (document, seq);

CREATE TABLE snapshots (
    key      INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents,
    seq      INTEGER NOT NULL,
    -- The tag of the log at `seq`, and the snapshot's own (L6).
    log_tag  INTEGER NOT NULL,
    tag      INTEGER NOT NULL,
    writers  BLOB    NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (document, seq)
) STRICT;

CREATE TABLE people (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    name_folded   TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    disabled      INTEGER NOT NULL DEFAULT 0,
    created_ms    INTEGER NOT NULL
) STRICT;

-- The owner of the instance: one row, made with the first person (A5).
CREATE TABLE instance_owner (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    person INTEGER NOT NULL REFERENCES people
) STRICT;

CREATE TABLE invitations (
    code_hash  BLOB PRIMARY KEY,
    expires_ms INTEGER NOT NULL,
    used_by    INTEGER REFERENCES people
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id         BLOB PRIMARY KEY,
    person     INTEGER NOT NULL REFERENCES people,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_person ON sessions (person);
CREATE INDEX sessions_by_end ON sessions (expires_ms);

-- `sessions`: moves whenever a session ends or a person changes (A3). `probe`: what is written after a full disk (F3).
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters VALUES ('sessions', 0), ('probe', 0);
