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
/// A share over fewer is told with its counts, as [`format::share`] does.
const SMALL_WHOLE: u64 = 20;

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
        blocks.push((
            "Стало лучше",
            block(Some("похвалите"), movers.best.iter().map(|one| mover(one, true)).collect()),
        ));
    }
    if !movers.worst.is_empty() {
        blocks.push((
            "Стало хуже",
            block(Some("помогите"), movers.worst.iter().map(|one| mover(one, false)).collect()),
        ));
    }
    if blocks.is_empty() {
        blocks.push(("Кто изменился", block(None, vec!["Ни у кого заметных изменений нет".to_owned()])));
    }
    blocks
}

/// `Анна: без ответа 12 % → 5 %; но хуже: каждый десятый ждал дольше 22 мин → 40 мин`: only what differs in words, what the
/// block is about first. Who is better on the whole may be worse in something, and is not praised for that.
fn mover(mover: &Mover, is_better: bool) -> String {
    let (before, now) = (&mover.previous, &mover.current);
    let time = |secs: Option<f64>| secs.map(format::working_time);
    let wholes = (before.inbound_chats, now.inbound_chats);
    let (no_reply_before, no_reply_now) = shares((before.no_reply_chats, now.no_reply_chats), wholes);
    let (gap_before, gap_now) = shares((before.follow_up_gap_chats, now.follow_up_gap_chats), wholes);
    let fell = |parts: (u64, u64)| parts.1 * wholes.0 < parts.0 * wholes.1;
    let changes = [
        (
            "без ответа",
            Some(no_reply_before),
            Some(no_reply_now),
            fell((before.no_reply_chats, now.no_reply_chats)),
        ),
        (
            "последнее слово за клиентом",
            Some(gap_before),
            Some(gap_now),
            fell((before.follow_up_gap_chats, now.follow_up_gap_chats)),
        ),
        (
            "каждый десятый ждал дольше",
            time(before.first_response_p90_secs),
            time(now.first_response_p90_secs),
            now.first_response_p90_secs < before.first_response_p90_secs,
        ),
    ];
    let told = changes
        .into_iter()
        .filter_map(|(name, before, now, fell)| Some((name, before?, now?, fell)))
        .filter(|(_, before, now, _)| before != now)
        .map(|(name, before, now, fell)| (format!("{name} {before}{NBSP}→ {now}"), fell == is_better));
    let (expected, other): (Vec<_>, Vec<_>) = told.partition(|(_, is_expected)| *is_expected);
    let list =
        |told: Vec<(String, bool)>| told.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(", ");
    let mut text = format!("{}: {}", manager_name(Some(mover.id), &mover.name), list(expected));
    if !other.is_empty() {
        text.push_str(if is_better { "; но хуже: " } else { "; при этом лучше: " });
        text.push_str(&list(other));
    }
    text
}

/// Both shares in the same form: per cent, or counts where one of the wholes is small.
fn shares(parts: (u64, u64), wholes: (u64, u64)) -> (String, String) {
    let both = [(parts.0, wholes.0), (parts.1, wholes.1)];
    let is_small = both.iter().any(|(part, whole)| *whole < SMALL_WHOLE || part > whole);
    let [before, now] = both.map(|(part, whole)| match Ratio::of(part, whole) {
        Some(ratio) if !is_small => format::share(ratio),
        _ => format!("{}{NBSP}из{NBSP}{}", format::count(part), format::count(whole)),
    });
    (before, now)
}

/// Conversations by kind; a kind without any is left out.
pub(super) fn examples(digest: &WeeklyDigest, links: &Links, words: &Words) -> Vec<ExamplesView> {
    let date = |one: &Example| format::date(one.asked_at.with_timezone(&digest.period.zone).date_naive());
    let waited = |one: &Example| one.first_response_secs.map(format::working_time).unwrap_or_default();
    let all = &digest.examples;
    let group = |title, examples: &[Example], what: &dyn Fn(&Example) -> String| ExamplesView {
        title,
        people: examples.iter().map(|one| person(one, what(one), links)).collect(),
    };
    let groups = [
        group(words.left_unanswered, &all.no_reply, &|one| format!("с{NBSP}{}", date(one))),
        group("Долго ждали первого ответа", &all.slow, &|one| {
            format!("{}, ждали {}", date(one), waited(one))
        }),
        group("Интересовались, но следующего шага не было — предложите", &all.lost_intent, &date),
        group("Хорошие примеры, быстрый ответ и заказ", &all.good, &|one| {
            format!("{}, ответ за {}", date(one), waited(one))
        }),
    ];
    groups.into_iter().filter(|group| !group.people.is_empty()).collect()
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
