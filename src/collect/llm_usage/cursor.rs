//! How far each log file has been read, and how a file is recognised under another name.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Instant;

/// Bytes of a file's beginning by which it is recognised cheaply.
pub(super) const HEAD_LEN: usize = 1024;

/// A digest of everything from the beginning of a file through some line: of the previous such digest and the line.
pub(super) type Chain = [u8; 32];

/// Where reading of the logs stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first load is through. From then on a call older than the kept lines cannot be told from a repeat.
    #[serde(default)]
    pub is_loaded: bool,
    #[serde(default)]
    pub files: Vec<FileMark>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileMark {
    pub dev: u64,
    /// 0 once another file has the inode.
    pub ino: u64,
    /// On disk, when last listed: a file with the same size and time has nothing new.
    pub size: u64,
    pub modified_micros: i64,
    /// End of the last complete line read, in bytes of the uncompressed text.
    pub offset: u64,
    /// [`Chain`] up to there, hexadecimal.
    pub chain: String,
    /// Digest of the first [`HEAD_LEN`] bytes, or of the first `offset` where those are fewer.
    pub head: String,
    /// When the file was last there.
    pub seen_at: Instant,
}

impl FileMark {
    /// Whether a file that begins with these bytes may be this one.
    pub(super) fn begins(&self, head: &[u8]) -> bool {
        let head_len = HEAD_LEN.min(usize::try_from(self.offset).unwrap_or(HEAD_LEN));
        head_len == 0 || head.len() >= head_len && digest_of_head(&head[..head_len]) == self.head
    }

    pub(super) fn chain(&self) -> Option<Chain> {
        let byte = |place: usize| u8::from_str_radix(self.chain.get(2 * place..2 * place + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
        bytes?.try_into().ok()
    }

    /// Notes how far reading has come.
    pub(super) fn advance(&mut self, offset: u64, chain: Chain, head: &[u8]) {
        let head_len = head.len().min(usize::try_from(offset).unwrap_or(HEAD_LEN));
        (self.offset, self.chain) = (offset, chain.iter().map(|byte| format!("{byte:02x}")).collect());
        self.head = digest_of_head(&head[..head_len]);
    }
}

fn digest_of_head(head: &[u8]) -> String {
    super::record::hex(&Sha256::digest(head))
}
