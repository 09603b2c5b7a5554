//! What was done in a subject's conversations, against the week before.

use super::STAGES;
use crate::measure::behaviour::{BehaviourCompared, BehaviourSummary, ChannelBehaviour, MIN_CHATS};
use crate::measure::digest::{Coverage, Ratio};
use crate::render::compare::relative;
use crate::render::format::{self, DIALOGS};
use crate::render::subjects::channel_title;
use crate::render::view::Block;

/// A block of numbers. Of a week that is known only in part just how much there is.
pub(super) fn numbers(compared: &BehaviourCompared, coverage: Coverage) -> Block {
    let (now, before) = (&compared.current, compared.previous.as_ref());
    let mut block = Block::default();
    if now.chats == 0 {
        block.lines.push("разобранных диалогов нет".to_owned());
        return block;
    }
    let lines = &mut block.lines;
    lines.push(match Ratio::of(now.chats, now.replied_chats) {
        Some(ratio) if ratio.part < ratio.whole => format!(
            "Разобрано диалогов: {} из {}",
            format::count(now.chats),
            format::count(now.replied_chats)
        ),
        _ => format!("Разобрано диалогов: {}", format::count(now.chats)),
    });
    if !coverage.is_complete() {
        return block;
    }
    // A mean over a few is not compared.
    let large = before.filter(|before| before.chats.min(now.chats) >= MIN_CHATS);
    block.remark = before.map(|_| "в скобках — к прошлой неделе".to_owned());
    if let Some(questions) = now.questions_per_chat() {
        let change = large.and_then(BehaviourSummary::questions_per_chat);
        let change = change.and_then(|before| relative(questions, before));
        let change = change.map_or_else(String::new, |change| format!(" ({change})"));
        let open = now.open_question_ratio();
        let open = open.map_or_else(String::new, |open| format!(", открытых — {}", format::share(open)));
        lines.push(format!("Вопросов на диалог: {}{change}{open}", format::decimal(questions)));
    }
    for (place, what) in STAGES.into_iter().enumerate() {
        if let Some(ratio) = now.spin_ratio(place) {
            let change = change(Some(ratio), before.and_then(|before| before.spin_ratio(place)));
            lines.push(format!("Спрашивали {what}: в {}{change}", format::share_of(ratio, DIALOGS)));
        }
    }
    if let Some(ratio) = now.next_step_ratio() {
        let change = change(Some(ratio), before.and_then(BehaviourSummary::next_step_ratio));
        lines.push(format!("Закончили следующим шагом: {}{change}", format::share(ratio)));
    }
    if now.lost_intent_chats > 0 {
        lines.push(format!(
            "Клиент интересовался, а следующего шага не предложили: {}{}",
            format::counted(now.lost_intent_chats, DIALOGS),
            large
                .and_then(|before| relative(now.lost_intent_chats as f64, before.lost_intent_chats as f64))
                .map_or_else(String::new, |change| format!(" ({change})"))
        ));
    }
    if let Some(ratio) = now.upsell_ratio() {
        let change = change(Some(ratio), before.and_then(BehaviourSummary::upsell_ratio));
        lines.push(format!("Предложили что-то ещё: {}{change}", format::share(ratio)));
    }
    if let Some(quality) = now.quality() {
        let before = large.and_then(BehaviourSummary::quality);
        let before = before.map_or_else(String::new, |before| {
            format!(", неделей раньше {}", format::count(format::round_u64(before)))
        });
        let points = format::count(format::round_u64(quality));
        lines.push(format!("Оценка диалога в среднем: {points} из 100{before}"));
    }
    if let Some(ratio) = now.negative_ratio().filter(|ratio| ratio.part > 0) {
        let change = change(Some(ratio), before.and_then(BehaviourSummary::negative_ratio));
        lines.push(format!("Клиент ушёл недовольным: {}{change}", format::share(ratio)));
    }
    block
}

/// ` (+3 п. п.)` where both sides are large enough to mean something.
fn change(current: Option<Ratio>, previous: Option<Ratio>) -> String {
    const LEAST_WHOLE: u64 = 20;
    match (current, previous) {
        (Some(current), Some(previous)) if current.whole.min(previous.whole) >= LEAST_WHOLE => {
            format!(" ({})", format::points(current.value(), previous.value()))
        }
        _ => String::new(),
    }
}

/// A line per channel with enough conversations to say something; nothing when there is only one such channel.
pub(super) fn channels(channels: &[ChannelBehaviour]) -> Vec<String> {
    let lines: Vec<String> =
        channels.iter().filter(|one| one.numbers.current.chats >= MIN_CHATS).filter_map(channel).collect();
    if lines.len() < 2 { Vec::new() } else { lines }
}

fn channel(one: &ChannelBehaviour) -> Option<String> {
    let (now, before) = (&one.numbers.current, one.numbers.previous.as_ref());
    let step = now.next_step_ratio()?;
    let change = change(Some(step), before.and_then(BehaviourSummary::next_step_ratio));
    let name = channel_title(&one.kind, one.name.as_deref());
    Some(format!(
        "{name}: {}, вопросов на диалог — {}, закончили следующим шагом — {}{change}",
        format::counted(now.chats, DIALOGS),
        format::decimal(now.questions_per_chat()?),
        format::share(step),
    ))
}
