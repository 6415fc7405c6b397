-- A message of a chat waits with its neighbours until they are one complaint. `wait_until` says where it is: -1 not looked
-- at yet, -2 in a bundle (`bundle`), else as before. `files_until`: until when it waits for its files after that.
-- `follows`: the receipt's number of the complaint that it continues. `reviewed`: an operator let it through.
ALTER TABLE inbox ADD COLUMN files_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN bundle INTEGER;
ALTER TABLE inbox ADD COLUMN follows INTEGER;
ALTER TABLE inbox ADD COLUMN reviewed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX inbox_bundle ON inbox (bundle) WHERE bundle IS NOT NULL;

-- Messages of one sender that are one complaint to be: number and id of the first, which are the complaint's.
CREATE TABLE bundle (
  serial INTEGER PRIMARY KEY, id BLOB NOT NULL, channel TEXT NOT NULL, sender BLOB NOT NULL, release_at INTEGER NOT NULL
) STRICT;
CREATE INDEX bundle_sender ON bundle (sender);
CREATE INDEX bundle_release ON bundle (release_at);

-- Messages that became part of another one's complaint (`part` 1), or repeat it (0).
CREATE TABLE joined (
  serial INTEGER PRIMARY KEY, complaint INTEGER NOT NULL, id BLOB NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX joined_parts ON joined (complaint) WHERE part = 1;

-- What a person of a chat said lately, so that what continues it can be told from something new.
CREATE TABLE said (
  sender BLOB NOT NULL, serial INTEGER NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (sender, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX said_at ON said (at);

-- The citizen's words as they were written, where the event masks them, and of each message of several that are one
-- complaint. Never leaves the gateway.
CREATE TABLE original (
  complaint BLOB NOT NULL, serial INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (complaint, serial)
) STRICT, WITHOUT ROWID;

-- Messages that are no complaints by the rules, until an operator lets them through.
CREATE TABLE set_aside (
  serial INTEGER PRIMARY KEY, id BLOB NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL, draft BLOB NOT NULL,
  reason TEXT NOT NULL
) STRICT;
ALTER TABLE level ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;

-- Ids of one person of which the channel itself says that they are one, each with the reference that stands for all.
CREATE TABLE person (id BLOB PRIMARY KEY, reference BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- What complaints are about, for as long as later ones may be about the same: the normalizer's own form. `sender` is the
-- keyed reference of who reported.
CREATE TABLE matter (
  serial INTEGER PRIMARY KEY, id BLOB NOT NULL, at INTEGER NOT NULL, sender BLOB, matter BLOB NOT NULL
) STRICT;
CREATE INDEX matter_sender ON matter (sender, serial) WHERE sender IS NOT NULL;

-- Where candidates are found: a block is a place with a kind of trouble, a name, a text. Newest last.
CREATE TABLE matter_block (block INTEGER NOT NULL, serial INTEGER NOT NULL, PRIMARY KEY (block, serial)) STRICT, WITHOUT ROWID;

-- The clocks of complaints that run: what must be done by `due_at`. `next_at`: when the core CRM is told (again), `told`: how
-- often it was.
CREATE TABLE clock (
  serial INTEGER NOT NULL, kind TEXT NOT NULL, complaint BLOB NOT NULL, channel TEXT NOT NULL, since INTEGER NOT NULL,
  due_at INTEGER NOT NULL, next_at INTEGER NOT NULL, told INTEGER NOT NULL, PRIMARY KEY (serial, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX clock_next ON clock (next_at);
CREATE INDEX clock_late ON clock (kind) WHERE told > 0;
