//! Counts for the note on data quality.

use svodka::facts::{Author, FactBatch, Message, SourceStep};

use super::at;
use crate::support::stores::for_each_store;

fn said(id: i64, chat_id: i64, minutes: i64, author: Author, text: Option<&str>) -> Message {
    Message {
        id,
        chat_id,
        dialog_id: Some(chat_id),
        sent_at: at(minutes),
        author,
        is_public: true,
        event: None,
        order_id: None,
        text: text.map(str::to_owned),
        updated_at: at(minutes),
    }
}

#[tokio::test]
async fn the_same_words_at_the_same_moment_are_a_duplicate_and_nothing_less_is() {
    for_each_store(async |given| {
        let customer = Author::Customer(101);
        let messages = vec![
            said(1, 1, 0, customer, Some("Есть шу пуэр?")),
            said(2, 1, 0, customer, Some("Есть шу пуэр?")),
            said(3, 1, 0, customer, Some("Есть шу пуэр?")),
            // Later, another author, another chat, other words.
            said(4, 1, 1, customer, Some("Есть шу пуэр?")),
            said(5, 1, 0, Author::User(305), Some("Есть шу пуэр?")),
            said(6, 2, 0, customer, Some("Есть шу пуэр?")),
            said(7, 2, 0, customer, Some("есть шу пуэр?")),
            // Pictures have no words; an album comes in one second.
            said(8, 2, 2, customer, None),
            said(9, 2, 2, customer, None),
            said(10, 3, 5, Author::User(305), Some("Да")),
            said(11, 3, 5, Author::User(305), Some("Да")),
            Message { is_public: false, ..said(12, 4, 6, customer, Some("Да")) },
            Message { is_public: false, ..said(13, 4, 6, customer, Some("Да")) },
            said(14, 4, 7, Author::Bot(9), Some("Да")),
            said(15, 4, 7, Author::Bot(9), Some("Да")),
        ];
        let batch = FactBatch { messages, ..FactBatch::default() };
        given.save_facts(&batch, &SourceStep::default(), at(10)).await.unwrap();
        assert_eq!(given.count_duplicate_messages(at(0), at(10)).await.unwrap(), (3, 2));
        assert_eq!(given.count_duplicate_messages(at(0), at(5)).await.unwrap(), (2, 1));
        assert_eq!(given.count_duplicate_messages(at(6), at(10)).await.unwrap(), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn dropped_records_of_a_stretch_are_summed_by_source() {
    for_each_store(async |given| {
        for (source, minutes, reason, count) in [
            ("chats", 0, "no_id", 1),
            ("chats", 1, "bad_date", 2),
            ("Orders", 1, "no_id", 4),
            ("chats", 2, "no_id", 8),
        ] {
            let dropped = [(reason.to_owned(), count)].into();
            let step = SourceStep { source: source.into(), dropped, ..SourceStep::default() };
            given.save_facts(&FactBatch::default(), &step, at(minutes)).await.unwrap();
        }
        let sum = |source: &str, count| (source.to_owned(), count);
        assert_eq!(given.dropped_between(at(0), at(2)).await.unwrap(), [sum("Orders", 4), sum("chats", 3)]);
        assert_eq!(given.dropped_between(at(3), at(9)).await.unwrap(), []);
    })
    .await;
}
