//! A year of a shop with twenty managers, as its readers see it: every digest of the CRM for an ordinary week, a week in which
//! clocks change, the turn of the year, a tiny shop and an empty one.
//!
//! Marks come from a few plain rules below and not from the trained model, so that a better model does not move these texts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use svodka::clock::Instant;
use svodka::facts::{
    Author, Channel, Chat, CoverageSpan, CrmUser, CustomerLink, Dialog, DialogEvent, Directory, Facts, Marks,
    Message, MgUser, Money, Order, Responsible,
};
use svodka::measure::behaviour::{
    Analysis, Behaviour, BehaviourDigest, Quote, StageScript, behaviour, window as behaviour_window,
};
use svodka::measure::daily::{DailyInputs, daily, window as daily_window};
use svodka::measure::weekly::{WeeklyInputs, weekly, window as weekly_window};
use svodka::measure::{Period, Span};
use svodka::render::behaviour::{render as render_behaviour, render_own};
use svodka::render::daily::{Links, render as render_daily};
use svodka::render::tree::parts;
use svodka::render::weekly::render as render_weekly;
use svodka::render::{RenderError, Report};
use svodka::sandbox::retailcrm as model;
use svodka::sandbox::shop::{ShopOptions, tea_shop};
use svodka::text::lexicon::Lexicon;
use svodka::text::mask::mask;

use crate::support::facts::{calendar, thresholds};

const ZONE: Tz = chrono_tz::Europe::Berlin;

static YEAR: LazyLock<Year> = LazyLock::new(|| Year::of(20, 14.0));
static TINY: LazyLock<Year> = LazyLock::new(|| Year::of(3, 0.4));
static EMPTY: LazyLock<Year> = LazyLock::new(|| Year {
    model: model::Model::new(ZONE),
    marks: BTreeMap::new(),
    from: until() - TimeDelta::days(365),
});

/// The morning of 5 January 2027.
fn until() -> Instant {
    "2027-01-05T08:00:00Z".parse().unwrap()
}

struct Year {
    model: model::Model,
    marks: BTreeMap<i64, Marks>,
    from: Instant,
}

impl Year {
    fn of(managers: usize, chats_per_day: f64) -> Self {
        let options = ShopOptions {
            seed: 11,
            managers,
            days: 365,
            until: until(),
            future_days: 0,
            zone: ZONE,
            chats_per_day,
            returning_ratio: 0.4,
        };
        let model = tea_shop(&options);
        let texts = model.messages().iter().filter_map(|one| Some((one, one.content.as_deref()?)));
        let marks = texts.map(|(one, text)| (one.id, marks(one.author, text))).collect();
        Self { model, marks, from: until() - TimeDelta::days(365) }
    }

    /// The facts of a window, as the store gives them.
    fn facts(&self, (from, until): (Instant, Instant)) -> Facts {
        let is_kept = |one: &&model::Message| one.deleted_at.is_none() && !one.is_mass && one.sent_at < until;
        let seen: Vec<&model::Message> = self.model.messages().iter().filter(is_kept).collect();
        let dialogs: BTreeSet<i64> =
            seen.iter().filter(|one| one.sent_at >= from).filter_map(|one| one.dialog_id).collect();
        let mut messages: Vec<Message> = seen
            .into_iter()
            .filter(|one| one.dialog_id.map_or(one.sent_at >= from, |id| dialogs.contains(&id)))
            .map(message)
            .collect();
        messages.sort_by_key(|one| (one.sent_at, one.id));
        let users = self.model.users();
        let name = |one: &model::User| format!("{} {}", one.first_name, one.last_name).trim().to_owned();
        let crm = |one: &model::User| CrmUser {
            id: one.crm_id,
            name: name(one),
            mg_user_id: Some(one.mg_id),
            is_manager: one.is_manager,
            is_active: one.is_active,
        };
        let mg = |one: &model::User| MgUser {
            id: one.mg_id,
            external_id: None,
            name: name(one),
            is_active: one.is_active,
            is_technical: one.is_technical,
        };
        let mut orders: Vec<Order> = self.model.orders().iter().map(order).collect();
        orders.retain(|one| from <= one.created_at && one.created_at < until);
        orders.sort_by_key(|one| (one.created_at, one.id));
        let links = self.model.customers().iter().flat_map(|one| {
            one.mg_customer_ids.iter().map(|id| CustomerLink { mg_customer_id: *id, crm_customer_id: one.id })
        });
        Facts {
            directory: Directory::new(
                &users.iter().map(crm).collect::<Vec<_>>(),
                &users.iter().map(mg).collect::<Vec<_>>(),
            ),
            channels: self
                .model
                .channels()
                .iter()
                .map(|one| Channel {
                    id: one.id,
                    kind: one.kind.clone(),
                    name: Some(one.name.clone()),
                    is_active: one.is_active,
                })
                .collect(),
            chats: self.model.chats().iter().map(|one| self.chat(one)).collect(),
            dialogs: self
                .model
                .dialogs()
                .iter()
                .filter(|one| dialogs.contains(&one.id) || one.closed_at.is_none_or(|at| at >= until))
                .filter(|one| one.created_at < until)
                .map(dialog)
                .collect(),
            marks: messages.iter().filter_map(|one| Some((one.id, *self.marks.get(&one.id)?))).collect(),
            messages,
            orders,
            customer_links: links.collect(),
        }
    }

