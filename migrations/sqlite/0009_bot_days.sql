-- The bot's events in roll-ups. The events stay in the bot's own database; a day is recomputed whole from them.

CREATE TABLE daily_stats (
    day_on             TEXT NOT NULL PRIMARY KEY,
    dau                INTEGER NOT NULL,        -- distinct users with a session_start
    starts             INTEGER NOT NULL,
    new_users          INTEGER NOT NULL,
    sessions           INTEGER NOT NULL,
    searches           INTEGER NOT NULL,
    searches_empty     INTEGER NOT NULL,
    carts_created      INTEGER NOT NULL,
    carts_with_sum     INTEGER NOT NULL,
    gmv_minor          INTEGER NOT NULL,
    cart_users         INTEGER NOT NULL,
    trial_carts        INTEGER NOT NULL,
    cart_limits_hit    INTEGER NOT NULL,
    surveys_completed  INTEGER NOT NULL,
    referral_links     INTEGER NOT NULL,
    referral_bonuses   INTEGER NOT NULL,
    feedback_bonuses   INTEGER NOT NULL,
    errors             INTEGER NOT NULL,
    unknown_events     INTEGER NOT NULL,
    malformed_fields   INTEGER NOT NULL,
    updated_at         TEXT NOT NULL
) STRICT;

CREATE TABLE user_days (
    user_id  INTEGER NOT NULL,
    day_on   TEXT NOT NULL,
    steps    INTEGER NOT NULL,                  -- a bit per funnel step taken that day
    path     INTEGER NOT NULL,                  -- where the day's events lead from each step of the funnel
    PRIMARY KEY (user_id, day_on)
) STRICT;
CREATE INDEX user_days_by_day ON user_days (day_on, user_id, steps);

-- A user's bot_start of a day, by source.
CREATE TABLE bot_entries (
    day_on       TEXT NOT NULL,
    user_id      INTEGER NOT NULL,
    source       TEXT NOT NULL,                 -- empty = the link said nothing
    start_count  INTEGER NOT NULL,
    new_count    INTEGER NOT NULL,              -- with is_new_user
    is_first     INTEGER NOT NULL CHECK (is_first IN (0, 1)),      -- the user's first start of the day
    is_carted    INTEGER NOT NULL CHECK (is_carted IN (0, 1)),     -- a cart followed the same day
    cart_offset  INTEGER,                       -- days to the first cart within 14 days; NULL = none
    progress     INTEGER NOT NULL,              -- days to each funnel step, four bits each; 15 = not reached
    PRIMARY KEY (day_on, user_id, source)
) STRICT;
CREATE INDEX bot_entries_by_user ON bot_entries (user_id, day_on);

-- A user's first bot_start ever, and whether they came back.
CREATE TABLE bot_users (
    user_id   INTEGER NOT NULL PRIMARY KEY,
    first_on  TEXT NOT NULL,
    source    TEXT NOT NULL,                    -- of that start; empty = the link said nothing
    is_d1     INTEGER NOT NULL DEFAULT 0 CHECK (is_d1 IN (0, 1)),
    is_d7     INTEGER NOT NULL DEFAULT 0 CHECK (is_d7 IN (0, 1)),
    is_d30    INTEGER NOT NULL DEFAULT 0 CHECK (is_d30 IN (0, 1))
) STRICT;
CREATE INDEX bot_users_by_first_day ON bot_users (first_on);

CREATE TABLE bot_surveys (
    day_on   TEXT NOT NULL,
    user_id  INTEGER NOT NULL,
    pmf      TEXT NOT NULL,                     -- the user's last answer of the day
    PRIMARY KEY (day_on, user_id)
) STRICT;

CREATE TABLE bot_labels (
    day_on       TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('scenario', 'error_type', 'unknown_type')),
    label        TEXT NOT NULL,
    event_count  INTEGER NOT NULL,
    PRIMARY KEY (day_on, kind, label)
) STRICT;

CREATE TABLE bot_queries (
    day_on        TEXT NOT NULL,
    query_key     TEXT NOT NULL,                -- word stems, case folded; sorted by bytes
    query         TEXT NOT NULL,                -- as typed
    search_count  INTEGER NOT NULL,
    empty_count   INTEGER NOT NULL,             -- searches that found nothing
    PRIMARY KEY (day_on, query_key, query)
) STRICT;
