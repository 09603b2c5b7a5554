//! The same digest computed a second time, slowly and another way: every figure is read off the raw messages by its
//! definition, working time is counted quarter hour by quarter hour, nothing is indexed or shared between figures.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::Value;
use svodka::facts::{
    Author, CoverageSpan, DialogEvent, Instant, ManagerId, Message, Money, Order, Responsible,
};
use svodka::measure::Period;
use svodka::measure::chat_lists::ChatLists;
use svodka::measure::digest::{
    ChannelBlock, ChatSummary, Compared, Coverage, DailyDigest, Headline, ManagerBlock, OrderSummary, Ratio,
    Summary, Waiting, Warning, WeekdayMean,
};

use super::random::{STEP_SECS, World, any_world};
use super::worktime::ticks;
use crate::support::facts::{ANNA, BORIS, ROBOT, VERA, message};

/// A conversation: `(false, dialog)` or `(true, chat)`.
pub type Key = (bool, i64);

pub struct Oracle<'a> {
    world: &'a World,
    origin: Instant,
    /// Working seconds from `origin` to each step of the grid.
    worked: Vec<i64>,
}

/// Messages of one conversation up to a moment, of any author.
pub struct Talk<'a> {
    pub key: Key,
    pub all: Vec<&'a Message>,
    /// Customers' and people's only.
    pub words: Vec<&'a Message>,
}

pub fn is_customer(message: &Message) -> bool {
    message.is_public && matches!(message.author, Author::Customer(_))
}

pub fn human(message: &Message) -> Option<ManagerId> {
    match message.author {
        Author::User(id) if message.is_public => person(id),
        _ => None,
    }
}

fn person(mg_id: i64) -> Option<ManagerId> {
    match mg_id {
        ANNA => Some(ManagerId::Crm(1)),
        BORIS => Some(ManagerId::Crm(2)),
        ROBOT => None,
        other => Some(ManagerId::Mg(other)),
    }
}

pub fn name(id: Option<ManagerId>) -> String {
    match id {
        None => "Не назначен".to_owned(),
        Some(ManagerId::Crm(1)) => "Анна".to_owned(),
        Some(ManagerId::Crm(2)) => "Борис".to_owned(),
        Some(ManagerId::Mg(VERA)) => "Вера".to_owned(),
        Some(other) => format!("Сотрудник {other}"),
    }
}

pub fn interpolated(mut values: Vec<i64>, fraction: f64) -> Option<f64> {
    values.sort();
    let position = fraction * (values.len() as f64 - 1.0);
    let low = *values.get(position as usize)? as f64;
    let high = values.get(position as usize + 1).map_or(low, |high| *high as f64);
    let weight = position - position.floor();
    Some(low * (1.0 - weight) + high * weight)
}

impl<'a> Talk<'a> {
    /// First customer message after the previous reply, for each reply that has one.
    fn waits(&self) -> Vec<(Instant, Instant)> {
        let is_reply = |message: &&&Message| human(message).is_some();
        (0..self.words.len())
            .filter(|end| is_reply(&&self.words[*end]))
            .filter_map(|end| {
                let start = (0..end).rev().find(|at| is_reply(&&self.words[*at])).map_or(0, |at| at + 1);
                let asked =
                    self.words[start..end].iter().min_by_key(|message| (message.sent_at, message.id))?;
                Some((asked.sent_at, self.words[end].sent_at))
            })
            .collect()
    }

    pub fn first_response(&self) -> Option<(Instant, Instant)> {
        let asked = self.words.iter().position(|message| is_customer(message))?;
        let replied = self.words[asked..].iter().find(|message| human(message).is_some())?;
        Some((self.words[asked].sent_at, replied.sent_at))
    }

    pub fn silent(&self) -> Vec<Instant> {
        let spoken = self.words.iter().rposition(|message| human(message).is_some()).map_or(0, |at| at + 1);
        self.words[spoken..].iter().map(|message| message.sent_at).collect()
    }

    pub fn first_inbound(&self) -> Option<Instant> {
        self.words.iter().filter(|message| is_customer(message)).map(|message| message.sent_at).min()
    }

    pub fn is_active_since(&self, from: Instant) -> bool {
        self.words.iter().any(|message| message.sent_at >= from)
    }
}

impl<'a> Oracle<'a> {
    pub fn new(world: &'a World) -> Self {
        let origin = world.period.from - TimeDelta::days(70);
        let steps = (world.now + TimeDelta::days(3) - origin).num_seconds() / STEP_SECS;
        let mut worked = vec![0];
        for step in 0..steps {
            let at = origin + TimeDelta::seconds(step * STEP_SECS);
            worked.push(worked[step as usize] + if ticks(&world.calendar, at) { STEP_SECS } else { 0 });
        }
        Self { world, origin, worked }
    }

