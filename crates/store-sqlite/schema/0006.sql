-- Schema 6. The provisioning log: what each SCIM operation asked for and what came of it, kept for a while.
--
-- group_id is no reference: the log outlives the group. People are never removed.

CREATE TABLE provisioning (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    tenant   TEXT NOT NULL,
    request  TEXT NOT NULL,
    group_id TEXT,
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX provisioning_of_group ON provisioning (group_id, seq) WHERE group_id IS NOT NULL;

-- By number first, so that the old ones go together; small, because a membership is a row here.
CREATE TABLE provisioning_people (
    seq             INTEGER NOT NULL,
    person_position INTEGER NOT NULL,
    PRIMARY KEY (seq, person_position)
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_of_person ON provisioning_people (person_position, seq);
