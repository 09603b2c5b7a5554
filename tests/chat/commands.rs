//! What is asked about the shop.

use crate::support::chat::{ADMIN, OLGA, Talk};
use crate::support::stores::temp_store;
use crate::support::worker::{MANAGERS, at};
use svodka::sandbox::retailcrm::{Fault, FaultBody, FaultKind};
use svodka::sandbox::telegram::SimChat;

fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "«{word}» is missing in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_a_week_and_a_month_are_told_as_their_digests_tell_them() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let yesterday = talk.answer(ADMIN, "/yesterday").await;
    has(&yesterday, &["Сводка за среду, 19 августа", "Ольга Чабрецова", "3 500 ₽", "Данные на 0"]);
    // The same day by its name gives the same text.
    for day in ["19 августа", "19.08", "вчера", "среда", "2026-08-19"] {
        assert_eq!(talk.answer(ADMIN, &format!("/today {day}")).await, yesterday, "{day}");
    }
    let digest = talk.world.texts(MANAGERS);
    assert_eq!(digest, Vec::<String>::new(), "nothing is sent elsewhere");
    has(&talk.answer(ADMIN, "/today").await, &["Сводка за четверг, 20 августа", "еполные данные"]);
    has(&talk.answer(ADMIN, "/week").await, &["неделю 10–16 августа"]);
    has(&talk.answer(ADMIN, "/week 19.08").await, &["неделю 17–23 августа", "Неполные данные"]);
    has(&talk.answer(ADMIN, "/month").await, &["июль 2026 года"]);
    has(
        &talk.answer(ADMIN, "/orders вчера").await,
        &["Заказы за среду, 19 августа", "Павел Улунов: 2 заказа на 3 500 ₽"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_is_found_by_the_beginning_of_the_name_and_mistakes_get_an_example() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    has(&talk.answer(ADMIN, "/manager ольг").await, &["Ольга Чабрецова за среду, 19 августа", "2 диалога"]);
    has(
        &talk.answer(ADMIN, "/manager улунов 19.08").await,
        &["Павел Улунов за среду, 19 августа", "2 заказа"],
    );
    has(&talk.answer(ADMIN, "/manager Павел позавчера").await, &["вторник, 18 августа"]);
    has(
        &talk.answer(ADMIN, "/manager").await,
        &["Чьи числа показать?", "Павел Улунов", "Пример: /manager Ольга вчера"],
    );
    has(&talk.answer(ADMIN, "/manager Семён").await, &["Такого менеджера я не знаю", "Пример:"]);
    has(
        &talk.answer(ADMIN, "/yesterday 30 февраля").await,
        &["Не понял, какой это день", "Пример: /yesterday 12 ноября"],
    );
    has(&talk.answer(ADMIN, "/today завтра").await, &["Не понял, какой это день"]);
    has(&talk.answer(ADMIN, "/wait").await, &["Такой команды нет", "/waiting"]);
    has(&talk.answer(ADMIN, "привет").await, &["/help"]);
    has(&talk.answer(ADMIN, "/spin Семён").await, &["Такого менеджера я не знаю"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_listed_with_a_first_name_and_a_link() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let said = talk.ask(ADMIN, "/waiting").await;
    has(&crate::support::chat::plain(&said[0].text), &["Ждут ответа на 0", "Глеб — 5 ч"]);
    assert!(said[0].html.contains("https://shop.example/chats/"), "{}", said[0].html);
    has(&talk.answer(OLGA, "/waiting").await, &["Никто не ждёт ответа"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_while_the_crm_is_away_is_answered_with_the_age_of_the_data() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    talk.world.crm.fault(Fault::on("", FaultKind::Status(503, FaultBody::Html)));
    talk.world.clock.set(at("2026-08-20T06:20:00Z"));
    talk.worker.work().await;
    talk.world.clock.set(at("2026-08-20T06:30:00Z"));
    let said = talk.answer(ADMIN, "/yesterday").await;
    has(&said, &["3 500 ₽", "CRM не отвечает с 09:", "по последним прочитанным данным"]);
    has(&talk.answer(ADMIN, "/status").await, &["🔴", "не читаются с 09:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_explained_with_the_limits_of_the_configuration() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[("SVODKA__THRESHOLDS__SLOW_FIRST_REPLY", "7m")]).await;
    has(&talk.answer(ADMIN, "/why").await, &["конверсия", "воронка", "/why конверсия"]);
    has(&talk.answer(ADMIN, "/why конв").await, &["Конверсия", "чаты и заказы RetailCRM"]);
    has(&talk.answer(ADMIN, "/why долго").await, &["больше 7 мин"]);
    has(&talk.answer(ADMIN, "/why погода").await, &["Такого числа я не знаю", "Пример: /why конверсия"]);
    has(&talk.answer(ADMIN, "/admin_funnel").await, &["База событий бота не подключена"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_in_its_topic_and_to_the_question_in_a_group() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let asked = talk.world.telegram.foreign_message(MANAGERS, "Анна", "/yesterday@svodka_bot");
    talk.listen().await;
    let said = talk.world.telegram.own_messages(MANAGERS);
    assert_eq!((said.len(), said[0].reply_to), (1, Some(asked)));

    let forum = -1_001_000_000_009;
    talk.world.telegram.add_chat(SimChat::forum(forum, "Отдел", &[(5, "Числа")]));
    talk.world.telegram.foreign_message_in(forum, Some(5), "Анна", "/id");
    talk.listen().await;
    let said = talk.world.telegram.own_messages(forum);
    assert_eq!(said[0].thread_id, Some(5));
    has(&said[0].text, &["-1001000000009", "Тема: 5", "chats.ИМЯ.id"]);
}
