-- Schema 15: grants that ended because the directory took their group away, for whoever finds that group here again.
--
-- group_id: of the row that is gone. object: the group's id in the directory.

CREATE TABLE lost_grants (
    position       INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    group_id       TEXT NOT NULL,
    tags           TEXT NOT NULL,
    sudo           INTEGER NOT NULL,
    managed_groups TEXT NOT NULL,
    local_groups   TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    tenant         TEXT NOT NULL,
    object         TEXT NOT NULL,
    lost_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX lost_grants_by_time ON lost_grants (lost_at);
