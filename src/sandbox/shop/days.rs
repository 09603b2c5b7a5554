//! What happens on one day of the shop.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};

use super::chance::{between, chance, pick, unit, weighted};
use super::scripts::Theme;
use super::talk::{Conversation, Fate};
use super::{Builder, Thread, calendar, people};
use crate::clock::Instant;
use crate::sandbox::retailcrm::{Act, Actor, Line, OrderAct};

impl Builder {
    /// Plans the day: new chats, returning customers, calls, and every so often a mailing, a double or deleted order.
    pub fn live_through(&mut self, day: NaiveDate) {
        let load = calendar::load(day) * (0.9 + 0.2 * unit(&mut self.rng));
        let whole = |expected: f64, chance: f64| (expected + chance) as usize;
        for _ in 0..whole(self.chats_per_day * load, unit(&mut self.rng)) {
            let starts_at = calendar::moment(&mut self.rng, day, self.zone);
            let thread = self.new_chat(starts_at);
            let script = self.choose(thread, true);
            self.play(Conversation { thread, starts_at, script, fate: Fate::Ordinary });
        }
        for _ in 0..whole(self.chats_per_day * self.returning_ratio * load, unit(&mut self.rng)) {
            let starts_at = calendar::moment(&mut self.rng, day, self.zone);
            let free: Vec<usize> =
                (0..self.threads.len()).filter(|&index| self.threads[index].busy_until < starts_at).collect();
            let Some(&thread) = pick(&mut self.rng, &free) else { continue };
            // Half of them come back to whom they know, the others to whoever works.
            if chance(&mut self.rng, 0.5) {
                self.threads[thread].manager = self.on_duty(starts_at);
            }
            let script = self.choose(thread, false);
            self.play(Conversation { thread, starts_at, script, fate: Fate::Ordinary });
        }
        for _ in 0..whole(self.chats_per_day * 0.15 * load, unit(&mut self.rng)) {
            self.order_by_phone(day);
        }
        match day.num_days_from_ce() % 21 {
            3 => self.delete_an_order(day),
            9 => self.merge_two_orders(day),
            15 => self.mail_to_all(day),
            _ => {}
        }
    }

    /// Plans a few conversations of the day that nobody will ever answer.
    pub fn leave_unanswered(&mut self, day: NaiveDate) {
        for (hour, minute) in [(12, 20), (16, 45), (20, 10)] {
            let time = NaiveTime::MIN + TimeDelta::minutes(hour * 60 + minute);
            let starts_at = calendar::at_local(day, time, self.zone)
                + TimeDelta::microseconds(between(&mut self.rng, 0, 1_500_000_000));
            self.begin(starts_at, Fate::Ignored);
        }
    }

    /// Plans customers who are waiting at this moment and get their answer later.
    pub fn keep_waiting(&mut self, now: Instant) {
        for minutes in [8, 34, 71, 140] {
            let jitter = TimeDelta::microseconds(between(&mut self.rng, 0, 200_000_000));
            let answered_after = now + TimeDelta::seconds(between(&mut self.rng, 300, 2_400));
            self.begin(now - TimeDelta::minutes(minutes) - jitter, Fate::AnsweredAfter(answered_after));
        }
    }

    fn begin(&mut self, starts_at: Instant, fate: Fate) {
        let thread = self.new_chat(starts_at);
        let script = self.choose(thread, true);
        self.play(Conversation { thread, starts_at, script, fate });
    }

    /// Plans a chat with a new customer; a few of them turn out to be known from another channel.
    fn new_chat(&mut self, at: Instant) -> usize {
        let weights: Vec<f64> = self.channels.iter().map(|channel| channel.weight).collect();
        let channel = weighted(&mut self.rng, &weights);
        let slot = self.model.slot();
        let customer = people::writer(&mut self.rng, &self.channels[channel].kind);
        let opened_at = at - TimeDelta::milliseconds(4);
        self.model.plan(opened_at, Act::OpenChat { slot, channel_id: self.channels[channel].id, customer });
        if chance(&mut self.rng, 0.03)
            && let Some(other) = pick(&mut self.rng, &self.threads).copied()
            && other.busy_until < at
        {
            self.model.plan(at + TimeDelta::minutes(1), Act::Recognise { chat: slot, other: other.slot });
        }
        let manager = self.on_duty(at);
        self.threads.push(Thread { slot, channel, manager, busy_until: self.founded_at });
        self.threads.len() - 1
    }

    /// A manager whose turn it is: two days on, two days off.
    pub fn on_duty(&mut self, at: Instant) -> usize {
        let day = at.with_timezone(&self.zone).date_naive().num_days_from_ce();
        let works = |index: usize| (i64::from(day) + 2 * index as i64) % 4 < 2;
        let team: Vec<usize> = (0..self.managers.len()).filter(|&index| works(index)).collect();
        pick(&mut self.rng, &team).copied().unwrap_or(0)
    }

    /// A script that suits the occasion and the manager.
    fn choose(&mut self, thread: usize, is_new: bool) -> usize {
        let explores = self.managers[self.threads[thread].manager].habit.explores;
        let weights: Vec<f64> = self
            .scripts
            .iter()
            .map(|script| {
                let by_theme = match script.theme {
                    Theme::Sale => 1.0,
                    Theme::Talk => 0.8,
                    Theme::Service if is_new => 0.1,
                    Theme::Service => 1.2,
                    Theme::Noise if is_new => 0.3,
                    Theme::Noise => 0.0,
                };
                // A question that gets no answer in any shop is rare.
                let is_answered = script.steps.iter().any(|step| step.is_managers());
                let by_theme = if is_answered { by_theme } else { by_theme / 4.0 };
                let begins_with_customer = script.steps.first().is_some_and(|step| !step.is_managers());
                let by_habit = if script.is_deep { 2.0 * explores } else { 1.4 - explores };
                if is_new && !begins_with_customer { 0.0 } else { by_theme * by_habit }
            })
            .collect();
        weighted(&mut self.rng, &weights)
    }

    fn delete_an_order(&mut self, day: NaiveDate) {
        let (order, at, _) = self.order_by_phone(day);
        let by = Actor::User(self.managers[0].crm_id);
        self.model.plan(at + TimeDelta::minutes(9), Act::Change { order, act: OrderAct::Delete, by });
    }

    fn merge_two_orders(&mut self, day: NaiveDate) {
        let (first, at, caller) = self.order_by_phone(day);
        let second = self.call(caller, at + TimeDelta::minutes(3));
        let by = Actor::User(self.managers[0].crm_id);
        let act = OrderAct::MergeInto(first);
        self.model.plan(at + TimeDelta::minutes(8), Act::Change { order: second, act, by });
    }

    /// A mailing to some known customers and to one who never wrote.
    fn mail_to_all(&mut self, day: NaiveDate) {
        let at = calendar::opening(day, self.zone) + TimeDelta::hours(2);
        let author = self.managers[0].mg_id;
        let text = "Новый урожай улунов уже в лавке 🍃 До воскресенья доставка бесплатно";
        let known: Vec<_> =
            self.threads.iter().filter(|thread| thread.busy_until < at).map(|thread| thread.slot).collect();
        let stranger = self.model.slot();
        let customer = people::writer(&mut self.rng, "telegram");
        let channel_id = self.channels[1].id;
        self.model.plan(at, Act::OpenChat { slot: stranger, channel_id, customer });
        for (index, chat) in known.into_iter().rev().take(25).chain([stranger]).enumerate() {
            let line = Line::Mass(author, text.to_owned());
            self.model.plan(at + TimeDelta::seconds(index as i64 + 1), Act::Say { chat, line });
        }
    }
}