    fn chat(&self, one: &model::Chat) -> Chat {
        let customer = self.model.mg_customer(one.customer_id).unwrap();
        Chat {
            id: one.id,
            channel_id: Some(one.channel_id),
            customer_id: Some(one.customer_id),
            customer_name: format!("{} {}", customer.first_name, customer.last_name).trim().to_owned(),
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }

    /// A digest of the CRM from the facts of a window, made at nine in the morning after the period.
    fn digest<D>(
        &self,
        id: &str,
        period: Period,
        window: impl Fn(Instant) -> (Instant, Instant),
        compute: impl Fn(DailyInputs<'_>) -> D,
    ) -> D {
        let now = period.to + TimeDelta::hours(9);
        let facts = self.facts(window(now));
        let known = Some(CoverageSpan { from: self.from, until: now });
        let calendar = calendar("10:00-23:00", ZONE);
        compute(DailyInputs {
            facts: &facts,
            period,
            slot_at: now,
            now,
            public_id: id.to_owned(),
            calendar: &calendar,
            thresholds: thresholds(),
            chats: known,
            orders: known,
            late_secs: None,
        })
    }

    fn day(&self, day: &str) -> String {
        let period = Period::day(on(day), ZONE);
        let digest = self.digest(
            "d-0000-year",
            period,
            |now| daily_window(&period, &thresholds(), now),
            |inputs| daily(&inputs),
        );
        read(render_daily(&digest, &links()))
    }

    fn long(&self, span: Span, day: &str) -> String {
        let period = span.containing(on(day), ZONE);
        let window = |_| weekly_window(span, &period, &thresholds());
        let digest = self
            .digest("w-0000-year", period, window, |base| weekly(&WeeklyInputs { base, span, history: &[] }));
        read(render_weekly(&digest, &links()))
    }

    fn behaviour(&self, day: &str) -> BehaviourDigest {
        let period = Span::Week.containing(on(day), ZONE);
        let Behaviour { mut digest, candidates } = self.digest(
            "b-0000-year",
            period,
            |_| behaviour_window(&period, &thresholds()),
            |inputs| behaviour(&inputs, &Analysis::default()),
        );
        digest.scripts = candidates
            .into_iter()
            .map(|(stage, found)| {
                let quotes = found.into_iter().map(|one| self.quote(one.message_id, one.chat_id));
                StageScript::fill(stage, quotes.collect::<Vec<_>>())
            })
            .filter(|script| !script.lines.is_empty())
            .collect();
        digest
    }

    fn quote(&self, message_id: i64, chat_id: i64) -> Quote {
        let text = self.model.message(message_id).unwrap().content.clone().unwrap_or_default();
        let mask = mask(&text, Lexicon::shipped());
        Quote {
            chat_id,
            is_masked: !mask.spans.is_empty(),
            text: mask.text,
            customer_name: self.chat(self.model.chat(chat_id).unwrap()).customer_name,
        }
    }

    fn lead(&self, day: &str) -> String {
        read(render_behaviour(&self.behaviour(day), &links()))
    }
}

fn message(one: &model::Message) -> Message {
    let responsible = |to| match to {
        model::Responsible::User(id) => Responsible::User(id),
        model::Responsible::Bot(id) => Responsible::Bot(id),
    };
    Message {
        id: one.id,
        chat_id: one.chat_id,
        dialog_id: one.dialog_id,
        sent_at: one.sent_at,
        author: match one.author {
            Some(model::Author::Customer(id)) => Author::Customer(id),
            Some(model::Author::User(id)) => Author::User(id),
            Some(model::Author::Bot(id)) => Author::Bot(id),
            Some(model::Author::Channel(id)) => Author::Channel(id),
            None => Author::System,
        },
        is_public: one.is_public,
        event: match one.event {
            Some(model::SystemEvent::DialogAssigned(to)) => Some(DialogEvent::Assigned(responsible(to))),
            Some(model::SystemEvent::DialogUnassigned) => Some(DialogEvent::Unassigned),
            Some(model::SystemEvent::DialogClosed) => Some(DialogEvent::Closed),
            Some(model::SystemEvent::DialogOpened) | None => None,
        },
        order_id: one.order_id,
        text: None,
        updated_at: one.updated_at,
    }
}

fn dialog(one: &model::Dialog) -> Dialog {
    let held = one.responsible.map(|(to, at)| match to {
        model::Responsible::User(id) => (Responsible::User(id), at),
        model::Responsible::Bot(id) => (Responsible::Bot(id), at),
    });
    Dialog {
        id: one.id,
        chat_id: one.chat_id,
        responsible: held.map(|(to, _)| to),
        created_at: one.created_at,
        assigned_at: held.map(|(_, at)| at),
        closed_at: one.closed_at,
        updated_at: one.updated_at,
    }
}

fn order(one: &model::Order) -> Order {
    Order {
        id: one.id,
        number: one.number.clone(),
        status: one.status.clone(),
        created_at: one.created_at,
        manager_id: one.manager_id,
        customer_id: Some(one.customer_id),
        dialog_id: one.dialog_id,
        total: Money(one.total_minor()),
        prepaid: Money(one.prepaid_minor()),
        currency: Some("RUB".to_owned()),
        full_paid_at: one.full_paid_at,
        is_deleted: one.deleted_at.is_some(),
    }
}

/// What a message does, by a few words of it.
fn marks(author: Option<model::Author>, text: &str) -> Marks {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let manager: [(Marks, bool); 12] = [
        (
            Marks::SPIN_S,
            text.contains('?') && has(&["для кого", "какой", "какие", "давно", "сколько", "куда"]),
        ),
        (Marks::SPIN_P, text.contains('?') && has(&["не нрав", "не устра", "неудоб", "сложно", "мешает"])),
        (Marks::SPIN_I, text.contains('?') && has(&["и что в итоге", "приходится", "получается", "из-за"])),
        (Marks::SPIN_N, text.contains('?') && has(&["удобнее", "было бы", "помогло", "проще"])),
        (Marks::OPEN_QUESTION, text.contains('?') && has(&["как", "что", "для кого", "почему", "сколько"])),
        (Marks::CLOSED_QUESTION, text.contains('?') && has(&["или", "оформля", "подойд", "удобно"])),
        (Marks::NEXT_STEP, has(&["оформля", "напишите", "отправлю", "ссылка на оплату", "отложу"])),
        (Marks::UPSELL, has(&["кстати", "вместе с", "многие берут", "добавить"])),
        (Marks::STAGE_GREETING, has(&["здравствуйте", "добрый день", "привет", "добрый вечер"])),
        (Marks::STAGE_PRESENTATION, has(&["советую", "у нас есть", "мягкий", "подойдёт", "вкус"])),
        (Marks::STAGE_OBJECTION, has(&["понимаю", "согласна", "согласен"])),
        (Marks::STAGE_CLOSING, has(&["оформляем", "оформлю", "ссылка на оплату"])),
    ];
    let customer = [
        (Marks::PRICE, has(&["сколько стоит", "цена", "почём", "почем"])),
        (Marks::AVAILABILITY, has(&["есть ли", "у вас есть", "в наличии"])),
        (Marks::DELIVERY, has(&["доставк", "сдэк", "привез"])),
        (Marks::BUY, has(&["оформляйте", "беру", "возьму", "хочу заказать"])),
        (Marks::NEGATIVE, has(&["ужас", "плохо", "разочаров", "дороговато"])),
        (Marks::POSITIVE, has(&["спасибо", "супер", "отлично", "класс"])),
    ];
    let set = |all: &[(Marks, bool)]| {
        all.iter().filter(|(_, is_set)| *is_set).fold(Marks::default(), |marks, (mark, _)| marks.with(*mark))
    };
    match author {
        Some(model::Author::User(_)) => {
            let found = set(&manager);
            let asks = Marks(Marks::SPIN_S.0 | Marks::SPIN_P.0);
            if found.any(asks) { found.with(Marks::STAGE_NEEDS) } else { found }
        }
        Some(model::Author::Customer(_)) => set(&customer),
        _ => Marks::default(),
    }
}

fn on(day: &str) -> NaiveDate {
    day.parse().unwrap()
}

fn links() -> Links {
    Links { chat_link: Some("https://tea.example.com/chats/{chat_id}".to_owned()) }
}

/// The messages as people read them, without the addresses of links; no-break spaces made visible as plain ones.
fn read(report: Result<Report, RenderError>) -> String {
    let parts = parts(&report.unwrap()).unwrap();
    let mut all = Vec::new();
    for part in &parts {
        let text = svodka::render::tree::Tree::parse(&part.html).unwrap().text().replace('\u{a0}', " ");
        for block in text.split("\n\n") {
            assert!(block.lines().count() <= 22, "more than a screen of a phone:\n{block}");
        }
        for odd in ["None", "NaN", "  ", "{", "0.0", " ,", "..", "Some("] {
            assert!(!text.contains(odd), "`{odd}` in\n{text}");
        }
        all.push(text);
    }
    all.join("\n━━━━━━\n")
}

macro_rules! snapshot {
    ($name:expr, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
            insta::assert_snapshot!($name, $text);
        })
    };
}

