//! Who improved and who needs help, and conversations to look at.

use super::ExamplesView;
use super::words::Words;
use crate::measure::digest::Ratio;
use crate::measure::weekly::{Example, Mover, WeeklyDigest};
use crate::render::daily::Links;
use crate::render::format::{self, NBSP};
use crate::render::subjects::{OWN_NAME, manager_name};
use crate::render::view::{Block, PersonView};

/// Code points of a customer's name.
const CUSTOMER_NAME: usize = 24;

/// Two blocks, or one line on why there are none.
pub(super) fn moves(digest: &WeeklyDigest, words: &Words) -> Vec<(&'static str, Block)> {
    if !digest.chat_coverage.is_complete() || digest.team.previous.chats.is_none() {
        return Vec::new();
    }
    let movers = &digest.movers;
    let block = |remark: Option<&str>, lines| Block { remark: remark.map(str::to_owned), lines };
    let mut blocks = Vec::new();
    if movers.ranked_count == 0 {
        let has_people = digest.managers.iter().any(|one| one.id.is_some());
        let line = format!(
            "Сравнить нельзя: нужно хотя бы 10{NBSP}диалогов {} у одного менеджера",
            words.each_of_two
        );
        return if has_people {
            vec![("Кто изменился", block(None, vec![line]))]
        } else {
            Vec::new()
        };
    }
    if !movers.best.is_empty() {
        blocks.push(("Стало лучше", block(Some("похвалите"), movers.best.iter().map(mover).collect())));
    }
    if !movers.worst.is_empty() {
        blocks.push(("Стало хуже", block(Some("помогите"), movers.worst.iter().map(mover).collect())));
    }
    if blocks.is_empty() {
        blocks.push(("Кто изменился", block(None, vec!["Ни у кого заметных изменений нет".to_owned()])));
    }
    blocks
}

/// `Анна: без ответа 12 % → 5 %, каждый десятый ждал дольше 40 мин → 22 мин`: only what differs in words.
fn mover(mover: &Mover) -> String {
    let (before, now) = (&mover.previous, &mover.current);
    let share = |count, whole| Ratio::of(count, whole).map_or_else(String::new, format::share);
    let time = |secs: Option<f64>| secs.map(format::working_time);
    let pairs = [
        (
            "без ответа",
            Some(share(before.no_reply_chats, before.inbound_chats)),
            Some(share(now.no_reply_chats, now.inbound_chats)),
        ),
        (
            "клиент не дождался ответа",
            Some(format::count(before.follow_up_gap_chats)),
            Some(format::count(now.follow_up_gap_chats)),
        ),
        (
            "каждый десятый ждал дольше",
            time(before.first_response_p90_secs),
            time(now.first_response_p90_secs),
        ),
    ];
    let told: Vec<String> = pairs
        .into_iter()
        .filter_map(|(name, before, now)| Some((name, before?, now?)))
        .filter(|(_, before, now)| before != now)
        .map(|(name, before, now)| format!("{name} {before}{NBSP}→ {now}"))
        .collect();
    format!("{}: {}", manager_name(Some(mover.id), &mover.name), told.join(", "))
}

/// Conversations by kind; a kind without any is left out.
pub(super) fn examples(digest: &WeeklyDigest, links: &Links) -> Vec<ExamplesView> {
    let date = |one: &Example| format::date(one.asked_at.with_timezone(&digest.period.zone).date_naive());
    let waited = |one: &Example| one.first_response_secs.map(format::working_time).unwrap_or_default();
    let all = &digest.examples;
    let kinds: [(&str, &[Example], &dyn Fn(&Example) -> String); 4] = [
        ("Остались без ответа — напишите им", &all.no_reply, &|one| {
            format!("с{NBSP}{}", date(one))
        }),
        ("Долго ждали первого ответа", &all.slow, &|one| {
            format!("{}, ждали {}", date(one), waited(one))
        }),
        ("Интересовались, но следующего шага не было — предложите", &all.lost_intent, &|one| date(one)),
        ("Хороший пример: быстрый ответ и заказ", &all.good, &|one| {
            format!("{}, ответ за {}", date(one), waited(one))
        }),
    ];
    kinds
        .into_iter()
        .filter(|(_, examples, _)| !examples.is_empty())
        .map(|(title, examples, what)| ExamplesView {
            title,
            people: examples.iter().map(|one| person(one, what(one), links)).collect(),
        })
        .collect()
}

fn person(example: &Example, what: String, links: &Links) -> PersonView {
    let manager = example.manager.as_deref().and_then(|name| format::name(name, OWN_NAME));
    let manager = manager.unwrap_or_else(|| "никто не назначен".to_owned());
    PersonView {
        name: format::name(&example.customer_name, CUSTOMER_NAME).unwrap_or_else(|| "Без имени".to_owned()),
        link: links.chat(example.chat_id),
        details: [what, format::channel(&example.channel_kind), manager].join(", "),
    }
}
