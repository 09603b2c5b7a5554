-- Commands and buttons: replies in the outbox, who did what, and who reads what.

-- The inline keyboard under the message, as the Bot API takes it; NULL = none, and an edit leaves the one that stands.
ALTER TABLE deliveries ADD COLUMN keyboard TEXT;
-- The message of the same chat that is answered.
ALTER TABLE deliveries ADD COLUMN reply_to_id INTEGER;

-- Every refused and every changing command or press. Never what was written.
CREATE TABLE command_audit (
    id          INTEGER NOT NULL PRIMARY KEY,
    asked_at    TEXT NOT NULL,
    update_id   INTEGER NOT NULL,
    chat_id     INTEGER NOT NULL,                -- Telegram's
    user_id     INTEGER,                         -- Telegram's; NULL = a channel, or an anonymous administrator
    command     TEXT NOT NULL,                   -- 'pause', 'button:managers', …
    subject     TEXT,                            -- what was changed: a job
    outcome     TEXT NOT NULL CHECK (outcome IN ('refused', 'done')),
    reason      TEXT                             -- bounded word of a refusal
) STRICT;

-- What chats themselves chose to read, beside jobs.NAME.chats of the configuration.
CREATE TABLE subscriptions (
    chat        TEXT NOT NULL,                   -- name in the configuration, or tg:… for another one
    job         TEXT NOT NULL,
    is_on       INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    changed_at  TEXT NOT NULL,
    PRIMARY KEY (chat, job)
) STRICT;
