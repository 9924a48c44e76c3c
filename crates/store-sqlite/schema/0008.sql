-- Schema 8: sign-ins are the configuration's business; what nothing reads is not kept.

ALTER TABLE connections DROP COLUMN issuer;
ALTER TABLE connections DROP COLUMN client_id;
