-- Which process does what a line of the audit log says (`store/lead.rs`): what is under way ends with it.
ALTER TABLE audit ADD COLUMN process INTEGER NOT NULL DEFAULT 0;
