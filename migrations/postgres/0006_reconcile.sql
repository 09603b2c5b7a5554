-- Finding a message whose arrival nobody confirmed, and what operators did by hand.

-- The Telegram chat the last send went to: the settings may name another one by now.
ALTER TABLE deliveries ADD COLUMN sent_to TEXT;
-- The counter that numbers the messages there: the chat's own, or the one that all private chats and basic groups share.
ALTER TABLE deliveries ADD COLUMN id_space TEXT;
-- The last id looked at while searching; NULL = none since the last send.
ALTER TABLE deliveries ADD COLUMN probed_id BIGINT;
-- Start and floor of a send that was never found: its copy may still turn up above that id.
ALTER TABLE deliveries ADD COLUMN lost_at TIMESTAMPTZ;
ALTER TABLE deliveries ADD COLUMN lost_floor_id BIGINT;
-- When to look for that copy once more after a repeat was sent; NULL = there is nothing to look for.
ALTER TABLE deliveries ADD COLUMN sweep_at TIMESTAMPTZ;
ALTER TABLE deliveries ADD COLUMN sweep_count BIGINT NOT NULL DEFAULT 0;  -- looks that failed

CREATE INDEX deliveries_by_message ON deliveries (id_space, message_id);
CREATE INDEX deliveries_by_address ON deliveries (sent_to, started_at);
CREATE INDEX deliveries_by_edited ON deliveries (edit_of_key) WHERE edit_of_key IS NOT NULL;
CREATE INDEX deliveries_to_sweep ON deliveries (chat, sweep_at) WHERE sweep_at IS NOT NULL;

CREATE TABLE delivery_changes (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id  BIGINT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    change       TEXT NOT NULL CHECK (change IN ('retry', 'drop', 'resend')),
    changed_by   TEXT NOT NULL,
    changed_at   TIMESTAMPTZ NOT NULL
);
CREATE INDEX delivery_changes_by_delivery ON delivery_changes (delivery_id, id);
