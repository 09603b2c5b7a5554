//! What goes together with orders: kinds of question, and people.

use super::{STAGES, name};
use crate::measure::behaviour::{BehaviourDigest, MIN_CHATS, StageLink, Standing, Standings, Verdict};
use crate::render::format;
use crate::render::view::Block;

/// Orders with and without each kind of question.
pub(super) fn stage_links(digest: &BehaviourDigest) -> Block {
    let lines: Vec<String> = digest.links.iter().map(stage_link).collect();
    if lines.is_empty() {
        let line = if digest.waiting > 0 {
            "диалоги ещё пересматриваются по новым правилам, не сравниваем"
        } else {
            "чаты или заказы за эту неделю прочитаны не полностью, не сравниваем"
        };
        return Block { remark: None, lines: vec![line.to_owned()] };
    }
    let weeks = format::counted(digest.link_weeks, format::WEEKS);
    if digest.links.iter().all(|link| link.difference.verdict == Verdict::TooFew) {
        let line = "мало данных: нужно хотя бы 20 диалогов с такими вопросами и 20 без них".to_owned();
        return Block { remark: Some(format!("за {weeks}")), lines: vec![line] };
    }
    Block { remark: Some(format!("за {weeks}; связь ещё не причина")), lines }
}

fn stage_link(link: &StageLink) -> String {
    let what = STAGES.get(link.stage).copied().unwrap_or_default();
    let found = &link.difference;
    let words = match (found.verdict, found.interval) {
        (Verdict::TooFew, _) | (_, None) => "мало данных".to_owned(),
        (Verdict::NotSeen, _) => "разницы не видно".to_owned(),
        (Verdict::Seen, Some((low, high))) => {
            let (low, high) = (format::points(low, 0.0), format::points(high, 0.0));
            format!("связь видна, разница от {low} до {high}")
        }
    };
    match (found.with, found.without) {
        (Some(with), Some(without)) => format!(
            "Спрашивали {what}: заказали {}, не спрашивали: {} — {words}",
            format::share(with),
            format::share(without)
        ),
        _ => format!("Спрашивали {what}: {words}"),
    }
}

/// Who leads to orders more and less often than the team; `None` when nobody can be compared.
pub(super) fn standings(digest: &BehaviourDigest) -> Option<Block> {
    let found = digest.standings.as_ref()?;
    let weeks = format::counted(digest.link_weeks, format::WEEKS);
    let mut lines: Vec<String> = found.top.iter().map(|one| line("Чаще", one)).collect();
    lines.extend(found.bottom.iter().map(|one| line("Реже", one)));
    if lines.is_empty() {
        lines.push("У всех поровну".to_owned());
    } else {
        lines.push(advice(found));
    }
    Some(Block {
        remark: Some(format!("за {weeks}, в команде {}", format::share(found.team))), lines
    })
}

fn line(side: &str, one: &Standing) -> String {
    let doubt = if one.is_clear { "" } else { ", но это может быть случайность" };
    let (own, shrunk) = (format::share(one.conversion), format::percent(one.shrunk));
    format!("{side}: {} — заказали {own}, с поправкой {shrunk}{doubt}", name(&one.name))
}

fn advice(found: &Standings) -> String {
    let what = if found.top.iter().any(|one| one.is_clear) {
        "Попросите первых показать, как они ведут диалог. "
    } else {
        ""
    };
    format!(
        "{what}Поправка тянет долю к средней тем сильнее, чем меньше диалогов; сравниваем тех, у кого их хотя бы {MIN_CHATS}."
    )
}
