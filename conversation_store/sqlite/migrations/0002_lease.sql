-- Who owns the database: the row's epoch grows with each owner.
CREATE TABLE lease (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  owner TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  since TEXT NOT NULL
);

-- The epoch that accepted the run; 0 if that was before there were epochs.
ALTER TABLE runs ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- The last of each kind: check, repair, vacuum, backup. `report` is JSON.
CREATE TABLE maintenance (
  kind TEXT NOT NULL PRIMARY KEY,
  finished_at TEXT NOT NULL,
  report TEXT NOT NULL
);
