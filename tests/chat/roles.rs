//! Who may ask what.

use svodka::sandbox::telegram::SimChat;

use crate::support::chat::{ADMIN, OLGA, STRANGER, Talk, VIEWER, plain};
use crate::support::stores::temp_store;
use crate::support::worker::{MANAGERS, OPS};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_answered_nothing_but_the_number_of_the_chat() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    for text in ["/start", "/help", "/today", "/status", "/pause daily", "привет", "/nonsense"] {
        assert_eq!(talk.ask(STRANGER, text).await, [], "{text}");
    }
    let said = talk.answer(STRANGER, "/id").await;
    assert!(said.contains("Чат: 99") && said.contains("Вы: 99") && said.contains("access.users"), "{said}");
    let refused: Vec<_> = talk
        .audit()
        .await
        .into_iter()
        .map(|(command, outcome, reason)| (command, outcome + ":" + &reason.unwrap()))
        .collect();
    let expected = ["start", "help", "today", "status", "pause"];
    assert_eq!(refused, expected.map(|command| (command.to_owned(), "refused:stranger".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_open_to_those_roles_that_the_table_names_and_to_no_other() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let numbers = ["/today", "/yesterday", "/week", "/month", "/orders"];
    let team = ["/manager Ольга", "/waiting"];
    let bot = ["/admin_analytics", "/admin_funnel", "/sources"];
    let ops = ["/status", "/jobs", "/deliveries", "/run xx", "/pause xx", "/resume xx"];
    let all = numbers.iter().chain(&team).chain(&bot).chain(&ops);
    for (chat, open) in [
        (VIEWER, [&numbers[..], &bot].concat()),
        (OLGA, [&numbers[..], &team].concat()),
        (ADMIN, [&numbers[..], &team, &bot, &ops].concat()),
        (OPS, ops.to_vec()),
        (MANAGERS, [&numbers[..], &team, &bot].concat()),
    ] {
        for command in all.clone() {
            let said = plain(&talk.ask(chat, command).await[0].text);
            let is_refused = said.contains("не показываю") || said.contains("только дежурн");
            assert_eq!(is_refused, !open.contains(command), "{command} in {chat}: {said}");
        }
        for command in ["/help", "/why", "/id", "/start"] {
            assert_eq!(talk.ask(chat, command).await.len(), 1, "{command} in {chat}");
        }
    }
    assert!(
        talk.audit()
            .await
            .iter()
            .all(|(_, outcome, reason)| outcome == "refused" && reason.as_deref() == Some("role"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_sees_their_own_and_a_viewer_no_names() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    for text in ["/yesterday", "/manager Павел", "/manager", "/orders вчера"] {
        let said = talk.answer(OLGA, text).await;
        assert!(said.contains("Ольга Чабрецова за среду, 19 августа") || text == "/orders вчера", "{said}");
        assert!(said.contains("Ольга Чабрецова") && !said.contains("Павел"), "{text}: {said}");
    }
    let said = talk.answer(VIEWER, "/yesterday").await;
    assert!(said.contains("Команда") && said.contains("3 500 ₽"), "{said}");
    for name in ["Ольга", "Павел", "Глеб"] {
        assert!(!said.contains(name), "{name}: {said}");
    }
    let orders = talk.answer(VIEWER, "/orders вчера").await;
    assert!(orders.contains("3 500 ₽") && !orders.contains("Павел"), "{orders}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_and_the_menu_tell_what_is_open_here() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let said = talk.answer(OLGA, "/help").await;
    assert!(said.contains("/waiting") && !said.contains("/pause") && !said.contains("/sources"), "{said}");
    talk.worker.app.desk(Default::default()).unwrap().set_menus().await;
    assert_eq!(talk.world.telegram.menu(None), ["id"]);
    let of = |chat| talk.world.telegram.menu(Some(chat));
    assert!(of(OPS).contains(&"pause".to_owned()) && !of(OPS).contains(&"today".to_owned()));
    assert!(of(MANAGERS).contains(&"today".to_owned()) && !of(MANAGERS).contains(&"pause".to_owned()));
    assert_eq!(of(ADMIN).len(), 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_other_bots_forwarded_and_edited_ones_are_not_ours() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    assert_eq!(talk.ask(MANAGERS, "/today@another_bot").await, []);
    assert_eq!(talk.ask(MANAGERS, "/weather").await, []);
    assert_eq!(talk.ask(MANAGERS, "просто разговор о /today").await, []);
    assert_eq!(talk.ask(ADMIN, "/weather").await.len(), 1, "in private there is no other bot");
    talk.world.telegram.forwarded_message(MANAGERS, "Анна", "/today");
    talk.world.telegram.forwarded_message(OPS, "Анна", "/pause daily");
    let slip = talk.world.telegram.foreign_message(OPS, "Анна", "pause daily");
    talk.world.telegram.edit_foreign(OPS, slip, "/pause daily");
    talk.listen().await;
    assert_eq!(talk.world.texts(MANAGERS), Vec::<String>::new());
    assert_eq!(talk.world.texts(OPS), Vec::<String>::new());
    assert_eq!(talk.audit().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_and_an_anonymous_administrator_ask_with_the_rights_of_the_chat() {
    let given = temp_store().await;
    let channel = -1_001_000_000_008;
    let changes = [("SVODKA__CHATS__NEWS__ID", "-1001000000008"), ("SVODKA__ACCESS__CHATS__NEWS", "viewer")];
    let mut talk = Talk::open(given.url(), &changes).await;
    talk.world.telegram.add_chat(SimChat::channel(channel, "Новости магазина"));
    let said = talk.answer(channel, "/yesterday").await;
    assert!(said.contains("3 500 ₽") && !said.contains("Павел"), "{said}");
    talk.world.telegram.anonymous_message(MANAGERS, "/yesterday");
    talk.listen().await;
    assert!(talk.world.texts(MANAGERS)[0].contains("Павел"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_once_and_then_not_answered() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[("SVODKA__ACCESS__PER_MINUTE", "3")]).await;
    for _ in 0..8 {
        talk.world.telegram.foreign_message(ADMIN, "Ирина", "/id");
    }
    talk.listen().await;
    let said = talk.world.texts(ADMIN);
    assert_eq!(said.len(), 4, "{said:#?}");
    assert!(said[3].contains("Слишком много вопросов"), "{said:#?}");
    assert_eq!(talk.ask(OLGA, "/id").await.len(), 1, "others are not to blame");
    talk.world.clock.advance(chrono::TimeDelta::seconds(61));
    assert_eq!(talk.ask(ADMIN, "/id").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_became_a_supergroup_keeps_its_rights() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let to = -1_001_000_000_055;
    talk.worker.app.store.migrate_chat(&format!("id:{MANAGERS}"), to).await.unwrap();
    talk.world.telegram.add_chat(SimChat::supergroup(to, "Менеджеры"));
    assert!(talk.answer(to, "/yesterday").await.contains("Павел"));
}
