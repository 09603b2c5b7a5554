//! Marks of messages: what is queued, what leaves the queue, and what stays.

use svodka::facts::{Author, FactBatch, Marks, Message, SourceStep};
use svodka::store::marks::StaleConversation;

use super::at;
use crate::support::stores::{Given, for_each_store};

fn said(id: i64, chat_id: i64, dialog_id: Option<i64>, minutes: i64) -> Message {
    Message {
        id,
        chat_id,
        dialog_id,
        sent_at: at(minutes),
        author: Author::Customer(101),
        is_public: true,
        event: None,
        order_id: None,
        text: Some(format!("слово {id}")),
        updated_at: at(minutes),
    }
}

async fn save(given: &Given, messages: Vec<Message>) {
    let step = SourceStep { source: "test".into(), ..SourceStep::default() };
    let batch = FactBatch { messages, ..FactBatch::default() };
    given.save_facts(&batch, &step, at(0)).await.unwrap();
}

/// Gives every message of the conversations the mark.
fn marked(stale: Vec<StaleConversation>, mark: Marks) -> Vec<(StaleConversation, Vec<(i64, Marks)>)> {
    let all = |one: &StaleConversation| one.messages.iter().map(|message| (message.id, mark)).collect();
    stale.into_iter().map(|one| (all(&one), one)).map(|(marks, one)| (one, marks)).collect()
}

async fn analyse(given: &Given, mark: Marks) {
    let stale = given.stale_conversations(100).await.unwrap();
    given.save_marks(&marked(stale, mark)).await.unwrap();
}

async fn waiting(given: &Given) -> Vec<(i64, Option<i64>)> {
    let stale = given.stale_conversations(100).await.unwrap();
    stale.iter().map(|one| (one.chat_id, one.dialog_id)).collect()
}

async fn marks(given: &Given) -> Vec<(i64, Marks)> {
    given.facts_between(at(-10), at(1000)).await.unwrap().marks.into_iter().collect()
}

#[tokio::test]
async fn a_new_message_queues_its_conversation_alone() {
    for_each_store(async |given| {
        save(&given, vec![said(1, 1, None, 1), said(2, 2, None, 2), said(3, 3, Some(30), 3)]).await;
        assert_eq!(waiting(&given).await, [(3, Some(30)), (1, None), (2, None)]);
        assert_eq!(given.stale_conversations(1).await.unwrap().len(), 1, "the limit holds");
        analyse(&given, Marks::PRICE).await;
        assert_eq!(waiting(&given).await, []);

        let hidden = Message { is_public: false, ..said(4, 1, None, 4) };
        let silent = Message { text: None, ..said(5, 1, None, 5) };
        save(&given, vec![hidden, silent]).await;
        assert_eq!(waiting(&given).await, [], "nothing to analyse in them");

        save(&given, vec![said(6, 2, None, 6)]).await;
        let stale = given.stale_conversations(100).await.unwrap();
        let read: Vec<_> = stale[0].messages.iter().map(|message| message.id).collect();
        assert_eq!((stale.len(), stale[0].chat_id, read), (1, 2, vec![2, 6]), "with all its texts");
    })
    .await;
}

#[tokio::test]
async fn a_conversation_that_changes_while_it_is_analysed_stays_queued() {
    for_each_store(async |given| {
        save(&given, vec![said(1, 1, None, 1)]).await;
        let stale = given.stale_conversations(100).await.unwrap();
        save(&given, vec![said(2, 1, None, 2)]).await;
        given.save_marks(&marked(stale, Marks::PRICE)).await.unwrap();
        assert_eq!(marks(&given).await, [], "what was found is of yesterday");
        assert_eq!(waiting(&given).await, [(1, None)]);
        analyse(&given, Marks::BUY).await;
        assert_eq!(marks(&given).await, [(1, Marks::BUY), (2, Marks::BUY)]);
        assert_eq!(waiting(&given).await, []);
    })
    .await;
}

