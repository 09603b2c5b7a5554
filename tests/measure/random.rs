//! Random shops, small enough to be dense: few people and dialogs, and times on a quarter-hour grid around the days
//! that a digest looks at, so that ties, handovers, overlaps and borders happen all the time.

use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;
use svodka::facts::{
    Author, Chat, CoverageSpan, CustomerLink, Dialog, DialogEvent, Facts, Instant, Message, Money, Order,
    Responsible,
};
use svodka::measure::daily::{DailyInputs, Thresholds, daily};
use svodka::measure::digest::DailyDigest;
use svodka::measure::{Period, WorkCalendar};

use super::worktime::{any_calendar, any_zone_and_day};
use crate::support::facts::{
    ANNA, BORIS, BOT, ROBOT, TELEGRAM, VERA, WHATSAPP, message, order, staff, thresholds,
};

/// The grid on which everything happens.
pub const STEP_SECS: i64 = 900;
const CHATS: i64 = 5;
const DIALOGS: i64 = 7;

/// Everything a digest is made from.
#[derive(Debug, Clone)]
pub struct World {
    pub facts: Facts,
    pub period: Period,
    pub now: Instant,
    pub calendar: WorkCalendar,
    pub thresholds: Thresholds,
    pub chats: Option<CoverageSpan>,
    pub orders: Option<CoverageSpan>,
}

impl World {
    pub fn digest(&self) -> DailyDigest {
        daily(&self.inputs())
    }

    pub fn inputs(&self) -> DailyInputs<'_> {
        DailyInputs {
            facts: &self.facts,
            period: self.period,
            slot_at: self.now,
            now: self.now,
            public_id: "d-random".to_owned(),
            calendar: &self.calendar,
            thresholds: self.thresholds,
            chats: self.chats,
            orders: self.orders,
            late_secs: None,
        }
    }

    pub fn sort(&mut self) {
        self.facts.messages.sort_by_key(|message| (message.sent_at, message.id));
        self.facts.orders.sort_by_key(|order| (order.created_at, order.id));
    }
}

/// A moment on the grid, most often on a day that the digest or a baseline speaks about, or near its borders.
fn any_moment(day: NaiveDate, zone: Tz) -> BoxedStrategy<Instant> {
    let start = move |ago: i64| Period::day(day - TimeDelta::days(ago), zone).from;
    let near = (select(vec![28i64, 21, 14, 7, 7, 1, 1, 0, 0, 0, 0]), -8i64..140)
        .prop_map(move |(ago, step)| start(ago) + TimeDelta::seconds(step * STEP_SECS));
    let anywhere = (-60i64 * 96..140).prop_map(move |step| start(0) + TimeDelta::seconds(step * STEP_SECS));
    prop_oneof![6 => near, 1 => anywhere].boxed()
}

fn any_responsible() -> impl Strategy<Value = Responsible> {
    use Responsible::{Bot, User};
    select(vec![User(ANNA), User(BORIS), User(VERA), User(ROBOT), User(404), Bot(BOT)])
}

fn any_dialog(id: i64, moment: BoxedStrategy<Instant>) -> impl Strategy<Value = Dialog> {
    let maybe = |weight| proptest::option::weighted(weight, moment.clone());
    (0..CHATS, proptest::option::of(any_responsible()), moment.clone(), maybe(0.7), maybe(0.3)).prop_map(
        move |(chat_id, responsible, created_at, assigned_at, closed_at)| Dialog {
            id,
            chat_id,
            responsible,
            created_at,
            assigned_at,
            closed_at,
            updated_at: created_at,
        },
    )
}

fn any_message(moment: BoxedStrategy<Instant>) -> impl Strategy<Value = Message> {
    let author = prop_oneof![
        6 => Just(Author::Customer(1)),
        6 => select(vec![ANNA, BORIS, VERA, 404]).prop_map(Author::User),
        1 => select(vec![Author::User(ROBOT), Author::Bot(BOT), Author::Channel(TELEGRAM)]),
        2 => Just(Author::System),
    ];
    let event = prop_oneof![
        4 => any_responsible().prop_map(DialogEvent::Assigned),
        1 => Just(DialogEvent::Unassigned),
        1 => Just(DialogEvent::Closed),
    ];
    // Dialog ids beyond the known ones happen too: a dialog may not have been read yet.
    let place = prop_oneof![3 => (0..DIALOGS + 1).prop_map(Some), 1 => Just(None)];
    let shown = proptest::option::weighted(0.1, 0i64..12);
    (moment, author, event, place, 0..CHATS, proptest::bool::weighted(0.95), shown).prop_map(
        |(at, author, event, dialog_id, chat_id, is_public, order_id)| {
            let event = (author == Author::System).then_some(event);
            Message { is_public, event, order_id, ..message(0, chat_id, dialog_id, at, author) }
        },
    )
}

