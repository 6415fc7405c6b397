-- What complaints are about, for as long as later ones may be about the same: the normalizer's own form. `sender` is the
-- keyed reference of who reported.
CREATE TABLE matter (
  serial INTEGER PRIMARY KEY, id BLOB NOT NULL, at INTEGER NOT NULL, sender BLOB, matter BLOB NOT NULL
) STRICT;
CREATE INDEX matter_sender ON matter (sender, serial) WHERE sender IS NOT NULL;

-- Where candidates are found: a block is a place with a kind of trouble, a name, a text. Newest last.
CREATE TABLE matter_block (block INTEGER NOT NULL, serial INTEGER NOT NULL, PRIMARY KEY (block, serial)) STRICT, WITHOUT ROWID;
