//! The weekly receipt in words, for ops.

use askama::Template;

use super::format::{self, Noun};
use super::{RenderError, Report};
use crate::measure::receipt::{JobReceipt, Receipt};

const TROUBLES: Noun = Noun("неполадка", "неполадки", "неполадок");

#[derive(Template)]
#[template(path = "telegram/receipt.html")]
struct View {
    week: String,
    news: String,
    jobs: Vec<String>,
    troubles: String,
}

/// Renders the receipt in Telegram HTML.
///
/// # Errors
/// Only for a fault in the template.
pub fn render(receipt: &Receipt) -> Result<Report, RenderError> {
    let last_on = receipt.period.to_on.pred_opt().unwrap_or(receipt.period.to_on);
    let view = View {
        week: format!("неделю {}", format::days(receipt.period.from_on, last_on)),
        news: news(&receipt.total),
        jobs: receipt.jobs.iter().map(|job| line(job, receipt)).collect(),
        troubles: troubles(receipt),
    };
    Ok(Report { public_id: receipt.public_id.clone(), html: view.render()? })
}

fn news(total: &JobReceipt) -> String {
    let (due, lost) = (total.due, total.lost);
    if due == 0 {
        return "По расписанию ничего не было назначено.".to_owned();
    }
    let in_time = total.arrived - total.late;
    if in_time == due {
        let word = if due == 1 {
            "Сводка дошла вовремя"
        } else {
            "Все сводки дошли вовремя"
        };
        return format!("{word}: {}.", format::count(due));
    }
    let mut parts = vec![format!("Вовремя дошли {} из {}", format::count(in_time), format::count(due))];
    if total.late > 0 {
        parts.push(format!("с опозданием — {}", format::count(total.late)));
    }
    if lost > 0 {
        parts.push(format!("не дошли — {}", format::count(lost)));
    }
    if total.skipped > 0 {
        parts.push(format!("пропущены — {}", format::count(total.skipped)));
    }
    if total.open > 0 {
        parts.push(format!("ещё в пути — {}", format::count(total.open)));
    }
    let fix =
        if lost > 0 { " Что не дошло: svodka deliveries --state dead и svodka runs." } else { "" };
    format!("{}.{fix}", parts.join(", "))
}

/// `Ежедневная сводка: дошли 7 из 7, дольше всего шла 2 мин (18 августа)`.
fn line(job: &JobReceipt, receipt: &Receipt) -> String {
    let mut text =
        format!("{}: дошли {} из {}", job.title, format::count(job.arrived), format::count(job.due));
    if let (Some(secs), Some(slot_at)) = (job.worst_lateness_secs, job.worst_slot_at) {
        let day_on = slot_at.with_timezone(&receipt.period.zone).date_naive();
        let lateness = format::duration(secs.max(0) as f64);
        text.push_str(&format!(", дольше всего после срока — {lateness} ({})", format::date(day_on)));
    }
    text
}

fn troubles(receipt: &Receipt) -> String {
    let Some(longest) = receipt.longest_trouble_secs else {
        return "Неполадок не было.".to_owned();
    };
    let count = format::counted(receipt.troubles, TROUBLES);
    let longest = format::duration(longest as f64);
    match receipt.open_troubles {
        0 => format!("За неделю: {count}, все устранены, самая долгая длилась {longest}."),
        open => {
            format!(
                "За неделю: {count}, не устранено — {}, самая долгая длится {longest}.",
                format::count(open)
            )
        }
    }
}
