//! Parts of a digest on a card of their own: by manager, by channel, orders, and the conversations behind a number. The
//! sentences are those of the digest itself.

use chrono::NaiveDate;

use super::{Card, Section};
use crate::clock::Instant;
use crate::facts::ManagerId;
use crate::measure::bot::BotDigest;
use crate::measure::chat_lists::ListedChat;
use crate::measure::digest::DailyDigest;
use crate::measure::weekly::WeeklyDigest;
use crate::render::compare::Baselines;
use crate::render::daily::Links;
use crate::render::format::{self, NBSP};
use crate::render::known::{Told, coverage_lines};
use crate::render::subjects::OWN_NAME;
use crate::render::view::{ManagerView, PersonView};
use crate::render::{bot, daily, team, weekly};

/// Managers on one card.
const MOST_MANAGERS: usize = 20;
/// Conversations on one card.
pub const PER_PAGE: usize = 10;
const CUSTOMER_NAME: usize = 24;

/// A digest of conversations and orders, whatever its length.
#[derive(Debug, Clone, Copy)]
pub enum Figures<'a> {
    Day(&'a DailyDigest),
    Long(&'a WeeklyDigest),
}

/// Which conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatList {
    /// As of the digest; only a day's digest knows.
    Waiting,
    NoReply,
    Slow,
    Gap,
}

impl ChatList {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::NoReply, Self::Slow, Self::Gap];

    /// What a button says.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "Ждут ответа",
            Self::NoReply => "Без ответа",
            Self::Slow => "Долго ждали",
            Self::Gap => "Последнее слово за клиентом",
        }
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    pub card: Card,
    /// Another page follows.
    pub has_more: bool,
}

