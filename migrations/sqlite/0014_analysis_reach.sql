-- How far back the present text analysis reaches, and what a language model answered when it was asked to refine it.

-- Messages up to here were analysed by an older version for good: their texts were gone when the present one came.
ALTER TABLE text_analysis ADD COLUMN counts_from_at TEXT;

CREATE TABLE refinements (
    content_hash  TEXT NOT NULL PRIMARY KEY,    -- of the model, the question and the masked text
    answer        TEXT NOT NULL,                -- the part of the answer that is used
    token_count   INTEGER NOT NULL,
    asked_at      TEXT NOT NULL
) STRICT;
CREATE INDEX refinements_asked_at ON refinements (asked_at);
