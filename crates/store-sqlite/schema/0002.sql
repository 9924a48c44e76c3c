-- Schema 2. Resources are looked up by the object id that they claim, however their externalId spells it.

ALTER TABLE resources ADD COLUMN object TEXT;
UPDATE resources SET object = lower(external_id)
    WHERE external_id LIKE '________-____-____-____-____________';
CREATE INDEX resources_by_object ON resources (tenant, object) WHERE object IS NOT NULL;
