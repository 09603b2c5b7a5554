//! Settings, reference books and keys of the shop.

use chrono_tz::Tz;

/// Every scope that reading needs. The real names for users and settings are not known; these are ours. The one
/// writing scope is `order_write`.
pub const READ_SCOPES: [&str; 5] =
    ["order_read", "customer_read", "reference_read", "user_read", "settings_read"];

/// A key to API v5.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub key: String,
    /// What it may do; see [`READ_SCOPES`].
    pub scopes: Vec<String>,
    /// Store codes it may see; `None` = all.
    pub sites: Option<Vec<String>>,
}

impl ApiKey {
    /// A key that reads everything in every store and writes nothing.
    pub fn all_seeing(key: &str) -> Self {
        Self { key: key.to_owned(), scopes: READ_SCOPES.map(str::to_owned).to_vec(), sites: None }
    }

    /// The same with the right to change orders.
    pub fn writing(key: &str) -> Self {
        let mut writing = Self::all_seeing(key);
        writing.scopes.push("order_write".to_owned());
        writing
    }
}

/// Working hours of one weekday.
#[derive(Debug, Clone)]
pub struct WorkTime {
    /// `Monday` … `Sunday`; a day that is not listed is a day off.
    pub day: &'static str,
    /// `HH:MM`.
    pub start: String,
    pub end: String,
    pub lunch: Option<(String, String)>,
}

/// Days off, both ends included, `MM.DD`, every year.
#[derive(Debug, Clone)]
pub struct DaySpan {
    pub start: String,
    pub end: String,
}

/// An order status.
#[derive(Debug, Clone)]
pub struct OrderStatus {
    pub code: &'static str,
    pub name: &'static str,
    pub group: &'static str,
}

/// A group of order statuses.
#[derive(Debug, Clone)]
pub struct StatusGroup {
    pub code: &'static str,
    pub name: &'static str,
    /// The order is being worked on.
    pub is_process: bool,
}

/// A payment status.
#[derive(Debug, Clone)]
pub struct PaymentStatus {
    pub code: &'static str,
    pub name: &'static str,
    /// The payment (not the order) is complete.
    pub is_complete: bool,
}

/// A store.
#[derive(Debug, Clone)]
pub struct Site {
    pub code: &'static str,
    pub name: &'static str,
}

/// Settings and reference books.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The zone of every naive date API v5 shows.
    pub zone: Tz,
    pub currency: String,
    pub work_times: Vec<WorkTime>,
    pub non_working_days: Vec<DaySpan>,
    pub sites: Vec<Site>,
    pub statuses: Vec<OrderStatus>,
    pub status_groups: Vec<StatusGroup>,
    pub payment_statuses: Vec<PaymentStatus>,
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Settings {
    /// Open daily from 10 to 23, closed from 1 to 3 January; the CRM's standard statuses and one numeric-looking one.
    pub fn standard(zone: Tz) -> Self {
        let work_times = WEEKDAYS
            .map(|day| WorkTime { day, start: "10:00".into(), end: "23:00".into(), lunch: None })
            .to_vec();
        let group = |code, name, is_process| StatusGroup { code, name, is_process };
        let status = |code, name, group| OrderStatus { code, name, group };
        let payment = |code, name, is_complete| PaymentStatus { code, name, is_complete };
        Self {
            zone,
            currency: "RUB".to_owned(),
            work_times,
            non_working_days: vec![DaySpan { start: "01.01".into(), end: "01.03".into() }],
            sites: vec![Site { code: "main", name: "Чайная лавка" }],
            status_groups: vec![
                group("new", "Новый", false),
                group("approval", "Согласование", true),
                group("assembling", "Комплектация", true),
                group("delivery", "Доставка", true),
                group("complete", "Выполнен", false),
                group("cancel", "Отменён", false),
            ],
            statuses: vec![
                status("new", "Новый", "new"),
                status("client-confirmed", "Согласовано с клиентом", "approval"),
                status("prepayed", "Предоплата поступила", "approval"),
                status("send-to-assembling", "Передано в комплектацию", "assembling"),
                status("assembling", "Комплектуется", "assembling"),
                status("delivering", "Доставляется", "delivery"),
                status("complete", "Выполнен", "complete"),
                status("3", "Самовывоз забран", "complete"),
                status("no-call", "Недозвон", "cancel"),
                status("cancel-other", "Отменён", "cancel"),
            ],
            payment_statuses: vec![
                payment("not-paid", "Не оплачен", false),
                payment("invoice", "Выставлен счёт", false),
                payment("fail", "Ошибка", false),
                payment("paid", "Оплачен", true),
            ],
        }
    }
}
