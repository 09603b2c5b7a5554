//! A pressed button: checked, answered at once, and shown in the place of the card it stands under.
//!
//! A digest itself is never replaced: what its button shows comes as a message of its own, and that one turns its pages
//! in place.

use super::access::Caller;
use super::asked::Asked;
use super::callback::{Action, Show, Unusable, View};
use super::cards::{self, Sight};
use super::desk::{Desk, SORRY, refusal};
use super::reply::Failure;
use crate::settings::Need;
use crate::store::StoreError;
use crate::store::outbox::ANSWER_KEY;

pub(super) async fn answer(
    desk: &Desk,
    asked: &Asked,
    caller: &Caller,
    callback_id: &str,
    data: &str,
) -> Result<(), StoreError> {
    let tell = async |text: Option<&str>| {
        // Whoever pressed sees the card also without it.
        let _ = desk.client.answer_callback(callback_id, text, text.is_some()).await;
    };
    if !desk.may_ask(asked, caller).await? {
        tell(Some("Слишком много нажатий подряд. Подождите минуту.")).await;
        return Ok(());
    }
    let now = desk.clock.now();
    let Action::Show(show) = match desk.key.read(data, desk.today(now)) {
        Ok(action) => action,
        Err(unusable) => {
            if unusable == Unusable::Forged {
                desk.audit(asked, "button", None, Some(unusable.reason())).await?;
            }
            tell(Some(explained(unusable))).await;
            return Ok(());
        }
    };
    let need = cards::need(&show);
    let sight = if need == Need::Bot { Some(Sight::Everything) } else { Sight::of(caller) };
    let Some(sight) = sight.filter(|_| caller.reach(need).is_some()) else {
        desk.audit(asked, name(&show), None, Some(if caller.is_known() { "role" } else { "stranger" }))
            .await?;
        tell(Some(refusal(need))).await;
        return Ok(());
    };
    let progress = async {
        let _ = desk.client.answer_callback(callback_id, Some("Считаю…"), false).await;
    };
    let reply = match desk.with_progress(cards::show(desk, show, sight, now), progress).await {
        Ok(reply) => reply,
        Err(Failure::Mistake(sentence)) => {
            tell(Some(&sentence)).await;
            return Ok(());
        }
        Err(failure) => {
            desk.log_failure(asked, name(&show), &failure);
            tell(Some(SORRY)).await;
            return Ok(());
        }
    };
    let pressed = desk.store.find_sent(&asked.place.id.to_string(), asked.message_id).await?;
    match pressed.filter(|key| key.starts_with(ANSWER_KEY)) {
        Some(key) => desk.replace(asked, caller, key, reply).await?,
        None => desk.reply(asked, caller, reply).await?,
    }
    tell(None).await;
    Ok(())
}

/// What whoever pressed is told; at most 200 characters.
fn explained(unusable: Unusable) -> &'static str {
    match unusable {
        Unusable::Forged => {
            "Эта кнопка не моя или повреждена. Наберите команду: /today, /yesterday или /week."
        }
        Unusable::Foreign => {
            "Эта кнопка осталась от другой версии программы. Наберите команду: /today, /yesterday или /week."
        }
        Unusable::Expired => {
            "Кнопке больше двух месяцев, она уже не действует. Наберите команду, например /week 12.11."
        }
    }
}

/// What the press is called in the audit.
fn name(show: &Show) -> &'static str {
    match show.view {
        View::Whole => "button:whole",
        View::Managers => "button:managers",
        View::Manager(_) => "button:manager",
        View::Channels => "button:channels",
        View::Orders => "button:orders",
        View::Lists => "button:lists",
        View::List(..) => "button:list",
    }
}
