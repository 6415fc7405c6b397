-- Where a matter is, in millionths of a degree, beside its blocks: a candidate that is too far away is not looked up at all.
-- None for one without a point, and for those of before.
ALTER TABLE matter_block ADD COLUMN lat INTEGER;
ALTER TABLE matter_block ADD COLUMN lon INTEGER;
