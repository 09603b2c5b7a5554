-- What the text analysis says of messages, and which conversations it has yet to look at.

CREATE TABLE message_marks (
    message_id  INTEGER NOT NULL PRIMARY KEY,   -- no foreign key: as with all facts
    marks       INTEGER NOT NULL                -- a bit per statement, see facts::Marks
) STRICT;

CREATE TABLE stale_conversations (
    chat_id     INTEGER NOT NULL,
    dialog_id   INTEGER NOT NULL,               -- 0 = the chat's messages outside any dialog
    is_history  INTEGER NOT NULL CHECK (is_history IN (0, 1)),  -- queued by a new version: may wait
    stamp       INTEGER NOT NULL,               -- grows with every change: what was read before is not final
    PRIMARY KEY (chat_id, dialog_id)
) STRICT;
CREATE INDEX stale_conversations_queue ON stale_conversations (is_history, dialog_id, chat_id);

-- One row: the analysis that marks are made with.
CREATE TABLE text_analysis (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version     TEXT NOT NULL,
    changed_at  TEXT NOT NULL
) STRICT;
