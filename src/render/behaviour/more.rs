//! Where the team is heading, and what it says itself when things go well.

use crate::measure::behaviour::{BehaviourMeasure, BehaviourTrend, Stage, StageScript};
use crate::render::compare::relative;
use crate::render::format;
use crate::render::view::{Block, PersonView};

/// Differences between the halves of a window that are worth a word, as in the weekly digest.
const LEAST_POINTS: f64 = 0.02;
const LEAST_RELATIVE: f64 = 0.05;

/// What moved over 4, 8 and 12 weeks; `None` while there is no history of four weeks.
pub(super) fn trends(trends: &[BehaviourTrend]) -> Option<Block> {
    let longest = trends.iter().flat_map(|trend| &trend.windows).map(|window| window.periods).max()?;
    let (mut lines, mut steady) = (Vec::new(), Vec::new());
    for trend in trends {
        match line(trend) {
            Some(line) => lines.push(line),
            None if !trend.windows.is_empty() => steady.push(name(trend.measure).to_lowercase()),
            None => {}
        }
    }
    if !steady.is_empty() {
        lines.push(format!("Без заметных изменений: {}", steady.join(", ")));
    }
    if longest < 12 {
        lines.push(format!("За {} истории пока мало", format::counted(12, format::WEEKS)));
    }
    Some(Block { remark: Some("вторая половина срока к первой".to_owned()), lines })
}

fn line(trend: &BehaviourTrend) -> Option<String> {
    let changes: Vec<String> = trend
        .windows
        .iter()
        .filter_map(|window| {
            let change = change(trend.measure, window.later, window.earlier)?;
            Some(format!("за {} {change}", format::counted(window.periods, format::WEEKS)))
        })
        .collect();
    (!changes.is_empty()).then(|| format!("{}: {}", name(trend.measure), changes.join(", ")))
}

fn name(measure: BehaviourMeasure) -> &'static str {
    match measure {
        BehaviourMeasure::QuestionsPerChat => "Вопросов на диалог",
        BehaviourMeasure::SpinCompleteness => "Доля четырёх видов вопросов",
        BehaviourMeasure::NextStepRatio => "Следующий шаг в конце",
        BehaviourMeasure::QualityScore => "Оценка диалога",
    }
}

/// `None` for what is too small to act on.
fn change(measure: BehaviourMeasure, later: f64, earlier: f64) -> Option<String> {
    let difference = (later - earlier).abs();
    match measure {
        BehaviourMeasure::SpinCompleteness | BehaviourMeasure::NextStepRatio => {
            (difference >= LEAST_POINTS).then(|| format::points(later, earlier))
        }
        BehaviourMeasure::QuestionsPerChat | BehaviourMeasure::QualityScore => {
            (difference >= LEAST_RELATIVE * earlier.abs()).then(|| relative(later, earlier)).flatten()
        }
    }
}

/// The team's own words by stage; the name of the stage is the view's name.
pub(super) fn scripts(scripts: &[StageScript]) -> Vec<PersonView> {
    let view = |script: &StageScript| {
        let lines: Vec<String> = script
            .lines
            .iter()
            .filter_map(|line| format::name(line, 160))
            .map(|line| format::quoted(&line))
            .collect();
        PersonView { name: stage(script.stage).to_owned(), link: None, details: lines.join(" или ") }
    };
    scripts.iter().map(view).collect()
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Greeting => "Начать",
        Stage::Needs => "Понять, что нужно",
        Stage::Presentation => "Рассказать о товаре",
        Stage::Objection => "Ответить на сомнение",
        Stage::Closing => "Довести до заказа",
    }
}