#[tokio::test]
async fn another_version_queues_history_behind_what_changed() {
    for_each_store(async |given| {
        assert_eq!(given.analysis_state().await.unwrap(), None);
        assert!(given.set_analysis_version("one", at(0)).await.unwrap());
        save(&given, vec![said(1, 1, None, 1), said(2, 2, Some(20), 2)]).await;
        analyse(&given, Marks::PRICE).await;
        assert!(!given.set_analysis_version("one", at(5)).await.unwrap());
        let state = given.analysis_state().await.unwrap().unwrap();
        assert_eq!((state.version.as_str(), state.changed_at, state.waiting), ("one", at(0), 0));

        assert!(given.set_analysis_version("two", at(9)).await.unwrap());
        let state = given.analysis_state().await.unwrap().unwrap();
        assert_eq!((state.version.as_str(), state.changed_at, state.waiting), ("two", at(9), 2));
        assert_eq!(marks(&given).await.len(), 2, "old marks stand until they are replaced");
        save(&given, vec![said(3, 1, None, 3)]).await;
        assert_eq!(waiting(&given).await, [(1, None), (2, Some(20))], "the changed one first");
    })
    .await;
}

#[tokio::test]
async fn texts_are_given_in_the_order_asked_for_and_only_while_they_are_kept() {
    for_each_store(async |given| {
        let chat = svodka::facts::Chat {
            id: 1,
            channel_id: None,
            customer_id: Some(5),
            customer_name: "Мария".to_owned(),
            created_at: at(0),
            updated_at: at(0),
        };
        let step = SourceStep { source: "test".into(), ..SourceStep::default() };
        let batch = FactBatch { chats: vec![chat], ..FactBatch::default() };
        given.save_facts(&batch, &step, at(0)).await.unwrap();
        save(&given, vec![said(1, 1, None, 1), said(2, 2, None, 50), said(3, 1, None, 60)]).await;
        given.forget_texts(at(10), 100).await.unwrap();
        let texts = given.texts_of(&[3, 1, 2, 77]).await.unwrap();
        let found: Vec<_> =
            texts.iter().map(|one| (one.chat_id, one.text.as_str(), one.customer_name.as_str())).collect();
        assert_eq!(found, [(1, "слово 3", "Мария"), (2, "слово 2", "")]);
    })
    .await;
}

#[tokio::test]
async fn a_new_version_counts_from_where_texts_still_were_when_it_came() {
    for_each_store(async |given| {
        given.set_analysis_version("one", at(0)).await.unwrap();
        let reach = async || given.analysis_state().await.unwrap().unwrap().counts_from_at;
        assert_eq!(reach().await, None, "nothing was forgotten");
        save(&given, vec![said(1, 1, None, 1), said(2, 1, None, 5), said(3, 3, None, 40)]).await;
        analyse(&given, Marks::PRICE).await;
        given.forget_texts(at(10), 100).await.unwrap();
        given.set_analysis_version("one", at(50)).await.unwrap();
        assert_eq!(reach().await, None, "they were analysed by it before");
        given.set_analysis_version("two", at(60)).await.unwrap();
        assert_eq!(reach().await, Some(at(5)));
        let state = given.analysis_state().await.unwrap().unwrap();
        assert_eq!((state.waiting, state.waiting_history), (1, 1));
        save(&given, vec![said(4, 3, None, 70)]).await;
        let state = given.analysis_state().await.unwrap().unwrap();
        assert_eq!((state.waiting, state.waiting_history), (1, 0), "it changed: no history any more");
        given.forget_texts(at(100), 100).await.unwrap();
        given.set_analysis_version("three", at(110)).await.unwrap();
        assert_eq!(reach().await, Some(at(70)));
    })
    .await;
}

#[tokio::test]
async fn a_text_past_its_retention_keeps_its_marks() {
    for_each_store(async |given| {
        given.set_analysis_version("one", at(0)).await.unwrap();
        save(&given, vec![said(1, 1, None, 1), said(2, 1, None, 50), said(3, 3, None, 1)]).await;
        analyse(&given, Marks::PRICE).await;
        assert_eq!(given.forget_texts(at(10), 100).await.unwrap(), 2);
        given.set_analysis_version("two", at(60)).await.unwrap();
        assert_eq!(waiting(&given).await, [(1, None)], "nothing is left to read in the other");
        analyse(&given, Marks::BUY).await;
        assert_eq!(marks(&given).await, [(1, Marks::PRICE), (2, Marks::BUY), (3, Marks::PRICE)]);
    })
    .await;
}
