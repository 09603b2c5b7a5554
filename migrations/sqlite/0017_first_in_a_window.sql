-- Which of a user's starts is the first one in a window is told by the row itself: the one before it lies outside.

-- The user's last day with a start before this one, by any source and by this one; NULL = there is none.
ALTER TABLE bot_entries ADD COLUMN previous_on TEXT;
ALTER TABLE bot_entries ADD COLUMN source_previous_on TEXT;
UPDATE bot_entries AS entry SET
    previous_on = (SELECT max(earlier.day_on) FROM bot_entries AS earlier
        WHERE earlier.user_id = entry.user_id AND earlier.day_on < entry.day_on),
    source_previous_on = (SELECT max(earlier.day_on) FROM bot_entries AS earlier
        WHERE earlier.user_id = entry.user_id AND earlier.day_on < entry.day_on AND earlier.source = entry.source);

-- Starts of a day by source.
CREATE TABLE bot_starts (
    day_on       TEXT NOT NULL,
    source       TEXT NOT NULL,                 -- empty = the link said nothing
    start_count  INTEGER NOT NULL,
    new_count    INTEGER NOT NULL,               -- with is_new_user
    PRIMARY KEY (day_on, source)
) STRICT;
INSERT INTO bot_starts (day_on, source, start_count, new_count)
    SELECT day_on, source, sum(start_count), sum(new_count) FROM bot_entries GROUP BY day_on, source;

-- The latest success of a job, without its other runs.
CREATE INDEX runs_succeeded ON runs (job, slot_at, id) WHERE state = 'succeeded' AND corrects_run_id IS NULL;
