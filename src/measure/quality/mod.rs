//! What is doubtful about the data of a day, for those who run the system.
//!
//! Every digest is as good as the facts under it. This looks for signs that facts are missing, doubled, orphaned or
//! misdated, and says each with its count. It corrects nothing and guesses no cause; a day without a finding makes no
//! message. What is doubtful about a *person's* work is not here.

mod doubles;
mod silence;

use std::collections::{BTreeSet, HashSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::digest::{Coverage, Ratio};
use super::{Period, WorkCalendar};
use crate::clock::Instant;
use crate::facts::{Chat, CoverageSpan, Facts, Message, Order};

pub use doubles::DOUBLE_ORDER_WITHIN;
pub use silence::{LEAST_DAYS, LEAST_USUAL, Silence, WEEKS};

/// A source not read for longer than this is told. The CRM is read every quarter of an hour, bot events every hour.
pub const STALE_AFTER: TimeDelta = TimeDelta::hours(2);
/// Clocks nearer to each other than this agree.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(2);
/// Orders without a manager are told above this share of the day's orders: a shop may leave a few to nobody on purpose.
pub const NO_MANAGER_RATIO: f64 = 0.1;
/// Orders named in a finding; the others are a number.
const NUMBERS: usize = 5;

/// Something that is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Source {
    Chats,
    Orders,
    People,
    /// By its own name.
    Other(String),
}

/// When a source was last read through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRead {
    pub source: Source,
    /// `None` = never.
    pub read_at: Option<Instant>,
}

/// Records of a source that could not be understood in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub source: Source,
    pub count: u64,
}

/// Messages that are there twice: the same words of the same author in the same chat at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// Without the first one of each.
    pub messages: u64,
    pub chats: u64,
}

/// Everything the note is made from.
#[derive(Debug, Clone)]
pub struct QualityInputs<'a> {
    /// Facts of [`window`].
    pub facts: &'a Facts,
    pub period: Period,
    /// The moment of the run.
    pub now: Instant,
    pub public_id: String,
    pub calendar: &'a WorkCalendar,
    pub chats: Option<CoverageSpan>,
    pub orders: Option<CoverageSpan>,
    /// Every source that was ever tried.
    pub sources: Vec<SourceRead>,
    pub dropped: Vec<Dropped>,
    pub duplicates: Duplicates,
    /// Orders of the period by the CRM's own count; `None` where it was not asked or did not answer.
    pub crm_orders: Option<u64>,
}

/// Something doubtful. Ids and edges are in `docs/metrics.md`, *Data quality*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// The period of a source is not known from end to end. Not told of a source that nobody reads.
    NotRead {
        source: Source,
        coverage: Coverage,
    },
    /// A source was not read through for long; `None` = never.
    StaleSource {
        source: Source,
        read_at: Option<Instant>,
    },
    /// Working hours without a message where there always are some.
    SilentHours {
        stretches: Vec<Silence>,
    },
    /// Records that could not be understood; `ratio` where it is known of how many.
    DroppedRecords {
        source: Source,
        count: u64,
        ratio: Option<Ratio>,
    },
    /// Messages of chats that nobody knows: their channel and customer are unknown too.
    UnknownChats {
        messages: u64,
        chats: u64,
    },
    /// The CRM counts another number of orders than we do.
    OrderDrift {
        ours: u64,
        crm: u64,
    },
    /// Orders that name nobody; the first numbers.
    OrdersWithoutManager {
        ratio: Ratio,
        numbers: Vec<String>,
    },
    /// Orders that look made twice; the numbers of the later ones.
    DoubleOrders {
        count: u64,
        numbers: Vec<String>,
    },
    DuplicateMessages {
        messages: u64,
        chats: u64,
    },
    /// Messages dated later than the CRM's last change of them: a channel's clock is ahead.
    ChannelAhead {
        messages: u64,
        worst_secs: i64,
    },
    /// The CRM dates a change later than the moment of the run.
    CrmAhead {
        secs: i64,
    },
}

/// The note about one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityNote {
    pub public_id: String,
    pub period: Period,
    pub computed_at: Instant,
    /// In the order of [`Finding`]; empty = nothing to say.
    pub findings: Vec<Finding>,
}

/// The window of facts the note needs: four weeks back for the usual hours, a day ahead for what is dated in the future.
pub fn window(period: &Period, now: Instant) -> (Instant, Instant) {
    (period.earlier(7 * WEEKS).from, now + TimeDelta::days(1))
}

