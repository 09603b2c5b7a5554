-- The bot's events in roll-ups. The events stay in the bot's own database; a day is recomputed whole from them.

CREATE TABLE daily_stats (
    day_on             DATE NOT NULL PRIMARY KEY,
    dau                BIGINT NOT NULL,         -- distinct users with a session_start
    starts             BIGINT NOT NULL,
    new_users          BIGINT NOT NULL,
    sessions           BIGINT NOT NULL,
    searches           BIGINT NOT NULL,
    searches_empty     BIGINT NOT NULL,
    carts_created      BIGINT NOT NULL,
    carts_with_sum     BIGINT NOT NULL,
    gmv_minor          BIGINT NOT NULL,
    cart_users         BIGINT NOT NULL,
    trial_carts        BIGINT NOT NULL,
    cart_limits_hit    BIGINT NOT NULL,
    surveys_completed  BIGINT NOT NULL,
    referral_links     BIGINT NOT NULL,
    referral_bonuses   BIGINT NOT NULL,
    feedback_bonuses   BIGINT NOT NULL,
    errors             BIGINT NOT NULL,
    unknown_events     BIGINT NOT NULL,
    malformed_fields   BIGINT NOT NULL,
    updated_at         TIMESTAMPTZ NOT NULL
);

CREATE TABLE user_days (
    user_id  BIGINT NOT NULL,
    day_on   DATE NOT NULL,
    steps    BIGINT NOT NULL,                   -- a bit per funnel step taken that day
    path     BIGINT NOT NULL,                   -- where the day's events lead from each step of the funnel
    PRIMARY KEY (user_id, day_on)
);
CREATE INDEX user_days_by_day ON user_days (day_on, user_id, steps);

-- A user's bot_start of a day, by source.
CREATE TABLE bot_entries (
    day_on       DATE NOT NULL,
    user_id      BIGINT NOT NULL,
    source       TEXT NOT NULL,                 -- empty = the link said nothing
    start_count  BIGINT NOT NULL,
    new_count    BIGINT NOT NULL,               -- with is_new_user
    is_first     BOOLEAN NOT NULL,              -- the user's first start of the day
    is_carted    BOOLEAN NOT NULL,              -- a cart followed the same day
    cart_offset  BIGINT,                        -- days to the first cart within 14 days; NULL = none
    progress     BIGINT NOT NULL,               -- days to each funnel step, four bits each; 15 = not reached
    PRIMARY KEY (day_on, user_id, source)
);
CREATE INDEX bot_entries_by_user ON bot_entries (user_id, day_on);

-- A user's first bot_start ever, and whether they came back.
CREATE TABLE bot_users (
    user_id   BIGINT NOT NULL PRIMARY KEY,
    first_on  DATE NOT NULL,
    source    TEXT NOT NULL,                    -- of that start; empty = the link said nothing
    is_d1     BOOLEAN NOT NULL DEFAULT FALSE,
    is_d7     BOOLEAN NOT NULL DEFAULT FALSE,
    is_d30    BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX bot_users_by_first_day ON bot_users (first_on);

CREATE TABLE bot_surveys (
    day_on   DATE NOT NULL,
    user_id  BIGINT NOT NULL,
    pmf      TEXT NOT NULL,                     -- the user's last answer of the day
    PRIMARY KEY (day_on, user_id)
);

CREATE TABLE bot_labels (
    day_on       DATE NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('scenario', 'error_type', 'unknown_type')),
    label        TEXT NOT NULL,
    event_count  BIGINT NOT NULL,
    PRIMARY KEY (day_on, kind, label)
);

CREATE TABLE bot_queries (
    day_on        DATE NOT NULL,
    query_key     TEXT COLLATE "C" NOT NULL,    -- word stems, case folded; sorted by bytes
    query         TEXT NOT NULL,                -- as typed
    search_count  BIGINT NOT NULL,
    empty_count   BIGINT NOT NULL,              -- searches that found nothing
    PRIMARY KEY (day_on, query_key, query)
);