fn any_order(moment: BoxedStrategy<Instant>) -> impl Strategy<Value = Order> {
    let maybe = proptest::option::weighted(0.3, moment.clone());
    let dialog = proptest::option::weighted(0.3, 0..DIALOGS + 2);
    let customer = proptest::option::weighted(0.8, 700..700 + CHATS);
    let manager = proptest::option::of(1i64..4);
    let currency = select(vec![None, Some("RUB"), Some("RUB"), Some("KZT")]);
    let money = (0i64..500_000, select(vec![0i64, 0, 100]));
    (moment, manager, customer, dialog, money, currency, maybe, proptest::bool::weighted(0.05)).prop_map(
        |(at, manager_id, customer_id, dialog_id, (total, prepaid), currency, full_paid_at, is_deleted)| {
            Order {
                manager_id,
                customer_id,
                dialog_id,
                prepaid: Money(prepaid),
                currency: currency.map(str::to_owned),
                full_paid_at,
                is_deleted,
                ..order(0, at, if total < 20_000 { 0 } else { total })
            }
        },
    )
}

/// What is known of a source: everything, or with a random start and end.
fn any_span(period: Period) -> impl Strategy<Value = Option<CoverageSpan>> {
    let step = |steps: i64| TimeDelta::seconds(steps * STEP_SECS);
    let whole =
        CoverageSpan { from: period.from - TimeDelta::days(90), until: period.to + TimeDelta::days(1) };
    let part = (-30i64 * 96..200, -96i64..140).prop_map(move |(from, until)| {
        Some(CoverageSpan { from: period.from + step(from), until: period.from + step(until) })
    });
    let late_start =
        (-30i64 * 96..0).prop_map(move |from| Some(CoverageSpan { from: period.from + step(from), ..whole }));
    prop_oneof![4 => Just(Some(whole)), 2 => late_start, 2 => part, 1 => Just(None)]
}

fn any_thresholds() -> impl Strategy<Value = Thresholds> {
    let secs = |choices: Vec<u64>| select(choices).prop_map(Duration::from_secs);
    (
        secs(vec![600, 900, 3600]),
        secs(vec![3600, 86_400]),
        secs(vec![86_400, 2_592_000]),
        secs(vec![0, 3600, 86_400]),
    )
        .prop_map(|(slow, gap, link, waiting)| Thresholds {
            slow_first_reply: slow,
            follow_up_gap: gap,
            response_ratio_drop: 0.05,
            no_reply_ratio: 0.1,
            first_response_median: slow,
            order_link_window: link,
            waiting_max_age: waiting,
            ..thresholds()
        })
}

pub fn any_world() -> impl Strategy<Value = World> {
    // The clock change falls on the day itself or on the day before.
    let place = any_zone_and_day().prop_flat_map(|(zone, day)| {
        (any_calendar(zone, day, 15), Just(day), (0i64..2).prop_map(TimeDelta::days))
    });
    place.prop_flat_map(|(calendar, changed_on, after)| {
        let (zone, day) = (calendar.zone, changed_on + after);
        let period = Period::day(day, zone);
        let moment = any_moment(day, zone);
        let dialogs: Vec<_> = (0..DIALOGS).map(|id| any_dialog(id, moment.clone())).collect();
        let facts = (
            dialogs,
            proptest::collection::vec(any_message(moment.clone()), 0..160),
            proptest::collection::vec(any_order(moment), 0..12),
            proptest::collection::vec((500..500 + CHATS, 700..700 + CHATS), 0..8),
        );
        let spans = (any_span(period), any_span(period));
        (facts, spans, any_thresholds(), 0i64..48).prop_map(move |(facts, spans, thresholds, hours)| {
            let now = period.to + TimeDelta::seconds(hours * STEP_SECS);
            let (dialogs, messages, orders, links) = facts;
            let calendar = calendar.clone();
            let facts = assemble(period, dialogs, messages, orders, links);
            let mut world =
                World { facts, period, now, calendar, thresholds, chats: spans.0, orders: spans.1 };
            world.sort();
            world
        })
    })
}

fn assemble(
    period: Period,
    dialogs: Vec<Dialog>,
    messages: Vec<Message>,
    orders: Vec<Order>,
    links: Vec<(i64, i64)>,
) -> Facts {
    let (directory, channels) = staff();
    let chat = |id: i64| Chat {
        id,
        channel_id: [Some(TELEGRAM), Some(WHATSAPP), Some(77), None][id as usize % 4],
        customer_id: Some(500 + id),
        customer_name: format!("Покупатель {id}"),
        created_at: period.from,
        updated_at: period.from,
    };
    let messages = messages.into_iter().enumerate().map(|(index, message)| {
        // A dialog lies in one chat; dialogs that nobody knows lie in the last one, of which nothing is known either.
        let chat_id = match message.dialog_id {
            Some(id) => dialogs.iter().find(|dialog| dialog.id == id).map_or(CHATS, |dialog| dialog.chat_id),
            None => message.chat_id,
        };
        Message { id: index as i64, chat_id, ..message }
    });
    let link = |(mg_customer_id, crm_customer_id)| CustomerLink { mg_customer_id, crm_customer_id };
    Facts {
        directory,
        channels,
        chats: (0..CHATS).map(chat).collect(),
        messages: messages.collect(),
        orders: orders.into_iter().enumerate().map(|(id, order)| Order { id: id as i64, ..order }).collect(),
        customer_links: links.into_iter().map(link).collect(),
        dialogs,
        marks: svodka::facts::MarksOf::new(),
    }
}
