//! Chats, dialogs and messages, in bulk and by their last change; never one request per chat.
//!
//! Messages are read first, so that the dialog and the chat of each exist by the time those are read. Chats and dialogs
//! are read from the beginning of time: a message may stand in a chat whose own record has not changed for a year,
//! and a thousand of them cost one request. What REST cannot show: a deleted message is simply not listed any more,
//! so one that was read before its deletion stays.

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

use super::cursor::{self, ChatsCursor, Mark};
use super::round::{OVERLAP, Round, RoundSummary, sink_failed};
use super::window::Walk;
use super::wire::{id, mg};
use super::{RetailCrm, SyncMode};
use crate::clock::Instant;
use crate::collect::{CollectError, SOURCE_CHATS, Sink};

/// 2015-01-01, before the chat API existed.
const BEGINNING: i64 = 1_420_070_400;

impl RetailCrm {
    /// Reads what changed in the chats since the last round; the first round reads the last `first_load_days`.
    pub async fn sync_chats(&self, sink: &dyn Sink, mode: SyncMode) -> Result<RoundSummary, CollectError> {
        let began = self.clock.now();
        let state = sink.state(SOURCE_CHATS).await.map_err(|error| sink_failed(SOURCE_CHATS, &error))?;
        let mut cursor = cursor::read(SOURCE_CHATS, state.cursor).unwrap_or_else(|| {
            let from = began - TimeDelta::days(self.config.first_load_days.into());
            let beginning = DateTime::from_timestamp(BEGINNING, 0).unwrap_or_default();
            let [dialogs, chats] = [beginning; 2].map(Mark::new);
            ChatsCursor { from, messages: Mark::new(from), dialogs, chats }
        });
        if let SyncMode::Reconcile { days } = mode {
            let from = began - TimeDelta::days(days.into());
            cursor.from = cursor.from.min(from);
            for mark in [&mut cursor.messages, &mut cursor.dialogs, &mut cursor.chats] {
                mark.rewind(from);
            }
        }
        let mut round = Round::new(SOURCE_CHATS, sink, self.config.batch);
        for list in [List::Messages, List::Dialogs, List::Chats] {
            self.read_list(list, &mut round, &mut cursor, began).await?;
            round.flush(cursor::write(&cursor)).await?;
        }
        let from = cursor.from;
        round.finish(cursor::write(&cursor), from, began).await
    }

    async fn read_list(
        &self,
        list: List,
        round: &mut Round<'_>,
        cursor: &mut ChatsCursor,
        now: Instant,
    ) -> Result<(), CollectError> {
        let api = self.chats_api(SOURCE_CHATS)?;
        let mark = list.mark(cursor);
        let mut walk = Walk::new(api, self.asker(SOURCE_CHATS), list.path(), mark.at, OVERLAP)
            .at_width(mark.width_secs.map(TimeDelta::seconds));
        loop {
            let stretch = walk.next().await?;
            let mut found = Vec::with_capacity(stretch.records.len());
            for record in &stretch.records {
                let updated_at = mg::updated_at(record);
                // A record without an id cannot be recognised again; it is dropped each time it is met.
                let key = cursor::key(id(&record["id"]).unwrap_or(0), updated_at);
                if list.mark(cursor).has_seen(&key) {
                    continue;
                }
                found.push((key, updated_at));
                self.keep(list, round, record);
            }
            let mark = list.mark(cursor);
            mark.advance(found, stretch.until, now, OVERLAP);
            let width = walk.width().filter(|_| stretch.until.is_some());
            mark.width_secs = width.map(|width| width.num_seconds());
            round.tell_progress(None);
            if stretch.until.is_none() {
                return Ok(());
            }
            round.step(cursor::write(&*cursor)).await?;
        }
    }

    fn keep(&self, list: List, round: &mut Round<'_>, record: &Value) {
        match list {
            List::Messages => {
                let message = round.keep(mg::message(record, self.config.keeps_texts));
                round.batch.messages.extend(message);
            }
            List::Dialogs => {
                let dialog = round.keep(mg::dialog(record));
                round.batch.dialogs.extend(dialog);
            }
            List::Chats => {
                let chat = round.keep(mg::chat(record));
                round.batch.chats.extend(chat);
            }
        }
    }
}

/// The lists this source is made of.
#[derive(Debug, Clone, Copy)]
enum List {
    Messages,
    Dialogs,
    Chats,
}

impl List {
    fn path(self) -> &'static str {
        match self {
            Self::Messages => "/api/bot/v1/messages",
            Self::Dialogs => "/api/bot/v1/dialogs",
            Self::Chats => "/api/bot/v1/chats",
        }
    }

    fn mark(self, cursor: &mut ChatsCursor) -> &mut Mark {
        match self {
            Self::Messages => &mut cursor.messages,
            Self::Dialogs => &mut cursor.dialogs,
            Self::Chats => &mut cursor.chats,
        }
    }
}
