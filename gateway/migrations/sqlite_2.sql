-- What waits to be sent, beside the other counts.
ALTER TABLE level ADD COLUMN replies INTEGER NOT NULL DEFAULT 0;

-- A message that was held gets no automatic answer; a row with `amends` is a change of the message of that serial.
ALTER TABLE inbox ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN amends INTEGER;

-- How each complaint is answered: written when its event is. Addresses are the connector's own JSON.
CREATE TABLE correspondence (
  serial INTEGER PRIMARY KEY, complaint BLOB NOT NULL UNIQUE, channel TEXT NOT NULL, public INTEGER NOT NULL,
  address BLOB, contact BLOB, heard_at INTEGER NOT NULL, status TEXT, status_at INTEGER
) STRICT;

-- What is to be said to citizens, in order. `serial` is the complaint's, none for an answer to a question.
-- state: waiting, sent, delivered, read, failed. `code` and `detail` say why it waits or failed. `before`: how many of
-- the attempts were made by another way, or before an operator put it back.
CREATE TABLE reply (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, occasion TEXT NOT NULL, serial INTEGER, channel TEXT NOT NULL,
  address BLOB, body BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  before INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0, code TEXT, detail TEXT, at INTEGER NOT NULL, changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reply_waiting ON reply (channel, seq) WHERE state = 'waiting';
CREATE INDEX reply_later ON reply (channel, due_at) WHERE state = 'waiting' AND due_at > 0;

-- The vendor's id of each part of a sent reply, and how far that part came.
CREATE TABLE reply_part (
  channel TEXT NOT NULL, vendor_id TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'sent',
  PRIMARY KEY (channel, vendor_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_part_seq ON reply_part (seq);

-- Changes of messages that are held: they go when their message goes. `target` is its serial.
CREATE TABLE follower (
  serial INTEGER PRIMARY KEY, target INTEGER NOT NULL, id BLOB NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL,
  draft BLOB NOT NULL, wait_until INTEGER NOT NULL
) STRICT;
CREATE INDEX follower_target ON follower (target);

-- Delivery reports that were here before the send was written down.
CREATE TABLE early_report (
  channel TEXT NOT NULL, vendor_id TEXT NOT NULL, state TEXT NOT NULL, detail TEXT, other_way INTEGER NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (channel, vendor_id, state)
) STRICT, WITHOUT ROWID;

ALTER TABLE quarantine ADD COLUMN amends INTEGER;
