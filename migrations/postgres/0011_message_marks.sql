-- What the text analysis says of messages, and which conversations it has yet to look at.

CREATE TABLE message_marks (
    message_id  BIGINT NOT NULL PRIMARY KEY,   -- no foreign key: as with all facts
    marks       BIGINT NOT NULL                -- a bit per statement, see facts::Marks
);

CREATE TABLE stale_conversations (
    chat_id     BIGINT NOT NULL,
    dialog_id   BIGINT NOT NULL,               -- 0 = the chat's messages outside any dialog
    is_history  BOOLEAN NOT NULL,  -- queued by a new version: may wait
    stamp       BIGINT NOT NULL,               -- grows with every change: what was read before is not final
    PRIMARY KEY (chat_id, dialog_id)
);
CREATE INDEX stale_conversations_queue ON stale_conversations (is_history, dialog_id, chat_id);

-- One row: the analysis that marks are made with.
CREATE TABLE text_analysis (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version     TEXT NOT NULL,
    changed_at  TIMESTAMPTZ NOT NULL
);
