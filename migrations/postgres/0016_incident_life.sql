-- Who has taken an incident up, until when nobody wants to hear of it, and who was called after ops did not answer.
ALTER TABLE incidents ADD COLUMN acknowledged_at TIMESTAMPTZ;
ALTER TABLE incidents ADD COLUMN acknowledged_by TEXT;
ALTER TABLE incidents ADD COLUMN snoozed_until_at TIMESTAMPTZ;
ALTER TABLE incidents ADD COLUMN snoozed_by TEXT;
ALTER TABLE incidents ADD COLUMN escalation_count BIGINT NOT NULL DEFAULT 0; -- steps taken
ALTER TABLE incidents ADD COLUMN reopened_at TIMESTAMPTZ;                    -- it was over, and was found again
ALTER TABLE incidents ADD COLUMN reopened_count BIGINT NOT NULL DEFAULT 0;

-- Incidents that nobody wants to hear of for a while: of one kind, or with one key.
CREATE TABLE silences (
    id         BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       TEXT,
    key        TEXT,                -- may end in *, which stands for anything
    author     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    ends_at    TIMESTAMPTZ NOT NULL,
    ended_by   TEXT,                -- set when somebody ended it before its time; `ends_at` is then that moment
    CHECK ((kind IS NULL) <> (key IS NULL))
);
CREATE INDEX silences_by_end ON silences (ends_at);
