//! Messages with their words, page by page.

use svodka::facts::{Author, FactBatch, Message, SourceStep};

use super::at;
use crate::support::stores::for_each_store;

fn said(id: i64, minutes: i64) -> Message {
    Message {
        id,
        chat_id: 9,
        dialog_id: Some(90),
        sent_at: at(minutes),
        author: Author::Customer(101),
        is_public: true,
        event: None,
        order_id: None,
        text: Some(format!("слово {id}")),
        updated_at: at(minutes),
    }
}

#[tokio::test]
async fn counted_messages_of_a_stretch_come_in_pages_each_once_and_in_order() {
    for_each_store(async |given| {
        let messages = vec![
            said(1, -1),
            said(5, 0),
            said(4, 3),
            // Three at one moment: the id decides.
            Message { author: Author::User(305), ..said(7, 3) },
            Message { text: None, author: Author::Bot(1), ..said(6, 3) },
            Message { is_public: false, ..said(8, 4) },
            Message { author: Author::System, ..said(9, 4) },
            said(10, 5),
            said(11, 6),
        ];
        let batch = FactBatch { messages, ..FactBatch::default() };
        let step = SourceStep { source: "test".into(), ..SourceStep::default() };
        given.save_facts(&batch, &step, at(0)).await.unwrap();

        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = given.page_messages(at(0), at(6), after, 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            after = Some((last.sent_at, last.id));
            seen.extend(page);
        }
        assert_eq!(seen.iter().map(|message| message.id).collect::<Vec<_>>(), [5, 4, 6, 7, 10]);
        assert_eq!((seen[2].text.as_deref(), seen[2].author), (None, Author::Bot(1)));
        assert_eq!((seen[3].text.as_deref(), seen[3].author), (Some("слово 7"), Author::User(305)));
        assert_eq!((seen[0].chat_id, seen[0].dialog_id, seen[0].sent_at), (9, Some(90), at(0)));
    })
    .await;
}
