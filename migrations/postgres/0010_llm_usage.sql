-- Token usage of language models: calls for a while, their sums by day for ever.

CREATE TABLE llm_usage (
    key                TEXT NOT NULL PRIMARY KEY,   -- the same for the same call however often it is read
    used_at            TIMESTAMPTZ NOT NULL,
    user_id            TEXT,
    model              TEXT NOT NULL,
    prompt_tokens      BIGINT NOT NULL,
    completion_tokens  BIGINT NOT NULL,
    precached_tokens   BIGINT NOT NULL,            -- of the prompt, from the provider's cache
    billable_tokens    BIGINT NOT NULL,            -- what the provider charges for
    duration_ms        BIGINT
);
CREATE INDEX llm_usage_by_time ON llm_usage (used_at);

CREATE TABLE llm_days (
    day_on             DATE NOT NULL,               -- local day for calls, UTC day for Langfuse
    source             TEXT NOT NULL CHECK (source IN ('calls', 'langfuse')),
    model              TEXT NOT NULL,
    call_count         BIGINT NOT NULL,
    prompt_tokens      BIGINT NOT NULL,
    completion_tokens  BIGINT NOT NULL,
    precached_tokens   BIGINT NOT NULL,
    billable_tokens    BIGINT NOT NULL,
    PRIMARY KEY (day_on, source, model)
);

CREATE TABLE llm_users (
    day_on   DATE NOT NULL,
    user_id  TEXT NOT NULL,                         -- made a call on the day
    PRIMARY KEY (day_on, user_id)
);
