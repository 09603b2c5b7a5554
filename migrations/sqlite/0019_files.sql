-- Charts and tables that go out as messages of their own.

CREATE TABLE files (
    key         TEXT NOT NULL PRIMARY KEY,      -- run:12/1-answers.png; keeping it again does nothing
    name        TEXT NOT NULL,                  -- as the reader sees it
    kind        TEXT NOT NULL CHECK (kind IN ('photo', 'document')),
    content     TEXT NOT NULL,                  -- base64: one type for both databases, and a line of a backup can hold it
    created_at  TEXT NOT NULL
) STRICT;
CREATE INDEX files_by_age ON files (created_at);

-- The message is this file with the text as its caption. No reference: files are forgotten earlier than deliveries.
ALTER TABLE deliveries ADD COLUMN file_key TEXT;
