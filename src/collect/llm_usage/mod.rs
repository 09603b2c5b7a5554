//! Token usage of language models: from log files, from a push, from Langfuse.
//!
//! Every record has a key, and a key counts once. In a file the key is a digest of everything from the file's beginning
//! through the record's line: the same under any name, compressed or not, and different for equal lines of one file. In
//! a push it is a digest of the line. A record that names itself by an id has the same key in both; without ids a call must not
//! be both logged to a read file and pushed.

pub mod cursor;
pub mod files;
pub mod langfuse;
mod lines;
pub mod push;
pub mod record;

use std::collections::BTreeMap;

use crate::facts::llm::LlmUsage;

/// Source of calls read from files or pushed.
pub const SOURCE_LLM_USAGE: &str = "llm_usage";
/// Source of daily sums read from Langfuse.
pub const SOURCE_LANGFUSE: &str = "llm_langfuse";

/// Calls that were read, and what could not be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsageBatch {
    pub records: Vec<LlmUsage>,
    /// Unusable records by reason: `bad_time`, `no_tokens`, `too_old`, `bad_gzip`, `line_too_long`.
    pub dropped: BTreeMap<String, u64>,
}

impl UsageBatch {
    fn drop_one(&mut self, reason: &str) {
        *self.dropped.entry(reason.to_owned()).or_default() += 1;
    }
}
