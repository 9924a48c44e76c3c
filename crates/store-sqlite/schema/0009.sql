-- Schema 9: POSIX groups that hosts get from here, and which grants give them. Never deleted from.

CREATE TABLE posix_groups (
    position   INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    gid        INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

ALTER TABLE grants ADD COLUMN managed_groups TEXT NOT NULL DEFAULT '[]';
ALTER TABLE grants ADD COLUMN local_groups TEXT NOT NULL DEFAULT '[]';
