-- Schema 1. Applied once, in one transaction; a later change is a file of its own (docs/decisions/0046).
--
-- position: the order in which rows were first put. An INTEGER PRIMARY KEY of its own, because VACUUM may renumber
--           a hidden rowid.
-- ids:      ULIDs and GUIDs as text, so that a person with a database shell can read them.
-- *_at, *_until, valid_*: microseconds since 1970 UTC.
-- *_folded: what is compared without regard to case.
-- JSON is text; nothing here looks into it.

CREATE TABLE meta (
    id          INTEGER PRIMARY KEY CHECK (id = 0),
    krl_number  INTEGER NOT NULL,
    next_serial INTEGER
) STRICT;
INSERT INTO meta (id, krl_number, next_serial) VALUES (0, 0, NULL);

-- Never deleted from: a subject, a POSIX name or a uid that was somebody's is never anybody else's.
CREATE TABLE people (
    position     INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    tenant       TEXT NOT NULL,
    object       TEXT,
    user_name    TEXT NOT NULL,
    display_name TEXT NOT NULL,
    emails       TEXT NOT NULL,
    guest        INTEGER NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT,
    posix_name   TEXT UNIQUE,
    uid          INTEGER UNIQUE,
    UNIQUE (tenant, object)
) STRICT;

CREATE TABLE resources (
    position         INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    tenant           TEXT NOT NULL,
    person           TEXT NOT NULL REFERENCES people (id),
    user_name        TEXT NOT NULL,
    user_name_folded TEXT NOT NULL,
    external_id      TEXT,
    document         TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    modified_at      INTEGER NOT NULL,
    UNIQUE (tenant, user_name_folded)
) STRICT;
CREATE INDEX resources_of_tenant ON resources (tenant);
CREATE INDEX resources_of_person ON resources (person);
CREATE INDEX resources_by_external_id ON resources (tenant, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE groups (
    position            INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    tenant              TEXT NOT NULL,
    external_id         TEXT,
    display_name        TEXT NOT NULL,
    display_name_folded TEXT NOT NULL,
    document            TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    modified_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX groups_of_tenant ON groups (tenant);
CREATE INDEX groups_by_name ON groups (tenant, display_name_folded);
CREATE INDEX groups_by_external_id ON groups (tenant, external_id) WHERE external_id IS NOT NULL;

-- By position: a million rows of two small integers, both ways round.
CREATE TABLE memberships (
    group_position    INTEGER NOT NULL REFERENCES groups (position) ON DELETE CASCADE,
    resource_position INTEGER NOT NULL REFERENCES resources (position) ON DELETE CASCADE,
    PRIMARY KEY (group_position, resource_position)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_resource ON memberships (resource_position, group_position);

CREATE TABLE grants (
    position   INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    group_id   TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    tags       TEXT NOT NULL,
    sudo       INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_of_group ON grants (group_id);

CREATE TABLE hosts (
    position            INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    name                TEXT NOT NULL,
    names               TEXT NOT NULL,
    tags                TEXT NOT NULL,
    state               TEXT NOT NULL,
    machine_key         TEXT NOT NULL,
    machine_fingerprint TEXT NOT NULL UNIQUE,
    generation          INTEGER NOT NULL,
    enrolled_at         INTEGER NOT NULL,
    applied             INTEGER NOT NULL,
    lease_until         INTEGER,
    seen_at             INTEGER,
    problems            TEXT NOT NULL
) STRICT;

-- The names that are held: those of hosts that are not retired.
CREATE TABLE host_names (
    name    TEXT PRIMARY KEY,
    host_id TEXT NOT NULL REFERENCES hosts (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_names_of_host ON host_names (host_id);

CREATE TABLE enroll_tokens (
    position   INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    names      TEXT NOT NULL,
    tags       TEXT NOT NULL,
    uses_left  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE scim_tokens (
    position     INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    tenant       TEXT NOT NULL,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE TABLE sessions (
    id       TEXT PRIMARY KEY,
    person   TEXT NOT NULL REFERENCES people (id),
    kind     TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    nonce    TEXT,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_open ON sessions (person) WHERE ended_at IS NULL;

-- Either a host's, or a person's out of one of their sessions.
CREATE TABLE certificates (
    serial       INTEGER PRIMARY KEY,
    host         TEXT REFERENCES hosts (id),
    person       TEXT REFERENCES people (id),
    session      TEXT REFERENCES sessions (id),
    request      TEXT NOT NULL,
    tbs          BLOB NOT NULL,
    valid_after  INTEGER NOT NULL,
    valid_before INTEGER NOT NULL,
    intended_at  INTEGER NOT NULL,
    issued_at    INTEGER,
    revoked_at   INTEGER,
    CHECK ((host IS NULL) <> (person IS NULL) AND (person IS NULL) = (session IS NULL))
) STRICT;
CREATE INDEX certificates_of_person ON certificates (person, valid_before) WHERE person IS NOT NULL;
CREATE INDEX certificates_revoked ON certificates (valid_before) WHERE revoked_at IS NOT NULL;

-- The serial is no reference: a token may be used up before its certificate is intended, in the same transaction.
CREATE TABLE token_uses (
    token      TEXT PRIMARY KEY,
    purpose    BLOB NOT NULL CHECK (length(purpose) = 32),
    serial     INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    keep_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_uses_by_end ON token_uses (keep_until);

CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
