-- Schema 7. Who was linked at a sign-in, and who is in trouble.

ALTER TABLE people ADD COLUMN linked_by_upn INTEGER NOT NULL DEFAULT 0;
CREATE INDEX people_with_reason ON people (tenant, reason) WHERE reason IS NOT NULL;
