//! What a button asks for, in the 64 bytes Telegram gives it.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of this layout |
//! | 2 | day it was made on, days since 1970 |
//! | … | the action: a tag, then numbers of variable length |
//! | 8 | HMAC-SHA-256 of all before, cut |
//!
//! written in base64url. The key is made from the bot's token, so that every worker reads every worker's buttons, also
//! after a restart. The signature proves that we made the button; what may be seen is decided anew at each press.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::facts::ManagerId;
use crate::render::card::figures::ChatList;
use crate::schedule::ReportKind;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 8;
/// A button older than this explains itself instead of working.
pub const LIVES_DAYS: i64 = 60;

/// A digest as a button names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The snapshot of this run: what its readers saw.
    Run(i64),
    /// The period with this day, as known when pressed.
    Day(NaiveDate),
}

/// Which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Whole,
    Managers,
    Manager(ManagerId),
    Channels,
    Orders,
    /// Which lists of conversations there are.
    Lists,
    /// A page of one, the first is 0.
    List(ChatList, u16),
}

/// What a press shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Show {
    /// One of [`REPORTS`].
    pub report: ReportKind,
    pub of: Of,
    pub view: View,
}

/// What a press does. Others, such as taking note of an incident, get tags of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Show(Show),
}

/// Reports with buttons, by the number that stands for each; never reordered.
const REPORTS: [ReportKind; 6] = [
    ReportKind::Daily,
    ReportKind::Weekly,
    ReportKind::Monthly,
    ReportKind::BotDaily,
    ReportKind::BotWeekly,
    ReportKind::BotMonthly,
];

/// Why a button does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Not ours, or damaged.
    Forged,
    /// Of another version of the program.
    Foreign,
    Expired,
}

impl Unusable {
    /// Bounded word.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Foreign => "other_version",
            Self::Expired => "expired",
        }
    }
}

/// Makes and checks signatures.
#[derive(Clone)]
pub struct ButtonKey(Hmac<Sha256>);

impl std::fmt::Debug for ButtonKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ButtonKey")
    }
}

impl ButtonKey {
    /// The key of a bot.
    pub fn of_token(token: &SecretString) -> Self {
        let mut key = keyed(token.expose_secret().as_bytes());
        key.update(b"svodka buttons");
        Self(keyed(&key.finalize().into_bytes()))
    }

    /// The text under a button made on `today`.
    pub fn write(&self, action: &Action, today: NaiveDate) -> String {
        let mut bytes = vec![VERSION];
        let days = u16::try_from(days_of(today)).unwrap_or_default();
        bytes.extend(days.to_be_bytes());
        write_action(action, &mut bytes);
        let mac = self.mac(&bytes);
        bytes.extend(mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a pressed button asks for.
    ///
    /// # Errors
    /// [`Unusable`], with the signature looked at first.
    pub fn read(&self, text: &str, today: NaiveDate) -> Result<Action, Unusable> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Forged)?;
        let at = bytes.len().checked_sub(MAC_BYTES).ok_or(Unusable::Forged)?;
        let (said, mac) = bytes.split_at(at);
        self.0.clone().chain_update(said).verify_truncated_left(mac).map_err(|_| Unusable::Forged)?;
        let [VERSION, high, low, rest @ ..] = said else { return Err(Unusable::Foreign) };
        let made_on = i64::from(u16::from_be_bytes([*high, *low]));
        if days_of(today) - made_on > LIVES_DAYS {
            return Err(Unusable::Expired);
        }
        let mut reader = Reader(rest);
        let action = read_action(&mut reader).ok_or(Unusable::Foreign)?;
        if reader.0.is_empty() { Ok(action) } else { Err(Unusable::Foreign) }
    }