    pub fn work(&self, (from, to): (Instant, Instant)) -> i64 {
        let step = |at: Instant| ((at - self.origin).num_seconds() / STEP_SECS) as usize;
        self.worked[step(to)] - self.worked[step(from)]
    }

    fn key(&self, message: &Message) -> Key {
        let begun = self
            .world
            .facts
            .dialogs
            .iter()
            .filter(|dialog| dialog.chat_id == message.chat_id && dialog.created_at <= message.sent_at);
        match (message.dialog_id, begun.max_by_key(|dialog| (dialog.created_at, dialog.id))) {
            (Some(id), _) => (false, id),
            (None, Some(dialog)) => (false, dialog.id),
            (None, None) => (true, message.chat_id),
        }
    }

    pub fn talks(&self, as_of: Option<Instant>) -> Vec<Talk<'a>> {
        let facts = &self.world.facts;
        let keys: BTreeSet<Key> = facts.messages.iter().map(|message| self.key(message)).collect();
        let seen = |message: &&Message| as_of.is_none_or(|as_of| message.sent_at < as_of);
        keys.into_iter()
            .map(|key| {
                let all: Vec<&Message> =
                    facts.messages.iter().filter(|message| self.key(message) == key).filter(seen).collect();
                let is_word = |message: &&&Message| is_customer(message) || human(message).is_some();
                Talk { key, words: all.iter().filter(is_word).copied().collect(), all }
            })
            .collect()
    }

    pub fn holder(&self, talk: &Talk<'_>, as_of: Instant) -> Option<ManagerId> {
        let mut known: Vec<(Instant, u8, Option<Responsible>)> = Vec::new();
        if let Some(dialog) = self.world.facts.dialogs.iter().find(|dialog| (false, dialog.id) == talk.key) {
            let since = dialog.assigned_at.unwrap_or(dialog.created_at);
            if since < as_of && dialog.responsible.is_some() {
                known.push((since, 0, dialog.responsible));
            }
        }
        for message in &talk.all {
            match message.event {
                Some(DialogEvent::Assigned(to)) => known.push((message.sent_at, 1, Some(to))),
                Some(DialogEvent::Unassigned) => known.push((message.sent_at, 1, None)),
                _ => {}
            }
        }
        let assigned = match known.iter().max_by_key(|(at, kind, _)| (*at, *kind)) {
            Some((_, _, Some(Responsible::User(id)))) => person(*id),
            _ => None,
        };
        assigned.or_else(|| talk.words.iter().find_map(|message| human(message)))
    }

    pub fn orders(&self) -> impl Iterator<Item = &'a Order> {
        self.world.facts.orders.iter().filter(|order| !order.is_deleted)
    }

    /// The conversation of an order, with the rank of the evidence.
    pub fn link(&self, order: &Order, as_of: Instant) -> Option<(u8, Key)> {
        if let Some(dialog_id) = order.dialog_id {
            return Some((1, (false, dialog_id)));
        }
        let facts = &self.world.facts;
        let mut best = None;
        for talk in self.talks(None) {
            let Some(first) = talk.words.first() else { continue };
            if first.sent_at > order.created_at {
                continue;
            }
            let is_shown =
                talk.all.iter().any(|message| message.order_id == Some(order.id) && message.sent_at < as_of);
            let chat = facts.chats.iter().find(|chat| chat.id == talk.all[0].chat_id);
            let is_customers = facts.customer_links.iter().any(|link| {
                Some(link.crm_customer_id) == order.customer_id
                    && chat.is_some_and(|chat| chat.customer_id == Some(link.mg_customer_id))
            });
            let window = self.world.thresholds.order_link_window.as_secs() as i64;
            let is_soon = (order.created_at - first.sent_at).num_seconds() <= window;
            let rank = if is_shown {
                2
            } else if is_customers && is_soon {
                3
            } else {
                continue;
            };
            let replies = talk.words.iter().filter(|message| human(message).is_some());
            let last = replies.map(|message| message.sent_at).filter(|at| *at <= order.created_at).max();
            let candidate = (Reverse(rank), last, first.sent_at, talk.key);
            if best.is_none_or(|best| candidate > best) {
                best = Some(candidate);
            }
        }
        best.map(|(Reverse(rank), _, _, key)| (rank, key))
    }

    fn is_paid(order: &Order, as_of: Instant) -> bool {
        order.full_paid_at.is_some_and(|at| at < as_of)
    }

    fn has_gap(&self, talk: &Talk<'_>, from: Instant, as_of: Instant) -> bool {
        let gap = TimeDelta::seconds(self.world.thresholds.follow_up_gap.as_secs() as i64);
        talk.silent().last().is_some_and(|last| *last + gap >= from && *last + gap < as_of)
    }

    /// The conversations that `mine` chooses; of their replies, those whose author `wrote` chooses.
    fn chat_summary(
        &self,
        period: &Period,
        mine: &dyn Fn(&Talk<'_>, Instant) -> bool,
        wrote: &dyn Fn(&Talk<'_>, Instant, ManagerId) -> bool,
    ) -> Option<ChatSummary> {
        let coverage = coverage(self.world.chats, period);
        let (from, as_of) = (period.from, end(coverage, period)?);
        let talks = self.talks(Some(as_of));
        let held: Vec<&Talk<'_>> = talks.iter().filter(|talk| mine(talk, as_of)).collect();
        let active: Vec<&&Talk<'_>> = held.iter().filter(|talk| talk.is_active_since(from)).collect();
        let count =
            |which: &dyn Fn(&Talk<'_>) -> bool| active.iter().filter(|talk| which(talk)).count() as u64;
        let has_inbound = |talk: &Talk<'_>| talk.first_inbound().is_some();
        let firsts: Vec<i64> = active
            .iter()
            .filter_map(|talk| talk.first_response().filter(|(_, replied)| *replied >= from))
            .map(|times| self.work(times))
            .collect();
        let waits: Vec<i64> = active
            .iter()
            .flat_map(|talk| talk.waits())
            .filter(|(_, replied)| *replied >= from)
            .map(|times| self.work(times))
            .collect();
        let mut summary = ChatSummary {
            chats: active.len() as u64,
            inbound: active
                .iter()
                .flat_map(|talk| &talk.words)
                .filter(|message| is_customer(message) && message.sent_at >= from)
                .count() as u64,
            outbound: talks
                .iter()
                .flat_map(|talk| talk.words.iter().map(move |message| (talk, message)))
                .filter(|(_, message)| message.sent_at >= from)
                .filter(|(talk, message)| human(message).is_some_and(|author| wrote(talk, as_of, author)))
                .count() as u64,
            inbound_chats: count(&has_inbound),
            responded_chats: count(&|talk| talk.first_response().is_some()),
            no_reply_chats: count(&|talk| {
                has_inbound(talk) && talk.words.iter().all(|message| human(message).is_none())
            }),
            slow_first_reply_chats: firsts
                .iter()
                .filter(|secs| **secs > self.world.thresholds.slow_first_reply.as_secs() as i64)
                .count() as u64,
            unanswered_inbound: active.iter().map(|talk| talk.silent().len() as u64).sum(),
            follow_up_gap_chats: held.iter().filter(|talk| self.has_gap(talk, from, as_of)).count() as u64,
            ..ChatSummary::default()
        };
        if coverage != Coverage::Complete {
            return Some(summary);
        }
        summary.first_response_median_secs = interpolated(firsts.clone(), 0.5);
        summary.first_response_p90_secs = interpolated(firsts, 0.9);
        summary.wait_median_secs = interpolated(waits.clone(), 0.5);
        summary.wait_p90_secs = interpolated(waits, 0.9);
        summary.response_ratio = ratio(summary.responded_chats, summary.inbound_chats);
        if self::coverage(self.world.orders, period) != Coverage::Complete {
            return Some(summary);
        }
        let made: Vec<(&Order, u8, Key)> = self
            .orders()
            .filter(|order| order.created_at < as_of)
            .filter_map(|order| self.link(order, as_of).map(|(rank, key)| (order, rank, key)))
            .collect();
        let of = |talk: &Talk<'_>| made.iter().filter(|(_, _, key)| *key == talk.key).collect::<Vec<_>>();
        let ordered = count(&|talk| has_inbound(talk) && !of(talk).is_empty());
        let paid = count(&|talk| {
            has_inbound(talk) && of(talk).iter().any(|(order, _, _)| Self::is_paid(order, as_of))
        });
        summary.conversion = ratio(ordered, summary.inbound_chats);
        summary.paid_conversion = ratio(paid, summary.inbound_chats);
        let times = active.iter().filter_map(|talk| {
            let orders = of(talk);
            let first = orders.iter().min_by_key(|(order, rank, _)| (*rank, order.created_at, order.id))?;
            Some((first.0.created_at - talk.first_inbound()?).num_seconds())
        });
        summary.time_to_order_median_secs = interpolated(times.filter(|secs| *secs >= 0).collect(), 0.5);
        Some(summary)
    }

    pub fn currency(&self) -> String {
        let stated = |currency: &str| {
            let made = self.orders().filter(|order| order.created_at < self.world.period.to);
            made.filter(|order| order.currency.as_deref() == Some(currency)).count()
        };
        if stated("KZT") > 0 && stated("KZT") >= stated("RUB") { "KZT" } else { "RUB" }.to_owned()
    }

    fn order_summary(&self, period: &Period, mine: &dyn Fn(&Order) -> bool) -> Option<OrderSummary> {
        let coverage = coverage(self.world.orders, period);
        let as_of = end(coverage, period)?;
        let made: Vec<&Order> = self
            .orders()
            .filter(|order| order.created_at >= period.from && order.created_at < as_of && mine(order))
            .collect();
        let count = |which: &dyn Fn(&Order) -> bool| made.iter().filter(|order| which(order)).count() as u64;
        let paid = |order: &Order| Self::is_paid(order, as_of);
        let partial = |order: &Order| !paid(order) && order.prepaid.0 > 0;
        let unpaid = |order: &Order| !paid(order) && !partial(order) && order.total.0 > 0;
        let own = self.currency();
        let is_ours = |order: &Order| order.currency.as_ref().is_none_or(|currency| *currency == own);
        let sum = |which: &dyn Fn(&Order) -> bool| {
            made.iter().filter(|order| is_ours(order) && which(order)).map(|order| order.total.0).sum::<i64>()
        };
        let (revenue, ours) = (sum(&|_| true), count(&is_ours));
        let average = (ours > 0 && coverage == Coverage::Complete)
            .then(|| Money((revenue as f64 / ours as f64).round() as i64));
        Some(OrderSummary {
            orders: made.len() as u64,
            revenue: Money(revenue),
            paid_revenue: Money(sum(&paid)),
            average_order: average,
            foreign_currency_orders: made.len() as u64 - ours,
            paid_orders: count(&paid),
            partial_orders: count(&partial),
            unpaid_orders: count(&unpaid),
            unknown_orders: count(&|order| !paid(order) && !partial(order) && !unpaid(order)),
        })
    }

    pub fn team(&self, period: &Period) -> Summary {
        Summary {
            chats: self.chat_summary(period, &|_, _| true, &|_, _, _| true),
            orders: self.order_summary(period, &|_| true),
        }
    }

    pub fn manager(&self, period: &Period, id: Option<ManagerId>) -> Summary {
        Summary {
            chats: self.chat_summary(
                period,
                &|talk, as_of| self.holder(talk, as_of) == id,
                &|_, _, author| Some(author) == id,
            ),
            orders: self.order_summary(period, &|order| order.manager_id.map(ManagerId::Crm) == id),
        }
    }

    pub fn channel_of(&self, talk: &Talk<'_>) -> Option<i64> {
        let chat_id = talk.all.first()?.chat_id;
        self.world.facts.chats.iter().find(|chat| chat.id == chat_id)?.channel_id
    }

    pub fn channel(&self, period: &Period, id: Option<i64>) -> Option<ChatSummary> {
        self.chat_summary(period, &|talk, _| self.channel_of(talk) == id, &|talk, _, _| {
            self.channel_of(talk) == id
        })
    }

    /// The summaries of some periods, each side only where it is wholly known.
    pub fn whole(&self, days: &[Period], summary: &dyn Fn(&Period) -> Summary) -> Vec<Summary> {
        let whole = |span, day: &Period| coverage(span, day) == Coverage::Complete;
        days.iter()
            .map(|day| {
                let Summary { chats, orders } = summary(day);
                Summary {
                    chats: chats.filter(|_| whole(self.world.chats, day)),
                    orders: orders.filter(|_| whole(self.world.orders, day)),
                }
            })
            .collect()
    }

    pub fn mean(&self, days: &[Summary]) -> WeekdayMean {
        let chats: Vec<&ChatSummary> = days.iter().filter_map(|day| day.chats.as_ref()).collect();
        let orders: Vec<&OrderSummary> = days.iter().filter_map(|day| day.orders.as_ref()).collect();
        let of_chats = |value: &dyn Fn(&ChatSummary) -> u64| {
            average(chats.iter().map(|chats| value(chats) as f64).collect())
        };
        let of_orders = |value: &dyn Fn(&OrderSummary) -> i64| {
            average(orders.iter().map(|orders| value(orders) as f64).collect())
        };
        let pooled = |value: &dyn Fn(&ChatSummary) -> Option<Ratio>| {
            let ratios: Vec<Ratio> = chats.iter().filter_map(|chats| value(chats)).collect();
            let weight: u64 = ratios.iter().map(|ratio| ratio.whole).sum();
            (weight > 0).then(|| {
                ratios.iter().map(|ratio| ratio.value() * ratio.whole as f64 / weight as f64).sum::<f64>()
            })
        };
        WeekdayMean {
            days: days.iter().filter(|day| **day != Summary::default()).count() as u64,
            chats: of_chats(&|chats| chats.chats),
            inbound: of_chats(&|chats| chats.inbound),
            first_response_median_secs: average(
                chats.iter().filter_map(|chats| chats.first_response_median_secs).collect(),
            ),
            response_ratio: pooled(&|chats| chats.response_ratio),
            orders: of_orders(&|orders| orders.orders as i64),
            revenue: of_orders(&|orders| orders.revenue.0),
            conversion: pooled(&|chats| chats.conversion),
        }
    }

    fn weekdays(&self, summary: &dyn Fn(&Period) -> Summary) -> Vec<Summary> {
        self.whole(&[7, 14, 21, 28].map(|days| self.world.period.earlier(days)), summary)
    }

    fn compared(&self, summary: &dyn Fn(&Period) -> Summary) -> Compared {
        Compared {
            current: summary(&self.world.period),
            previous: summary(&self.world.period.earlier(1)),
            weekday: self.mean(&self.weekdays(summary)),
        }
    }

    /// Everybody and every channel with anything in the period.
    pub fn listed(&self) -> (BTreeSet<Option<ManagerId>>, BTreeSet<Option<i64>>) {
        let period = &self.world.period;
        let (mut managers, mut channels) = (BTreeSet::new(), BTreeSet::new());
        if let Some(as_of) = end(coverage(self.world.chats, period), period) {
            for talk in self.talks(Some(as_of)) {
                if talk.is_active_since(period.from) || self.has_gap(&talk, period.from, as_of) {
                    managers.insert(self.holder(&talk, as_of));
                    channels.insert(self.channel_of(&talk));
                }
                let fresh = talk.words.iter().filter(|message| message.sent_at >= period.from);
                managers.extend(fresh.filter_map(|message| human(message)).map(Some));
            }
        }
        if let Some(as_of) = end(coverage(self.world.orders, period), period) {
            let made =
                self.orders().filter(|order| period.from <= order.created_at && order.created_at < as_of);
            managers.extend(made.map(|order| order.manager_id.map(ManagerId::Crm)));
        }
        (managers, channels)
    }

    fn waiting(&self) -> Option<Vec<(Option<ManagerId>, Waiting)>> {
        let now = self.world.now;
        let max_age = self.world.thresholds.waiting_max_age.as_secs() as i64;
        if (now - self.world.chats?.until).num_seconds() > max_age {
            return None;
        }
        let facts = &self.world.facts;
        let mut list = Vec::new();
        for talk in self.talks(Some(now)) {
            let silent = talk.silent();
            let dialog = facts.dialogs.iter().find(|dialog| (false, dialog.id) == talk.key);
            let recorded = dialog.and_then(|dialog| dialog.closed_at);
            let told = talk.all.iter().any(|message| message.event == Some(DialogEvent::Closed));
            if silent.is_empty() || recorded.is_some_and(|at| at <= now) || (recorded.is_none() && told) {
                continue;
            }
            let chat = facts.chats.iter().find(|chat| chat.id == talk.all[0].chat_id);
            let kind = match self.channel_of(&talk) {
                Some(1) => "telegram",
                Some(2) => "whatsapp",
                _ => "",
            };
            let holder = self.holder(&talk, now);
            let entry = Waiting {
                chat_id: talk.all[0].chat_id,
                dialog_id: (!talk.key.0).then_some(talk.key.1),
                customer_name: chat.map(|_| "Покупатель".to_owned()).unwrap_or_default(),
                channel_kind: kind.to_owned(),
                manager: holder.map(|id| name(Some(id))),
                manager_id: holder,
                since_at: silent[0],
                age_secs: self.work((silent[0], now)),
                unanswered: silent.len() as u64,
            };
            list.push((holder, entry));
        }
        list.sort_by_key(|(_, entry)| (entry.since_at, entry.chat_id, entry.dialog_id));
        Some(list)
    }

    fn headline(&self, team: &Compared, answered: usize) -> (Headline, Vec<Warning>) {
        let thresholds = &self.world.thresholds;
        let period = &self.world.period;
        let chat_coverage = coverage(self.world.chats, period);
        let chats = team.current.chats.clone().filter(|_| chat_coverage == Coverage::Complete);
        let is_ordered = coverage(self.world.orders, period) == Coverage::Complete;
        let orders = team.current.orders.clone().filter(|_| is_ordered);
        let days = self.weekdays(&|day| self.team(day));
        let medians: Vec<f64> =
            days.iter().filter_map(|day| day.chats.as_ref()?.first_response_median_secs).collect();
        let revenues: Vec<f64> =
            days.iter().filter_map(|day| Some(day.orders.as_ref()?.revenue.0 as f64)).collect();
        let median =
            chats.as_ref().and_then(|chats| chats.first_response_median_secs).filter(|_| answered >= 5);
        let times = median.zip(average(medians.clone()).filter(|_| medians.len() >= 2));
        let usual = average(revenues.clone()).filter(|usual| revenues.len() >= 2 && *usual > 0.0);
        let sums = orders.as_ref().map(|orders| orders.revenue).zip(usual);
        let before = team.previous.chats.as_ref().and_then(|chats| chats.response_ratio);
        let drop = before.zip(chats.as_ref().and_then(|chats| chats.response_ratio)).filter(|(from, to)| {
            from.whole >= 10 && to.whole >= 10 && from.value() - to.value() > thresholds.response_ratio_drop
        });

        let mut warnings = Vec::new();
        if let Some((from, to)) = drop {
            warnings.push(Warning::ResponseRatioDown { from, to });
        }
        if let Some(chats) = &chats
            && chats.inbound_chats >= 10
            && chats.no_reply_chats as f64 / chats.inbound_chats as f64 > thresholds.no_reply_ratio
        {
            let no_reply = Ratio { part: chats.no_reply_chats, whole: chats.inbound_chats };
            warnings.push(Warning::NoReplyHigh { no_reply });
        }
        let limit_secs = thresholds.first_response_median.as_secs() as i64;
        if let Some(median_secs) = median.filter(|median| *median > limit_secs as f64) {
            warnings.push(Warning::FirstResponseSlow { median_secs, limit_secs });
        }

        let money = |usual: f64| Money(usual.round() as i64);
        let headline = if chat_coverage == Coverage::Missing {
            Headline::NoData
        } else if let (Some(ChatSummary { chats: 0, .. }), Some(OrderSummary { orders: 0, .. })) =
            (&chats, &orders)
        {
            Headline::Quiet
        } else if let Some(ChatSummary { no_reply_chats: no_reply_chats @ 1.., inbound_chats, .. }) = chats {
            Headline::Unanswered { no_reply_chats, inbound_chats }
        } else if let Some((median_secs, usual_secs)) =
            times.filter(|(median, usual)| *median >= usual * 1.5 && *median >= usual + 120.0)
        {
            Headline::Slower { median_secs, usual_secs }
        } else if let Some((from, to)) = drop {
            Headline::RatioDown { from, to }
        } else if let Some((revenue, usual)) = sums.filter(|(sum, usual)| sum.0 as f64 <= usual * 0.7) {
            Headline::RevenueDown { revenue, usual: money(usual) }
        } else if let Some((median_secs, usual_secs)) =
            times.filter(|(median, usual)| *usual > 0.0 && *median <= usual * 0.7)
        {
            Headline::Faster { median_secs, usual_secs }
        } else if let Some((revenue, usual)) = sums.filter(|(sum, usual)| sum.0 as f64 >= usual * 1.3) {
            Headline::RevenueUp { revenue, usual: money(usual) }
        } else {
            Headline::Steady
        };
        (headline, warnings)
    }

    /// First responses of the day, which no summary tells.
    fn answered(&self) -> usize {
        let period = &self.world.period;
        let is_first = |talk: &Talk<'_>| talk.first_response().is_some_and(|(_, at)| at >= period.from);
        self.talks(Some(period.to)).iter().filter(|talk| is_first(talk)).count()
    }

    fn digest(&self) -> DailyDigest {
        let World { period, now, chats, orders, .. } = self.world;
        let team = self.compared(&|day| self.team(day));
        let (headline, warnings) = self.headline(&team, self.answered());
        let waiting = self.waiting();
        let (managers, channels) = self.listed();
        let mut managers: Vec<ManagerBlock> = managers
            .into_iter()
            .map(|id| ManagerBlock {
                id,
                name: name(id),
                numbers: self.compared(&|day| self.manager(day, id)),
                waiting_now: waiting.iter().flatten().filter(|(holder, _)| *holder == id).count() as u64,
            })
            .collect();
        let chats_of =
            |summary: &Option<ChatSummary>| Reverse(summary.as_ref().map_or(0, |chats| chats.chats));
        managers.sort_by_key(|block| {
            (block.id.is_none(), chats_of(&block.numbers.current.chats), block.name.clone(), block.id)
        });
        let mut channels: Vec<ChannelBlock> = channels
            .into_iter()
            .map(|id| ChannelBlock {
                id,
                kind: match id {
                    Some(1) => "telegram".to_owned(),
                    Some(2) => "whatsapp".to_owned(),
                    _ => String::new(),
                },
                name: None,
                current: self.channel(period, id),
                previous: self.channel(&period.earlier(1), id),
            })
            .collect();
        channels.sort_by_key(|block| (chats_of(&block.current), block.kind.clone(), block.id));
        DailyDigest {
            public_id: "d-random".to_owned(),
            period: *period,
            day_on: period.from_on,
            slot_at: *now,
            computed_at: *now,
            late_secs: None,
            currency: self.currency(),
            chat_coverage: coverage(*chats, period),
            order_coverage: coverage(*orders, period),
            chats_known_until: chats.map(|span| span.until),
            orders_known_until: orders.map(|span| span.until),
            headline,
            team,
            managers,
            channels,
            waiting: waiting.map(|list| list.into_iter().map(|(_, entry)| entry).collect()),
            warnings,
            // Compared with the counts, see below.
            lists: ChatLists::default(),
        }
    }
}

pub fn coverage(span: Option<CoverageSpan>, period: &Period) -> Coverage {
    let Some(CoverageSpan { from, until }) = span else { return Coverage::Missing };
    if from > period.from || until <= period.from {
        Coverage::Missing
    } else if until < period.to {
        Coverage::Partial { until }
    } else {
        Coverage::Complete
    }
}

pub fn end(coverage: Coverage, period: &Period) -> Option<Instant> {
    match coverage {
        Coverage::Complete => Some(period.to),
        Coverage::Partial { until } => Some(until),
        Coverage::Missing => None,
    }
}

fn ratio(part: u64, whole: u64) -> Option<Ratio> {
    if whole == 0 { None } else { Some(Ratio { part, whole }) }
}

fn average(values: Vec<f64>) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Where two digests differ, as a path; numbers may differ by rounding of the last digits.
pub fn difference(left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left.len() == right.len() => left
            .iter()
            .find_map(|(key, value)| Some(format!("{key}.{}", difference(value, right.get(key)?)?))),
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(at, (left, right))| Some(format!("{at}.{}", difference(left, right)?))),
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64().unwrap_or(f64::NAN), right.as_f64().unwrap_or(f64::NAN));
            let is_near = (left - right).abs() <= 1e-9 * left.abs().max(1.0);
            (!is_near).then(|| format!(" {left} is not {right}"))
        }
        _ => (left != right).then(|| format!(" {left} is not {right}")),
    }
}

