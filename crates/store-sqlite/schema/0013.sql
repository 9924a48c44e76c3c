-- Schema 13: which object a group's row stood for last, and the addresses of users.

ALTER TABLE groups ADD COLUMN object TEXT;
UPDATE groups SET object = lower(external_id)
    WHERE external_id LIKE '________-____-____-____-____________'
    AND replace(external_id, '-', '') NOT GLOB '*[^0-9A-Fa-f]*';

-- address: folded. Several users may have one, and one user several.
CREATE TABLE resource_emails (
    tenant            TEXT NOT NULL,
    address           TEXT NOT NULL,
    resource_position INTEGER NOT NULL REFERENCES resources (position) ON DELETE CASCADE,
    PRIMARY KEY (tenant, address, resource_position)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_emails_of_resource ON resource_emails (resource_position);
INSERT OR IGNORE INTO resource_emails (tenant, address, resource_position)
    SELECT resources.tenant, lower(json_extract(email.value, '$.value')), resources.position
    FROM resources, json_each(resources.document, '$.emails') AS email
    WHERE email.type = 'object' AND json_type(email.value, '$.value') = 'text';
