-- Digests corrected in place, and failures that are told exactly once.

-- The run whose messages this one may edit, because late data changed their figures. Its stored origin is 'manual'.
ALTER TABLE runs ADD COLUMN corrects_run_id BIGINT REFERENCES runs (id);
CREATE INDEX runs_by_corrected ON runs (corrects_run_id, id) WHERE corrects_run_id IS NOT NULL;
-- One correction of a run at a time, whoever asks.
CREATE UNIQUE INDEX runs_one_correction ON runs (corrects_run_id)
    WHERE corrects_run_id IS NOT NULL AND state IN ('planned', 'running');

-- An edit that must not become a new message when the edited one is gone.
ALTER TABLE deliveries ADD COLUMN is_correction BOOLEAN NOT NULL DEFAULT FALSE;

-- When an incident took the failure in; NULL = nobody was told yet.
ALTER TABLE runs ADD COLUMN told_at TIMESTAMPTZ;
ALTER TABLE deliveries ADD COLUMN told_at TIMESTAMPTZ;
-- What failed before there was this column is old news.
UPDATE runs SET told_at = COALESCE(finished_at, created_at) WHERE state = 'failed';
UPDATE deliveries SET told_at = COALESCE(finished_at, created_at) WHERE state = 'dead';
CREATE INDEX runs_untold ON runs (id) WHERE state = 'failed' AND told_at IS NULL;
CREATE INDEX deliveries_untold ON deliveries (id) WHERE state = 'dead' AND told_at IS NULL;
