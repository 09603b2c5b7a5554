//! From a digest and a wish to the card that shows it, with its buttons. The same for commands and for presses, so that
//! both say the same numbers: those of the digest.

use chrono::{Days, NaiveDate, TimeDelta};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::access::{Caller, Reach};
use super::callback::{Action, Of, Show, View};
use super::desk::Desk;
use super::reply::{Failure, Keyboard, Reply};
use crate::clock::Instant;
use crate::facts::ManagerId;
use crate::jobs::{replay, report};
use crate::measure::Period;
use crate::measure::bot::BotDigest;
use crate::measure::digest::DailyDigest;
use crate::measure::weekly::WeeklyDigest;
use crate::render::Part;
use crate::render::card::Card;
use crate::render::card::figures::{ChatList, Figures};
use crate::render::daily::Links;
use crate::render::format;
use crate::schedule::ReportKind;
use crate::settings::{Need, Role, Settings};
use crate::store::runs::RunRow;

/// How much of the shop's figures somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Everything,
    /// A manager: what is theirs.
    Own(ManagerId),
    /// The team as a whole, no names.
    Team,
}

impl Sight {
    /// Of whoever asks; `None` when the figures are not theirs to see.
    pub fn of(caller: &Caller) -> Option<Self> {
        match (caller.reach(Need::Numbers), caller.reach(Need::Team)) {
            (_, Some(Reach::Everything)) => Some(Self::Everything),
            (_, Some(Reach::Own(id))) => Some(Self::Own(id)),
            (Some(_), None) => Some(Self::Team),
            (None, None) => None,
        }
    }

    /// Of everybody in a chat with this role.
    pub fn of_role(role: Role) -> Option<Self> {
        match role {
            Role::Lead | Role::Admin => Some(Self::Everything),
            Role::Manager(id) => Some(Self::Own(id)),
            Role::Viewer => Some(Self::Team),
            Role::Ops => None,
        }
    }
}

/// What a show takes, beside the sight that narrows it.
pub fn need(show: &Show) -> Need {
    match show.view {
        _ if show.report.is_about_bot() => Need::Bot,
        View::Whole | View::Channels | View::Orders => Need::Numbers,
        View::Managers | View::Manager(_) | View::Lists | View::List(..) => Need::Team,
    }
}

/// A digest with its messages.
pub struct Loaded {
    pub body: Value,
    pub parts: Vec<Part>,
}

impl Loaded {
    /// # Errors
    /// For a snapshot of another version.
    pub fn read<D: DeserializeOwned>(&self) -> Result<D, Failure> {
        serde_json::from_value(self.body.clone()).map_err(|_| {
            Failure::Mistake(
                "Эту сводку сделала другая версия программы, разобрать её по частям нельзя. Наберите /yesterday или /week."
                    .to_owned(),
            )
        })
    }
}

/// The digest that `of` names.
pub async fn load(desk: &Desk, report: ReportKind, of: Of, now: Instant) -> Result<Loaded, Failure> {
    let (settings, store) = (&desk.settings, &desk.store);
    match of {
        Of::Run(run_id) => {
            let mut stored = store.find_digest(run_id).await?;
            // What stands in the chat now is the last correction.
            for correction in store.list_corrections(run_id).await? {
                stored = store.find_digest(correction.id).await?.or(stored);
            }
            let stored = stored.ok_or_else(|| {
                Failure::Mistake("Снимок этой сводки уже удалён. Наберите /yesterday или /week.".to_owned())
            })?;
            let parts = replay::of_stored(store, &stored, settings).await?;
            Ok(Loaded { body: stored.body, parts })
        }
        Of::Day(day) => {
            let period = report::span(report).containing(day, settings.zone);
            let run = RunRow::unrecorded(report.as_str(), period.to + TimeDelta::hours(9), now);
            let made = report::make(settings, store, report, &run, now).await?;
            let made = made.ok_or_else(|| Failure::Mistake("У этого отчёта нет текста.".to_owned()))?;
            Ok(Loaded { body: made.body, parts: made.parts })
        }
    }
}

/// The card of `show` for somebody with this sight.
pub async fn show(desk: &Desk, show: Show, sight: Sight, now: Instant) -> Result<Reply, Failure> {
    let loaded = load(desk, show.report, show.of, now).await?;
    let settings = &desk.settings;
    let today = now.with_timezone(&settings.zone).date_naive();
    match show.report {
        ReportKind::Daily => {
            let digest: DailyDigest = loaded.read()?;
            card(desk, show, sight, Figures::Day(&digest), &digest.period, loaded.parts, today).await
        }
        ReportKind::Weekly | ReportKind::Monthly => {
            let digest: WeeklyDigest = loaded.read()?;
            card(desk, show, sight, Figures::Long(&digest), &digest.period, loaded.parts, today).await
        }
        _ => {
            let digest: BotDigest = loaded.read()?;
            let keyboard = keyboard(show, &digest.period, sight, today, None);
            Ok(Reply { parts: loaded.parts, keyboard })
        }
    }
}

