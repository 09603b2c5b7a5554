//! Managers side by side. Nobody is compared on few conversations, and nothing is compared that is known only in part.

use super::bars::{self, Bar};
use super::font::Fonts;
use super::scene::{BLUE, MUTED, Scene, Sheet, Style};
use crate::measure::behaviour::MIN_CHATS;
use crate::measure::digest::ChatSummary;
use crate::measure::weekly::WeeklyDigest;
use crate::render::format::{self, DIALOGS};

/// Rows that a phone still shows.
const MOST: usize = 8;

/// `None` when the period is not wholly known or fewer than two managers have enough conversations.
pub fn managers(digest: &WeeklyDigest, fonts: &Fonts) -> Option<Scene> {
    if !digest.chat_coverage.is_complete() {
        return None;
    }
    let named = digest.managers.iter().filter(|one| one.id.is_some());
    let all: Vec<(&str, &ChatSummary)> =
        named.filter_map(|one| Some((one.name.as_str(), one.numbers.current.chats.as_ref()?))).collect();
    let enough = |chats: &ChatSummary| chats.inbound_chats >= MIN_CHATS;
    let compared: Vec<_> = all.iter().filter(|(_, chats)| enough(chats)).take(MOST).collect();
    let hidden = all.iter().filter(|(_, chats)| chats.chats > 0).count().saturating_sub(compared.len());
    if compared.len() < 2 {
        return None;
    }
    let team = digest.team.current.chats.as_ref().and_then(|chats| chats.first_response_median_secs);
    let times = compared.iter().filter_map(|(_, chats)| chats.first_response_median_secs);
    let top = times.chain(team).fold(1.0, f64::max);
    let length = |secs: f64| (secs / top) as f32;
    let rows: Vec<Bar> = compared.iter().map(|(name, chats)| row(name, chats, length)).collect();

    let subtitle = match team {
        Some(team) => format!("Медиана, рабочее время; черта — команда: {}", format::working_time(team)),
        None => "Медиана, рабочее время".to_owned(),
    };
    let mut sheet = Sheet::new(fonts, "Первый ответ по менеджерам", &subtitle);
    bars::draw(&mut sheet, &rows, team.map(length));
    if hidden > 0 {
        let least = format::at_least(MIN_CHATS, DIALOGS);
        let note = format!("Ещё {}: нужно {least}", format::counted(hidden as u64, PEOPLE));
        sheet.line(&note, Style { color: MUTED, ..Style::small() });
    }
    Some(sheet.finish())
}

const PEOPLE: format::Noun = format::Noun("менеджер", "менеджера", "менеджеров");

fn row(name: &str, chats: &ChatSummary, length: impl Fn(f64) -> f32) -> Bar {
    let mut remarks = vec![format::counted(chats.chats, DIALOGS)];
    remarks.extend(chats.response_ratio.map(|ratio| format!("с ответом {}", format::share(ratio))));
    remarks.extend(chats.conversion.map(|ratio| format!("с заказом {}", format::share(ratio))));
    let secs = chats.first_response_median_secs;
    Bar {
        name: format::name(name, 40).unwrap_or_default(),
        value: secs.map_or_else(|| format::NONE.to_owned(), format::working_time),
        remark: remarks.join(" · "),
        length: secs.map(length),
        color: BLUE,
    }
}
