-- Token usage of language models: calls for a while, their sums by day for ever.

CREATE TABLE llm_usage (
    key                TEXT NOT NULL PRIMARY KEY,   -- the same for the same call however often it is read
    used_at            TEXT NOT NULL,
    user_id            TEXT,
    model              TEXT NOT NULL,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    precached_tokens   INTEGER NOT NULL,            -- of the prompt, from the provider's cache
    billable_tokens    INTEGER NOT NULL,            -- what the provider charges for
    duration_ms        INTEGER
) STRICT;
CREATE INDEX llm_usage_by_time ON llm_usage (used_at);

CREATE TABLE llm_days (
    day_on             TEXT NOT NULL,               -- local day for calls, UTC day for Langfuse
    source             TEXT NOT NULL CHECK (source IN ('calls', 'langfuse')),
    model              TEXT NOT NULL,
    call_count         INTEGER NOT NULL,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    precached_tokens   INTEGER NOT NULL,
    billable_tokens    INTEGER NOT NULL,
    PRIMARY KEY (day_on, source, model)
) STRICT;

CREATE TABLE llm_users (
    day_on   TEXT NOT NULL,
    user_id  TEXT NOT NULL,                         -- made a call on the day
    PRIMARY KEY (day_on, user_id)
) STRICT;
