//! The rows of an export add up to the figures of the digests.

use proptest::prelude::*;
use svodka::measure::Span;
use svodka::measure::ledger::ledger;
use svodka::measure::weekly::{WeeklyInputs, weekly};

use super::random::any_world;

proptest! {
    #![proptest_config(super::quick(64))]

    #[test]
    fn rows_and_summaries_of_an_export_are_those_of_the_digests(world in any_world()) {
        let rows = ledger(&world.inputs());
        let daily = world.digest();
        prop_assert_eq!(&rows.team, &daily.team.current);
        prop_assert_eq!(&rows.currency, &daily.currency);
        let told: Vec<_> = daily.managers.iter().map(|one| (one.id, &one.name, &one.numbers.current)).collect();
        let listed: Vec<_> = rows.managers.iter().map(|one| (one.id, &one.name, &one.numbers)).collect();
        prop_assert_eq!(listed, told);
        let told: Vec<_> = daily.channels.iter().map(|one| (one.id, &one.current)).collect();
        let listed: Vec<_> = rows.channels.iter().map(|one| (one.id, &one.current)).collect();
        prop_assert_eq!(listed, told);

        let weekly = weekly(&WeeklyInputs { base: world.inputs(), span: Span::Day, history: &[] });
        prop_assert_eq!(&rows.team, &weekly.team.current);

        let Some(team) = &rows.team.chats else {
            prop_assert!(rows.chats.is_empty());
            return Ok(());
        };
        let count = |holds: &dyn Fn(&svodka::measure::ledger::LedgerChat) -> bool| {
            rows.chats.iter().filter(|chat| holds(chat)).count() as u64
        };
        prop_assert_eq!(rows.chats.len() as u64, team.chats);
        prop_assert_eq!(rows.chats.iter().map(|chat| chat.inbound).sum::<u64>(), team.inbound);
        prop_assert_eq!(rows.chats.iter().map(|chat| chat.outbound).sum::<u64>(), team.outbound);
        prop_assert_eq!(count(&|chat| chat.has_inbound), team.inbound_chats);
        prop_assert_eq!(count(&|chat| chat.is_answered), team.responded_chats);
        prop_assert_eq!(count(&|chat| chat.is_slow), team.slow_first_reply_chats);
        if let Some(conversion) = team.conversion {
            prop_assert_eq!(count(&|chat| chat.has_inbound && chat.has_order == Some(true)), conversion.part);
        }
    }
}