#[test]
fn an_ordinary_week_of_twenty_managers_is_readable() {
    snapshot!("year_daily_ordinary", YEAR.day("2026-08-19"));
    snapshot!("year_weekly_ordinary", YEAR.long(Span::Week, "2026-08-19"));
    snapshot!("year_monthly_ordinary", YEAR.long(Span::Month, "2026-08-19"));
    snapshot!("year_behaviour_ordinary", YEAR.lead("2026-08-19"));
    let digest = YEAR.behaviour("2026-08-19");
    let own = digest.managers.iter().find(|one| one.focus.is_some()).unwrap();
    snapshot!("year_behaviour_own", read(render_own(own, &digest, &links())));
    let small = digest.managers.last().unwrap();
    snapshot!("year_behaviour_own_small", read(render_own(small, &digest, &links())));
}

#[test]
fn a_week_in_which_clocks_change_is_readable() {
    snapshot!("year_daily_dst", YEAR.day("2026-10-25"));
    snapshot!("year_weekly_dst", YEAR.long(Span::Week, "2026-10-25"));
    snapshot!("year_behaviour_dst", YEAR.lead("2026-10-25"));
}

#[test]
fn the_turn_of_the_year_is_readable() {
    snapshot!("year_daily_year_end", YEAR.day("2026-12-31"));
    snapshot!("year_weekly_year_end", YEAR.long(Span::Week, "2027-01-01"));
    snapshot!("year_monthly_year_end", YEAR.long(Span::Month, "2026-12-31"));
    snapshot!("year_behaviour_year_end", YEAR.lead("2027-01-01"));
}

#[test]
fn a_tiny_shop_reads_little_and_is_judged_by_nothing() {
    snapshot!("year_daily_tiny", TINY.day("2026-08-19"));
    snapshot!("year_weekly_tiny", TINY.long(Span::Week, "2026-08-19"));
    snapshot!("year_monthly_tiny", TINY.long(Span::Month, "2026-08-19"));
    snapshot!("year_behaviour_tiny", TINY.lead("2026-08-19"));
}

#[test]
fn an_empty_shop_is_told_so() {
    snapshot!("year_daily_empty", EMPTY.day("2026-08-19"));
    snapshot!("year_weekly_empty", EMPTY.long(Span::Week, "2026-08-19"));
    snapshot!("year_monthly_empty", EMPTY.long(Span::Month, "2026-08-19"));
    snapshot!("year_behaviour_empty", EMPTY.lead("2026-08-19"));
}
