-- The outbox: every message to be sent, every attempt to send it, and what is known about chats.

CREATE TABLE deliveries (
    id                BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- the order of sending within a chat
    key               TEXT NOT NULL UNIQUE,     -- run:12/managers/1; enqueuing it again does nothing
    run_id            BIGINT REFERENCES runs (id),
    chat              TEXT NOT NULL,            -- logical name; the target id comes from the settings
    part              BIGINT NOT NULL,
    part_count        BIGINT NOT NULL,
    edit_of_key       TEXT,                     -- NULL = a new message, else edit what that delivery became
    html              TEXT NOT NULL,
    plain             TEXT NOT NULL,            -- the same without markup, for the fallback
    public_id         TEXT NOT NULL,
    policy            TEXT NOT NULL CHECK (policy IN ('at_least_once', 'at_most_once')),
    expires_at        TIMESTAMPTZ,
    is_silent         BOOLEAN NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'dead', 'unknown')),
    not_before_at     TIMESTAMPTZ NOT NULL,
    attempt_count     BIGINT NOT NULL,          -- claims, those for reconciling included
    is_plain          BOOLEAN NOT NULL,         -- Telegram refused the markup
    is_repeat         BOOLEAN NOT NULL,         -- sent again after an unknown outcome
    floor_message_id  BIGINT,                   -- highest id known in the chat when the last send began
    message_id        BIGINT,
    lease_token       BIGINT NOT NULL,          -- grows with every claim: fences a former holder
    lease_owner       TEXT,
    lease_until_ms    BIGINT,                   -- unix milliseconds by the database's clock
    created_at        TIMESTAMPTZ NOT NULL,
    started_at        TIMESTAMPTZ,              -- the last send; reconciling does not touch it
    finished_at       TIMESTAMPTZ,
    reason            TEXT
);
-- One message per chat is in flight, whoever sends.
CREATE UNIQUE INDEX deliveries_one_sending ON deliveries (chat) WHERE state = 'sending';
-- What is still to be sent, oldest first, and the same by chat: the claim looks at nothing else, however much was sent.
CREATE INDEX deliveries_queue ON deliveries (id) WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX deliveries_open ON deliveries (chat, id) WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX deliveries_by_run ON deliveries (run_id, chat, part);

CREATE TABLE delivery_attempts (
    delivery_id  BIGINT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    lease_token  BIGINT NOT NULL,               -- token of the claim that began it
    chat         TEXT NOT NULL,                 -- copied: the rate limits read this table alone
    owner        TEXT NOT NULL,
    started_at   TIMESTAMPTZ NOT NULL,
    finished_at  TIMESTAMPTZ,
    outcome      TEXT CHECK (outcome IN ('sent', 'retry', 'dead', 'unknown', 'lost')),  -- NULL while it runs
    reason       TEXT,
    PRIMARY KEY (delivery_id, lease_token)
);
CREATE INDEX delivery_attempts_by_start ON delivery_attempts (started_at, chat);

CREATE TABLE chat_states (
    chat             TEXT NOT NULL PRIMARY KEY,
    migrated_to      BIGINT,                    -- Telegram moved the chat: send here
    not_before_at    TIMESTAMPTZ,               -- nothing is sent to the chat earlier
    last_message_id  BIGINT                     -- highest message id seen in the chat
);

CREATE TABLE seen_chats (
    id           BIGINT NOT NULL,               -- Telegram chat id
    topic        BIGINT,                        -- forum topic; NULL = the chat itself
    kind         TEXT NOT NULL,
    title        TEXT NOT NULL,
    topic_title  TEXT,
    seen_at      TIMESTAMPTZ NOT NULL
);
-- Topics count from 1, so 0 can stand for "no topic" (NULLs never equal each other in an index).
CREATE UNIQUE INDEX seen_chats_key ON seen_chats (id, COALESCE(topic, 0));

CREATE TABLE incidents (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            TEXT NOT NULL,               -- stable identity of the trouble: run_failed/daily
    kind           TEXT NOT NULL,
    detail         JSONB NOT NULL,              -- JSON object the text is rendered from
    opened_at      TIMESTAMPTZ NOT NULL,
    last_seen_at   TIMESTAMPTZ NOT NULL,
    resolved_at    TIMESTAMPTZ,
    finding_count  BIGINT NOT NULL,
    notice_count   BIGINT NOT NULL,             -- number of the last notice; 1 = "opened"
    remind_at      TIMESTAMPTZ
);
-- At most one incident per key is open.
CREATE UNIQUE INDEX incidents_open_key ON incidents (key) WHERE resolved_at IS NULL;
CREATE INDEX incidents_by_opening ON incidents (opened_at);
CREATE INDEX incidents_by_resolving ON incidents (resolved_at);
