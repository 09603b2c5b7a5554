//! What can be asked, in one table; what each command says, in the files beside.
//!
//! To add a command: a line in [`TABLE`], an arm in [`run`], a line in docs/chat.md. Charts and files (`/export`) come here too.

mod about;
mod change;
mod figures;
mod operate;
mod shop_bot;
mod subscribe;
mod why;

use super::access::{Caller, Reach};
use super::asked::Asked;
use super::desk::Desk;
use super::reply::{Failure, Reply};
use crate::clock::Instant;
use crate::settings::Need;

/// One row of the table.
#[derive(Debug)]
pub struct Command {
    /// What follows the slash.
    pub name: &'static str,
    verb: Verb,
    pub need: Need,
    /// What it does, for the menu and for /help.
    pub says: &'static str,
    /// Shown when it was asked wrongly.
    pub example: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Help,
    Id,
    Why,
    Today,
    Yesterday,
    Week,
    Month,
    Manager,
    Waiting,
    Orders,
    Spin,
    AdminAnalytics,
    AdminFunnel,
    Sources,
    Status,
    Jobs,
    Deliveries,
    Run,
    Pause,
    Resume,
    Subscribe,
    Unsubscribe,
}

macro_rules! table {
    ($($name:literal $verb:ident $need:ident $says:literal $example:literal;)+) => {
        /// Every command, in the order of the menu.
        pub const TABLE: &[Command] = &[
            $(Command { name: $name, verb: Verb::$verb, need: Need::$need, says: $says, example: $example },)+
        ];
    };
}

table! {
    "today" Today Numbers "Сегодня на этот час" "/today";
    "yesterday" Yesterday Numbers "Вчера или другой день" "/yesterday 12 ноября";
    "week" Week Numbers "Последняя полная неделя" "/week 12.11";
    "month" Month Numbers "Последний полный месяц" "/month 12.10";
    "manager" Manager Team "Числа одного менеджера" "/manager Ольга вчера";
    "waiting" Waiting Team "Кто ждёт ответа сейчас" "/waiting";
    "orders" Orders Numbers "Заказы за день" "/orders вчера";
    "spin" Spin Team "Разбор диалогов за неделю" "/spin Ольга";
    "admin_analytics" AdminAnalytics Bot "Аналитика бота: today, week, month или число дней" "/admin_analytics 7";
    "admin_funnel" AdminFunnel Bot "Воронка бота за несколько дней" "/admin_funnel 7";
    "sources" Sources Bot "Откуда приходят в бота" "/sources 30";
    "why" Why Known "Что значит число и откуда оно" "/why конверсия";
    "status" Status Operate "Источники, запуски, неполадки" "/status";
    "jobs" Jobs Operate "Задания и когда они сработают" "/jobs";
    "deliveries" Deliveries Operate "Что стало с последними сообщениями" "/deliveries";
    "run" Run Change "Выполнить задание сейчас" "/run daily вчера";
    "pause" Pause Change "Приостановить задание" "/pause daily магазин закрыт";
    "resume" Resume Change "Продолжить задание" "/resume daily";
    "subscribe" Subscribe Subscribe "Подписать этот чат на отчёт" "/subscribe weekly";
    "unsubscribe" Unsubscribe Subscribe "Отписать этот чат от отчёта" "/unsubscribe weekly";
    "id" Id Nothing "Номер этого чата и ваш" "/id";
    "help" Help Known "Что я умею" "/help";
    "start" Start Known "Начать" "/start";
}

/// A question on its way to its answer.
pub struct Ask<'a> {
    pub desk: &'a Desk,
    pub asked: &'a Asked,
    pub caller: &'a Caller,
    /// Name of the command.
    pub command: &'static str,
    pub args: &'a str,
    /// How far the right goes that the command takes.
    pub reach: Reach,
    pub now: Instant,
}

/// Answers.
pub async fn run(command: &Command, ask: &Ask<'_>) -> Result<Reply, Failure> {
    match command.verb {
        Verb::Start => about::start(),
        Verb::Help => about::help(ask),
        Verb::Id => about::id(ask),
        Verb::Why => why::why(ask),
        Verb::Today => figures::day(ask, "сегодня").await,
        Verb::Yesterday => figures::day(ask, "вчера").await,
        Verb::Week => figures::long(ask, crate::schedule::ReportKind::Weekly).await,
        Verb::Month => figures::long(ask, crate::schedule::ReportKind::Monthly).await,
        Verb::Manager => figures::manager(ask).await,
        Verb::Waiting => figures::waiting(ask).await,
        Verb::Orders => figures::orders(ask).await,
        Verb::Spin => figures::spin(ask).await,
        Verb::AdminAnalytics => shop_bot::analytics(ask).await,
        Verb::AdminFunnel => shop_bot::funnel(ask).await,
        Verb::Sources => shop_bot::sources(ask).await,
        Verb::Status => operate::status(ask).await,
        Verb::Jobs => operate::jobs(ask).await,
        Verb::Deliveries => operate::deliveries(ask).await,
        Verb::Run => change::run(ask).await,
        Verb::Pause => change::pause(ask).await,
        Verb::Resume => change::resume(ask).await,
        Verb::Subscribe => subscribe::change(ask, true).await,
        Verb::Unsubscribe => subscribe::change(ask, false).await,
    }
}

/// The command with this name.
pub fn find(name: &str) -> Option<&'static Command> {
    TABLE.iter().find(|command| command.name == name)
}

/// What is said to a command nobody knows.
pub fn unknown(name: &str, caller: &Caller) -> String {
    let alike = TABLE.iter().filter(|command| caller.reach(command.need).is_some());
    let alike = alike.filter(|command| {
        let (own, asked) = (command.name, name);
        asked.chars().count() >= 2 && (own.starts_with(asked) || asked.starts_with(own))
    });
    let alike: Vec<String> = alike.map(|command| format!("/{}", command.name)).collect();
    match alike.is_empty() {
        true => "Такой команды нет. Наберите /help, чтобы увидеть, какие есть.".to_owned(),
        false => format!("Такой команды нет. Может быть, {}? Все команды: /help", alike.join(" или ")),
    }
}
