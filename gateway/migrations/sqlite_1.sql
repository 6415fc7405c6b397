-- One row: what the gateway must know at a glance, kept by the transactions that change it.
CREATE TABLE level (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  next_serial INTEGER NOT NULL,   -- number of the next receipt; the citizen's reference stands for it
  next_event INTEGER NOT NULL,    -- number of the next outbox row
  inbox INTEGER NOT NULL, held INTEGER NOT NULL, outbox INTEGER NOT NULL, dead INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  bytes INTEGER NOT NULL          -- of all drafts and events that wait
) STRICT;
INSERT INTO level VALUES (1, 1, 1, 0, 0, 0, 0, 0, 0);

CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- The idempotency keys, with what the first delivery was answered. `at` in ms since 1970.
CREATE TABLE receipt (
  key TEXT PRIMARY KEY, serial INTEGER NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL, held INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Drafts that wait to be refined, in the order they were received.
CREATE TABLE inbox (
  serial INTEGER PRIMARY KEY, id BLOB NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL, draft BLOB NOT NULL
) STRICT;

-- Drafts over a limit, until their time comes or an operator releases them.
CREATE TABLE held (
  serial INTEGER PRIMARY KEY, id BLOB NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL, draft BLOB NOT NULL,
  sender INTEGER, release_at INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE INDEX held_release ON held (release_at);

-- Events that wait for the broker's confirm, in order.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, complaint BLOB NOT NULL, routing_key TEXT NOT NULL, body BLOB NOT NULL,
  at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Events that the broker would not take after every attempt; an operator retries them.
CREATE TABLE dead (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, complaint BLOB NOT NULL, routing_key TEXT NOT NULL, body BLOB NOT NULL,
  attempts INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;

-- What could not be understood, with its bytes. The fingerprint makes a redelivery find the first row.
CREATE TABLE quarantine (
  id BLOB PRIMARY KEY, channel TEXT NOT NULL, at INTEGER NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL,
  content_type TEXT, raw BLOB NOT NULL, fingerprint BLOB NOT NULL UNIQUE,
  serial INTEGER, complaint BLOB, seen INTEGER NOT NULL DEFAULT 1
) STRICT;

-- Where each pull stands.
CREATE TABLE cursor (channel TEXT PRIMARY KEY, cursor TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
