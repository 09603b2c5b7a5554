-- Who receives a bot's updates: one worker at a time, and from which update on.

CREATE TABLE pollers (
    bot_id          BIGINT NOT NULL PRIMARY KEY,   -- the number at the head of the bot's token
    lease_owner     TEXT,
    lease_token     BIGINT NOT NULL,               -- grows with every claim
    lease_until_ms  BIGINT,                        -- end of the lease by the database's clock, unix milliseconds; NULL = nobody's
    next_update_id  BIGINT,                        -- everything below is kept; NULL = nothing received yet
    received_at     TIMESTAMPTZ                    -- when next_update_id last grew
);
