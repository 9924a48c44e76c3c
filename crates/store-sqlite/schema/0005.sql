-- Schema 5: three kinds of credentials for the directory, and what OAuth clients got for theirs.

ALTER TABLE scim_tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'bearer';

CREATE TABLE scim_access_tokens (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    credential TEXT NOT NULL REFERENCES scim_tokens (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_access_tokens_by_end ON scim_access_tokens (expires_at);
