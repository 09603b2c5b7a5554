//! Sorting the databases' errors by what the caller can do about them.

use std::io;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::StoreError;

/// What trying again would do.
#[derive(Debug)]
enum Kind {
    Unavailable,
    Full,
    Refused,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match kind(&error) {
            Kind::Unavailable => Self::Unavailable(error),
            Kind::Full => Self::Full(error),
            Kind::Refused => Self::Refused(error),
        }
    }
}

fn kind(error: &sqlx::Error) -> Kind {
    use sqlx::Error as E;
    match error {
        E::Database(error) => database_kind(&**error),
        E::Io(error) if error.kind() == io::ErrorKind::StorageFull => Kind::Full,
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
            Kind::Unavailable
        }
        // Everything else is a text, a type or a column that does not fit: the same tomorrow.
        _ => Kind::Refused,
    }
}

fn database_kind(error: &dyn DatabaseError) -> Kind {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return postgres_kind(error.code());
    }
    match error.try_downcast_ref::<SqliteError>().and_then(|error| error.code()?.parse().ok()) {
        Some(code) => sqlite_kind(code),
        None => Kind::Refused,
    }
}

/// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn postgres_kind(code: &str) -> Kind {
    match code {
        "53100" => Kind::Full,
        // serialization failure, deadlock, lock timeout, database closed to connections, statement timeout,
        // read-only after a fail-over
        "40001" | "40P01" | "55P03" | "55000" | "57014" | "25006" => Kind::Unavailable,
        // connection lost, out of resources, server shutting down or starting, disk trouble
        _ if ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

/// By result code, whose low byte is the primary one: <https://www.sqlite.org/rescode.html>.
fn sqlite_kind(code: i32) -> Kind {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NO_MEMORY: i32 = 7;
    const INTERRUPTED: i32 = 9;
    const IO: i32 = 10;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    match code & 0xff {
        FULL => Kind::Full,
        BUSY | LOCKED | NO_MEMORY | INTERRUPTED | IO | CANNOT_OPEN => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

/// Whether a unique index refused the row: somebody else was first.
pub(super) fn is_unique_violation(error: &StoreError) -> bool {
    match error {
        StoreError::Refused(sqlx::Error::Database(error)) => error.is_unique_violation(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transient_fault_a_full_disk_and_a_bug_are_told_apart() {
        let words = |kinds: &[Kind]| kinds.iter().map(|kind| format!("{kind:?}")).collect::<Vec<_>>();
        let postgres =
            ["53100", "40001", "40P01", "57P01", "08006", "53300", "57014", "23505", "42703", "28P01"]
                .map(postgres_kind);
        let expected = "Full Unavailable Unavailable Unavailable Unavailable Unavailable Unavailable Refused Refused Refused";
        assert_eq!(words(&postgres).join(" "), expected);
        // full, busy, busy snapshot, locked, read error, constraint, unique, schema
        let sqlite = [13, 5, 517, 6, 266, 19, 2067, 1].map(sqlite_kind);
        let expected = "Full Unavailable Unavailable Unavailable Unavailable Refused Refused Refused";
        assert_eq!(words(&sqlite).join(" "), expected);
        let full_disk = sqlx::Error::Io(io::ErrorKind::StorageFull.into());
        assert_eq!(StoreError::from(full_disk).reason(), "disk_full");
    }
}
