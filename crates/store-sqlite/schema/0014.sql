-- Schema 14: groups that were deleted while many were in them, and what their members are looked at for.
--
-- dissolved: the tenant that the group was of. Its own is empty then: no look-up by tenant finds it, and none has to
-- ask. Gone when its last member has left.

ALTER TABLE groups ADD COLUMN dissolved TEXT;
-- A clock that was set back hid certificates from the revocation list by it.
ALTER TABLE unsettled_groups DROP COLUMN since;