async fn card(
    desk: &Desk,
    asked: Show,
    sight: Sight,
    figures: Figures<'_>,
    period: &Period,
    parts: Vec<Part>,
    today: NaiveDate,
) -> Result<Reply, Failure> {
    let own = match sight {
        Sight::Own(id) => Some(id),
        _ => None,
    };
    let shown = Show { view: narrowed(asked.view, sight), ..asked };
    let keyboard = |more| keyboard(shown, period, sight, today, more);
    let links = links(&desk.settings);
    Ok(match (shown.view, sight) {
        (View::Whole, Sight::Team) => Reply::card(&figures.team())?.with(keyboard(None)),
        (View::Whole, _) => Reply { parts, keyboard: keyboard(None) },
        (View::Managers, _) => Reply::card(&figures.managers())?.with(keyboard(None)),
        (View::Manager(id), _) => {
            let name = manager_name(desk, id).await?;
            Reply::card(&figures.manager(id, &name))?.with(keyboard(None))
        }
        (View::Channels, _) => Reply::card(&figures.channels())?.with(keyboard(None)),
        (View::Orders, sight) => {
            Reply::card(&figures.orders(sight == Sight::Everything))?.with(keyboard(None))
        }
        (View::Lists, _) => {
            let lists = ChatList::ALL.into_iter().filter(|list| figures.count(*list, own).unwrap_or(0) > 0);
            let button = |list: ChatList| {
                let count = figures.count(list, own).unwrap_or(0);
                let view = View::List(list, 0);
                vec![(format!("{} · {count}", list.name()), Action::Show(Show { view, ..shown }))]
            };
            let rows: Vec<_> = lists.map(button).collect();
            Reply::card(&figures.lists(own))?.with(keyboard(Some(rows)))
        }
        (View::List(list, page), _) => {
            let shown_page = figures.list(list, own, usize::from(page), &links);
            let turn = |page, text: &str| {
                let view = View::List(list, page);
                (text.to_owned(), Action::Show(Show { view, ..shown }))
            };
            let mut row = Vec::new();
            row.extend(page.checked_sub(1).map(|page| turn(page, "‹ Раньше")));
            row.extend(page.checked_add(1).filter(|_| shown_page.has_more).map(|page| turn(page, "Ещё ›")));
            Reply::card(&shown_page.card)?.with(keyboard(Some(vec![row])))
        }
    })
}

/// What somebody with this sight is shown instead of what is not theirs.
fn narrowed(view: View, sight: Sight) -> View {
    match (sight, view) {
        (Sight::Own(_), View::Lists | View::List(..)) => view,
        (Sight::Own(id), _) => View::Manager(id),
        _ => view,
    }
}

/// The buttons under a digest or a card; `more` stands above what all have.
pub fn keyboard(
    show: Show,
    period: &Period,
    sight: Sight,
    today: NaiveDate,
    more: Option<Vec<Vec<(String, Action)>>>,
) -> Keyboard {
    let go = |text: &str, view| (text.to_owned(), Action::Show(Show { view, ..show }));
    let mut rows = more.unwrap_or_default();
    if !show.report.is_about_bot() {
        match (sight, show.view) {
            (Sight::Everything, View::Whole) => {
                rows.push(vec![go("По менеджерам", View::Managers), go("По каналам", View::Channels)]);
                rows.push(vec![go("Заказы", View::Orders), go("Какие чаты", View::Lists)]);
            }
            (Sight::Team, View::Whole) => rows.push(vec![go("По каналам", View::Channels)]),
            (Sight::Own(_), View::Manager(_)) => rows.push(vec![go("Какие чаты", View::Lists)]),
            (_, View::List(..)) => rows.push(vec![go("← Какие чаты", View::Lists)]),
            (_, View::Whole) => {}
            (Sight::Own(id), _) => rows.push(vec![go("← Мои числа", View::Manager(id))]),
            _ => rows.push(vec![go("← Вся сводка", View::Whole)]),
        }
    }
    if !matches!(show.view, View::List(..) | View::Lists) {
        let span = report::span(show.report);
        let neighbour = |period: &Period, text: String| {
            (text, Action::Show(Show { of: Of::Day(period.from_on), ..show }))
        };
        let before = span.previous(period);
        let mut row = vec![neighbour(&before, format!("‹ {}", short(show.report, &before)))];
        if period.to_on <= today {
            let after = span.containing(period.to_on, period.zone);
            row.push(neighbour(&after, format!("{} ›", short(show.report, &after))));
        }
        rows.push(row);
    }
    Keyboard(rows)
}

/// `18 августа`, `10.08 – 16.08`, `август`.
fn short(report: ReportKind, period: &Period) -> String {
    let last_on = period.to_on.checked_sub_days(Days::new(1)).unwrap_or(period.from_on);
    match report::span(report) {
        crate::measure::Span::Day => format::date(period.from_on),
        crate::measure::Span::Week => format::short_days(period.from_on, last_on),
        crate::measure::Span::Month => format::month(period.from_on).to_owned(),
    }
}

/// The buttons under a digest that a run sends to a chat.
pub fn under_digest(
    settings: &Settings,
    report: ReportKind,
    run_id: i64,
    chat: &str,
    period: &Period,
    now: Instant,
) -> Keyboard {
    let known = matches!(report, ReportKind::Daily | ReportKind::Weekly | ReportKind::Monthly)
        || (report.is_about_bot() && report.has_messages());
    let sight = settings.access.role_of(chat).and_then(Sight::of_role).filter(|_| known);
    let Some(sight) = sight else { return Keyboard::default() };
    let today = now.with_timezone(&settings.zone).date_naive();
    keyboard(Show { report, of: Of::Run(run_id), view: View::Whole }, period, sight, today, None)
}

/// The person's name, as the CRM has it.
pub async fn manager_name(desk: &Desk, id: ManagerId) -> Result<String, Failure> {
    Ok(desk.store.directory().await?.name(id))
}

/// How texts link back to the CRM.
pub fn links(settings: &Settings) -> Links {
    Links { chat_link: settings.retailcrm.chat_link.clone() }
}

/// A card as an answer.
pub fn plain(card: &Card) -> Result<Reply, Failure> {
    Ok(Reply::card(card)?)
}
