-- Schema 4: who writes the directory, one row a tenant.
--
-- networks, scope: JSON lists; empty means: from anywhere, everybody.
-- unsettled:       the scope changed, and not everybody was judged anew yet.

CREATE TABLE connections (
    position        INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    tenant          TEXT NOT NULL UNIQUE,
    issuer          TEXT,
    client_id       TEXT,
    networks        TEXT NOT NULL,
    scope           TEXT NOT NULL,
    link_by_upn     INTEGER NOT NULL,
    unsettled       INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    last_request_at INTEGER
) STRICT;
