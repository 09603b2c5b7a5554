//! Word lists: what the rules and the model may know beforehand. `config/lexicon.toml` is compiled in.
//!
//! A file with the same sections extends it; it cannot take words away, because the model was trained with them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::token::{Token, fold, stem, tokens};

/// Markers a lexicon may name: one bit each.
pub const MARKERS_LIMIT: usize = 64;

static SHIPPED: LazyLock<Lexicon> = LazyLock::new(|| {
    // A test reads the shipped file strictly; an empty lexicon only ever lowers the recall.
    Lexicon::parse(include_str!("../../config/lexicon.toml")).unwrap_or_default()
});

/// Why a lexicon file was refused.
#[derive(Debug, thiserror::Error)]
pub enum LexiconError {
    #[error("the lexicon is not readable: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("[markers] has {0} names, at most {MARKERS_LIMIT} are possible")]
    TooManyMarkers(usize),
    #[error("markers.{0}: an empty phrase")]
    EmptyPhrase(String),
    #[error(
        "markers.{0}: the model does not know this marker; add phrases to the markers of config/lexicon.toml"
    )]
    UnknownMarker(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    markers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    masking: MaskingFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MaskingFile {
    first_names: Vec<String>,
    not_surnames: Vec<String>,
    surname_cues: Vec<String>,
    not_streets: Vec<String>,
    units: Vec<String>,
}

/// One word of a phrase.
#[derive(Debug, Clone)]
enum Piece {
    Stem(String),
    /// `сколько*`: any word that begins so.
    Prefix(String),
}

impl Piece {
    fn fits(&self, token: &Token) -> bool {
        match self {
            Self::Stem(stem) => token.stem == *stem,
            Self::Prefix(prefix) => token.folded.starts_with(prefix),
        }
    }
}

/// Phrases by marker and the name lists of the mask.
#[derive(Debug, Default)]
pub struct Lexicon {
    names: Vec<String>,
    by_stem: HashMap<String, Vec<(u8, Vec<Piece>)>>,
    by_prefix: Vec<(u8, Vec<Piece>)>,
    /// Folded given names in the nominative, with short forms.
    pub first_names: HashSet<String>,
    /// Folded words that look like a surname and are none.
    pub not_surnames: HashSet<String>,
    /// Folded words after which a name stands.
    pub surname_cues: HashSet<String>,
    /// Folded capitalised words before a number that are no street.
    pub not_streets: HashSet<String>,
    /// Folded units: a number before one of them is no house.
    pub units: HashSet<String>,
}

impl Lexicon {
    /// The lexicon that is compiled in.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a whole lexicon.
    ///
    /// # Errors
    ///
    /// Not TOML, unknown sections, too many markers, an empty phrase.
    pub fn parse(text: &str) -> Result<Self, LexiconError> {
        let file: File = toml::from_str(text)?;
        let mut lexicon = Self { names: file.markers.keys().cloned().collect(), ..Self::default() };
        if lexicon.names.len() > MARKERS_LIMIT {
            return Err(LexiconError::TooManyMarkers(lexicon.names.len()));
        }
        lexicon.add(file)?;
        Ok(lexicon)
    }

    /// The shipped lexicon with the phrases and names of another file added.
    ///
    /// # Errors
    ///
    /// As [`Lexicon::parse`], and a marker the shipped lexicon does not have.
    pub fn extended(text: &str) -> Result<Self, LexiconError> {
        let mut lexicon = Self::parse(include_str!("../../config/lexicon.toml"))?;
        lexicon.add(toml::from_str(text)?)?;
        Ok(lexicon)
    }

    fn add(&mut self, file: File) -> Result<(), LexiconError> {
        for (name, phrases) in file.markers {
            let index = self.names.iter().position(|known| *known == name);
            let index = index.ok_or_else(|| LexiconError::UnknownMarker(name.clone()))? as u8;
            for phrase in phrases {
                let pieces = pieces(&phrase);
                match pieces.first() {
                    None => return Err(LexiconError::EmptyPhrase(name)),
                    Some(Piece::Stem(stem)) => {
                        self.by_stem.entry(stem.clone()).or_default().push((index, pieces))
                    }
                    Some(Piece::Prefix(_)) => self.by_prefix.push((index, pieces)),
                }
            }
        }
        let masking = file.masking;
        for (target, words) in [
            (&mut self.first_names, masking.first_names),
            (&mut self.not_surnames, masking.not_surnames),
            (&mut self.surname_cues, masking.surname_cues),
            (&mut self.not_streets, masking.not_streets),
            (&mut self.units, masking.units),
        ] {
            target.extend(words.iter().flat_map(|line| line.split_whitespace()).map(fold));
        }
        Ok(())
    }

    /// Bits of the markers whose phrases occur in the tokens.
    #[must_use]
    pub fn markers(&self, tokens: &[Token]) -> u64 {
        let mut bits = 0;
        for (at, token) in tokens.iter().enumerate() {
            let exact = self.by_stem.get(&token.stem).into_iter().flatten();
            for (index, phrase) in exact.chain(&self.by_prefix) {
                let fits = phrase.len() <= tokens.len() - at
                    && phrase.iter().zip(&tokens[at..]).all(|(piece, token)| piece.fits(token));
                if fits {
                    bits |= 1 << index;
                }
            }
        }
        bits
    }
}

fn pieces(phrase: &str) -> Vec<Piece> {
    let words = phrase.split_whitespace().map(fold);
    words
        .flat_map(|word| match word.strip_suffix('*') {
            Some(prefix) => vec![Piece::Prefix(prefix.to_owned())],
            None => tokens(&word).into_iter().map(|token| Piece::Stem(stem(&token.folded))).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_lexicon_is_read_without_an_error_and_finds_phrases_in_any_case() {
        let lexicon = Lexicon::parse(include_str!("../../config/lexicon.toml")).unwrap();
        assert!(!lexicon.first_names.is_empty() && !lexicon.names.is_empty());
        let price = lexicon.names.iter().position(|name| name == "price").unwrap();
        assert_eq!(lexicon.markers(&tokens("какова СТОИМОСТЬ доставки")) >> price & 1, 1);
        assert_eq!(lexicon.markers(&tokens("добрый день")) >> price & 1, 0);
    }

    #[test]
    fn a_file_adds_phrases_and_a_wrong_one_is_refused_with_its_place() {
        let lexicon = Lexicon::extended("[markers]\nprice = [\"прайс лист\"]").unwrap();
        assert_ne!(
            lexicon.markers(&tokens("скиньте прайс-лист")) | lexicon.markers(&tokens("Прайс лист")),
            0
        );
        let error = Lexicon::extended("[markers]\nweather = [\"дождь\"]").unwrap_err();
        assert!(error.to_string().contains("markers.weather"));
    }
}
