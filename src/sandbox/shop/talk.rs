//! Plays a script as a conversation between a customer and a manager with habits.

use chrono::TimeDelta;

use super::chance::{between, chance, hesitation, pick};
use super::goods::Basket;
use super::people::Manager;
use super::sales::{Outcome, Sale};
use super::scripts::{Step, Theme};
use super::{Builder, Slot, Thread, calendar};
use crate::clock::Instant;
use crate::sandbox::retailcrm::{Act, Line, Responsible};

const TOWNS: [&str; 8] = ["Тула", "Самара", "Пермь", "Казань", "Тверь", "Уфа", "Ярославль", "Омск"];
const DOUBTS: [&str; 5] =
    ["подумаю, спасибо", "я еще посоветуюсь с мужем", "дороговато(", "ок напишу позже", "Понятно, спс"];
const FAREWELLS: [&str; 3] = ["Хорошо, пишите", "Конечно, будем рады 🍃", "Ок, если что мы на связи"];

/// What becomes of a conversation, whatever the manager's habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Ordinary,
    /// Nobody ever answers.
    Ignored,
    /// The first answer comes after this moment.
    AnsweredAfter(Instant),
}

/// A conversation to be played.
pub(super) struct Conversation {
    /// Index of the chat in [`Builder::threads`].
    pub thread: usize,
    pub starts_at: Instant,
    pub script: usize,
    pub fate: Fate,
}

impl Builder {
    /// Plans everything that happens in the conversation; the chat is busy until its end.
    pub fn play(&mut self, conversation: Conversation) {
        let Conversation { thread, starts_at, script, fate } = conversation;
        let Thread { slot, channel, mut manager, .. } = self.threads[thread];
        let town = pick(&mut self.rng, &TOWNS).copied().unwrap_or_default();
        let basket = Basket::fill(&mut self.rng, self.scripts[script].shelf, 1);
        let (steps, outcome) = self.course(script, manager);
        let mut at = starts_at;
        let mut answered_after = match fate {
            Fate::AnsweredAfter(after) => Some(after),
            _ => None,
        };
        let mut previous: Option<bool> = None;
        let (mut replied, mut is_dropped) = (false, false);
        let mut order = None;
        for step in steps {
            if step == Step::Payment {
                if let Some(order) = order {
                    self.pay_promptly(order, at + TimeDelta::seconds(5));
                }
                continue;
            }
            if step.is_managers() {
                if previous != Some(true) {
                    let forgets = self.managers[manager].habit.forgets;
                    if fate == Fate::Ignored || chance(&mut self.rng, forgets) {
                        is_dropped = true;
                        break;
                    }
                    if replied && chance(&mut self.rng, 0.015) && self.managers.len() > 1 {
                        manager = self.hand_over(slot, manager, at);
                    }
                    at = self.answer_time(manager, at.max(answered_after.take().unwrap_or(at)));
                    replied = true;
                } else {
                    at += TimeDelta::seconds(between(&mut self.rng, 6, 50));
                }
            } else if previous == Some(true) {
                let is_slow = chance(&mut self.rng, 0.05);
                at += TimeDelta::seconds(hesitation(&mut self.rng, if is_slow { 5_000.0 } else { 75.0 }));
            } else if previous == Some(false) {
                at += TimeDelta::seconds(between(&mut self.rng, 4, 40));
            }
            if step == Step::Order {
                let is_prompt_in_script = self.scripts[script].steps.contains(&Step::Payment);
                let sale = Sale { chat: slot, manager, basket: basket.clone(), outcome, is_prompt_in_script };
                order = Some(self.sell(sale, at));
            } else {
                self.say(slot, manager, at, step, &basket, town);
            }
            let is_opening = previous.is_none() && !step.is_managers();
            if is_opening && fate != Fate::Ignored {
                self.distribute(slot, manager, at);
            }
            if is_opening && self.channels[channel].has_greeting {
                let line = Line::Bot(self.bot, greeting(&self.channels[channel].kind).to_owned());
                self.model.plan(at + TimeDelta::seconds(4), Act::Say { chat: slot, line });
            }
            previous = Some(step.is_managers());
        }
        let closes_at = match (is_dropped, replied) {
            // What nobody answered stays open for a month, what somebody began is closed by itself after two days.
            (_, false) => at + TimeDelta::days(30),
            (true, true) => at + TimeDelta::days(2),
            (false, true) if chance(&mut self.rng, 0.75) => {
                at + TimeDelta::seconds(between(&mut self.rng, 300, 3_600))
            }
            (false, true) => at + TimeDelta::days(1),
        };
        self.model.plan(closes_at, Act::Close { chat: slot });
        self.threads[thread].busy_until = closes_at + TimeDelta::hours(1);
        self.threads[thread].manager = manager;
    }

