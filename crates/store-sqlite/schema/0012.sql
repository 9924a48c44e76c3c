-- Schema 12. Who waits for a name, and to whom a local account was given, are asked by name.

ALTER TABLE ledger ADD COLUMN proposed_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX ledger_by_name ON ledger (proposed, proposed_at, person) WHERE proposed IS NOT NULL;
CREATE INDEX adoptions_by_local ON adoptions (local);
