-- Sources and the facts read from them. No foreign keys between facts: a message may arrive before its chat.

CREATE TABLE sources (
    name             TEXT NOT NULL PRIMARY KEY,
    cursor           TEXT,                      -- JSON; its shape belongs to the collector
    coverage_from    TEXT,                      -- known completely in [coverage_from, coverage_until)
    coverage_until   TEXT,
    last_success_at  TEXT,                      -- a round was read through
    last_failure_at  TEXT,
    failure_reason   TEXT,                      -- cleared by a success
    failing_since    TEXT                       -- first failure since the last success
) STRICT;

CREATE TABLE dropped_records (
    source         TEXT NOT NULL,
    reason         TEXT NOT NULL,
    dropped_at     TEXT NOT NULL,
    dropped_count  INTEGER NOT NULL
) STRICT;
CREATE INDEX dropped_records_by_time ON dropped_records (dropped_at);

CREATE TABLE crm_users (
    id          INTEGER NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    mg_user_id  INTEGER,                        -- the same person in the chats
    is_manager  INTEGER NOT NULL CHECK (is_manager IN (0, 1)),
    is_active   INTEGER NOT NULL CHECK (is_active IN (0, 1))
) STRICT;

CREATE TABLE mg_users (
    id            INTEGER NOT NULL PRIMARY KEY,
    external_id   TEXT,                         -- CRM user id, as the chats tell it
    name          TEXT NOT NULL,
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    is_technical  INTEGER NOT NULL CHECK (is_technical IN (0, 1))
) STRICT;

CREATE TABLE channels (
    id         INTEGER NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,                   -- the CRM's word; an open set
    name       TEXT,
    is_active  INTEGER NOT NULL CHECK (is_active IN (0, 1))
) STRICT;

CREATE TABLE chats (
    id             INTEGER NOT NULL PRIMARY KEY,
    channel_id     INTEGER,
    customer_id    INTEGER,                     -- MG customer id
    customer_name  TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL                -- an older version never overwrites a newer one
) STRICT;

CREATE TABLE dialogs (
    id                INTEGER NOT NULL PRIMARY KEY,
    chat_id           INTEGER NOT NULL,
    responsible_kind  TEXT CHECK (responsible_kind IN ('user', 'bot')),
    responsible_id    INTEGER,
    created_at        TEXT NOT NULL,
    assigned_at       TEXT,
    closed_at         TEXT,
    updated_at        TEXT NOT NULL             -- an older version never overwrites a newer one
) STRICT;
-- Dialogs open at a moment: only those few are not closed yet, or were closed after it.
CREATE INDEX dialogs_by_closing ON dialogs (closed_at);

CREATE TABLE messages (
    id                 INTEGER NOT NULL PRIMARY KEY,
    chat_id            INTEGER NOT NULL,
    dialog_id          INTEGER,
    sent_at            TEXT NOT NULL,
    author_kind        TEXT NOT NULL CHECK (author_kind IN ('customer', 'user', 'bot', 'channel', 'system')),
    author_id          INTEGER,                 -- NULL for the system
    is_public          INTEGER NOT NULL CHECK (is_public IN (0, 1)),
    event_kind         TEXT CHECK (event_kind IN ('assigned', 'unassigned', 'closed')),
    event_to_kind      TEXT CHECK (event_to_kind IN ('user', 'bot')),
    event_to_id        INTEGER,
    order_id           INTEGER,
    text               TEXT,                    -- personal data: deleted by age, see is_text_forgotten
    is_text_forgotten  INTEGER NOT NULL CHECK (is_text_forgotten IN (0, 1)),  -- the same version must not bring it back
    updated_at         TEXT NOT NULL            -- an older version never overwrites a newer one
) STRICT;
CREATE INDEX messages_by_time ON messages (sent_at, dialog_id);
CREATE INDEX messages_by_dialog ON messages (dialog_id, sent_at);
CREATE INDEX messages_with_text ON messages (sent_at) WHERE text IS NOT NULL;

CREATE TABLE orders (
    id             INTEGER NOT NULL PRIMARY KEY,
    number         TEXT NOT NULL,
    status         TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    manager_id     INTEGER,                     -- CRM user id
    customer_id    INTEGER,                     -- CRM customer id
    dialog_id      INTEGER,
    total_minor    INTEGER NOT NULL,            -- kopecks
    prepaid_minor  INTEGER NOT NULL,
    currency       TEXT,
    full_paid_at   TEXT,                        -- the only proof of payment
    is_deleted     INTEGER NOT NULL CHECK (is_deleted IN (0, 1))
) STRICT;
CREATE INDEX orders_by_creation ON orders (created_at, id);
CREATE INDEX orders_by_customer ON orders (customer_id);

CREATE TABLE customer_links (
    mg_customer_id   INTEGER NOT NULL PRIMARY KEY,
    crm_customer_id  INTEGER NOT NULL
) STRICT;
CREATE INDEX customer_links_by_crm ON customer_links (crm_customer_id);

CREATE TABLE reference_books (
    book        TEXT NOT NULL,                  -- order_status, payment_status
    code        TEXT NOT NULL,
    name        TEXT NOT NULL,
    group_code  TEXT,
    PRIMARY KEY (book, code)
) STRICT;
