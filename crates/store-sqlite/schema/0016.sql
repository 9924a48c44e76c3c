-- Schema 16: links that were made before the chain told of each.
--
-- links_told: the chain tells of all of them, and says so itself; here so that a start need not read it.

ALTER TABLE meta ADD COLUMN links_told INTEGER NOT NULL DEFAULT 0;
