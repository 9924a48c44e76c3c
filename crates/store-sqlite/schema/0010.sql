-- Schema 10: groups whose members are looked at some at a time, after a grant came or went (docs/decisions/0135).
--
-- after: the position of the last resource that was looked at.

CREATE TABLE unsettled_groups (
    what     TEXT NOT NULL,
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    since    INTEGER NOT NULL,
    after    INTEGER NOT NULL,
    PRIMARY KEY (what, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX unsettled_groups_of_group ON unsettled_groups (group_id);
