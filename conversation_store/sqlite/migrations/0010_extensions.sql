-- By how much an approval was extended in all: what is left of its life is what it was at first.
ALTER TABLE approvals ADD COLUMN extended_ms INTEGER NOT NULL DEFAULT 0;
