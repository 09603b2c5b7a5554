//! A shop with chats and orders, the client that reads it, and what the facts have to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DurationRound, TimeDelta};
use svodka::clock::{Instant, ManualClock};
use svodka::collect::CollectError;
use svodka::collect::retailcrm::{RetailCrm, RetailCrmConfig, SyncMode};
use svodka::facts::{self, Author, DialogEvent, Money, Responsible};
use svodka::outbound::{Backoff, ClientOptions, Jitter};
use svodka::sandbox::retailcrm as sandbox;
use svodka::sandbox::retailcrm::{
    Actor, MediaKind, Model, NewBuyer, NewMessage, NewMgCustomer, NewOrder, Oddities, RateLimit,
    RetailCrmOptions, SystemEvent,
};

use super::sink::{Kept, MemorySink};
use crate::support::time::{drive, drive_while};

pub fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// When the tests begin.
pub fn start() -> Instant {
    at("2026-03-02T12:00:00Z")
}

/// How far back the first round reads in these tests.
pub const DAYS: u32 = 30;

/// The running shop, its reader and its sink.
pub struct Desk {
    pub crm: sandbox::RetailCrm,
    pub clock: ManualClock,
    pub sink: MemorySink,
    pub reader: RetailCrm,
}

impl Desk {
    pub async fn open(model: Model) -> Self {
        Self::open_with(model, Oddities::default(), RateLimit::default(), |_| {}).await
    }

    pub async fn open_with(
        model: Model,
        oddities: Oddities,
        rate_limit: RateLimit,
        adjust: impl FnOnce(&mut RetailCrmConfig),
    ) -> Self {
        let clock = ManualClock::new(start());
        let options = RetailCrmOptions { port: 0, oddities, rate_limit };
        let crm = sandbox::RetailCrm::start(model, Arc::new(clock.clone()), options).await.unwrap();
        let reader = reader(&crm, &clock, adjust);
        Self { crm, clock, sink: MemorySink::default(), reader }
    }

    /// One round of each source.
    pub async fn sync(&self) -> Result<(), CollectError> {
        self.sync_into(&self.sink, SyncMode::Increment).await
    }

    pub async fn sync_into(&self, sink: &MemorySink, mode: SyncMode) -> Result<(), CollectError> {
        drive(&self.clock, self.rounds(sink, mode)).await
    }

    /// The same, cut off when the stand-in got its `count`-th request. `None` when it was.
    pub async fn sync_until_request(
        &self,
        sink: &MemorySink,
        count: usize,
    ) -> Option<Result<(), CollectError>> {
        let goes_on = || self.crm.requests().len() < count;
        drive_while(&self.clock, goes_on, self.rounds(sink, SyncMode::Increment)).await
    }

    async fn rounds(&self, sink: &MemorySink, mode: SyncMode) -> Result<(), CollectError> {
        self.reader.sync_people(sink).await?;
        self.reader.sync_orders(sink, mode).await?;
        self.reader.sync_chats(sink, mode).await?;
        Ok(())
    }

    /// What a complete reader must know by now.
    pub fn expected(&self) -> Kept {
        self.crm.with_model(|model| expected(model))
    }

    pub fn assert_complete(&self, context: &str) {
        assert_same(&self.sink.kept(), &self.expected(), context);
    }
}

/// A client with small answers, so that a small shop takes many requests.
pub fn reader(
    crm: &sandbox::RetailCrm,
    clock: &ManualClock,
    adjust: impl FnOnce(&mut RetailCrmConfig),
) -> RetailCrm {
    let mut config = RetailCrmConfig {
        bot_url: Some(crm.bot_url().parse().unwrap()),
        bot_token: Some(crm.bot_token().into()),
        first_load_days: DAYS,
        batch: 50,
        http: ClientOptions { timeout: Duration::from_secs(20), ..Default::default() },
        backoff: Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(30) },
        ..RetailCrmConfig::new(crm.crm_url().parse().unwrap(), crm.api_key().into())
    };
    adjust(&mut config);
    RetailCrm::new(config, Arc::new(clock.clone()), Jitter::seeded(7)).unwrap()
}

