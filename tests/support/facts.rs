//! Builders of facts. Times are written as the wall clock of the shop shows them.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use svodka::facts::{
    Author, Channel, Chat, CoverageSpan, CrmUser, CustomerLink, Dialog, DialogEvent, Directory, Facts,
    Instant, Message, MgUser, Money, Order, Responsible,
};
use svodka::measure::daily::{DailyInputs, Thresholds, daily};
use svodka::measure::digest::DailyDigest;
use svodka::measure::weekly::{PastValue, WeeklyDigest, WeeklyInputs, weekly};
use svodka::measure::{Period, Span, WorkCalendar};

pub const MOSCOW: Tz = Tz::Europe__Moscow;
/// Anna is CRM user 1, Boris CRM user 2, Vera is known to the chats only.
pub const ANNA: i64 = 11;
pub const BORIS: i64 = 12;
pub const VERA: i64 = 13;
/// An integration that writes as a user.
pub const ROBOT: i64 = 14;
/// A bot proper.
pub const BOT: i64 = 90;
pub const TELEGRAM: i64 = 1;
pub const WHATSAPP: i64 = 2;

/// The moment at which clocks in `zone` show `2026-03-10 10:00` (or with seconds), the first one of two.
pub fn local(text: &str, zone: Tz) -> Instant {
    let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M"))
        .expect("a local time");
    zone.from_local_datetime(&at).earliest().expect("a time that exists").to_utc()
}

/// A Moscow wall-clock time.
pub fn msk(text: &str) -> Instant {
    local(text, MOSCOW)
}

pub fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// The thresholds of the default configuration.
pub fn thresholds() -> Thresholds {
    Thresholds {
        slow_first_reply: Duration::from_secs(600),
        follow_up_gap: Duration::from_secs(24 * 3600),
        response_ratio_drop: 0.05,
        no_reply_ratio: 0.05,
        first_response_median: Duration::from_secs(600),
        order_link_window: Duration::from_secs(30 * 24 * 3600),
        spin_completeness_drop: 0.05,
        spin_stage_drop: 0.03,
        questions_drop: 0.5,
        spin_completeness_low: 0.3,
        questions_low: 3.0,
        waiting_max_age: Duration::from_secs(3600),
    }
}

pub fn calendar(hours: &str, zone: Tz) -> WorkCalendar {
    let default = hours.parse().expect("working hours");
    WorkCalendar { zone, default, weekdays: Default::default(), holidays: Default::default() }
}

/// The people and channels every test shop has.
pub fn staff() -> (Directory, Vec<Channel>) {
    let crm = |id, name: &str, mg| CrmUser {
        id,
        name: name.to_owned(),
        mg_user_id: Some(mg),
        is_manager: true,
        is_active: true,
    };
    let mg = |id, name: &str, is_technical| MgUser {
        id,
        external_id: None,
        name: name.to_owned(),
        is_active: true,
        is_technical,
    };
    let channel = |id, kind: &str| Channel { id, kind: kind.to_owned(), name: None, is_active: true };
    let directory = Directory::new(
        &[crm(1, "Анна", ANNA), crm(2, "Борис", BORIS)],
        &[mg(ANNA, "Анна", false), mg(VERA, "Вера", false), mg(ROBOT, "Интеграция", true)],
    );
    (directory, vec![channel(TELEGRAM, "telegram"), channel(WHATSAPP, "whatsapp")])
}

pub fn message(id: i64, chat_id: i64, dialog_id: Option<i64>, at: Instant, author: Author) -> Message {
    Message {
        id,
        chat_id,
        dialog_id,
        sent_at: at,
        author,
        is_public: true,
        event: None,
        order_id: None,
        text: None,
        updated_at: at,
    }
}

pub fn order(id: i64, at: Instant, total: i64) -> Order {
    Order {
        id,
        number: format!("{id}A"),
        status: "new".to_owned(),
        created_at: at,
        manager_id: None,
        customer_id: None,
        dialog_id: None,
        total: Money(total),
        prepaid: Money(0),
        currency: None,
        full_paid_at: None,
        is_deleted: false,
    }
}

/// A tea shop in Moscow whose facts a test writes line by line, and the report on one of its days.
///
/// Customer 500 + n writes in chat n and is CRM customer 700 + n. Messages get ids in the order of writing.
#[derive(Debug, Clone)]
pub struct Shop {
    pub facts: Facts,
    pub period: Period,
    pub now: Instant,
    pub calendar: WorkCalendar,
    pub thresholds: Thresholds,
    pub chats: Option<CoverageSpan>,
    pub orders: Option<CoverageSpan>,
}

