-- What operators did in the console, in order. `target` is what they did it to, `outcome` what came of it; none while it is
-- being done.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, what TEXT NOT NULL,
  target TEXT NOT NULL, reason TEXT, outcome TEXT
) STRICT;
CREATE INDEX audit_target ON audit (target);

-- Channels that an operator stopped: they take nothing in and send nothing until one lets them go on.
CREATE TABLE paused (
  channel TEXT PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The events of each complaint, and when the broker confirmed them: what is left of an outbox row that is done.
CREATE TABLE published (
  complaint BLOB NOT NULL, event BLOB NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, confirmed_at INTEGER,
  PRIMARY KEY (complaint, event)
) STRICT, WITHOUT ROWID;
ALTER TABLE level ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;

-- Which complaint is on the same matter, and which one (number of its receipt) it continues.
ALTER TABLE correspondence ADD COLUMN duplicate_of BLOB;
ALTER TABLE correspondence ADD COLUMN continues INTEGER;
CREATE INDEX correspondence_duplicate ON correspondence (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX correspondence_continues ON correspondence (continues) WHERE continues IS NOT NULL;
CREATE INDEX reply_serial ON reply (serial) WHERE serial IS NOT NULL;
CREATE INDEX reply_failed ON reply (changed_at) WHERE state = 'failed';