/// `chats` chats over the last 25 days, an order for each third of them; every kind of author, event and oddity.
/// Built chat by chat, so that ids and times do not run in parallel.
pub fn model(chats: i64) -> Model {
    let mut model = Model::new(chrono_tz::Europe::Moscow);
    let hired = at("2025-01-10T09:00:00Z");
    let managers = [model.add_user(hired, "Ольга", "Чабрецова"), model.add_user(hired, "Пётр", "Листов <&>")];
    let robot = model.add_user(hired, "Интеграция", "");
    model
        .change_user(robot.crm_id, hired, |user| {
            (user.is_technical, user.external_id) = (true, String::new());
        })
        .unwrap();
    model.change_user(managers[1].crm_id, hired, |user| user.crm_names_mg = false).unwrap();
    let bot = model.add_bot(hired, "Помощник");
    let channels = [
        model.add_channel(hired, "telegram", "@tea_shop"),
        model.add_channel(hired, "whatsapp", "Чай & кофе"),
        model.add_channel(hired, "new_messenger", "?"),
    ];
    for number in 0..chats {
        let opened = start() - TimeDelta::days(25) + TimeDelta::minutes(number * 7919 % (25 * 24 * 60 - 600));
        let minute =
            |minutes: i64| opened + TimeDelta::minutes(minutes) + TimeDelta::milliseconds(number % 900);
        let customer = NewMgCustomer {
            first_name: format!("Анна <{number}>"),
            last_name: "Т.".into(),
            ..Default::default()
        };
        let channel = channels[(number % 3) as usize];
        let chat = model.add_chat(opened, channel, customer).unwrap();
        let manager = &managers[(number % 2) as usize];
        model.customer_writes(chat, minute(0), "Есть <улун> & \"пуэр\"? It's ok &amp;").unwrap();
        model.bot_replies(chat, minute(1), bot, "Секунду!").unwrap();
        let note = NewMessage::text(sandbox::Author::User(manager.mg_id), "Постоянный клиент");
        model.post(chat, minute(2), note.private()).unwrap();
        model.manager_replies(chat, minute(3), manager.mg_id, "Да, есть").unwrap();
        let photo = NewMessage::media(sandbox::Author::User(manager.mg_id), MediaKind::Image);
        model.post(chat, minute(4), photo).unwrap();
        let mailing = NewMessage::text(sandbox::Author::Bot(bot), "Скидки!").mass();
        model.post(chat, minute(5), mailing).unwrap();
        let dialog = model.last_dialog(chat).unwrap().id;
        if number % 3 == 0 {
            let person = model.chat(chat).unwrap().customer_id;
            let buyer =
                model.add_customer(minute(5), NewBuyer { first_name: "Анна".into(), ..Default::default() });
            if number % 2 == 0 {
                model.link_customer(buyer, person).unwrap();
            }
            let by = Actor::User(manager.crm_id);
            let new = NewOrder {
                customer_id: buyer,
                manager_id: (number % 4 != 0).then_some(manager.crm_id),
                dialog_id: (number % 2 == 0).then_some(dialog),
                order_method: "messenger".into(),
                items: vec![("Шу пуэр".into(), 259_990 + number, 1)],
                delivery_minor: 35_050,
                ..Default::default()
            };
            let order = model.add_order(minute(6), new, by).unwrap();
            model
                .post(chat, minute(6), NewMessage::order(sandbox::Author::User(manager.mg_id), order))
                .unwrap();
            if number % 2 == 0 {
                model.pay_order(order, minute(8), by).unwrap();
            }
        }
        match number % 4 {
            0 => model.close_dialog(dialog, minute(9)).unwrap(),
            1 => model.assign_dialog(dialog, minute(9), sandbox::Responsible::Bot(bot)).unwrap(),
            2 => model.unassign_dialog(dialog, minute(9)).unwrap(),
            _ => {}
        }
    }
    model
}

