//! The lines of a backup.
//!
//! ```text
//! #{"svodka_backup":1,"backend":"sqlite","migration":6,"created_at":"2026-08-20T04:00:00Z"}
//! #{"table":"jobs"}
//! {"name":"daily",…}
//! #{"end":{"table":"jobs","rows":1,"sha256":"…","last_id":null}}
//! #{"complete":true}
//! ```

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{BackupError, Result};
use crate::clock::Instant;

/// Version of the lines.
const FORMAT: u32 = 1;

/// First line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    svodka_backup: u32,
    pub backend: String,
    /// The last migration that was applied.
    pub migration: i64,
    pub created_at: Instant,
}

impl Header {
    pub fn new(backend: &str, migration: i64, created_at: Instant) -> Self {
        Self { svodka_backup: FORMAT, backend: backend.to_owned(), migration, created_at }
    }
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    pub table: String,
    pub rows: u64,
    /// Of the row lines with their line feeds, in hexadecimal.
    pub sha256: String,
    /// The last id ever given out, where the database counts them: ids are not reused.
    pub last_id: Option<i64>,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub header: Header,
    pub tables: Vec<TableSum>,
}

impl Summary {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// When the copy was made.
    pub fn created_at(&self) -> Instant {
        self.header.created_at
    }
}

/// Writes the lines and sums them up.
pub struct Writer<'a> {
    out: Option<&'a mut (dyn Write + Send)>,
    header: Header,
    tables: Vec<TableSum>,
    hash: Sha256,
    rows: u64,
}

impl<'a> Writer<'a> {
    pub fn begin(out: &'a mut (dyn Write + Send), header: Header) -> Result<Self> {
        writeln!(out, "#{}", json!(header))?;
        Ok(Self { out: Some(out), header, tables: Vec::new(), hash: Sha256::new(), rows: 0 })
    }

    /// Only sums up.
    pub fn discarding(like: &Summary) -> Self {
        Self { out: None, header: like.header.clone(), tables: Vec::new(), hash: Sha256::new(), rows: 0 }
    }

    pub fn begin_table(&mut self, table: &str) -> Result<()> {
        (self.hash, self.rows) = (Sha256::new(), 0);
        self.control(&json!({ "table": table }))
    }

    /// A row as JSON on one line.
    pub fn row(&mut self, line: &str) -> Result<()> {
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        self.rows += 1;
        if let Some(out) = &mut self.out {
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    pub fn end_table(&mut self, table: &str, last_id: Option<i64>) -> Result<()> {
        let sum =
            TableSum { table: table.to_owned(), rows: self.rows, sha256: hex(self.hash.clone()), last_id };
        self.control(&json!({ "end": sum }))?;
        self.tables.push(sum);
        Ok(())
    }

    pub fn end(mut self) -> Result<Summary> {
        self.control(&json!({ "complete": true }))?;
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        Ok(Summary { header: self.header, tables: self.tables })
    }

    fn control(&mut self, value: &Value) -> Result<()> {
        if let Some(out) = &mut self.out {
            writeln!(out, "#{value}")?;
        }
        Ok(())
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line understood.
#[derive(Debug)]
pub enum Line {
    Table(String),
    /// Already checked to be JSON.
    Row(String),
    End(TableSum),
    Complete,
}

/// Reads the lines and checks the sums.
pub struct Reader<'a> {
    input: &'a mut (dyn BufRead + Send),
    line: u64,
    hash: Sha256,
    rows: u64,
}

impl<'a> Reader<'a> {
    /// Reads the first line.
    pub fn begin(input: &'a mut (dyn BufRead + Send)) -> Result<(Self, Header)> {
        let mut reader = Self { input, line: 0, hash: Sha256::new(), rows: 0 };
        let text = reader.text()?;
        let header = text
            .strip_prefix('#')
            .and_then(|json| serde_json::from_str::<Header>(json).ok())
            .filter(|header| header.svodka_backup == FORMAT);
        let header = header.ok_or_else(|| reader.damaged("this is not a backup of svodka"))?;
        Ok((reader, header))
    }

    pub fn next_line(&mut self) -> Result<Line> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Control {
            Table { table: String },
            End { end: TableSum },
            Complete { complete: bool },
        }
        let text = self.text()?;
        let Some(control) = text.strip_prefix('#') else {
            self.hash.update(text.as_bytes());
            self.hash.update(b"\n");
            self.rows += 1;
            return Ok(Line::Row(text));
        };
        match serde_json::from_str(control) {
            Ok(Control::Table { table }) => {
                (self.hash, self.rows) = (Sha256::new(), 0);
                Ok(Line::Table(table))
            }
            Ok(Control::End { end }) => {
                if end.rows != self.rows || end.sha256 != hex(self.hash.clone()) {
                    return Err(
                        self.damaged(&format!("the rows of `{}` do not add up to their checksum", end.table))
                    );
                }
                Ok(Line::End(end))
            }
            Ok(Control::Complete { complete: true }) => Ok(Line::Complete),
            _ => Err(self.damaged("this line means nothing")),
        }
    }

    pub fn damaged(&self, why: &str) -> BackupError {
        BackupError::Damaged { line: self.line, why: why.to_owned() }
    }

    fn text(&mut self) -> Result<String> {
        self.line += 1;
        let mut text = String::new();
        let length = self.input.read_line(&mut text).map_err(|error| self.damaged(&error.to_string()))?;
        if length == 0 || !text.ends_with('\n') {
            return Err(self.damaged("the backup breaks off here"));
        }
        text.pop();
        Ok(text)
    }
}
