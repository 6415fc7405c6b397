-- What each channel brought in an hour (hours since 1970, UTC), and in how many seconds of it somebody listened: from these
-- rows it is learned what is usual.
CREATE TABLE traffic (
  channel TEXT NOT NULL, hour INTEGER NOT NULL, messages INTEGER NOT NULL, seconds INTEGER NOT NULL,
  PRIMARY KEY (channel, hour)
) STRICT, WITHOUT ROWID;

-- Channels that are quieter than is usual, since when, and how much.
CREATE TABLE silence (channel TEXT PRIMARY KEY, since INTEGER NOT NULL, words TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- When ids were last said to be one person's.
ALTER TABLE person ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE person SET at = unixepoch() * 1000;
CREATE INDEX person_at ON person (at);

-- Whether another complaint has the same file, and files that none has any more: they are removed where they are kept.
CREATE INDEX media_sha256 ON media (sha256) WHERE sha256 IS NOT NULL;
CREATE TABLE unwanted (sha256 BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
