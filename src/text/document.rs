//! A conversation read once: words by number, sentences, which sentence asks.
//!
//! Most messages hold several sentences, and what one of them asks decides the label; so the words of the asking sentences
//! (or of the last one, since many ask without «?») are the message's *focus*.

use super::corpus::{Conversation, Message, Sender};
use super::lexicon::Lexicon;
use super::token::{TokenKind, scan};
use super::words::{Word, Words};

/// One occurrence of a word.
#[derive(Debug, Clone, Copy)]
pub struct Occurrence {
    pub word: u32,
    pub in_focus: bool,
}

/// One sentence of a message: a range of occurrences within the reading.
#[derive(Debug, Clone, Copy)]
pub struct Sentence {
    pub first: u32,
    pub last: u32,
    pub asks: bool,
    pub in_focus: bool,
}

/// What the signs of a message show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signs {
    pub question_marks: u8,
    pub shouts: bool,
    pub smiles: bool,
    pub is_sad: bool,
    pub has_number: bool,
    pub has_long_number: bool,
    pub has_link: bool,
    /// The last sentence asks.
    pub ends_asking: bool,
    /// A comma or dots stand before the last word.
    pub has_tail: bool,
}

/// A customer's or manager's message.
#[derive(Debug, Clone)]
pub struct Document {
    /// Place in the conversation's list of messages.
    pub index: usize,
    pub sender: Sender,
    pub first: u32,
    pub last: u32,
    pub first_sentence: u32,
    pub last_sentence: u32,
    pub markers: u64,
    pub signs: Signs,
}

/// The messages of customers and managers of one conversation; bots and the system say nothing about its course.
/// One reading serves many conversations: its buffers and its words stay.
#[derive(Debug, Default)]
pub struct Reading {
    pub words: Words,
    pub occurrences: Vec<Occurrence>,
    pub sentences: Vec<Sentence>,
    pub documents: Vec<Document>,
    pub ask: Ask,
    buffer: String,
}

/// Families by which the kind of a question is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    pub wh: u128,
    pub or: u128,
    pub tag: u128,
    /// Words that may stand before the first one that counts.
    pub fillers: u128,
}

impl Ask {
    /// From the lexicon that names them.
    #[must_use]
    pub fn new(lexicon: &Lexicon) -> Self {
        let all = |names: &[&str]| names.iter().fold(0, |bits, name| bits | lexicon.family(name));
        Self {
            wh: all(&["who", "what", "which", "when", "where", "how", "why", "how_many"]),
            or: all(&["or"]),
            tag: all(&["tag"]),
            fillers: all(&["and_if", "then", "now", "you", "your", "he", "this", "please", "tell", "greet"]),
        }
    }
}

impl Reading {
    /// Reads a conversation in place of the one before.
    pub fn read(&mut self, conversation: &Conversation, lexicon: &Lexicon) {
        self.occurrences.clear();
        self.sentences.clear();
        self.documents.clear();
        self.ask = lexicon.ask;
        for (index, message) in conversation.messages.iter().enumerate() {
            if matches!(message.sender, Sender::Customer | Sender::Manager) {
                self.read_message(index, message, lexicon);
            }
        }
    }

    /// Occurrences of a message.
    #[must_use]
    pub fn of(&self, document: &Document) -> &[Occurrence] {
        &self.occurrences[document.first as usize..document.last as usize]
    }

    /// Sentences of a message.
    #[must_use]
    pub fn sentences_of(&self, document: &Document) -> &[Sentence] {
        &self.sentences[document.first_sentence as usize..document.last_sentence as usize]
    }

    /// Words of a sentence.
    pub fn words_in(&self, sentence: Sentence) -> impl DoubleEndedIterator<Item = &Word> + Clone {
        let range = sentence.first as usize..sentence.last as usize;
        self.occurrences[range].iter().map(|occurrence| self.words.get(occurrence.word))
    }

    fn read_message(&mut self, index: usize, message: &Message, lexicon: &Lexicon) {
        let (first, first_sentence) = (self.occurrences.len() as u32, self.sentences.len() as u32);
        let mut signs = Signs {
            has_link: message.text.contains('@') || message.text.contains("://"),
            ..Signs::default()
        };
        let mut is_open_bracket = false;
        let mut begin = first;
        let mut ending = Ending::Inside;
        let Self { words, occurrences, sentences, buffer, .. } = self;
        let mut close = |begin: &mut u32, end: u32, asks: bool| {
            if *begin < end {
                sentences.push(Sentence { first: *begin, last: end, asks, in_focus: asks });
            }
            *begin = end;
        };
        scan(&message.text, buffer, |folded, kind, after_break| {
            let place = occurrences.len() as u32;
            let sign = match kind {
                TokenKind::Mark => folded.chars().next().unwrap_or(' '),
                _ => ' ',
            };
            let ends = matches!(sign, '.' | '!' | '?' | '…') || sign as u32 >= 0x2600;
            let is_smile = sign == ')' && !is_open_bracket;
            if after_break || !ends && !is_smile && !matches!(ending, Ending::Inside) {
                close(&mut begin, place, matches!(ending, Ending::Asking));
                ending = Ending::Inside;
            }
            match sign {
                '?' => {
                    signs.question_marks = signs.question_marks.saturating_add(1);
                    ending = Ending::Asking;
                }
                '!' => signs.shouts = true,
                '(' => {
                    is_open_bracket = true;
                    signs.is_sad = true;
                }
                ')' => {
                    signs.smiles |= is_smile;
                    signs.is_sad &= is_smile;
                    is_open_bracket = false;
                }
                _ => {}
            }
            if (ends || is_smile) && matches!(ending, Ending::Inside) {
                ending = Ending::Telling;
            }
            if kind == TokenKind::Number {
                signs.has_number = true;
                signs.has_long_number |= folded.len() > 3;
            }
            occurrences.push(Occurrence { word: words.number(folded, kind, lexicon), in_focus: false });
        });
        let last = occurrences.len() as u32;
        signs.ends_asking = matches!(ending, Ending::Asking);
        close(&mut begin, last, signs.ends_asking);
        let of_message = &mut sentences[first_sentence as usize..];
        if signs.question_marks == 0
            && let Some(sentence) = of_message.last_mut()
        {
            sentence.in_focus = true;
        }
        for sentence in of_message.iter().filter(|sentence| sentence.in_focus) {
            let range = sentence.first as usize..sentence.last as usize;
            occurrences[range].iter_mut().for_each(|occurrence| occurrence.in_focus = true);
        }
        let last_sentence = sentences.len() as u32;
        let mut markers = 0;
        let own = &self.occurrences[first as usize..];
        for (at, occurrence) in own.iter().enumerate() {
            let word = self.words.get(occurrence.word);
            markers |= word.markers;
            if word.may_begin {
                let rest = own[at..].iter().map(|occurrence| self.words.get(occurrence.word));
                markers |= lexicon.markers_at(rest);
            }
        }
        let sender = message.sender;
        self.documents.push(Document {
            index,
            sender,
            first,
            last,
            first_sentence,
            last_sentence,
            markers,
            signs,
        });
    }
}

/// How the sentence being read ends so far.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Inside,
    Telling,
    Asking,
}
