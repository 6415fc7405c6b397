-- SQLite reads the first row by its rowid.
CREATE INDEX IF NOT EXISTS quarantine_at ON quarantine (at);
-- Rewritten by every commit: room beside the row, so that a new version of it needs no new place in its index.
ALTER TABLE level SET (fillfactor = 10);

-- New messages of a channel that gateways took in which do not lead: who leads counts them with its own and removes them.
CREATE TABLE IF NOT EXISTS arrived (channel TEXT COLLATE "C" PRIMARY KEY, messages BIGINT NOT NULL);