fn holder(who: sandbox::Responsible) -> Responsible {
    match who {
        sandbox::Responsible::User(id) => Responsible::User(id),
        sandbox::Responsible::Bot(id) => Responsible::Bot(id),
    }
}

fn second(at: Instant) -> Instant {
    at.duration_trunc(TimeDelta::seconds(1)).unwrap()
}

fn by_id<T>(facts: impl Iterator<Item = T>, id: impl Fn(&T) -> i64) -> BTreeMap<i64, T> {
    facts.map(|fact| (id(&fact), fact)).collect()
}

/// The facts as the model has them, told independently of how the client reads them.
fn expected(model: &Model) -> Kept {
    let people = model.users();
    let name = |first: &str, last: &str| format!("{first} {last}").trim().to_owned();
    let crm_users = people.iter().filter(|user| !user.is_technical).map(|user| facts::CrmUser {
        id: user.crm_id,
        name: name(&user.first_name, &user.last_name),
        mg_user_id: user.crm_names_mg.then_some(user.mg_id),
        is_manager: user.is_manager,
        is_active: user.is_active,
    });
    let mg_users = people.iter().map(|user| facts::MgUser {
        id: user.mg_id,
        external_id: Some(user.external_id.clone()).filter(|id| !id.is_empty()),
        name: name(&user.first_name, &user.last_name),
        is_active: user.is_active,
        is_technical: user.is_technical,
    });
    let channels = model.channels().iter().map(|channel| facts::Channel {
        id: channel.id,
        kind: channel.kind.clone(),
        name: Some(channel.name.clone()),
        is_active: channel.is_active,
    });
    let chats = model.chats().iter().filter(|chat| !chat.dialog_ids.is_empty()).map(|chat| {
        let person = model.mg_customer(chat.customer_id).unwrap();
        facts::Chat {
            id: chat.id,
            channel_id: Some(chat.channel_id),
            customer_id: Some(chat.customer_id),
            customer_name: name(&person.first_name, &person.last_name),
            created_at: chat.created_at,
            updated_at: chat.updated_at,
        }
    });
    let dialogs = model.dialogs().iter().map(|dialog| facts::Dialog {
        id: dialog.id,
        chat_id: dialog.chat_id,
        responsible: dialog.responsible.map(|(who, _)| holder(who)),
        created_at: dialog.created_at,
        assigned_at: dialog.responsible.map(|(_, since)| since),
        closed_at: dialog.closed_at,
        updated_at: dialog.updated_at,
    });
    let messages = model.messages().iter().filter(|message| {
        message.deleted_at.is_none()
            && !message.is_mass
            && message.updated_at >= start() - TimeDelta::days(DAYS.into())
    });
    let messages = messages.map(|message| facts::Message {
        id: message.id,
        chat_id: message.chat_id,
        dialog_id: message.dialog_id,
        sent_at: second(message.sent_at),
        author: match message.author {
            None => Author::System,
            Some(sandbox::Author::Customer(id)) => Author::Customer(id),
            Some(sandbox::Author::User(id)) => Author::User(id),
            Some(sandbox::Author::Bot(id)) => Author::Bot(id),
            Some(sandbox::Author::Channel(id)) => Author::Channel(id),
        },
        is_public: message.is_public,
        event: match message.event {
            Some(SystemEvent::DialogAssigned(who)) => Some(DialogEvent::Assigned(holder(who))),
            Some(SystemEvent::DialogUnassigned) => Some(DialogEvent::Unassigned),
            Some(SystemEvent::DialogClosed) => Some(DialogEvent::Closed),
            Some(SystemEvent::DialogOpened) | None => None,
        },
        order_id: message.order_id,
        text: message.content.clone(),
        updated_at: message.updated_at,
    });
    let orders = model.orders().iter().map(|order| facts::Order {
        id: order.id,
        number: order.number.clone(),
        status: order.status.clone(),
        created_at: second(order.created_at),
        manager_id: order.manager_id,
        customer_id: Some(order.customer_id),
        dialog_id: order.dialog_id,
        total: Money(order.total_minor()),
        prepaid: Money(order.prepaid_minor()),
        // The stand-in leaves the currency out of each fifth order.
        currency: (order.id % 5 != 0).then(|| model.settings.currency.clone()),
        full_paid_at: order.full_paid_at.map(second),
        is_deleted: order.deleted_at.is_some(),
    });
    let buyers = model.customers().iter().filter(|buyer| {
        model.orders().iter().any(|order| order.customer_id == buyer.id && order.deleted_at.is_none())
    });
    let links = buyers.flat_map(|buyer| buyer.mg_customer_ids.iter().map(|mg_id| (*mg_id, buyer.id)));
    let reference = |book: &str, code: &str, name: &str, group: Option<&str>| {
        let entry = facts::Reference {
            book: book.into(),
            code: code.into(),
            name: name.into(),
            group: group.map(str::to_owned),
        };
        ((entry.book.clone(), entry.code.clone()), entry)
    };
    let statuses = model
        .settings
        .statuses
        .iter()
        .map(|status| reference("order_status", status.code, status.name, Some(status.group)));
    let payments = model
        .settings
        .payment_statuses
        .iter()
        .map(|status| reference("payment_status", status.code, status.name, None));
    Kept {
        crm_users: by_id(crm_users, |user| user.id),
        mg_users: by_id(mg_users, |user| user.id),
        channels: by_id(channels, |channel| channel.id),
        chats: by_id(chats, |chat| chat.id),
        dialogs: by_id(dialogs, |dialog| dialog.id),
        messages: by_id(messages, |message| message.id),
        orders: by_id(orders, |order| order.id),
        links: links.collect(),
        references: statuses.chain(payments).collect(),
    }
}

