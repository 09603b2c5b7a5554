//! Telling ops: findings become incidents, incidents become notices in the outbox.
