//! Buttons under digests and cards.

use chrono::TimeDelta;
use svodka::clock::Clock;

use crate::support::chat::{ADMIN, OLGA, STRANGER, Talk, plain};
use crate::support::stores::temp_store;
use crate::support::worker::{MANAGERS, at, expire_leases};

fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "«{word}» is missing in:\n{text}");
    }
}

/// A world in which the digest of 19 August stands in the managers' chat; its message.
async fn with_digest(url: &str) -> (Talk, i64) {
    let mut talk = Talk::open(url, &[]).await;
    talk.world.clock.set(at("2026-08-20T06:00:01Z"));
    talk.worker.work().await;
    let digest = talk.world.telegram.own_messages(MANAGERS).pop().unwrap();
    talk.listen_quietly().await;
    (talk, digest.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_stays_and_its_buttons_open_a_card_that_turns_its_pages_in_place() {
    let given = temp_store().await;
    let (mut talk, digest) = with_digest(given.url()).await;
    let before = talk.message(MANAGERS, digest);
    assert_eq!(
        before.button_texts(),
        ["По менеджерам", "По каналам", "Заказы", "Какие чаты", "‹ 18\u{a0}августа", "20\u{a0}августа ›"]
    );
    assert_eq!(talk.press(MANAGERS, digest, "По менеджерам").await, "");
    let card = talk.world.telegram.own_messages(MANAGERS).pop().unwrap();
    assert_eq!(card.reply_to, Some(digest), "a message of its own");
    has(
        &plain(&card.text),
        &["Менеджеры за среду, 19 августа", "Ольга Чабрецова", "2 диалога", "Данные на 0"],
    );

    for (word, says) in [
        ("Вся сводка", "Сводка за среду, 19 августа"),
        ("По каналам", "Каналы за среду, 19 августа"),
        ("Вся сводка", "Сводка за среду, 19 августа"),
        ("Заказы", "Павел Улунов: 2 заказа на 3 500 ₽"),
        ("‹ 18", "Заказы за вторник, 18 августа"),
        ("19", "Заказы за среду, 19 августа"),
        ("20", "Заказы за четверг, 20 августа"),
    ] {
        assert_eq!(talk.press(MANAGERS, card.id, word).await, "", "{word}");
        has(&plain(&talk.message(MANAGERS, card.id).text), &[says]);
    }
    assert_eq!(talk.world.telegram.own_messages(MANAGERS).len(), 2, "one digest, one card");
    let after = talk.message(MANAGERS, digest);
    assert_eq!((&after.text, &after.keyboard, after.edits), (&before.text, &before.keyboard, 0));
    let today = talk.message(MANAGERS, card.id);
    assert!(!today.button_texts().iter().any(|text| text.contains('›')), "tomorrow is not known");
    assert_eq!(talk.world.telegram.leftovers(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_leads_to_the_chats_behind_it_as_they_were_in_the_digest() {
    let given = temp_store().await;
    let (mut talk, digest) = with_digest(given.url()).await;
    // Gleb is answered meanwhile; the list is still the one behind the number that was sent.
    talk.world.crm.with_model(|model| {
        let (gleb, olga) = (model.chats()[3].id, model.users()[0].mg_id);
        model.manager_replies(gleb, at("2026-08-20T06:01:00Z"), olga, "Да, работаем").unwrap();
    });
    talk.world.clock.set(at("2026-08-20T06:16:00Z"));
    talk.worker.work().await;
    talk.press(MANAGERS, digest, "Какие чаты").await;
    let card = talk.world.telegram.own_messages(MANAGERS).pop().unwrap();
    has(&plain(&card.text), &["Какие чаты за среду", "Без ответа: 1", "Долго ждали: 1"]);
    talk.press(MANAGERS, card.id, "Без ответа").await;
    let list = talk.message(MANAGERS, card.id);
    has(&plain(&list.text), &["Без ответа за среду, 19 августа", "Глеб — с 18:00 19 августа"]);
    assert!(list.html.contains("https://shop.example/chats/"), "{}", list.html);
    talk.press(MANAGERS, card.id, "Какие чаты").await;
    talk.press(MANAGERS, card.id, "Долго ждали").await;
    has(&plain(&talk.message(MANAGERS, card.id).text), &["Вера", "ждали 30 мин", "Павел Улунов"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_survive_a_restart_and_a_manager_turns_only_their_own_pages() {
    let given = temp_store().await;
    let (mut talk, digest) = with_digest(given.url()).await;
    talk.restart().await;
    assert_eq!(talk.press(MANAGERS, digest, "По каналам").await, "");
    has(&plain(&talk.world.texts(MANAGERS)[1]), &["Каналы за среду", "WhatsApp"]);

    let own = talk.ask(OLGA, "/yesterday").await.pop().unwrap();
    assert_eq!(own.button_texts(), ["Какие чаты", "‹ 18\u{a0}августа", "20\u{a0}августа ›"]);
    talk.press(OLGA, own.id, "Какие чаты").await;
    has(&plain(&talk.message(OLGA, own.id).text), &["Без ответа: 0", "Долго ждали: 0"]);
    // The lead's button, brought over by hand, shows a manager no more than their own.
    let lead = talk.message(MANAGERS, digest).buttons()[0].to_owned();
    talk.world.telegram.plant_button(OLGA, own.id, &lead);
    talk.press_data(OLGA, own.id, &lead).await;
    let shown = plain(&talk.message(OLGA, own.id).text);
    assert!(shown.contains("Ольга Чабрецова за среду") && !shown.contains("Павел"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_forged_and_forbidden_buttons_explain_themselves() {
    let given = temp_store().await;
    let (mut talk, digest) = with_digest(given.url()).await;
    let good = talk.message(MANAGERS, digest).buttons()[0].to_owned();
    talk.world.telegram.plant_button(MANAGERS, digest, "AQAAAAAAAAAAAAAA");
    has(&talk.press_data(MANAGERS, digest, "AQAAAAAAAAAAAAAA").await, &["не моя", "/today"]);
    let own = talk.ask(STRANGER, "/id").await.pop().unwrap();
    talk.world.telegram.plant_button(STRANGER, own.id, &good);
    has(&talk.press_data(STRANGER, own.id, &good).await, &["не показываю"]);
    assert_eq!(talk.world.texts(STRANGER).len(), 1);
    talk.world.clock.advance(TimeDelta::days(61));
    has(&talk.press_data(MANAGERS, digest, &good).await, &["больше двух месяцев"]);
    let refused: Vec<_> =
        talk.audit().await.into_iter().map(|(command, _, reason)| (command, reason.unwrap())).collect();
    let expected = [("button", "forged"), ("button:managers", "stranger")];
    assert_eq!(refused, expected.map(|(command, reason)| (command.to_owned(), reason.to_owned())));
    assert_eq!(talk.world.telegram.own_messages(MANAGERS).len(), 1, "nothing was sent for any of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_digest_is_found_again_with_its_buttons_beside_answers() {
    use svodka::sandbox::telegram::{AfterCommit, Fault};
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    talk.ask(MANAGERS, "/id").await;
    talk.world.telegram.fault(Fault::after(AfterCommit::Close).on("sendMessage").in_chat(MANAGERS));
    talk.world.clock.set(at("2026-08-20T06:00:01Z"));
    talk.worker.work().await;
    expire_leases(given.url()).await;
    talk.worker.live(talk.world.clock.now() + TimeDelta::minutes(5), TimeDelta::seconds(20)).await;
    talk.ask(ADMIN, "/id").await;
    let said = talk.world.telegram.own_messages(MANAGERS);
    assert_eq!(said.len(), 2, "an answer and one digest: {said:#?}");
    assert_eq!(said[1].buttons().len(), 6);
    assert_eq!(said[1].edits, 0, "an identical look changes nothing");
}
