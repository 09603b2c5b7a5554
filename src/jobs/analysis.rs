//! What managers and customers do in their messages: marks for conversations that changed.
//!
//! Runs after each reading of the CRM. A changed conversation is analysed at once; a new version of the analysis goes through history
//! bit by bit, a share in each round, so that no digest waits for it.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::facts::{Author, Marks};
use crate::schedule::runner::JobError;
use crate::store::Store;
use crate::store::marks::StaleConversation;
use crate::text::lexicon::Lexicon;
use crate::text::{Analyst, Conversation, Labels, Message, Model, Sender};

/// Conversations analysed and stored at a time.
const BATCH: i64 = 100;

/// Batches in one round: what a day brings is one or two of them, history takes many rounds.
const MOST_BATCHES: u32 = 60;

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Analysed {
    pub conversations: u64,
    pub messages: u64,
    /// Conversations left for the next rounds.
    pub waiting: u64,
}

/// Analyses what waits, up to the limit of a round.
pub async fn round(store: &Store, clock: &dyn Clock) -> Result<Analysed, JobError> {
    store.set_analysis_version(version(), clock.now()).await?;
    let mut done = Analysed::default();
    for _ in 0..MOST_BATCHES {
        let stale = store.stale_conversations(BATCH).await?;
        if stale.is_empty() {
            break;
        }
        // A hundred conversations take tens of milliseconds: too long for a thread that serves others.
        let analysed =
            tokio::task::spawn_blocking(move || analyse(stale)).await.map_err(|error| JobError {
                reason: "analysis_failed",
                note: format!("conversations could not be analysed: {error}"),
                is_permanent: true,
            })?;
        store.save_marks(&analysed).await?;
        done.conversations += analysed.len() as u64;
        done.messages += analysed.iter().map(|(_, marks)| marks.len() as u64).sum::<u64>();
    }
    done.waiting = store.analysis_state().await?.map_or(0, |state| state.waiting);
    if done.waiting > 0 {
        tracing::info!(
            done = done.conversations,
            waiting = done.waiting,
            "the text analysis goes through history: {} conversations done, {} wait for the next rounds",
            done.conversations,
            done.waiting
        );
    }
    Ok(done)
}

/// Identity of the analysis: the weights, the words and the code that reads them.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hash = Sha256::new();
        hash.update(include_bytes!("../../config/model.bin"));
        hash.update(include_bytes!("../../config/lexicon.toml"));
        hash.update(CODE_VERSION.to_le_bytes());
        hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    })
}

/// Grows with every change of `text` or of [`marks_of`] that changes marks.
const CODE_VERSION: u32 = 2;

fn analyse(stale: Vec<StaleConversation>) -> Vec<(StaleConversation, Vec<(i64, Marks)>)> {
    let lexicon = Lexicon::shipped();
    let Some(model) = Model::shipped() else { return Vec::new() };
    let mut analyst = Analyst::new(model, lexicon);
    let mut labels = Vec::new();
    stale
        .into_iter()
        .map(|conversation| {
            let messages = conversation.messages.iter().map(|message| Message {
                n: message.id,
                sender: sender(message.author),
                text: message.text.clone(),
                labels: None,
            });
            let texts = Conversation { id: String::new(), messages: messages.collect() };
            analyst.label(&texts, &mut labels);
            let marks = texts.messages.iter().zip(&labels).filter_map(|(message, labels)| {
                let is_person = matches!(message.sender, Sender::Manager | Sender::Customer);
                is_person.then(|| (message.n, marks_of(*labels, message.sender)))
            });
            let marks = marks.collect();
            (conversation, marks)
        })
        .collect()
}

fn sender(author: Author) -> Sender {
    match author {
        Author::Customer(_) => Sender::Customer,
        Author::User(_) => Sender::Manager,
        Author::Bot(_) => Sender::Bot,
        Author::Channel(_) | Author::System => Sender::System,
    }
}

/// The model's columns, in order, as marks.
const MANAGER: [Marks; 14] = [
    Marks::SPIN_S,
    Marks::SPIN_P,
    Marks::SPIN_I,
    Marks::SPIN_N,
    Marks::OPEN_QUESTION,
    Marks::CLOSED_QUESTION,
    Marks::OTHER_QUESTION,
    Marks::NEXT_STEP,
    Marks::UPSELL,
    Marks::STAGE_GREETING,
    Marks::STAGE_NEEDS,
    Marks::STAGE_PRESENTATION,
    Marks::STAGE_OBJECTION,
    Marks::STAGE_CLOSING,
];
const CUSTOMER: [Marks; 14] = [
    Marks::PRICE,
    Marks::AVAILABILITY,
    Marks::DELIVERY,
    Marks::SIZE,
    Marks::BUY,
    Marks::PAYMENT,
    Marks::COMPLAINT,
    Marks::RETURN,
    Marks::NEGATIVE,
    Marks::POSITIVE,
    Marks::OBJECTION,
    Marks::OPEN_QUESTION,
    Marks::CLOSED_QUESTION,
    Marks::OTHER_QUESTION,
];

/// Labels of one message as marks; those of bots and of the system carry none.
pub fn marks_of(labels: Labels, sender: Sender) -> Marks {
    let columns = match sender {
        Sender::Manager => &MANAGER,
        Sender::Customer => &CUSTOMER,
        Sender::Bot | Sender::System => return Marks::default(),
    };
    let set = columns.iter().enumerate().filter(|(column, _)| labels.has(*column));
    set.fold(Marks::default(), |marks, (_, mark)| marks.with(*mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::labels;

    #[test]
    fn each_column_of_the_model_has_a_mark_of_its_own_and_of_its_name() {
        let name = |mark: Marks| serde_json::to_value(mark.0).unwrap();
        for (columns, names) in [(MANAGER, labels::MANAGER), (CUSTOMER, labels::CUSTOMER)] {
            let all: std::collections::BTreeSet<u32> = columns.iter().map(|mark| mark.0).collect();
            assert_eq!(all.len(), names.len(), "{:?}", columns.map(name));
        }
        let at = |names: [&str; 14], word: &str| names.iter().position(|name| *name == word).unwrap();
        assert_eq!(MANAGER[at(labels::MANAGER, "next_step")], Marks::NEXT_STEP);
        assert_eq!(MANAGER[at(labels::MANAGER, "open")], Marks::OPEN_QUESTION);
        assert_eq!(MANAGER[at(labels::MANAGER, "closing")], Marks::STAGE_CLOSING);
        assert_eq!(CUSTOMER[at(labels::CUSTOMER, "objection")], Marks::OBJECTION);
        assert_eq!(CUSTOMER[at(labels::CUSTOMER, "other")], Marks::OTHER_QUESTION);
        assert_eq!(CUSTOMER[at(labels::CUSTOMER, "payment")], Marks::PAYMENT);
    }
}
