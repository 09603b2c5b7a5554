//! Figures of the shop: a day, a week, a month, a manager, who waits, orders, the talk.

use chrono::NaiveDate;

use super::Ask;
use crate::bot::access::Reach;
use crate::bot::args::{self, Found};
use crate::bot::callback::{Of, Show, View};
use crate::bot::cards::{self, Sight};
use crate::bot::reply::{Failure, Keyboard, Reply};
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS, SOURCE_PEOPLE};
use crate::facts::ManagerId;
use crate::jobs::report;
use crate::measure::Span;
use crate::measure::behaviour::BehaviourDigest;
use crate::render::behaviour::render_own;
use crate::render::card::figures::ChatList;
use crate::render::format;
use crate::render::tree::parts;
use crate::schedule::ReportKind;

/// `/today`, `/yesterday`: that day, or the one named.
pub(super) async fn day(ask: &Ask<'_>, usual: &str) -> Result<Reply, Failure> {
    let day = named_day(ask, ask.args, usual)?;
    shown(ask, ReportKind::Daily, day, View::Whole).await
}

/// `/week`, `/month`: the last whole one, or that of the day named.
pub(super) async fn long(ask: &Ask<'_>, report: ReportKind) -> Result<Reply, Failure> {
    let day = if ask.args.is_empty() {
        report::span(report).before(ask.now, ask.desk.settings.zone).from_on
    } else {
        named_day(ask, ask.args, "вчера")?
    };
    shown(ask, report, day, View::Whole).await
}

/// `/orders`: today, or the day named.
pub(super) async fn orders(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let day = named_day(ask, ask.args, "сегодня")?;
    shown(ask, ReportKind::Daily, day, View::Orders).await
}

/// `/waiting`: as of now, whatever the day.
pub(super) async fn waiting(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let today = ask.desk.today(ask.now);
    shown(ask, ReportKind::Daily, today, View::List(ChatList::Waiting, 0)).await
}

/// `/manager NAME [DAY]`: yesterday, or the day named.
pub(super) async fn manager(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let (name, day) = split_day(ask)?;
    let id = match ask.reach {
        Reach::Own(id) => id,
        Reach::Everything => find_manager(ask, name).await?,
    };
    shown(ask, ReportKind::Daily, day, View::Manager(id)).await
}

/// `/spin [NAME]`: the talk of the last whole week, of the team or of one.
pub(super) async fn spin(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let one = match ask.reach {
        Reach::Own(id) => Some(id),
        Reach::Everything if ask.args.is_empty() => None,
        Reach::Everything => Some(find_manager(ask, ask.args).await?),
    };
    let desk = ask.desk;
    let week = Span::Week.before(ask.now, desk.settings.zone).from_on;
    let loaded = cards::load(desk, ReportKind::Behaviour, Of::Day(week), ask.now).await?;
    let Some(id) = one else {
        return with_troubles(ask, Reply { parts: loaded.parts, keyboard: Keyboard::default() }).await;
    };
    let digest: BehaviourDigest = loaded.read()?;
    let Some(own) = digest.managers.iter().find(|own| own.id == id) else {
        let name = cards::manager_name(desk, id).await?;
        return Err(Failure::Mistake(format!("{name}: за прошлую неделю нет разобранных диалогов.")));
    };
    let report = render_own(own, &digest, &cards::links(&desk.settings))?;
    with_troubles(ask, Reply { parts: parts(&report)?, keyboard: Keyboard::default() }).await
}

async fn shown(ask: &Ask<'_>, report: ReportKind, day: NaiveDate, view: View) -> Result<Reply, Failure> {
    let sight = Sight::of(ask.caller).unwrap_or(Sight::Team);
    let show = Show { report, of: Of::Day(day), view };
    with_troubles(ask, cards::show(ask.desk, show, sight, ask.now).await?).await
}

/// Says at the end that the CRM is away and since when: the figures are those of before.
async fn with_troubles(ask: &Ask<'_>, mut reply: Reply) -> Result<Reply, Failure> {
    let desk = ask.desk;
    let sources = desk.store.list_sources().await?;
    let of_crm = sources
        .iter()
        .filter(|source| [SOURCE_PEOPLE, SOURCE_CHATS, SOURCE_ORDERS].contains(&source.name.as_str()));
    let Some(since) = of_crm.filter_map(|source| source.failing_since).min() else { return Ok(reply) };
    let since = format::moment(since, desk.settings.zone, desk.today(ask.now));
    let note = format!("CRM не отвечает с {since}: числа по последним прочитанным данным.");
    if let Some(part) = reply.parts.last_mut() {
        part.html.push_str(&format!("\n<i>{note}</i>"));
        part.plain.push_str(&format!("\n{note}"));
    }
    Ok(reply)
}

/// The day in `text`, or the usual one.
fn named_day(ask: &Ask<'_>, text: &str, usual: &str) -> Result<NaiveDate, Failure> {
    let text = if text.is_empty() { usual } else { text };
    args::day(text, ask.desk.today(ask.now)).ok_or_else(|| {
        Failure::Mistake("Не понял, какой это день. Назовите его так: вчера, пятница, 12 ноября или 12.11; будущих дней я не знаю.".to_owned())
    })
}

/// `Ольга 12 ноября` in its parts; without a day yesterday.
fn split_day<'a>(ask: &Ask<'a>) -> Result<(&'a str, NaiveDate), Failure> {
    let today = ask.desk.today(ask.now);
    let starts = [0].into_iter().chain(ask.args.match_indices(' ').map(|(at, _)| at + 1));
    for start in starts {
        if let Some(day) = args::day(&ask.args[start..], today) {
            return Ok((ask.args[..start].trim(), day));
        }
    }
    Ok((ask.args, named_day(ask, "", "вчера")?))
}

async fn find_manager(ask: &Ask<'_>, name: &str) -> Result<ManagerId, Failure> {
    let directory = ask.desk.store.directory().await?;
    let people = || directory.managers().filter(|one| one.is_active && !one.is_technical);
    let names = || people().map(|one| one.name.clone()).collect::<Vec<_>>().join(", ");
    if name.is_empty() {
        return Err(Failure::Mistake(format!("Чьи числа показать? Менеджеры: {}.", names())));
    }
    // Who left may still be asked about, by the whole name.
    match args::by_name(directory.managers().map(|one| (one.id, one.name.clone())), name) {
        Found::One(id) => Ok(id),
        Found::Several(names) => {
            Err(Failure::Mistake(format!("Так начинается несколько имён: {}.", names.join(", "))))
        }
        Found::Nothing => Err(Failure::Mistake(format!("Такого менеджера я не знаю. Есть: {}.", names()))),
    }
}
