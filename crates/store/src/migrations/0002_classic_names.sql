-- The names by which the course's pages know documents. Bytes, not text: what SQLite does with a text that holds NUL is undefined.
CREATE TABLE classic_names (
    name     BLOB    PRIMARY KEY,
    document INTEGER NOT NULL UNIQUE REFERENCES documents
) STRICT, WITHOUT ROWID;

-- Text documents (kind 1) as those pages list them.
CREATE INDEX documents_of_text ON documents (created_ms, id) WHERE kind = 1 AND trashed_ms IS NULL;
