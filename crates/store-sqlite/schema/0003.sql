-- Schema 3: the ledger of names and numbers (docs/decisions/0115).

ALTER TABLE people ADD COLUMN gid INTEGER;
UPDATE people SET gid = uid;

-- Every name that is or was somebody's. A row goes on holding its name until freed_at, whatever became of the person.
CREATE TABLE posix_names (
    position         INTEGER PRIMARY KEY,
    name             TEXT NOT NULL,
    person           TEXT NOT NULL REFERENCES people (id),
    since            INTEGER,
    until            INTEGER,
    release_asked_at INTEGER,
    freed_at         INTEGER
) STRICT;
CREATE UNIQUE INDEX posix_names_held ON posix_names (name) WHERE freed_at IS NULL;
CREATE INDEX posix_names_of_person ON posix_names (person);
INSERT INTO posix_names (name, person) SELECT posix_name, id FROM people WHERE posix_name IS NOT NULL ORDER BY position;

-- Every number that is or was somebody's uid or gid. Never deleted from.
CREATE TABLE posix_ids (
    number INTEGER PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id)
) STRICT;
INSERT INTO posix_ids (number, person) SELECT uid, id FROM people WHERE uid IS NOT NULL;

-- Where the search for a free number goes on, by the first number of a range.
CREATE TABLE id_cursors (
    first INTEGER PRIMARY KEY,
    next  INTEGER NOT NULL
) STRICT;
INSERT INTO id_cursors (first, next) SELECT 70000, max(uid) + 1 FROM people HAVING max(uid) IS NOT NULL;

CREATE TABLE ledger (
    person     TEXT PRIMARY KEY REFERENCES people (id),
    proposed   TEXT,
    refusal    TEXT,
    kept       TEXT,
    assigned   TEXT,
    wanted_uid INTEGER,
    wanted_gid INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_by_uid ON ledger (wanted_uid) WHERE wanted_uid IS NOT NULL;
CREATE INDEX ledger_by_gid ON ledger (wanted_gid) WHERE wanted_gid IS NOT NULL;

CREATE TABLE expression (
    id         INTEGER PRIMARY KEY CHECK (id = 0),
    expression TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

-- Local accounts, groups and numbers of hosts that are not ours, as said by the hosts.
CREATE TABLE foreign_names (
    name TEXT NOT NULL,
    host TEXT NOT NULL REFERENCES hosts (id),
    PRIMARY KEY (name, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX foreign_names_of_host ON foreign_names (host);
CREATE TABLE foreign_ids (
    number INTEGER NOT NULL,
    host   TEXT NOT NULL REFERENCES hosts (id),
    PRIMARY KEY (number, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX foreign_ids_of_host ON foreign_ids (host);

-- Local accounts that an administrator gave to a person.
CREATE TABLE adoptions (
    position   INTEGER PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES people (id),
    local      TEXT NOT NULL,
    hosts      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (person, local, hosts)
) STRICT;
