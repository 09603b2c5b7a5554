//! Who the bot is, what it can do, and where one is.

use super::{Ask, TABLE};
use crate::bot::access::is_shared;
use crate::bot::reply::{Failure, Reply};
use crate::render::card::{Card, Section};

pub(super) fn start() -> Result<Reply, Failure> {
    let lines = vec![
        "Я собираю числа из CRM и чатов магазина и каждое утро присылаю сводку.".to_owned(),
        "Спросите, когда нужно раньше: /today, /week. Все команды: /help".to_owned(),
    ];
    Ok(Reply::card(&Card::new("Здравствуйте! Это Сводка.", lines))?)
}

/// The commands that whoever asks may use here.
pub(super) fn help(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let open =
        TABLE.iter().filter(|command| command.name != "start" && ask.caller.reach(command.need).is_some());
    let lines = open.map(|command| format!("/{} — {}", command.name, lower_first(command.says))).collect();
    let days = "День можно назвать словами: вчера, пятница, 12 ноября, 12.11. Имя менеджера или задания — по первым буквам.";
    let mut card = Card::new("Что я умею", lines);
    card.sections.push(Section::plain(vec![days.to_owned()]));
    Ok(Reply::card(&card)?)
}

/// Numbers for the configuration: instead of asking getUpdates by hand.
pub(super) fn id(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let (asked, caller) = (ask.asked, ask.caller);
    let mut lines = vec![format!("Чат: {}", asked.place.id)];
    lines.extend(asked.place.topic.map(|topic| format!("Тема: {topic}")));
    lines.extend(asked.user.map(|user| format!("Вы: {user}")));
    let known = match caller.chats.as_slice() {
        [] if is_shared(&asked.place) => "Этого чата нет в настройках: ключи chats.ИМЯ.id и chats.ИМЯ.topic.",
        [] if caller.is_known() => "Вы есть в настройках.",
        [] => "Вас нет в настройках: ключ access.users.",
        _ => "Этот чат есть в настройках.",
    };
    lines.push(known.to_owned());
    Ok(Reply::card(&Card::new("Номера для настроек", lines))?)
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
