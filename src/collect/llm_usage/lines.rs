//! Complete lines of a log file, compressed or not, from a place on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::cursor::{Chain, HEAD_LEN};

/// Longer lines are skipped: no record of a call is near this.
const LINE_CAP: usize = 1 << 20;

/// A file being read.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    /// End of the last complete line.
    pub offset: u64,
    /// Digest of everything up to there.
    pub chain: Chain,
    /// Compressed files do not grow, so their last line is complete without its line end.
    is_final: bool,
}

impl Lines {
    /// From the beginning.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?)
    }

    pub fn new(mut file: File) -> io::Result<Self> {
        let is_final = is_gzip(&mut file)?;
        let reader: Box<dyn BufRead + Send> = if is_final {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(BufReader::new(file))))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        Ok(Self { reader, offset: 0, chain: [0; 32], is_final })
    }

    /// From a place that was reached before.
    pub fn resume(mut file: File, offset: u64, chain: Chain) -> io::Result<Self> {
        if is_gzip(&mut file)? {
            let mut lines = Self::new(file)?;
            io::copy(&mut (&mut lines.reader).take(offset), &mut io::sink())?;
            return Ok(Self { offset, chain, ..lines });
        }
        file.seek(SeekFrom::Start(offset))?;
        let reader = Box::new(BufReader::with_capacity(1 << 16, file));
        Ok(Self { reader, offset, chain, is_final: false })
    }

    /// Puts the next complete line, without its end, into `line`; `None` when there is none yet. An over-long line comes cut.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<Option<LineLength>> {
        line.clear();
        let mut digest = Sha256::new_with_prefix(self.chain);
        let (mut taken, mut length) = (0_u64, 0);
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                if taken == 0 || !self.is_final {
                    return Ok(None);
                }
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            digest.update(piece);
            length += piece.len();
            line.extend_from_slice(&piece[..piece.len().min(LINE_CAP - line.len())]);
            let used = piece.len() + usize::from(end.is_some());
            taken += used as u64;
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.offset += taken;
        self.chain = digest.finalize().into();
        Ok(Some(if length > LINE_CAP { LineLength::TooLong } else { LineLength::Fits }))
    }
}

/// Whether a line came whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineLength {
    Fits,
    TooLong,
}

/// The first bytes of the uncompressed text, at most [`HEAD_LEN`].
pub(super) fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut lines = Lines::open(path)?;
    let mut head = vec![0; HEAD_LEN];
    let mut filled = 0;
    while filled < HEAD_LEN {
        match lines.reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            // A compressed file that is still being written begins all the same.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// By its first two bytes, whatever its name; the file is rewound.
fn is_gzip(file: &mut File) -> io::Result<bool> {
    let mut magic = [0; 2];
    let is_gzip = match file.read_exact(&mut magic) {
        Ok(()) => magic == [0x1f, 0x8b],
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(error),
    };
    file.rewind()?;
    Ok(is_gzip)
}
