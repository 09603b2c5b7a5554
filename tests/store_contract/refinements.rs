//! What a language model answered, and which messages it may be asked about.

use svodka::facts::{Author, FactBatch, Marks, Message, SourceStep};
use svodka::store::refinements::Refinement;

use super::at;
use crate::support::stores::{Given, for_each_store};

fn said(id: i64, dialog_id: i64, minutes: i64, author: Author) -> Message {
    Message {
        id,
        chat_id: 1,
        dialog_id: Some(dialog_id),
        sent_at: at(minutes),
        author,
        is_public: true,
        event: None,
        order_id: None,
        text: Some(format!("слово {id}")),
        updated_at: at(minutes),
    }
}

async fn talk(given: &Given) {
    let (customer, manager) = (Author::Customer(101), Author::User(11));
    let messages = vec![
        said(1, 10, 1, customer),
        said(2, 10, 2, manager),
        said(3, 10, 3, customer),
        said(4, 10, 4, manager),
        said(5, 20, 5, customer),
        said(6, 20, 6, Author::Bot(3)),
        Message { text: None, ..said(7, 20, 7, manager) },
    ];
    let step = SourceStep { source: "test".into(), ..SourceStep::default() };
    let batch = FactBatch { messages, ..FactBatch::default() };
    given.save_facts(&batch, &step, at(0)).await.unwrap();
    let stale = given.stale_conversations(100).await.unwrap();
    let mark = |id| if id == 4 { Marks::NEXT_STEP } else { Marks::OPEN_QUESTION };
    let marked = stale.into_iter().map(|one| {
        let marks = one.messages.iter().map(|message| (message.id, mark(message.id))).collect();
        (one, marks)
    });
    given.save_marks(&marked.collect::<Vec<_>>()).await.unwrap();
}

async fn candidates(given: &Given, minutes: i64, limit: i64) -> Vec<(i64, bool, String)> {
    let found = given.refine_candidates(at(minutes), Marks::QUESTION, limit).await.unwrap();
    found.into_iter().map(|one| (one.message_id, one.is_managers, one.before)).collect()
}

#[tokio::test]
async fn managers_questions_and_customers_last_words_may_be_refined_once() {
    for_each_store(async |given| {
        talk(&given).await;
        let all = [(5, false, "слово 3"), (3, false, "слово 1"), (2, true, "слово 1")]
            .map(|(id, is_managers, before)| (id, is_managers, before.to_owned()));
        assert_eq!(candidates(&given, 0, 100).await, all);
        assert_eq!(candidates(&given, 3, 100).await, all[..2]);
        assert_eq!(candidates(&given, 0, 1).await, all[..1]);

        let refined = Marks::OPEN_QUESTION.with(Marks::SPIN_P).with(Marks::REFINED);
        let changes = [(2, Marks::OPEN_QUESTION, refined), (3, Marks::PRICE, refined)];
        assert_eq!(given.refine_marks(&changes).await.unwrap(), 1, "the other was analysed anew meanwhile");
        assert_eq!(candidates(&given, 0, 100).await, all[..2]);
        let marks = given.facts_between(at(-10), at(100)).await.unwrap().marks;
        assert_eq!((marks[&2], marks[&3]), (refined, Marks::OPEN_QUESTION));
    })
    .await;
}

#[tokio::test]
async fn answers_are_found_by_their_content_and_their_cost_is_added_up() {
    for_each_store(async |given| {
        let one = |hash: &str, answer: &str, token_count| Refinement {
            content_hash: hash.to_owned(),
            answer: answer.to_owned(),
            token_count,
        };
        assert_eq!(given.refine_tokens_since(at(0)).await.unwrap(), 0);
        given.save_refinements(&[one("a", "spin:S", 30), one("b", "", 0)], at(1)).await.unwrap();
        given.save_refinements(&[one("c", "tone:neutral", 12)], at(5)).await.unwrap();
        let hashes = ["a", "b", "nobody"].map(str::to_owned);
        let found = given.refinements(&hashes).await.unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "spin:S".to_owned()), ("b".to_owned(), String::new())]
        );
        assert_eq!(given.refine_tokens_since(at(0)).await.unwrap(), 42);
        assert_eq!(given.refine_tokens_since(at(2)).await.unwrap(), 12);
        // Another worker asked the same: both paid.
        given.save_refinements(&[one("c", "tone:positive", 8)], at(6)).await.unwrap();
        assert_eq!(given.refine_tokens_since(at(2)).await.unwrap(), 20);
        assert_eq!(given.forget_refinements(at(3), 1).await.unwrap(), 1, "the limit holds");
        assert_eq!(given.forget_refinements(at(3), 10).await.unwrap(), 1);
        assert_eq!(given.refinements(&["a".to_owned(), "c".to_owned()]).await.unwrap().len(), 1);
    })
    .await;
}
