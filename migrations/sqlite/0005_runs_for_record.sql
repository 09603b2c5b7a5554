-- A run for the record leaves its digest and its history behind and enqueues nothing (`svodka backfill`).
-- A column and not a wish of the command: whichever worker takes the run over must hold to it.
ALTER TABLE runs ADD COLUMN is_for_record INTEGER NOT NULL DEFAULT 0 CHECK (is_for_record IN (0, 1));