/// Compares kind by kind and shows the first difference instead of two worlds.
pub fn assert_same(kept: &Kept, expected: &Kept, context: &str) {
    fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
        what: &str,
        context: &str,
        kept: &BTreeMap<K, V>,
        expected: &BTreeMap<K, V>,
    ) {
        for (id, wanted) in expected {
            assert_eq!(kept.get(id), Some(wanted), "{context}: {what} {id:?}");
        }
        let surplus: Vec<&K> = kept.keys().filter(|id| !expected.contains_key(id)).collect();
        assert!(surplus.is_empty(), "{context}: {what} that should not be there: {surplus:?}");
    }
    compare("CRM user", context, &kept.crm_users, &expected.crm_users);
    compare("chat user", context, &kept.mg_users, &expected.mg_users);
    compare("channel", context, &kept.channels, &expected.channels);
    compare("chat", context, &kept.chats, &expected.chats);
    compare("dialog", context, &kept.dialogs, &expected.dialogs);
    compare("message", context, &kept.messages, &expected.messages);
    // A deleted order can no longer be read, only marked; that it is marked is what its absence here says.
    let alive = |orders: &BTreeMap<i64, facts::Order>| -> BTreeMap<i64, facts::Order> {
        let alive = orders.iter().filter(|(_, order)| !order.is_deleted);
        alive.map(|(id, order)| (*id, order.clone())).collect()
    };
    compare("order", context, &alive(&kept.orders), &alive(&expected.orders));
    // Nor does anybody ask who was behind an order that is gone.
    let buyers: BTreeSet<_> = alive(&kept.orders).values().map(|order| order.customer_id).collect();
    let links = kept.links.iter().filter(|(_, buyer)| buyers.contains(&Some(**buyer)));
    compare("link of", context, &links.map(|(mg_id, buyer)| (*mg_id, *buyer)).collect(), &expected.links);
    compare("reference", context, &kept.references, &expected.references);
}