    fn mac(&self, bytes: &[u8]) -> [u8; MAC_BYTES] {
        let whole = self.0.clone().chain_update(bytes).finalize().into_bytes();
        let mut cut = [0; MAC_BYTES];
        cut.copy_from_slice(&whole[..MAC_BYTES]);
        cut
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn days_of(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days()
}

fn write_action(action: &Action, bytes: &mut Vec<u8>) {
    let Action::Show(Show { report, of, view }) = action;
    let report = REPORTS.iter().position(|known| known == report).unwrap_or_default();
    bytes.extend([1, report as u8]);
    match of {
        Of::Run(id) => number(0, *id, bytes),
        Of::Day(day) => number(1, days_of(*day), bytes),
    }
    match view {
        View::Whole => bytes.push(0),
        View::Managers => bytes.push(1),
        View::Manager(ManagerId::Crm(id)) => number(2, *id, bytes),
        View::Manager(ManagerId::Mg(id)) => number(3, *id, bytes),
        View::Channels => bytes.push(4),
        View::Orders => bytes.push(5),
        View::Lists => bytes.push(6),
        View::List(list, page) => {
            let list = ChatList::ALL.iter().position(|known| known == list).unwrap_or_default();
            number(7 + list as u8, i64::from(*page), bytes);
        }
    }
}

fn read_action(reader: &mut Reader<'_>) -> Option<Action> {
    if reader.byte()? != 1 {
        return None;
    }
    let report = *REPORTS.get(usize::from(reader.byte()?))?;
    let of = match reader.byte()? {
        0 => Of::Run(reader.number()?),
        1 => {
            let days = chrono::TimeDelta::try_days(reader.number()?)?;
            Of::Day(NaiveDate::default().checked_add_signed(days)?)
        }
        _ => return None,
    };
    let view = match reader.byte()? {
        0 => View::Whole,
        1 => View::Managers,
        2 => View::Manager(ManagerId::Crm(reader.number()?)),
        3 => View::Manager(ManagerId::Mg(reader.number()?)),
        4 => View::Channels,
        5 => View::Orders,
        6 => View::Lists,
        list => {
            let list = *ChatList::ALL.get(usize::from(list.checked_sub(7)?))?;
            View::List(list, u16::try_from(reader.number()?).ok()?)
        }
    };
    Some(Action::Show(Show { report, of, view }))
}

/// A tag and a number: seven bits a byte, the sign in the lowest bit of all.
fn number(tag: u8, value: i64, bytes: &mut Vec<u8>) {
    bytes.push(tag);
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<i64> {
        let mut value: u64 = 0;
        for place in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
            if byte < 0x80 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> ButtonKey {
        ButtonKey::of_token(&SecretString::from("700000001:secret"))
    }

    fn on(days: i64) -> NaiveDate {
        NaiveDate::default() + chrono::TimeDelta::days(days)
    }

    fn any_action() -> impl Strategy<Value = Action> {
        let of =
            prop_oneof![any::<i64>().prop_map(Of::Run), (0_i64..60_000).prop_map(|days| Of::Day(on(days)))];
        let list = (0..ChatList::ALL.len(), any::<u16>());
        let view = prop_oneof![
            Just(View::Whole),
            Just(View::Managers),
            any::<i64>().prop_map(|id| View::Manager(ManagerId::Crm(id))),
            any::<i64>().prop_map(|id| View::Manager(ManagerId::Mg(id))),
            Just(View::Channels),
            Just(View::Orders),
            Just(View::Lists),
            list.prop_map(|(list, page)| View::List(ChatList::ALL[list], page)),
        ];
        (0..REPORTS.len(), of, view)
            .prop_map(|(report, of, view)| Action::Show(Show { report: REPORTS[report], of, view }))
    }

    proptest! {
        #[test]
        fn every_action_comes_back_and_fits(action in any_action(), made in 0_i64..60_000, age in 0..=LIVES_DAYS) {
            let text = key().write(&action, on(made));
            prop_assert!(text.len() <= 64, "{} bytes", text.len());
            prop_assert_eq!(key().read(&text, on(made + age)), Ok(action));
        }

        #[test]
        fn a_changed_button_is_refused(action in any_action(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let text = key().write(&action, on(20_000));
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assume!(changed != text);
            prop_assert_eq!(key().read(&changed, on(20_000)), Err(Unusable::Forged));
        }

        #[test]
        fn nothing_a_stranger_writes_is_ours(text in ".{0,64}") {
            prop_assert_eq!(key().read(&text, on(20_000)), Err(Unusable::Forged));
        }
    }

    #[test]
    fn an_old_button_and_one_of_another_bot_or_version_say_what_they_are() {
        let action = Action::Show(Show { report: ReportKind::Daily, of: Of::Run(7), view: View::Managers });
        let text = key().write(&action, on(20_000));
        assert_eq!(key().read(&text, on(20_000 + LIVES_DAYS + 1)), Err(Unusable::Expired));
        let other = ButtonKey::of_token(&SecretString::from("700000002:secret"));
        assert_eq!(other.read(&text, on(20_000)), Err(Unusable::Forged));
        let signed = |said: &[u8]| {
            let mac = key().mac(said);
            key().read(&URL_SAFE_NO_PAD.encode([said, &mac].concat()), on(20_000))
        };
        assert_eq!(signed(&[2, 0, 0]), Err(Unusable::Foreign));
        assert_eq!(signed(&[VERSION, 78, 32, 9]), Err(Unusable::Foreign), "an action of a later version");
        assert_eq!(
            signed(&[VERSION, 78, 32, 1, 0, 0, 14, 1, 5]),
            Err(Unusable::Foreign),
            "something follows"
        );
    }
}
