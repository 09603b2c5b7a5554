//! The model as bytes: little endian, a header, then per sender the vocabulary and the weights,
//! eight bits each.

use super::labels::COLUMNS;
use super::model::{BOTH, Model, NEIGHBOURS, Origin, Side, Vocabulary};

/// First bytes of a model file. The number is the version of the feature space: a change of `features` needs a new one.
const MAGIC: &[u8; 12] = b"svodka-text2";
/// No honest model has more features.
const FEATURES_LIMIT: u32 = 1 << 20;

/// Bytes that are not a model of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("not a text model of this version; train one with `svodka train`")]
    Foreign,
    #[error("the text model ends too early")]
    Short,
    #[error("the text model has bytes after its end or an impossible size")]
    Damaged,
}

impl Model {
    /// The model as a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let date = self.origin.trained_on.as_bytes();
        bytes.push(date.len().min(255) as u8);
        bytes.extend(date.iter().take(255));
        bytes.extend((self.origin.conversations.len() as u32).to_le_bytes());
        bytes.extend(self.origin.conversations.iter().flat_map(|print| print.to_le_bytes()));
        for side in [&self.manager, &self.customer] {
            write_side(side, &mut bytes);
        }
        bytes
    }

    /// Reads what [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// Another version, a file cut short, a file too long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(ModelError::Foreign)?);
        let date_length = reader.take(1)?[0];
        let trained_on = String::from_utf8_lossy(reader.take(usize::from(date_length))?).into_owned();
        let count = reader.number()?;
        let conversations = reader.numbers(count)?;
        let origin = Origin { trained_on, conversations };
        let (manager, customer) = (read_side(&mut reader)?, read_side(&mut reader)?);
        if reader.0.is_empty() { Ok(Self { origin, manager, customer }) } else { Err(ModelError::Damaged) }
    }
}

fn write_side(side: &Side, bytes: &mut Vec<u8>) {
    let mut keys: Vec<(u32, u32)> =
        side.vocabulary.places.iter().map(|(key, place)| (*place, *key)).collect();
    keys.sort_unstable();
    bytes.extend((keys.len() as u32).to_le_bytes());
    bytes.extend(keys.iter().flat_map(|(_, key)| key.to_le_bytes()));
    bytes.extend(&side.vocabulary.rarity);
    let reals = side.thresholds.iter().chain(&side.scales).chain(side.around.iter().flatten());
    bytes.extend(reals.flat_map(|real| real.to_le_bytes()));
    bytes.extend(side.rows.iter().flat_map(|row| row.weights).map(|weight| weight as u8));
}

fn read_side(reader: &mut Reader<'_>) -> Result<Side, ModelError> {
    let count = reader.number()?;
    if count > FEATURES_LIMIT {
        return Err(ModelError::Damaged);
    }
    let keys = reader.numbers(count)?;
    let rarity = reader.take(count as usize)?.to_vec();
    let thresholds = reader.reals()?;
    let scales = reader.reals()?;
    let around = (0..NEIGHBOURS * COLUMNS).map(|_| reader.reals()).collect::<Result<_, _>>()?;
    let weights = reader.take(count as usize * BOTH)?.chunks_exact(BOTH);
    let weights = weights.map(|row| std::array::from_fn(|column| row[column] as i8));
    let weights: Vec<_> = weights.collect();
    let places = keys.into_iter().zip(0..).collect();
    Ok(Side::of_parts(Vocabulary { places, rarity }, &weights, scales, around, thresholds))
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ModelError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<[u8; 4], ModelError> {
        self.take(4)?.try_into().map_err(|_| ModelError::Short)
    }

    fn number(&mut self) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.word()?))
    }

    fn reals<const COUNT: usize>(&mut self) -> Result<[f32; COUNT], ModelError> {
        let mut reals = [0.0; COUNT];
        for real in &mut reals {
            *real = f32::from_le_bytes(self.word()?);
        }
        Ok(reals)
    }

    fn numbers(&mut self, count: u32) -> Result<Vec<u32>, ModelError> {
        if count > FEATURES_LIMIT {
            return Err(ModelError::Damaged);
        }
        (0..count).map(|_| self.number()).collect()
    }
}
