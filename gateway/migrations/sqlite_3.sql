-- An event waits for its files until then; 0 for one that waits for nothing.
ALTER TABLE inbox ADD COLUMN wait_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE held ADD COLUMN wait_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX inbox_wait ON inbox (wait_until);

-- The files of complaints. `serial` is the inbox row's that brought them (a message or a change of it), `message` the
-- complaint's own. state: pending, stored, refused, gone, left (at the vendor's). `told`: an event has said something about it.
CREATE TABLE media (
  complaint BLOB NOT NULL, number INTEGER NOT NULL, serial INTEGER NOT NULL, message INTEGER NOT NULL,
  channel TEXT NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0, reason TEXT,
  sha256 BLOB, bytes INTEGER, content_type TEXT, told INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (complaint, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX media_serial ON media (serial);
CREATE INDEX media_due ON media (due_at) WHERE state = 'pending';

-- What came inside a message, until it is kept as a file.
CREATE TABLE media_inline (
  complaint BLOB NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (complaint, number)
) STRICT;