    /// The steps as this manager brings them about, and how the order, if any, is paid.
    fn course(&mut self, script: usize, manager: usize) -> (Vec<Step>, Outcome) {
        let mut steps = self.scripts[script].steps.clone();
        let outcome = Outcome::draw(&mut self.rng);
        if self.scripts[script].theme != Theme::Sale {
            return (steps, outcome);
        }
        let last_customer_before = |steps: &[Step], marker: Step| {
            let end = steps.iter().position(|&step| step == marker)?;
            steps[..end].iter().rposition(|step| !step.is_managers())
        };
        // A regular who repeats an order needs no persuading: there is nothing to cut in front of their first words.
        let needs_closing = last_customer_before(&steps, Step::Order).filter(|&index| index >= 2);
        let closes = self.managers[manager].habit.closes;
        if let Some(index) = needs_closing
            && !chance(&mut self.rng, closes)
        {
            steps.truncate(index);
            if chance(&mut self.rng, 0.7) {
                steps.push(Step::Customer(pick(&mut self.rng, &DOUBTS).copied().unwrap_or_default()));
                if chance(&mut self.rng, 0.6) {
                    steps.push(Step::Manager(pick(&mut self.rng, &FAREWELLS).copied().unwrap_or_default()));
                }
            }
        } else if outcome != Outcome::Prompt
            && let Some(index) = last_customer_before(&steps, Step::Payment)
            && steps[..index].contains(&Step::Order)
        {
            steps.truncate(index);
        }
        (steps, outcome)
    }

    /// When the manager gets to answer a message of `at`.
    fn answer_time(&mut self, manager: usize, at: Instant) -> Instant {
        let habit = self.managers[manager].habit;
        let factor = if calendar::is_evening(at, self.zone) { habit.evening_factor } else { 1.0 };
        let works_at = calendar::next_working(at, self.zone);
        // What came in overnight waits in a queue in the morning.
        let queue = if works_at > at { between(&mut self.rng, 60, 2_400) } else { 0 };
        let thinking = hesitation(&mut self.rng, habit.answers_in * factor);
        calendar::next_working(works_at + TimeDelta::seconds(queue + thinking), self.zone)
    }

    /// In working hours the CRM gives most new conversations to a manager by itself, answered or not.
    fn distribute(&mut self, chat: Slot, manager: usize, at: Instant) {
        if calendar::next_working(at, self.zone) == at && chance(&mut self.rng, 0.7) {
            let to = Responsible::User(self.managers[manager].mg_id);
            self.model.plan(at + TimeDelta::milliseconds(1_500), Act::Assign { chat, to });
        }
    }

    /// Gives the conversation to a colleague, with a note; returns who has it now.
    fn hand_over(&mut self, chat: Slot, manager: usize, at: Instant) -> usize {
        let other = (manager + 1) % self.managers.len();
        let at = at + TimeDelta::seconds(20);
        let from = self.managers[manager];
        let text = format!("{}, возьми, пожалуйста, у меня обед", self.managers[other].first_name);
        self.model.plan(at, Act::Say { chat, line: Line::Note(from.mg_id, text) });
        let to = Responsible::User(self.managers[other].mg_id);
        self.model.plan(at + TimeDelta::seconds(5), Act::Assign { chat, to });
        other
    }

    fn say(&mut self, chat: Slot, manager: usize, at: Instant, step: Step, basket: &Basket, town: &str) {
        let Manager { mg_id, first_name, .. } = self.managers[manager];
        let line = match step {
            Step::Customer(text) => Line::Customer(fill(text, basket, first_name, town)),
            Step::Manager(text) => Line::Manager(mg_id, fill(text, basket, first_name, town)),
            Step::CustomerMedia(media) => Line::CustomerMedia(media),
            Step::ManagerMedia(media) => Line::ManagerMedia(mg_id, media),
            Step::Order | Step::Payment => return,
        };
        if matches!(step, Step::Customer(_)) && chance(&mut self.rng, 0.004) {
            let sent_at = at - TimeDelta::seconds(between(&mut self.rng, 1, 3));
            self.model.plan(at, Act::SayLate { chat, sent_at, line });
            return;
        }
        self.model.plan(at, Act::Say { chat, line });
        match step {
            Step::Manager(text) if chance(&mut self.rng, 0.008) => {
                let text = Some(format!("{} *", fill(text, basket, first_name, town)));
                self.model.plan(at + TimeDelta::seconds(3), Act::Revise { chat, text });
            }
            Step::Customer(_) if chance(&mut self.rng, 0.006) => {
                let line = Line::CustomerKind("sticker");
                self.model.plan(at + TimeDelta::milliseconds(900), Act::Say { chat, line });
            }
            _ => {}
        }
    }
}

fn greeting(channel_kind: &str) -> &'static str {
    match channel_kind {
        "whatsapp" => {
            "Здравствуйте! Это чайная лавка «Пуговица» 🍵 Отвечаем с 10:00 до 23:00, обычно за 5 минут"
        }
        _ => "Привет! Спасибо, что написали в «Пуговицу» 🍃 Менеджер скоро ответит",
    }
}

fn fill(text: &str, basket: &Basket, manager: &str, town: &str) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let delivery = if basket.delivery == 0 {
        "бесплатно".to_owned()
    } else {
        format!("{} ₽", basket.delivery)
    };
    text.replace("{g}", basket.good.name)
        .replace("{p}", &roubles(basket.good.price))
        .replace("{t}", &roubles(basket.total()))
        .replace("{d}", &delivery)
        .replace("{m}", manager)
        .replace("{city}", town)
}

/// As people write it in a chat: `3 200`.
fn roubles(amount: i64) -> String {
    match amount {
        1_000.. => format!("{} {:03}", amount / 1_000, amount % 1_000),
        _ => amount.to_string(),
    }
}
