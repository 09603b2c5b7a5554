//! Facts: written in bulk by natural key, never back in time, read by window.

use svodka::clock::Instant;
use svodka::facts::{
    Author, Channel, Chat, CrmUser, CustomerLink, Dialog, DialogEvent, FactBatch, ManagerId, Message, MgUser,
    Money, Order, Reference, Responsible, SourceStep,
};

use super::at;
use crate::support::stores::{Given, for_each_store};

fn chat(id: i64, minutes: i64) -> Chat {
    Chat {
        id,
        channel_id: Some(7),
        customer_id: Some(id + 100),
        customer_name: format!("Покупатель {id}"),
        created_at: at(0),
        updated_at: at(minutes),
    }
}

fn dialog(id: i64, chat_id: i64, opened: i64, closed: Option<i64>) -> Dialog {
    Dialog {
        id,
        chat_id,
        responsible: Some(Responsible::User(305)),
        created_at: at(opened),
        assigned_at: Some(at(opened)),
        closed_at: closed.map(at),
        updated_at: at(opened),
    }
}

fn said(id: i64, dialog_id: Option<i64>, minutes: i64) -> Message {
    Message {
        id,
        chat_id: dialog_id.unwrap_or(90),
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

fn order(id: i64, minutes: i64) -> Order {
    Order {
        id,
        number: format!("{id}C"),
        status: "new".into(),
        created_at: at(minutes),
        manager_id: Some(28),
        customer_id: Some(id + 1000),
        dialog_id: None,
        total: Money(138_000),
        prepaid: Money(-5),
        currency: Some("RUB".into()),
        full_paid_at: None,
        is_deleted: false,
    }
}

async fn save(given: &Given, batch: FactBatch) {
    let step = SourceStep { source: "test".into(), ..SourceStep::default() };
    given.save_facts(&batch, &step, at(0)).await.unwrap();
}

fn ids<T>(rows: &[T], id: impl Fn(&T) -> i64) -> Vec<i64> {
    rows.iter().map(id).collect()
}

async fn message_ids(given: &Given, from: Instant, until: Instant) -> Vec<i64> {
    ids(&given.facts_between(from, until).await.unwrap().messages, |message| message.id)
}

#[tokio::test]
async fn facts_come_back_as_they_were_given_without_texts() {
    for_each_store(async |given| {
        let assigned = Some(DialogEvent::Assigned(Responsible::Bot(3)));
        let mut messages = vec![
            Message { author: Author::User(305), is_public: false, order_id: Some(5), ..said(1, Some(1), 1) },
            Message { author: Author::Bot(3), ..said(2, Some(1), 2) },
            Message { author: Author::Channel(7), ..said(3, Some(1), 3) },
            Message { author: Author::System, event: assigned, ..said(4, Some(1), 4) },
            Message { author: Author::System, event: Some(DialogEvent::Unassigned), ..said(5, Some(1), 5) },
            Message {
                author: Author::System,
                event: Some(DialogEvent::Closed),
                text: None,
                ..said(6, Some(1), 6)
            },
        ];
        let lonely = Chat { channel_id: None, customer_id: None, customer_name: String::new(), ..chat(2, 0) };
        let dialogs = vec![
            dialog(1, 1, 0, None),
            Dialog { responsible: None, assigned_at: None, ..dialog(2, 2, 0, Some(50)) },
            Dialog { responsible: Some(Responsible::Bot(3)), ..dialog(3, 2, 0, None) },
        ];
        let paid = Order { full_paid_at: Some(at(3)), dialog_id: Some(1), ..order(1, 1) };
        let poor = Order { manager_id: None, customer_id: None, currency: None, ..order(2, 2) };
        let channel = Channel { id: 7, kind: "telegram".into(), name: None, is_active: true };
        let user = CrmUser {
            id: 28,
            name: "Анна".into(),
            mg_user_id: Some(305),
            is_manager: true,
            is_active: false,
        };
        let mg_user =
            MgUser {
                id: 306, external_id: None, name: "Робот".into(), is_active: true, is_technical: true
            };
        let link = CustomerLink { mg_customer_id: 101, crm_customer_id: 1001 };
        let batch = FactBatch {
            crm_users: vec![user],
            mg_users: vec![mg_user],
            channels: vec![channel.clone()],
            chats: vec![chat(1, 0), lonely.clone()],
            dialogs: dialogs.clone(),
            messages: messages.clone(),
            orders: vec![paid.clone(), poor.clone()],
            deleted_orders: vec![777],
            customer_links: vec![link, CustomerLink { mg_customer_id: 102, crm_customer_id: 9 }],
            references: vec![Reference {
                book: "order_status".into(),
                code: "new".into(),
                name: "Новый".into(),
                group: None,
            }],
        };
        save(&given, batch.clone()).await;
        save(&given, batch).await;

        let facts = given.facts_between(at(0), at(10)).await.unwrap();
        assert_eq!(facts.directory.name(ManagerId::Crm(28)), "Анна");
        assert_eq!(facts.directory.by_mg(305), ManagerId::Crm(28));
        assert!(facts.directory.get(ManagerId::Mg(306)).unwrap().is_technical);
        assert_eq!(facts.channels, [channel]);
        assert_eq!(facts.chats, [chat(1, 0), lonely]);
        assert_eq!(facts.dialogs, dialogs);
        messages.iter_mut().for_each(|message| message.text = None);
        assert_eq!(facts.messages, messages);
        assert_eq!(facts.orders, [paid, poor]);
        assert_eq!(facts.customer_links, [link], "only of those who ordered in the window");
        let counts = given.count_facts().await.unwrap();
        let counts: Vec<_> = counts.iter().map(|(table, count)| (table.as_str(), *count)).collect();
        let expected = [
            ("crm_users", 1),
            ("mg_users", 1),
            ("channels", 1),
            ("chats", 2),
            ("dialogs", 3),
            ("messages", 6),
            ("orders", 2),
            ("customer_links", 2),
            ("reference_books", 1),
        ];
        assert_eq!(counts, expected);
    })
    .await;
}

#[tokio::test]
async fn an_older_version_never_overwrites_a_newer_one_even_within_a_batch() {
    for_each_store(async |given| {
        let named = |name: &str, minutes| Chat { customer_name: name.into(), ..chat(1, minutes) };
        let closed = |closed, minutes| Dialog { updated_at: at(minutes), ..dialog(1, 1, 0, closed) };
        let by = |author, minutes| Message { author, updated_at: at(minutes), ..said(1, Some(1), 1) };
        let read = async || {
            let facts = given.facts_between(at(0), at(60)).await.unwrap();
            (facts.chats[0].customer_name.clone(), facts.dialogs[0].closed_at, facts.messages[0].author)
        };
        let batch = |chats, dialogs, messages| FactBatch { chats, dialogs, messages, ..FactBatch::default() };

        let chats = vec![named("новое", 5), named("старое", 4)];
        let dialogs = vec![closed(None, 4), closed(Some(9), 5)];
        let messages = vec![by(Author::User(1), 5), by(Author::Bot(2), 4)];
        save(&given, batch(chats, dialogs, messages)).await;
        let newest = ("новое".to_owned(), Some(at(9)), Author::User(1));
        assert_eq!(read().await, newest);

        let stale = batch(vec![named("старое", 4)], vec![closed(None, 4)], vec![by(Author::Bot(2), 4)]);
        save(&given, stale).await;
        assert_eq!(read().await, newest);
        // The same version again, decoded better: taken.
        let same = batch(vec![named("то же", 5)], vec![closed(Some(8), 5)], vec![by(Author::User(3), 5)]);
        save(&given, same).await;
        assert_eq!(read().await, ("то же".to_owned(), Some(at(8)), Author::User(3)));
    })
    .await;
}

#[tokio::test]
async fn a_window_holds_whole_dialogs_up_to_its_end() {
    for_each_store(async |given| {
        let batch = FactBatch {
            // Chats 1, 2, 90 exist; that of dialog 3 has not arrived yet.
            chats: vec![chat(1, 0), chat(2, 0), chat(4, 0), chat(90, 0), chat(99, 0)],
            dialogs: vec![
                dialog(1, 1, -500, Some(15)),   // active in the window, closed in it
                dialog(2, 2, -500, Some(-100)), // over long before
                dialog(4, 4, -500, None),       // silent, but open at the end
                dialog(5, 99, 30, None),        // opened after the window
            ],
            messages: vec![
                said(10, Some(1), -400), // of a dialog that goes on in the window
                said(11, Some(1), 10),
                said(12, Some(1), 20), // at the end: out
                said(20, Some(2), -400),
                said(30, Some(3), 0), // its dialog has not arrived; the start of the window: in
                said(31, Some(3), -300),
                said(40, Some(4), -200),
                said(50, Some(5), 30),
                said(60, None, 5), // outside any dialog
                said(61, None, -5),
                said(9, Some(1), 10), // the same moment as 11: by id
            ],
            orders: vec![order(1, -1), order(2, 0), order(4, 19), order(3, 19), order(5, 20), order(6, 10)],
            deleted_orders: vec![6],
            ..FactBatch::default()
        };
        save(&given, batch).await;
        let facts = given.facts_between(at(0), at(20)).await.unwrap();
        assert_eq!(ids(&facts.messages, |message| message.id), [10, 31, 40, 30, 60, 9, 11]);
        assert_eq!(ids(&facts.dialogs, |dialog| dialog.id), [1, 4]);
        assert_eq!(ids(&facts.chats, |chat| chat.id), [1, 4, 90]);
        assert_eq!(ids(&facts.orders, |order| order.id), [2, 3, 4]);

        assert_eq!(message_ids(&given, at(20), at(20)).await, [40], "an empty window still has open dialogs");
        let nothing = given.facts_between(at(-900), at(-800)).await.unwrap();
        assert!(nothing.messages.is_empty() && nothing.dialogs.is_empty() && nothing.orders.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_order_is_what_was_read_last_and_a_deleted_one_counts_nowhere() {
    for_each_store(async |given| {
        let orders = async || given.facts_between(at(0), at(60)).await.unwrap().orders;
        let changed = Order { total: Money(1), ..order(1, 0) };
        let batch = FactBatch { orders: vec![order(1, 0), changed.clone()], ..FactBatch::default() };
        save(&given, batch).await;
        assert_eq!(orders().await, std::slice::from_ref(&changed));
        save(&given, FactBatch { deleted_orders: vec![1, 2], ..FactBatch::default() }).await;
        assert_eq!(orders().await, []);
        save(&given, FactBatch { orders: vec![changed.clone()], ..FactBatch::default() }).await;
        assert_eq!(orders().await, std::slice::from_ref(&changed), "restored in the CRM");
        let gone = Order { is_deleted: true, ..changed };
        save(&given, FactBatch { orders: vec![gone], ..FactBatch::default() }).await;
        assert_eq!(orders().await, []);
    })
    .await;
}

#[tokio::test]
async fn customers_who_ordered_are_asked_for_until_their_link_is_known() {
    for_each_store(async |given| {
        let links = vec![CustomerLink { mg_customer_id: 5, crm_customer_id: 1002 }];
        let nobody = Order { customer_id: None, ..order(9, 0) };
        let twice = Order { customer_id: Some(1001), ..order(8, 0) };
        let orders = vec![order(3, 0), order(1, 0), order(2, 0), order(4, 0), twice, nobody];
        save(&given, FactBatch { orders, customer_links: links, ..FactBatch::default() }).await;
        assert_eq!(given.customers_without_link(0, 10).await.unwrap(), [1001, 1003, 1004]);
        assert_eq!(given.customers_without_link(0, 2).await.unwrap(), [1001, 1003]);
        assert_eq!(given.customers_without_link(1003, 10).await.unwrap(), [1004]);
        let links = vec![CustomerLink { mg_customer_id: 5, crm_customer_id: 1001 }];
        save(&given, FactBatch { customer_links: links, ..FactBatch::default() }).await;
        let without = given.customers_without_link(0, 10).await.unwrap();
        assert_eq!(without, [1002, 1003, 1004], "the latest link of an identity wins");
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_text_comes_back_only_with_a_newer_version() {
    for_each_store(async |given| {
        let keep = async |message: Message| {
            save(&given, FactBatch { messages: vec![message], ..FactBatch::default() }).await;
        };
        // Texts are never read back, so what is stored shows in how many there are to forget.
        let texts = async || given.forget_texts(at(100), 100).await.unwrap();
        for id in 1..=3 {
            keep(said(id, Some(1), id)).await;
        }
        keep(Message { text: None, ..said(4, Some(1), 2) }).await;
        assert_eq!(given.forget_texts(at(3), 1).await.unwrap(), 1, "at most the limit");
        assert_eq!(given.forget_texts(at(3), 9).await.unwrap(), 1, "only those before");
        assert_eq!(message_ids(&given, at(0), at(9)).await, [1, 2, 4, 3], "the messages stay");

        keep(said(1, Some(1), 1)).await;
        assert_eq!(given.forget_texts(at(3), 9).await.unwrap(), 0, "the same version brings nothing back");
        keep(said(1, Some(1), 1)).await;
        assert_eq!(given.forget_texts(at(3), 9).await.unwrap(), 0, "not the second time either");
        keep(Message { updated_at: at(2), ..said(1, Some(1), 1) }).await;
        assert_eq!(given.forget_texts(at(3), 9).await.unwrap(), 1, "edited since");
        // Read without texts first, with texts later: nothing was forgotten, so it is taken.
        keep(said(4, Some(1), 2)).await;
        assert_eq!(given.forget_texts(at(3), 9).await.unwrap(), 1);
        assert_eq!(texts().await, 1, "the third");
    })
    .await;
}

#[tokio::test]
async fn what_one_database_cannot_hold_is_kept_by_neither() {
    for_each_store(async |given| {
        let name = "Анна\0 'Кот'; DROP TABLE chats; -- \u{1F431}";
        let nanos = at(0) + chrono::TimeDelta::nanoseconds(789);
        let odd = Chat { customer_name: name.into(), created_at: nanos, updated_at: nanos, ..chat(1, 0) };
        let talk = vec![dialog(1, 1, 0, None)];
        save(&given, FactBatch { chats: vec![odd], dialogs: talk, ..FactBatch::default() }).await;
        let chats = given.facts_between(at(0), at(1)).await.unwrap().chats;
        assert_eq!(chats[0].customer_name, name.replace('\0', ""));
        assert_eq!((chats[0].created_at, chats[0].updated_at), (at(0), at(0)));
    })
    .await;
}

#[tokio::test]
async fn a_large_batch_is_written_in_bulk_and_read_by_window() {
    for_each_store(async |given| {
        const COUNT: i64 = 12_000;
        const DIALOGS: i64 = 1_200;
        let batch = FactBatch {
            dialogs: (0..DIALOGS).map(|id| dialog(id, id, id, Some(id + 1))).collect(),
            messages: (0..COUNT).map(|id| said(id, Some(id % DIALOGS), id)).collect(),
            ..FactBatch::default()
        };
        save(&given, batch).await;
        let facts = given.facts_between(at(COUNT - DIALOGS), at(COUNT)).await.unwrap();
        assert_eq!(facts.dialogs.len(), usize::try_from(DIALOGS).unwrap());
        assert_eq!(facts.messages.len(), usize::try_from(COUNT).unwrap());
        assert!(facts.messages.is_sorted_by_key(|message| (message.sent_at, message.id)));
    })
    .await;
}
