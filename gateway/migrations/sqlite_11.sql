-- The first report of the matter that a complaint repeats (`store/similar.rs`); null for the first itself.
ALTER TABLE matter ADD COLUMN first INTEGER;
CREATE INDEX matter_first ON matter (first, serial) WHERE first IS NOT NULL;
