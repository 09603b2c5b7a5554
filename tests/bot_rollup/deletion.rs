//! Old events go only when the configuration allows it, day by proven day, and the figures stay.

use chrono::{Days, TimeDelta};
use svodka::clock::{Clock, ManualClock};
use svodka::jobs::bot_retention::{Deleted, delete_old};
use svodka::jobs::rollup::{roll_new, roll_range};
use tokio_util::sync::CancellationToken;

use super::database::{BotDatabase, Row, app};
use crate::support::stores::for_each_store;

#[tokio::test]
async fn proven_days_are_deleted_in_batches_and_the_figures_stay() {
    for_each_store(async |given| {
        let database = BotDatabase::beside(&given, "JSONB").await;
        let clock = ManualClock::new("2026-08-10T12:00:00Z".parse().unwrap());
        let url = database.url();
        let app = app(
            &given,
            &url,
            &clock,
            &[
                ("SVODKA__TIMEZONE", "UTC"),
                ("SVODKA__BOT__DELETE_AFTER", "100days"),
                ("SVODKA__BOT__DELETE_URL", &url),
                ("SVODKA__BOT__DELETE_DRY_RUN", "false"),
            ],
        )
        .await;
        let row = |id: i64, days: u64| Row {
            id,
            user_id: Some(id % 7 + 1),
            event_type: "session_start".to_owned(),
            metadata: None,
            created_at: clock.now() - Days::new(days) - TimeDelta::hours(id % 5),
        };
        // 250 events of two old days, 30 younger ones: more than one batch of 100 a day.
        let rows: Vec<Row> = (0..125)
            .map(|id| row(id, 103))
            .chain((125..250).map(|id| row(id, 101)))
            .chain((250..280).map(|id| row(id, 50)))
            .collect();
        database.insert(&rows).await;
        let deletion = app.settings.bot.deletion.clone().unwrap();
        let stop = CancellationToken::new();
        let delete = async |is_dry_run| delete_old(&app.work, &deletion, is_dry_run, &stop).await;

        let error = delete(false).await.expect_err("nothing is counted yet");
        assert_eq!(error.reason, "unproven_day");
        assert_eq!(database.count().await, 280);

        roll_new(&app.work, None).await.unwrap();
        let (from_on, until_on) = ("2026-04-01".parse().unwrap(), "2026-08-11".parse().unwrap());
        let before = app.store.bot_figures(from_on, until_on, until_on).await.unwrap();
        let (first, last) = ("2026-04-29".parse().unwrap(), "2026-05-01".parse().unwrap());
        let would = Deleted { days: 2, events: 250, span: Some((first, last)), is_dry_run: true };
        assert_eq!(delete(true).await.unwrap(), would);
        assert_eq!(database.count().await, 280, "a dry run deletes nothing");

        // An event that nobody counted keeps its day, and the days after it.
        database.insert(&[row(300, 103)]).await;
        let error = delete(false).await.expect_err("the day is not proven");
        assert!(error.note.contains("svodka rollup --from 2026-04-29"), "{}", error.note);
        assert_eq!(database.count().await, 281);
        roll_range(&app.work, first, first, None).await.unwrap();

        assert_eq!(delete(false).await.unwrap(), Deleted { events: 251, is_dry_run: false, ..would });
        assert_eq!(database.count().await, 30);
        roll_new(&app.work, None).await.unwrap();
        let after = app.store.bot_figures(from_on, until_on, until_on).await.unwrap();
        assert_eq!(after.days.iter().map(|day| day.sessions).sum::<u64>(), 281);
        assert_eq!(after.active_users, before.active_users);
        assert_eq!(delete(false).await.unwrap().told(), "no events of the bot are old enough to be deleted");
        app.store.close().await;
        database.remove().await;
    })
    .await;
}
