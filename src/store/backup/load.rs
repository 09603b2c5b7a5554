//! From lines to tables.

use std::io::BufRead;

use super::format::{Line, Reader, Summary};
use super::{BackupError, Database, Result};

/// Rows inserted at a time.
const BATCH: usize = 500;

/// Fills an empty database: the schema as it was, the rows, then the migrations since.
pub async fn load(db: &mut dyn Database, input: &mut (dyn BufRead + Send)) -> Result<Summary> {
    let (mut reader, header) = Reader::begin(input)?;
    let (backend, known) = db.kind();
    if header.backend != backend {
        return Err(BackupError::Unfit(format!(
            "the backup is of {}, the database is {backend}; restore it into a database of its own kind",
            header.backend
        )));
    }
    if header.migration > known {
        return Err(BackupError::Unfit(format!(
            "the backup was made by a newer version (migration {}, this program knows {known}); restore it with that version",
            header.migration
        )));
    }
    db.prepare(header.migration).await?;
    let mut tables = Vec::new();
    let (mut table, mut rows) = (String::new(), Vec::new());
    loop {
        match reader.next_line()? {
            Line::Table(name) => {
                db.clear(&name).await?;
                table = name;
            }
            Line::Row(row) => {
                rows.push(row);
                if rows.len() == BATCH {
                    db.insert(&table, &rows).await?;
                    rows.clear();
                }
            }
            Line::End(sum) => {
                db.insert(&table, &rows).await?;
                rows.clear();
                db.set_last_id(&table, sum.last_id).await?;
                tables.push(sum);
            }
            Line::Complete => break,
        }
    }
    db.finish().await?;
    Ok(Summary { header, tables })
}
