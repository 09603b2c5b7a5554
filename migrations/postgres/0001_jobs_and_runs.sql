-- Jobs, their runs, and what a run leaves behind.
-- All of it lives in the schema `svodka`: the search path is set by the connection.

-- One row, written by the readiness probe: proves that the database takes writes.
CREATE TABLE pings (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    ping_count  BIGINT NOT NULL
);
INSERT INTO pings (id, ping_count) VALUES (1, 0);

CREATE TABLE jobs (
    name          TEXT NOT NULL PRIMARY KEY,
    fingerprint   TEXT NOT NULL,                -- cron line and zone it was planned with
    next_slot_at  TIMESTAMPTZ,                  -- next occurrence not yet planned; NULL = there is none
    paused_at     TIMESTAMPTZ,
    paused_by     TEXT,
    pause_reason  TEXT,
    is_retired    BOOLEAN NOT NULL,             -- gone from the configuration
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE runs (
    id                  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- never reused: delivery keys name it
    job                 TEXT NOT NULL,          -- no foreign key: a manual run needs no registered job
    origin              TEXT NOT NULL CHECK (origin IN ('cron', 'manual')),
    slot_at             TIMESTAMPTZ NOT NULL,   -- the occurrence; decides the period of the report
    state               TEXT NOT NULL CHECK (state IN ('planned', 'running', 'succeeded', 'failed', 'skipped')),
    not_before_at       TIMESTAMPTZ NOT NULL,   -- not claimable earlier: backoff
    deadline_at         TIMESTAMPTZ,
    deadline_missed_at  TIMESTAMPTZ,            -- set once, with the note about the miss
    attempt_count       BIGINT NOT NULL,        -- attempts begun; released ones do not count
    lease_token         BIGINT NOT NULL,        -- grows with every claim: fences a former holder
    lease_owner         TEXT,                   -- holder; on a planned run the worker that was lost
    lease_until_ms      BIGINT,                 -- unix milliseconds by the database's clock
    created_at          TIMESTAMPTZ NOT NULL,
    started_at          TIMESTAMPTZ,            -- first attempt
    finished_at         TIMESTAMPTZ,
    reason              TEXT,                   -- bounded word of the last failure or of the skip
    note                TEXT                    -- one sentence for humans
);
-- An occurrence is planned at most once; manual runs take no occurrence's place.
CREATE UNIQUE INDEX runs_cron_slot ON runs (job, slot_at) WHERE origin = 'cron';
-- A job never overlaps itself, whoever claims.
CREATE UNIQUE INDEX runs_one_running ON runs (job) WHERE state = 'running';
CREATE INDEX runs_due ON runs (not_before_at, id) WHERE state = 'planned';
CREATE INDEX runs_by_slot ON runs (slot_at, id);
CREATE INDEX runs_by_job ON runs (job, slot_at, id);
CREATE INDEX runs_deadline ON runs (deadline_at) WHERE deadline_at IS NOT NULL AND deadline_missed_at IS NULL;

CREATE TABLE run_attempts (
    run_id       BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    lease_token  BIGINT NOT NULL,               -- token of the claim that began it
    owner        TEXT NOT NULL,
    started_at   TIMESTAMPTZ NOT NULL,
    finished_at  TIMESTAMPTZ,
    outcome      TEXT CHECK (outcome IN ('succeeded', 'failed', 'released', 'lost')),  -- NULL while it runs
    reason       TEXT,
    PRIMARY KEY (run_id, lease_token)
);

CREATE TABLE digests (
    run_id       BIGINT NOT NULL PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    report       TEXT NOT NULL,
    public_id    TEXT NOT NULL,                 -- short id shown in every message of the report
    period_from  TIMESTAMPTZ NOT NULL,
    period_to    TIMESTAMPTZ NOT NULL,
    body         JSONB NOT NULL                 -- the digest as computed, JSON, for replay
);

CREATE TABLE history (
    report       TEXT NOT NULL,
    period_on    DATE NOT NULL,                 -- first local day of the period
    subject      TEXT NOT NULL,                 -- team, manager/crm:28, channel/7
    measure      TEXT NOT NULL,
    value        DOUBLE PRECISION,              -- NULL = the measure has no value for the period
    is_complete  BOOLEAN NOT NULL,              -- the period was fully covered
    run_id       BIGINT NOT NULL,               -- the run that measured it last; no foreign key: history outlives runs
    PRIMARY KEY (report, subject, measure, period_on)
);
CREATE INDEX history_by_run ON history (run_id);