/// Looks for everything doubtful.
pub fn quality(inputs: &QualityInputs<'_>) -> QualityNote {
    let period = &inputs.period;
    let (chats, orders) = (Coverage::of(inputs.chats, period), Coverage::of(inputs.orders, period));
    let until = |coverage: Coverage| coverage.as_of(period).unwrap_or(period.from).min(period.to);
    let messages: Vec<&Message> = inputs
        .facts
        .messages
        .iter()
        .filter(|message| message.is_counted())
        .filter(|message| period.from <= message.sent_at && message.sent_at < until(chats))
        .collect();
    let counted = messages.len() as u64;
    let made: Vec<&Order> = inputs
        .facts
        .orders
        .iter()
        .filter(|order| !order.is_deleted)
        .filter(|order| period.from <= order.created_at && order.created_at < until(orders))
        .collect();

    let mut findings = Vec::new();
    for (source, coverage) in [(Source::Chats, chats), (Source::Orders, orders)] {
        let is_read = inputs.sources.iter().any(|read| read.source == source);
        if is_read && !coverage.is_complete() {
            findings.push(Finding::NotRead { source, coverage });
        }
    }
    let is_stale = |read: &&SourceRead| read.read_at.is_none_or(|at| inputs.now - at > STALE_AFTER);
    let stale = inputs.sources.iter().filter(is_stale);
    findings.extend(
        stale.map(|read| Finding::StaleSource { source: read.source.clone(), read_at: read.read_at }),
    );
    let stretches = silence::silences(inputs);
    if !stretches.is_empty() {
        findings.push(Finding::SilentHours { stretches });
    }
    findings.extend(inputs.dropped.iter().filter(|dropped| dropped.count > 0).map(|dropped| {
        let kept = match dropped.source {
            Source::Chats => chats.is_complete().then_some(counted),
            Source::Orders => orders.is_complete().then_some(made.len() as u64),
            Source::People | Source::Other(_) => None,
        };
        let ratio = kept.and_then(|kept| Ratio::of(dropped.count, dropped.count + kept));
        Finding::DroppedRecords { source: dropped.source.clone(), count: dropped.count, ratio }
    }));
    findings.extend(unknown_chats(&messages, &inputs.facts.chats));
    if orders.is_complete() {
        let ours = made.len() as u64;
        let drift = inputs.crm_orders.filter(|crm| *crm != ours);
        findings.extend(drift.map(|crm| Finding::OrderDrift { ours, crm }));
        findings.extend(orders_without_manager(&made));
    }
    findings.extend(doubles::double_orders(&made, &inputs.facts.orders));
    let Duplicates { messages, chats } = inputs.duplicates;
    if messages > 0 {
        findings.push(Finding::DuplicateMessages { messages, chats });
    }
    findings.extend(channel_clock(inputs));
    findings.extend(crm_clock(inputs));
    QualityNote { public_id: inputs.public_id.clone(), period: *period, computed_at: inputs.now, findings }
}

fn unknown_chats(messages: &[&Message], chats: &[Chat]) -> Option<Finding> {
    let known: HashSet<i64> = chats.iter().map(|chat| chat.id).collect();
    let orphans: Vec<i64> =
        messages.iter().map(|message| message.chat_id).filter(|id| !known.contains(id)).collect();
    let chats = orphans.iter().collect::<BTreeSet<_>>().len() as u64;
    (chats > 0).then_some(Finding::UnknownChats { messages: orphans.len() as u64, chats })
}

fn orders_without_manager(made: &[&Order]) -> Option<Finding> {
    let orphans: Vec<&&Order> = made.iter().filter(|order| order.manager_id.is_none()).collect();
    let ratio = Ratio::of(orphans.len() as u64, made.len() as u64)?;
    let numbers = orphans.iter().take(NUMBERS).map(|order| order.number.clone()).collect();
    (ratio.value() > NO_MANAGER_RATIO).then_some(Finding::OrdersWithoutManager { ratio, numbers })
}

/// A message is sent before it arrives, and arrives before the CRM last changes it: the other way round is a wrong clock.
fn channel_clock(inputs: &QualityInputs<'_>) -> Option<Finding> {
    let ahead: Vec<TimeDelta> = inputs
        .facts
        .messages
        .iter()
        .filter(|message| inputs.period.from <= message.sent_at)
        .map(|message| message.sent_at - message.updated_at)
        .filter(|ahead| *ahead > CLOCK_TOLERANCE)
        .collect();
    let worst = ahead.iter().max()?;
    Some(Finding::ChannelAhead { messages: ahead.len() as u64, worst_secs: worst.num_seconds() })
}

/// What is read cannot change later than now. A lower bound: the last change is as old as it is.
fn crm_clock(inputs: &QualityInputs<'_>) -> Option<Finding> {
    let of_messages = inputs.facts.messages.iter().map(|message| message.updated_at);
    let of_dialogs = inputs.facts.dialogs.iter().map(|dialog| dialog.updated_at);
    let changed_at = of_messages.chain(of_dialogs).max()?;
    let ahead = changed_at - inputs.now;
    (ahead > CLOCK_TOLERANCE).then(|| Finding::CrmAhead { secs: ahead.num_seconds() })
}