impl Figures<'_> {
    /// `четверг, 20 августа`, `неделю 17–23 августа`: after «за».
    pub fn period(&self) -> String {
        match self {
            Self::Day(digest) => daily::title_day(digest),
            Self::Long(digest) => weekly::title(digest),
        }
    }

    /// How fresh it is, and how to read it.
    fn notes(&self) -> Vec<String> {
        match self {
            // The digest says «обычно», a card does not.
            Self::Day(digest) => {
                coverage_lines(&Told { has_usual: false, has_waiting: true, ..Told::of_day(digest) })
            }
            Self::Long(digest) => weekly::coverage(digest),
        }
    }

    fn card(&self, title: &str) -> Card {
        Card { notes: self.notes(), ..Card::new(format!("{title} за {}", self.period()), Vec::new()) }
    }

    /// Managers with their share, most conversations first.
    pub fn managers(&self) -> Card {
        let views: Vec<ManagerView> = match self {
            Self::Day(digest) => {
                digest.managers.iter().map(|one| daily::manager(one, digest, true)).collect()
            }
            Self::Long(digest) => {
                digest.managers.iter().map(|one| weekly::manager(one, digest, true)).collect()
            }
        };
        let mut card = self.card("Менеджеры");
        if views.is_empty() {
            card.lines.push(self.nothing("Ни диалогов, ни заказов ни у кого не было."));
        }
        if let Some(rest) = views.len().checked_sub(MOST_MANAGERS).filter(|rest| *rest > 0) {
            card.notes.insert(
                0,
                format!("Показаны первые {MOST_MANAGERS}, ещё {rest} — по команде /manager и имени."),
            );
        }
        card.sections =
            views.into_iter().take(MOST_MANAGERS).map(|one| Section::of(one.name, one.lines)).collect();
        card
    }

    /// One manager's share.
    pub fn manager(&self, id: ManagerId, name: &str) -> Card {
        let lines = match self {
            Self::Day(digest) => digest
                .managers
                .iter()
                .find(|one| one.id == Some(id))
                .map(|one| daily::manager(one, digest, true).lines),
            Self::Long(digest) => digest
                .managers
                .iter()
                .find(|one| one.id == Some(id))
                .map(|one| weekly::manager(one, digest, true).lines),
        };
        let name = format::name(name, OWN_NAME).unwrap_or_else(|| "Без имени".to_owned());
        let lines = lines.unwrap_or_else(|| vec![self.nothing("Ни диалогов, ни заказов не было.")]);
        Card { lines, ..self.card(&name) }
    }

    /// Channels with their share.
    pub fn channels(&self) -> Card {
        let lines: Vec<String> = match self {
            Self::Day(digest) => {
                let baselines = Baselines::of(digest);
                digest.channels.iter().filter_map(|one| daily::channel(one, digest, &baselines)).collect()
            }
            Self::Long(digest) => {
                digest.channels.iter().filter_map(|one| weekly::channel(one, digest)).collect()
            }
        };
        let lines = if lines.is_empty() {
            vec!["О каналах ничего не известно.".to_owned()]
        } else {
            lines
        };
        Card { lines, ..self.card("Каналы") }
    }

    /// The team as a whole: nobody is named.
    pub fn team(&self) -> Card {
        let (chats, orders) = match self {
            Self::Day(digest) => team::blocks(digest, &Baselines::of(digest)),
            Self::Long(digest) => (weekly::chats(digest), weekly::orders(digest)),
        };
        let mut card = self.card("Сводка");
        card.sections = vec![Section::of_block("Команда", chats), Section::of_block("Заказы", orders)];
        card
    }

    /// Orders of the team and, where they may be named, of each manager.
    pub fn orders(&self, with_managers: bool) -> Card {
        let (block, managers) = match self {
            Self::Day(digest) => {
                let managers = digest.managers.iter().filter_map(|one| {
                    let made = daily::made_by(one, digest)?;
                    Some(format!("{}: {made}", crate::render::subjects::manager_name(one.id, &one.name)))
                });
                (team::blocks(digest, &Baselines::of(digest)).1, managers.collect::<Vec<_>>())
            }
            Self::Long(digest) => {
                let managers = digest.managers.iter().filter_map(|one| {
                    let made = weekly::made_by(one, digest)?;
                    Some(format!("{}: {made}", crate::render::subjects::manager_name(one.id, &one.name)))
                });
                (weekly::orders(digest), managers.collect())
            }
        };
        let mut card = self.card("Заказы");
        card.sections.push(Section::of_block("Команда", block));
        if with_managers && !managers.is_empty() {
            card.sections.push(Section::of("Менеджеры", managers));
        }
        card
    }

    /// What is said where nothing is found: only of a period that is wholly known that there was nothing.
    fn nothing(&self, sentence: &str) -> String {
        let coverage = match self {
            Self::Day(digest) => [digest.chat_coverage, digest.order_coverage],
            Self::Long(digest) => [digest.chat_coverage, digest.order_coverage],
        };
        let is_known = coverage.iter().all(|coverage| coverage.is_complete());
        if is_known {
            sentence.to_owned()
        } else {
            "В прочитанных данных ничего нет.".to_owned()
        }
    }

    /// The digest's own number behind a list, of everybody or of one manager; `None` when that is not known.
    pub fn count(&self, list: ChatList, of: Option<ManagerId>) -> Option<usize> {
        let (team, own) = match self {
            Self::Day(digest) => {
                if list == ChatList::Waiting {
                    let waiting = digest.waiting.as_ref()?.iter();
                    return Some(waiting.filter(|one| of.is_none() || one.manager_id == of).count());
                }
                let own = digest.managers.iter().find(|one| one.id == of);
                (&digest.team, own.map(|own| &own.numbers))
            }
            Self::Long(digest) => {
                let own = digest.managers.iter().find(|one| one.id == of);
                (&digest.team, own.map(|own| &own.numbers))
            }
        };
        let team = team.current.chats.as_ref()?;
        let chats = match (of, own.and_then(|own| own.current.chats.as_ref())) {
            (None, _) => team,
            (Some(_), Some(own)) => own,
            (Some(_), None) => return Some(0),
        };
        let count = match list {
            ChatList::Waiting => return None,
            ChatList::NoReply => chats.no_reply_chats,
            ChatList::Slow => chats.slow_first_reply_chats,
            ChatList::Gap => chats.follow_up_gap_chats,
        };
        usize::try_from(count).ok()
    }

    /// Which lists there are, with their numbers.
    pub fn lists(&self, of: Option<ManagerId>) -> Card {
        let mut card = self.card("Какие чаты");
        card.lines = ChatList::ALL
            .into_iter()
            .filter(|list| matches!(self, Self::Day(_)) || *list != ChatList::Waiting)
            .map(|list| match self.count(list, of) {
                Some(count) => format!("{}: {}", list.name(), format::count(count as u64)),
                None => format!("{}: неизвестно", list.name()),
            })
            .collect();
        card
    }

    /// One page of a list, the first is 0: links where there are any, first names only.
    pub fn list(&self, list: ChatList, of: Option<ManagerId>, page: usize, links: &Links) -> Page {
        let mut card = self.card(list.name());
        if list == ChatList::Waiting {
            card.title = format!("Ждут ответа на {}", self.moment(self.computed_at()));
        }
        let people: Vec<PersonView> = match (self, list) {
            (Self::Day(digest), ChatList::Waiting) => match &digest.waiting {
                Some(all) => all
                    .iter()
                    .filter(|one| of.is_none() || one.manager_id == of)
                    .map(|one| daily::masked_person(one, digest, links))
                    .collect(),
                None => {
                    card.lines.push(daily::waiting_unknown(digest));
                    return Page { card, has_more: false };
                }
            },
            _ => {
                let theirs = self.listed(list).iter().filter(|one| of.is_none() || one.manager_id == of);
                theirs.map(|one| self.person(one, links)).collect()
            }
        };
        let counted = self.count(list, of);
        if people.is_empty() {
            card.lines.push(match counted {
                Some(0) if list == ChatList::Waiting => "Никто не ждёт ответа.".to_owned(),
                Some(0) => self.nothing("Таких чатов нет."),
                Some(_) => "Список к этой сводке не сохранён.".to_owned(),
                None => "За это время нет данных.".to_owned(),
            });
        } else if let Some(counted) = counted.filter(|counted| *counted > people.len()) {
            card.notes.insert(0, format!("Всего таких чатов {counted}, сохранены первые {}.", people.len()));
        }
        let has_more = people.len() > (page + 1) * PER_PAGE;
        let total = people.len();
        let shown: Vec<PersonView> = people.into_iter().skip(page * PER_PAGE).take(PER_PAGE).collect();
        if total > PER_PAGE {
            let first = page * PER_PAGE + 1;
            card.lines.push(format!("{first}–{} из{NBSP}{total}", first + shown.len().max(1) - 1));
        }
        card.sections.push(Section { people: shown, ..Section::default() });
        Page { card, has_more }
    }

    fn listed(&self, list: ChatList) -> &[ListedChat] {
        let lists = match self {
            Self::Day(digest) => &digest.lists,
            Self::Long(digest) => &digest.lists,
        };
        match list {
            ChatList::Waiting => &[],
            ChatList::NoReply => &lists.no_reply,
            ChatList::Slow => &lists.slow,
            ChatList::Gap => &lists.gap,
        }
    }

    fn person(&self, one: &ListedChat, links: &Links) -> PersonView {
        let manager = one.manager.as_deref().and_then(|name| format::name(name, OWN_NAME));
        let what = match one.waited_secs {
            Some(secs) => format!("ждали {}", format::working_time(secs as f64)),
            None => format!("с{NBSP}{}", self.moment(one.since_at)),
        };
        PersonView {
            name: format::name(&one.customer_name, CUSTOMER_NAME).unwrap_or_else(|| "Без имени".to_owned()),
            link: links.chat(one.chat_id),
            details: [
                what,
                format::channel(&one.channel_kind),
                manager.unwrap_or_else(|| "никто не назначен".to_owned()),
            ]
            .join(", "),
        }
    }

    fn moment(&self, at: Instant) -> String {
        let zone = match self {
            Self::Day(digest) => digest.period.zone,
            Self::Long(digest) => digest.period.zone,
        };
        let today_on: NaiveDate = self.computed_at().with_timezone(&zone).date_naive();
        format::moment(at, zone, today_on)
    }

    fn computed_at(&self) -> Instant {
        match self {
            Self::Day(digest) => digest.computed_at,
            Self::Long(digest) => digest.computed_at,
        }
    }
}

/// The funnel of the bot.
pub fn funnel(digest: &BotDigest) -> Card {
    let section = Section::of_block("Люди", bot::funnel(digest));
    Card { sections: vec![section], ..bot_card("Воронка бота", digest) }
}

/// Where the bot's people come from.
pub fn sources(digest: &BotDigest) -> Card {
    let mut card = bot_card("Источники бота", digest);
    match bot::sources(digest) {
        Some(block) => card.sections.push(Section::of_block("Источники", block)),
        None if digest.events_coverage.is_complete() => {
            card.lines.push("За это время в бота никто не пришёл.".to_owned());
        }
        None => card.lines.push("Не считаем: события прочитаны не за весь период.".to_owned()),
    }
    card
}

fn bot_card(title: &str, digest: &BotDigest) -> Card {
    Card {
        notes: bot::coverage(digest),
        ..Card::new(format!("{title} за {}", bot::title(digest)), Vec::new())
    }
}
