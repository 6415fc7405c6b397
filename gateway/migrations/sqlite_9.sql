-- Matters that do not stand in matter_block yet: they are found in memory, and filed by thousands.
CREATE TABLE matter_unfiled (serial INTEGER PRIMARY KEY) STRICT;
