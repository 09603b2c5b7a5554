//! Orders: how they come about, how they are paid, what becomes of them.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use rand_chacha::ChaCha8Rng;

use super::chance::{between, chance, pick, weighted};
use super::goods::Basket;
use super::{Builder, calendar, people};
use crate::clock::Instant;
use crate::sandbox::retailcrm::{
    Act, Actor, Line, NewBuyer, NewOrder, OrderAct, PlannedBuyer, PlannedOrder, Slot,
};

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Within the conversation or minutes after it.
    Prompt,
    /// Some days later.
    Later,
    /// A part at once; the rest days later or never.
    InParts,
    Never,
}

impl Outcome {
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        [Self::Prompt, Self::Later, Self::InParts, Self::Never][weighted(rng, &[0.58, 0.17, 0.09, 0.16])]
    }
}

/// A buyer without a chat; the slot is filled by their first order.
pub(super) type Caller = (Slot, NewBuyer);

/// An order about to be made in a chat.
pub(super) struct Sale {
    pub chat: Slot,
    /// Index of the manager.
    pub manager: usize,
    pub basket: Basket,
    pub outcome: Outcome,
    /// The script itself says when a prompt payment comes.
    pub is_prompt_in_script: bool,
}

impl Builder {
    /// Plans an order made in a chat and its life; returns its slot.
    pub fn sell(&mut self, sale: Sale, at: Instant) -> Slot {
        let slot = self.model.slot();
        let manager = self.managers[sale.manager];
        let by = Actor::User(manager.crm_id);
        let made_at = at + TimeDelta::seconds(2);
        // How the order is tied to the conversation: by its dialog, by a card in the chat, by both, by the buyer only.
        let (names_dialog, has_card) = [(true, false), (false, true), (true, true), (false, false)]
            [weighted(&mut self.rng, &[0.45, 0.2, 0.15, 0.2])];
        let order = self.new_order(&sale.basket, Some(manager.crm_id), "messenger");
        let buyer = PlannedBuyer::Chat(sale.chat);
        self.model.plan(made_at, Act::Order(PlannedOrder { slot, buyer, names_dialog, order, by }));
        if has_card {
            let line = Line::OrderCard(manager.mg_id, slot);
            self.model.plan(made_at + TimeDelta::seconds(1), Act::Say { chat: sale.chat, line });
        }
        if sale.outcome == Outcome::Prompt && !sale.is_prompt_in_script {
            let pays_at = made_at + TimeDelta::seconds(between(&mut self.rng, 180, 5_400));
            self.pay_promptly(slot, pays_at);
        }
        self.live(slot, made_at, sale.outcome, sale.basket.total(), by);
        slot
    }

    /// Plans the payment of everything owed.
    pub fn pay_promptly(&mut self, order: Slot, at: Instant) {
        // Some payments come through an integration, which writes its own idea of the time.
        let by = if chance(&mut self.rng, 0.3) { Actor::Api { is_current: false } } else { Actor::System };
        self.model.plan(at, Act::Change { order, act: OrderAct::PayRest, by });
    }

