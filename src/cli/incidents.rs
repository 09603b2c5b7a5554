//! `svodka incidents`: what is broken, and what a person says about it.

use std::process::ExitCode;

use anyhow::bail;
use chrono::{TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Subcommand;
use serde_json::json;

use crate::clock::{Clock, Instant, SystemClock};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::incidents::IncidentRow;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    word: Option<Word>,
    /// Also those of the last days that are over
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=366))]
    days: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Somebody deals with it: it is not said again, and nobody else is called
    #[command(after_help = "Example: svodka incidents ack 12 --by Anna")]
    Ack {
        /// Number from `svodka incidents`
        id: i64,
        /// Who deals with it
        #[arg(long, env = "USER", hide_env_values = true, value_parser = super::parse_author)]
        by: String,
    },
    /// It can wait: it is not said again for a while
    #[command(after_help = "Example: svodka incidents snooze 12 --for 2h --by Anna")]
    Snooze {
        /// Number from `svodka incidents`
        id: i64,
        /// For how long: 30m, 2h, up to 7d
        #[arg(long = "for", value_name = "TIME", value_parser = super::parse_span)]
        span: TimeDelta,
        /// Who says so
        #[arg(long, env = "USER", hide_env_values = true, value_parser = super::parse_author)]
        by: String,
    },
}

/// Lists incidents, or notes what a person says of one. Its message in the ops chat follows within seconds where a worker runs.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let now = SystemClock.now();
    let (id, is_noted, done) = match args.word {
        None => return list(&store, settings.zone, args.days, args.json, now).await,
        Some(Word::Ack { id, by }) => {
            (id, store.acknowledge_incident(id, &by, now).await?, format!("is taken up by {by}"))
        }
        Some(Word::Snooze { id, span, by }) => {
            let until = now + span;
            let told = format!("is put off until {} by {by}", local(until, settings.zone));
            (id, store.snooze_incident(id, &by, until).await?, told)
        }
    };
    if !is_noted {
        match store.find_incident(id).await? {
            Some(_) => bail!("incident {id} is over; there is nothing to say about it"),
            None => bail!("there is no incident {id}; `svodka incidents` lists them"),
        }
    }
    say!("incident {id} {done}");
    Ok(ExitCode::SUCCESS)
}

async fn list(
    store: &Store,
    zone: Tz,
    days: Option<i64>,
    as_json: bool,
    now: Instant,
) -> anyhow::Result<ExitCode> {
    let rows = match days {
        None => store.list_open_incidents().await?,
        Some(days) => store.list_incidents(now - TimeDelta::days(days), 1000).await?,
    };
    let silences = store.list_silences(now).await?;
    let is_silenced = |row: &IncidentRow| silences.iter().any(|silence| silence.covers.holds(row));
    if as_json {
        let list: Vec<_> = rows.iter().map(|row| as_value(row, is_silenced(row))).collect();
        say!("{}", serde_json::to_string_pretty(&list)?);
    } else if rows.is_empty() {
        say!("nothing is broken");
    } else {
        for row in &rows {
            say!("{}", line(row, is_silenced(row), zone));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_value(row: &IncidentRow, is_silenced: bool) -> serde_json::Value {
    json!({
        "incident": row.id, "key": row.key, "kind": row.kind, "opened_at": row.opened_at,
        "last_seen_at": row.last_seen_at, "resolved_at": row.resolved_at, "findings": row.finding_count,
        "notices": row.notice_count, "acknowledged_by": row.acknowledged_by, "acknowledged_at": row.acknowledged_at,
        "snoozed_until": row.snoozed_until_at, "snoozed_by": row.snoozed_by, "escalations": row.escalation_count,
        "reopened": row.reopened_count, "silenced": is_silenced, "detail": row.detail,
    })
}

fn line(row: &IncidentRow, is_silenced: bool, zone: Tz) -> String {
    let mut words = vec![match row.resolved_at {
        Some(at) => format!("over {}", local(at, zone)),
        None => "open".to_owned(),
    }];
    words.extend(row.acknowledged_by.as_ref().map(|by| format!("taken up by {by}")));
    words.extend(row.snoozed_until_at.map(|until| format!("put off until {}", local(until, zone))));
    words.extend(is_silenced.then(|| "silenced".to_owned()));
    words.extend((row.reopened_count > 0).then(|| format!("came back {} times", row.reopened_count)));
    format!("{:>6} {:<36} since {}  {}", row.id, row.key, local(row.opened_at, zone), words.join(", "))
}

fn local(at: chrono::DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}
