-- Reports of a matter, and those of a sender, are filed as blocks are: thousands at once, in order. `sender` stays where an
-- older release wrote it, until it leaves the window.
INSERT INTO matter_block (block, serial)
  SELECT -first, serial FROM matter WHERE first IS NOT NULL AND serial NOT IN (SELECT serial FROM matter_unfiled);
DROP INDEX matter_first;