    /// Plans what follows on the making of an order: confirmation, late payments, assembly, delivery, cancelling.
    fn live(&mut self, order: Slot, made_at: Instant, outcome: Outcome, total: i64, by: Actor) {
        let mut change = |at: Instant, act: OrderAct, by: Actor| {
            self.model.plan(at, Act::Change { order, act, by });
        };
        let rng = &mut self.rng;
        change(made_at + TimeDelta::seconds(between(rng, 20, 600)), OrderAct::Status("client-confirmed"), by);
        let later = made_at + TimeDelta::seconds(between(rng, 86_400, 6 * 86_400));
        let ships_from = match outcome {
            Outcome::Prompt => Some(made_at),
            Outcome::Later => {
                change(later, OrderAct::PayRest, Actor::System);
                Some(later)
            }
            Outcome::InParts => {
                let part = total * 100 * between(rng, 3, 6) / 10;
                change(
                    made_at + TimeDelta::seconds(between(rng, 700, 3_600)),
                    OrderAct::Pay(part),
                    Actor::System,
                );
                chance(rng, 0.6).then(|| {
                    change(later, OrderAct::PayRest, Actor::System);
                    later
                })
            }
            Outcome::Never => {
                change(made_at + TimeDelta::seconds(between(rng, 30, 300)), OrderAct::Bill(total * 100), by);
                None
            }
        };
        match ships_from {
            Some(from) if !chance(rng, 0.04) => {
                let day = from.with_timezone(&self.zone).date_naive() + TimeDelta::days(1);
                let packed =
                    calendar::opening(day, self.zone) + TimeDelta::seconds(between(rng, 600, 14_400));
                change(packed, OrderAct::Status("send-to-assembling"), Actor::Rule);
                let sent = packed + TimeDelta::seconds(between(rng, 3_600, 30_000));
                change(sent, OrderAct::Status("delivering"), by);
                let arrived = sent + TimeDelta::seconds(between(rng, 2 * 86_400, 6 * 86_400));
                change(arrived, OrderAct::Status(if total < 600 { "3" } else { "complete" }), Actor::Rule);
            }
            None if !chance(rng, 0.7) => {}
            _ => {
                let at = made_at + TimeDelta::seconds(between(rng, 3 * 86_400, 5 * 86_400));
                let status = if chance(rng, 0.5) { "no-call" } else { "cancel-other" };
                change(at, OrderAct::Status(status), by);
            }
        }
    }

    /// Plans an order by phone, of a buyer without a chat; now and then nobody is responsible for it.
    pub fn order_by_phone(&mut self, day: NaiveDate) -> (Slot, Instant, Caller) {
        let hour = between(&mut self.rng, 10, 21);
        let time = NaiveTime::MIN + TimeDelta::seconds(hour * 3_600 + between(&mut self.rng, 0, 3_600));
        let at = calendar::at_local(day, time, self.zone);
        let caller = match pick(&mut self.rng, &self.callers).cloned() {
            Some(known) if chance(&mut self.rng, 0.25) => known,
            _ => {
                let new = (self.model.slot(), people::caller(&mut self.rng));
                self.callers.push(new.clone());
                new
            }
        };
        (self.call(caller.clone(), at), at, caller)
    }

    /// Plans one order of this caller.
    pub fn call(&mut self, caller: Caller, at: Instant) -> Slot {
        let slot = self.model.slot();
        let manager = self.on_duty(at);
        let crm_id = self.managers[manager].crm_id;
        let shelf =
            pick(&mut self.rng, &["puer", "oolong", "black", "herbal", "gift"]).copied().unwrap_or("gift");
        let quantity = if chance(&mut self.rng, 0.25) { 2 } else { 1 };
        let basket = Basket::fill(&mut self.rng, shelf, quantity);
        let manager_id = (!chance(&mut self.rng, 0.16)).then_some(crm_id);
        let order = self.new_order(&basket, manager_id, "phone");
        let (by, buyer) = (Actor::User(crm_id), PlannedBuyer::Caller(caller.0, caller.1));
        self.model.plan(at, Act::Order(PlannedOrder { slot, buyer, names_dialog: false, order, by }));
        if manager_id.is_none() && chance(&mut self.rng, 0.5) {
            let act = OrderAct::Assign(Some(crm_id));
            self.model.plan(at + TimeDelta::minutes(25), Act::Change { order: slot, act, by });
        }
        let outcome = Outcome::draw(&mut self.rng);
        if outcome == Outcome::Prompt {
            let pays_at = at + TimeDelta::seconds(between(&mut self.rng, 300, 20_000));
            self.pay_promptly(slot, pays_at);
        }
        self.live(slot, at, outcome, basket.total(), by);
        slot
    }

    fn new_order(&mut self, basket: &Basket, manager_id: Option<i64>, method: &str) -> NewOrder {
        let external_id =
            chance(&mut self.rng, 0.1).then(|| format!("web-{}", between(&mut self.rng, 1, 900_000)));
        NewOrder {
            manager_id,
            order_method: method.to_owned(),
            items: vec![(basket.good.name.to_owned(), basket.good.price * 100, basket.quantity)],
            // Some carriers charge kopecks.
            delivery_minor: if basket.delivery == 290 { 29_050 } else { basket.delivery * 100 },
            external_id,
            ..NewOrder::default()
        }
    }
}