fn json(digest: &DailyDigest) -> Value {
    serde_json::to_value(digest).expect("a digest is data")
}

proptest! {
    #![proptest_config(super::quick(64))]

    #[test]
    fn every_figure_of_a_digest_equals_its_slow_second_computation(world in any_world()) {
        let mut digest = world.digest();
        let lists = std::mem::take(&mut digest.lists);
        if let Some(chats) = &digest.team.current.chats {
            let listed = [lists.no_reply.len(), lists.slow.len(), lists.gap.len()].map(|count| count as u64);
            let counted = [chats.no_reply_chats, chats.slow_first_reply_chats, chats.follow_up_gap_chats];
            prop_assert_eq!(listed, counted.map(|count| count.min(100)), "a list has what its number counts");
        }
        let (digest, expected) = (json(&digest), json(&Oracle::new(&world).digest()));
        prop_assert_eq!(difference(&digest, &expected), None);
    }

    #[test]
    fn the_team_is_the_sum_of_its_managers_and_of_its_channels(world in any_world()) {
        let digest = world.digest();
        type Count = fn(&ChatSummary) -> u64;
        let counts: [Count; 9] = [
            |of| of.chats, |of| of.inbound, |of| of.outbound, |of| of.inbound_chats, |of| of.responded_chats,
            |of| of.no_reply_chats, |of| of.slow_first_reply_chats, |of| of.unanswered_inbound,
            |of| of.follow_up_gap_chats,
        ];
        for count in counts {
            let team = digest.team.current.chats.as_ref().map_or(0, count);
            let managers = digest.managers.iter().filter_map(|block| block.numbers.current.chats.as_ref());
            prop_assert_eq!(team, managers.map(count).sum::<u64>());
            prop_assert_eq!(team, digest.channels.iter().filter_map(|block| block.current.as_ref()).map(count).sum::<u64>());
        }
        let sum = |of: &OrderSummary| (of.orders, of.revenue, of.paid_revenue, of.foreign_currency_orders);
        let team = digest.team.current.orders.as_ref().map_or((0, Money(0), Money(0), 0), sum);
        let managers = digest.managers.iter().filter_map(|block| block.numbers.current.orders.as_ref()).map(sum);
        let total = managers.fold((0, Money(0), Money(0), 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3));
        prop_assert_eq!(team, total);
    }

    #[test]
    fn what_happened_adds_up_over_the_days(world in any_world()) {
        let known = Some(CoverageSpan { from: world.period.from - TimeDelta::days(9), until: world.now });
        let day = |ago: u64, days: i64| {
            let last = world.period.earlier(ago);
            let period = Period::of_days(last.from_on, last.from_on + TimeDelta::days(days), last.zone);
            let digest = World { period, chats: known, orders: known, ..world.clone() }.digest();
            let (chats, orders) = (digest.team.current.chats.unwrap(), digest.team.current.orders.unwrap());
            [chats.inbound, chats.outbound, chats.slow_first_reply_chats, orders.orders]
        };
        let days = (0..8).map(|ago| day(ago, 1)).fold([0; 4], |sum, day| std::array::from_fn(|at| sum[at] + day[at]));
        prop_assert_eq!(day(7, 8), days);
    }

    #[test]
    fn nothing_after_the_period_changes_its_figures(
        world in any_world(), later in 0i64..100, place in 0i64..7, by_customer: bool, total in 0i64..1000,
    ) {
        let mut after = world.clone();
        let at = world.period.to + TimeDelta::seconds(later * STEP_SECS);
        let author = if by_customer { Author::Customer(1) } else { Author::User(ANNA) };
        let chat_id = world.facts.dialogs[place as usize].chat_id;
        let event = Some(DialogEvent::Assigned(Responsible::User(BORIS)));
        for (id, author, event) in [(5_000, author, None), (5_001, Author::System, event)] {
            after.facts.messages.push(Message { event, ..message(id, chat_id, Some(place), at, author) });
        }
        let order = crate::support::facts::order(500, at, total);
        after.facts.orders.push(Order { dialog_id: Some(place), currency: Some("KZT".to_owned()), ..order });
        after.sort();
        let past = |world: &World| {
            let digest = world.digest();
            let managers: Vec<_> = digest.managers.into_iter().map(|block| (block.id, block.numbers)).collect();
            (digest.team, managers, digest.channels, digest.headline, digest.warnings, digest.currency)
        };
        prop_assert_eq!(past(&world), past(&after));
    }

    #[test]
    fn a_number_is_finite_a_share_is_at_most_one_and_a_decile_is_not_below_the_median(world in any_world()) {
        let digest = world.digest();
        let managers = digest.managers.iter().map(|block| &block.numbers.current);
        for summary in managers.chain([&digest.team.current, &digest.team.previous]) {
            let Some(chats) = &summary.chats else { continue };
            for ratio in [chats.response_ratio, chats.conversion, chats.paid_conversion].into_iter().flatten() {
                prop_assert!(ratio.whole > 0 && ratio.part <= ratio.whole);
            }
            let pairs = [
                (chats.first_response_median_secs, chats.first_response_p90_secs),
                (chats.wait_median_secs, chats.wait_p90_secs),
            ];
            for (median, decile) in pairs {
                prop_assert_eq!(median.is_some(), decile.is_some());
                prop_assert!(median <= decile && median.is_none_or(|secs| secs.is_finite() && secs >= 0.0));
            }
            prop_assert!(chats.responded_chats + chats.no_reply_chats <= chats.inbound_chats);
            prop_assert!(chats.inbound_chats <= chats.chats);
        }
        for (_, _, value, _) in svodka::measure::history_rows(&digest) {
            prop_assert!(value.is_none_or(f64::is_finite));
        }
    }

    #[test]
    fn a_list_of_those_who_wait_grows_older_together(world in any_world(), later in 1i64..40) {
        let mut world = World { chats: Some(CoverageSpan { from: world.now, until: world.now }), ..world };
        world.facts.messages.retain(|message| message.sent_at < world.now);
        world.facts.dialogs.iter_mut().for_each(|dialog| dialog.closed_at = None);
        let before = world.digest().waiting.expect("fresh");
        prop_assert!(before.is_sorted_by_key(|entry| entry.since_at));
        world.now += TimeDelta::seconds(later * STEP_SECS);
        world.chats = Some(CoverageSpan { from: world.now, until: world.now });
        let after = world.digest().waiting.expect("fresh");
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.since_at, after.since_at);
            prop_assert!(before.age_secs <= after.age_secs);
        }
    }
}
