-- Sources and the facts read from them. No foreign keys between facts: a message may arrive before its chat.

CREATE TABLE sources (
    name             TEXT NOT NULL PRIMARY KEY,
    cursor           JSONB,                     -- JSON; its shape belongs to the collector
    coverage_from    TIMESTAMPTZ,               -- known completely in [coverage_from, coverage_until)
    coverage_until   TIMESTAMPTZ,
    last_success_at  TIMESTAMPTZ,               -- a round was read through
    last_failure_at  TIMESTAMPTZ,
    failure_reason   TEXT,                      -- cleared by a success
    failing_since    TIMESTAMPTZ                -- first failure since the last success
);

CREATE TABLE dropped_records (
    source         TEXT NOT NULL,
    reason         TEXT NOT NULL,
    dropped_at     TIMESTAMPTZ NOT NULL,
    dropped_count  BIGINT NOT NULL
);
CREATE INDEX dropped_records_by_time ON dropped_records (dropped_at);

CREATE TABLE crm_users (
    id          BIGINT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    mg_user_id  BIGINT,                         -- the same person in the chats
    is_manager  BOOLEAN NOT NULL,
    is_active   BOOLEAN NOT NULL
);

CREATE TABLE mg_users (
    id            BIGINT NOT NULL PRIMARY KEY,
    external_id   TEXT,                         -- CRM user id, as the chats tell it
    name          TEXT NOT NULL,
    is_active     BOOLEAN NOT NULL,
    is_technical  BOOLEAN NOT NULL
);

CREATE TABLE channels (
    id         BIGINT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,                   -- the CRM's word; an open set
    name       TEXT,
    is_active  BOOLEAN NOT NULL
);

CREATE TABLE chats (
    id             BIGINT NOT NULL PRIMARY KEY,
    channel_id     BIGINT,
    customer_id    BIGINT,                      -- MG customer id
    customer_name  TEXT NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL         -- an older version never overwrites a newer one
);

CREATE TABLE dialogs (
    id                BIGINT NOT NULL PRIMARY KEY,
    chat_id           BIGINT NOT NULL,
    responsible_kind  TEXT CHECK (responsible_kind IN ('user', 'bot')),
    responsible_id    BIGINT,
    created_at        TIMESTAMPTZ NOT NULL,
    assigned_at       TIMESTAMPTZ,
    closed_at         TIMESTAMPTZ,
    updated_at        TIMESTAMPTZ NOT NULL      -- an older version never overwrites a newer one
);
-- Dialogs open at a moment: only those few are not closed yet, or were closed after it.
CREATE INDEX dialogs_by_closing ON dialogs (closed_at);

CREATE TABLE messages (
    id                 BIGINT NOT NULL PRIMARY KEY,
    chat_id            BIGINT NOT NULL,
    dialog_id          BIGINT,
    sent_at            TIMESTAMPTZ NOT NULL,
    author_kind        TEXT NOT NULL CHECK (author_kind IN ('customer', 'user', 'bot', 'channel', 'system')),
    author_id          BIGINT,                  -- NULL for the system
    is_public          BOOLEAN NOT NULL,
    event_kind         TEXT CHECK (event_kind IN ('assigned', 'unassigned', 'closed')),
    event_to_kind      TEXT CHECK (event_to_kind IN ('user', 'bot')),
    event_to_id        BIGINT,
    order_id           BIGINT,
    text               TEXT,                    -- personal data: deleted by age, see is_text_forgotten
    is_text_forgotten  BOOLEAN NOT NULL,        -- the same version must not bring it back
    updated_at         TIMESTAMPTZ NOT NULL     -- an older version never overwrites a newer one
);
CREATE INDEX messages_by_time ON messages (sent_at, dialog_id);
CREATE INDEX messages_by_dialog ON messages (dialog_id, sent_at);
CREATE INDEX messages_with_text ON messages (sent_at) WHERE text IS NOT NULL;

CREATE TABLE orders (
    id             BIGINT NOT NULL PRIMARY KEY,
    number         TEXT NOT NULL,
    status         TEXT NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    manager_id     BIGINT,                      -- CRM user id
    customer_id    BIGINT,                      -- CRM customer id
    dialog_id      BIGINT,
    total_minor    BIGINT NOT NULL,             -- kopecks
    prepaid_minor  BIGINT NOT NULL,
    currency       TEXT,
    full_paid_at   TIMESTAMPTZ,                 -- the only proof of payment
    is_deleted     BOOLEAN NOT NULL
);
CREATE INDEX orders_by_creation ON orders (created_at, id);
CREATE INDEX orders_by_customer ON orders (customer_id);

CREATE TABLE customer_links (
    mg_customer_id   BIGINT NOT NULL PRIMARY KEY,
    crm_customer_id  BIGINT NOT NULL
);
CREATE INDEX customer_links_by_crm ON customer_links (crm_customer_id);

CREATE TABLE reference_books (
    book        TEXT NOT NULL,                  -- order_status, payment_status
    code        TEXT NOT NULL,
    name        TEXT NOT NULL,
    group_code  TEXT,
    PRIMARY KEY (book, code)
);