impl Shop {
    /// Reports on a day at 09:00 the next morning; everything was read since long ago.
    pub fn on(day: &str) -> Self {
        let period = Period::day(date(day), MOSCOW);
        let now = period.to + TimeDelta::hours(9);
        let known = Some(CoverageSpan { from: period.from - TimeDelta::days(90), until: now });
        let (directory, channels) = staff();
        Self {
            facts: Facts { directory, channels, ..Facts::default() },
            period,
            now,
            calendar: calendar("10:00-23:00", MOSCOW),
            thresholds: thresholds(),
            chats: known,
            orders: known,
        }
    }

    pub fn digest(&self) -> DailyDigest {
        let mut facts = self.facts.clone();
        facts.messages.sort_by_key(|message| (message.sent_at, message.id));
        facts.orders.sort_by_key(|order| (order.created_at, order.id));
        daily(&DailyInputs {
            facts: &facts,
            period: self.period,
            slot_at: self.now,
            now: self.now,
            public_id: "d-0310-test".to_owned(),
            calendar: &self.calendar,
            thresholds: self.thresholds,
            chats: self.chats,
            orders: self.orders,
            late_secs: None,
        })
    }

    /// The digest of the week or month that contains the shop's day, at 09:00 after it.
    pub fn weekly(&self, span: Span, history: &[PastValue]) -> WeeklyDigest {
        let mut facts = self.facts.clone();
        facts.messages.sort_by_key(|message| (message.sent_at, message.id));
        facts.orders.sort_by_key(|order| (order.created_at, order.id));
        let period = span.containing(self.period.from_on, self.calendar.zone);
        let now = period.to + TimeDelta::hours(9);
        weekly(&WeeklyInputs {
            base: DailyInputs {
                facts: &facts,
                period,
                slot_at: now,
                now,
                public_id: "w-0309-test".to_owned(),
                calendar: &self.calendar,
                thresholds: self.thresholds,
                chats: self.chats,
                orders: self.orders,
                late_secs: None,
            },
            span,
            history,
        })
    }

    pub fn chat(&mut self, id: i64, channel_id: i64) -> &mut Self {
        let created_at = self.period.from - TimeDelta::days(60);
        self.facts.chats.push(Chat {
            id,
            channel_id: Some(channel_id),
            customer_id: Some(500 + id),
            customer_name: format!("Покупатель {id}"),
            created_at,
            updated_at: created_at,
        });
        let link = CustomerLink { mg_customer_id: 500 + id, crm_customer_id: 700 + id };
        self.facts.customer_links.push(link);
        self
    }

    /// An open dialog; its chat appears with it, in Telegram.
    pub fn dialog(
        &mut self,
        chat_id: i64,
        id: i64,
        at: &str,
        responsible: Option<Responsible>,
    ) -> &mut Dialog {
        if self.facts.chats.iter().all(|chat| chat.id != chat_id) {
            self.chat(chat_id, TELEGRAM);
        }
        let at = msk(at);
        self.facts.dialogs.push(Dialog {
            id,
            chat_id,
            responsible,
            created_at: at,
            assigned_at: responsible.map(|_| at),
            closed_at: None,
            updated_at: at,
        });
        self.facts.dialogs.last_mut().expect("just pushed")
    }

    /// A message in a dialog.
    pub fn says(&mut self, dialog_id: i64, author: Author, at: &str) -> &mut Message {
        let chat_id =
            self.facts.dialogs.iter().find(|dialog| dialog.id == dialog_id).expect("a dialog").chat_id;
        self.says_in(chat_id, Some(dialog_id), author, at)
    }

    pub fn says_in(
        &mut self,
        chat_id: i64,
        dialog_id: Option<i64>,
        author: Author,
        at: &str,
    ) -> &mut Message {
        let id = 1 + self.facts.messages.len() as i64;
        self.facts.messages.push(message(id, chat_id, dialog_id, msk(at), author));
        self.facts.messages.last_mut().expect("just pushed")
    }

    pub fn asks(&mut self, dialog_id: i64, at: &str) -> &mut Self {
        self.says(dialog_id, Author::Customer(1), at);
        self
    }

    pub fn replies(&mut self, dialog_id: i64, user: i64, at: &str) -> &mut Self {
        self.says(dialog_id, Author::User(user), at);
        self
    }

    pub fn event(&mut self, dialog_id: i64, event: DialogEvent, at: &str) -> &mut Self {
        let message = self.says(dialog_id, Author::System, at);
        (message.event, message.is_public) = (Some(event), false);
        self
    }

    pub fn order(&mut self, id: i64, at: &str, total: i64) -> &mut Order {
        self.facts.orders.push(order(id, msk(at), total));
        self.facts.orders.last_mut().expect("just pushed")
    }
}
