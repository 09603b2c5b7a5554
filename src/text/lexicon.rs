//! Word lists: what the rules and the model may know beforehand. `config/lexicon.toml` is compiled in.
//!
//! A file with the same sections extends it; it cannot take words away, because the model was trained with them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::document::Ask;
use super::token::{fold, tokens};
use super::words::{HashedMap, Word, short_hash};

/// Markers a lexicon may name: one bit each.
pub const MARKERS_LIMIT: usize = 64;
/// Families a lexicon may name: one bit each.
pub const FAMILIES_LIMIT: usize = 128;

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
    #[error("[families] has {0} names, at most {FAMILIES_LIMIT} are possible")]
    TooManyFamilies(usize),
    #[error(
        "families.{0}: the model does not know this family; add words to the families of config/lexicon.toml"
    )]
    UnknownFamily(String),
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
    families: BTreeMap<String, Vec<String>>,
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
    /// Hash of a stem.
    Stem(u32),
    /// `сколько*`: any word that begins so.
    Prefix(String),
}

impl Piece {
    fn fits(&self, word: &Word) -> bool {
        match self {
            Self::Stem(stem) => word.stem == *stem,
            Self::Prefix(prefix) => word.folded.starts_with(prefix.as_str()),
        }
    }
}

/// Phrases by marker and the name lists of the mask.
#[derive(Debug, Default)]
pub struct Lexicon {
    names: Vec<String>,
    family_names: Vec<String>,
    /// Families by which the kind of a question is told.
    pub ask: Ask,
    /// Families of a whole folded word, and of whatever begins so.
    whole: HashMap<String, u128>,
    beginnings: HashMap<String, u128>,
    by_stem: HashedMap<u32, Vec<(u8, Vec<Piece>)>>,
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
        lexicon.family_names = file.families.keys().cloned().collect();
        if lexicon.family_names.len() > FAMILIES_LIMIT {
            return Err(LexiconError::TooManyFamilies(lexicon.family_names.len()));
        }
        lexicon.ask = Ask::new(&lexicon);
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
                    Some(Piece::Stem(stem)) => self.by_stem.entry(*stem).or_default().push((index, pieces)),
                    Some(Piece::Prefix(_)) => self.by_prefix.push((index, pieces)),
                }
            }
        }
        for (name, lines) in file.families {
            let index = self.family_names.iter().position(|known| *known == name);
            let bit = 1_u128 << index.ok_or(LexiconError::UnknownFamily(name))?;
            for word in lines.iter().flat_map(|line| line.split_whitespace()).map(fold) {
                match word.strip_suffix('*') {
                    Some(beginning) => *self.beginnings.entry(beginning.to_owned()).or_default() |= bit,
                    None => *self.whole.entry(word).or_default() |= bit,
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

    /// Bits of the markers whose phrases begin at the first of these words.
    pub fn markers_at<'a>(&self, words: impl Iterator<Item = &'a Word> + Clone) -> u64 {
        let Some(first) = words.clone().next() else { return 0 };
        let exact = self.by_stem.get(&first.stem).into_iter().flatten();
        let mut bits = 0;
        for (index, phrase) in exact.chain(&self.by_prefix) {
            let mut rest = words.clone();
            if phrase.iter().all(|piece| rest.next().is_some_and(|word| piece.fits(word))) {
                bits |= 1 << index;
            }
        }
        bits
    }

    /// Can a phrase of several words begin with this one?
    #[must_use]
    pub fn may_begin(&self, stem: &str, folded: &str) -> bool {
        let exact = self.by_stem.get(&short_hash(stem)).into_iter().flatten();
        exact.chain(&self.by_prefix).filter(|(_, phrase)| phrase.len() > 1).any(|(_, phrase)| {
            match &phrase[0] {
                Piece::Stem(_) => true,
                Piece::Prefix(prefix) => folded.starts_with(prefix.as_str()),
            }
        })
    }

    /// Bits of the families of a folded word.
    #[must_use]
    pub fn families(&self, folded: &str) -> u128 {
        let mut bits = self.whole.get(folded).copied().unwrap_or(0);
        for (end, _) in folded.char_indices().chain([(folded.len(), ' ')]).skip(1) {
            bits |= self.beginnings.get(&folded[..end]).copied().unwrap_or(0);
        }
        bits
    }

    /// Bit of a family, for rules in code; 0 when there is none of this name.
    #[must_use]
    pub fn family(&self, name: &str) -> u128 {
        self.family_names.iter().position(|known| known == name).map_or(0, |index| 1 << index)
    }
}

fn pieces(phrase: &str) -> Vec<Piece> {
    let words = phrase.split_whitespace().map(fold);
    words
        .flat_map(|word| match word.strip_suffix('*') {
            Some(prefix) => vec![Piece::Prefix(prefix.to_owned())],
            None => tokens(&word).iter().map(|token| Piece::Stem(short_hash(&token.stem))).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::words::Words;
    use super::*;

    fn markers(lexicon: &Lexicon, text: &str) -> u64 {
        let mut words = Words::default();
        let numbers: Vec<u32> =
            tokens(text).iter().map(|token| words.number(&token.folded, token.kind, lexicon)).collect();
        (0..numbers.len())
            .map(|at| lexicon.markers_at(numbers[at..].iter().map(|number| words.get(*number))))
            .fold(0, |bits, more| bits | more)
    }

    #[test]
    fn the_shipped_lexicon_is_read_without_an_error_and_finds_phrases_in_any_case() {
        let lexicon = Lexicon::parse(include_str!("../../config/lexicon.toml")).unwrap();
        assert!(!lexicon.first_names.is_empty() && !lexicon.names.is_empty());
        let price = lexicon.names.iter().position(|name| name == "price").unwrap();
        assert_eq!(markers(&lexicon, "какова СТОИМОСТЬ доставки") >> price & 1, 1);
        assert_eq!(markers(&lexicon, "добрый день") >> price & 1, 0);
    }

    #[test]
    fn a_word_belongs_to_the_families_that_name_it_or_its_beginning() {
        let lexicon = Lexicon::shipped();
        assert_ne!(lexicon.families("спина") & lexicon.family("body"), 0);
        assert_ne!(lexicon.families("скока") & lexicon.family("how_many"), 0);
        assert_eq!(lexicon.families("скамейка") & lexicon.family("how_many"), 0);
        assert_eq!(lexicon.family("no such family"), 0);
    }

    #[test]
    fn a_file_adds_phrases_and_words_and_a_wrong_one_is_refused_with_its_place() {
        let lexicon =
            Lexicon::extended("[markers]\nprice = [\"прайс лист\"]\n[families]\nbody = [\"ушко\"]").unwrap();
        assert_ne!(markers(&lexicon, "скиньте прайс-лист") | markers(&lexicon, "Прайс лист"), 0);
        assert_ne!(lexicon.families("ушко") & lexicon.family("body"), 0);
        let error = Lexicon::extended("[markers]\nweather = [\"дождь\"]").unwrap_err();
        assert!(error.to_string().contains("markers.weather"));
        let error = Lexicon::extended("[families]\nweather = [\"дождь\"]").unwrap_err();
        assert!(error.to_string().contains("families.weather"));
    }
}
