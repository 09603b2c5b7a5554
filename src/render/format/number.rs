//! Counts, money, shares, differences, plural forms.

use super::{MINUS, NBSP, name};
use crate::facts::Money;
use crate::measure::digest::Ratio;

/// A share over fewer items than this is told with its counts.
const SMALL_WHOLE: u64 = 20;
/// Minor units from which kopecks are noise: 1 000 ₽.
const KOPECKS_BELOW: u64 = 100_000;

/// Code points of a currency; ISO codes have three.
const CURRENCY: usize = 8;

/// The three plural forms of a noun: 1 диалог, 2 диалога, 5 диалогов.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun(pub &'static str, pub &'static str, pub &'static str);

/// The form of the noun that goes with the number: 21 диалог, 3 диалога, 11 диалогов.
pub fn plural(n: u64, noun: Noun) -> &'static str {
    match (n % 10, n % 100) {
        (_, 11..=14) => noun.2,
        (1, _) => noun.0,
        (2..=4, _) => noun.1,
        _ => noun.2,
    }
}

/// `1 380`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(NBSP);
        }
        text.push(digit);
    }
    text
}

/// `5 диалогов`.
pub fn counted(n: u64, noun: Noun) -> String {
    format!("{}{NBSP}{}", count(n), plural(n, noun))
}

/// The form after a number in the genitive: (из) 21 диалога, 2 диалогов.
fn genitive(n: u64, noun: Noun) -> &'static str {
    if plural(n, noun) == noun.0 { noun.1 } else { noun.2 }
}

/// `1 380 ₽`, `99,50 ₽`, `−1 380 KZT`. Kopecks only in small amounts that are not whole; larger ones are rounded,
/// halves away from zero. An empty currency is the rouble.
pub fn money(amount: Money, currency: &str) -> String {
    let sign = if amount.0 < 0 { MINUS.to_string() } else { String::new() };
    let minor = amount.0.unsigned_abs();
    let unit = match name(currency, CURRENCY) {
        Some(code) if code != "RUB" => code,
        _ => "₽".to_owned(),
    };
    if minor.is_multiple_of(100) || minor >= KOPECKS_BELOW {
        let major = minor / 100 + u64::from(minor % 100 >= 50);
        format!("{sign}{}{NBSP}{unit}", count(major))
    } else {
        format!("{sign}{},{:02}{NBSP}{unit}", count(minor / 100), minor % 100)
    }
}

/// A mean as a whole number for people; negative and absent values have no place here and give 0.
pub fn round_u64(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

/// `1,8`: one decimal place, `2` where it is a whole number then; for means of few. Never negative.
pub fn decimal(value: f64) -> String {
    let tenths = round_u64(value * 10.0);
    match tenths % 10 {
        0 => count(tenths / 10),
        rest => format!("{},{rest}", count(tenths / 10)),
    }
}

/// `43 %` of a ratio 0..1, whole per cent, halves away from zero.
pub fn percent(ratio: f64) -> String {
    format!("{}{NBSP}%", count(round_u64(ratio * 100.0)))
}

/// `43 %`, or `3 из 7` when the whole is under 20. Never `100 %` or `0 %` of something that is not all or nothing.
pub fn share(ratio: Ratio) -> String {
    if ratio.whole < SMALL_WHOLE {
        return format!("{}{NBSP}из{NBSP}{}", count(ratio.part), count(ratio.whole));
    }
    match round_u64(ratio.value() * 100.0) {
        0 if ratio.part > 0 => format!("меньше{NBSP}1{NBSP}%"),
        100 if ratio.part < ratio.whole => format!("больше{NBSP}99{NBSP}%"),
        _ => percent(ratio.value()),
    }
}

/// `43 % диалогов`, `3 из 7 диалогов`: [`share`] with what it is a share of.
pub fn share_of(ratio: Ratio, noun: Noun) -> String {
    // After per cent the word is always plural.
    let word = if ratio.whole < SMALL_WHOLE { genitive(ratio.whole, noun) } else { noun.2 };
    format!("{}{NBSP}{word}", share(ratio))
}

/// `не меньше 21 диалога`.
pub fn at_least(n: u64, noun: Noun) -> String {
    format!("не{NBSP}меньше{NBSP}{}{NBSP}{}", count(n), genitive(n, noun))
}

/// `+4 п. п.`: the difference of two ratios 0..1 in percentage points.
pub fn points(current: f64, base: f64) -> String {
    signed((current - base) * 100.0, &format!("п.{NBSP}п."))
}

/// `+12 %`: the difference of two counts, sums or times, relative to the base. «было 0» where there is no base to
/// divide by.
pub fn relative(current: f64, base: f64) -> String {
    if base == 0.0 && current != 0.0 {
        return format!("было{NBSP}0");
    }
    signed_percent(if base == 0.0 { 0.0 } else { (current - base) / base.abs() })
}

/// `+12 %`, `−3 %`, `0 %` of a ratio.
fn signed_percent(ratio: f64) -> String {
    signed(ratio * 100.0, "%")
}

fn signed(value: f64, unit: &str) -> String {
    let rounded = value.round();
    let sign = match rounded {
        r if r > 0.0 => "+".to_owned(),
        r if r < 0.0 => MINUS.to_string(),
        _ => String::new(),
    };
    format!("{sign}{}{NBSP}{unit}", count(round_u64(rounded.abs())))
}

#[cfg(test)]
mod tests {
    use super::super::{DIALOGS, MESSAGES};
    use super::*;

    /// No-break spaces as plain ones, so that the expected texts can be read.
    fn plain(text: String) -> String {
        text.replace(NBSP, " ")
    }

    #[test]
    fn plural_forms_follow_the_last_two_digits() {
        let cases = [(0, 2), (1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (12, 2), (14, 2), (21, 0), (22, 1)];
        let more = [(25, 2), (101, 0), (111, 2), (112, 2), (121, 0), (1_001, 0), (1_011, 2)];
        for (n, form) in cases.into_iter().chain(more) {
            let expected = [DIALOGS.0, DIALOGS.1, DIALOGS.2][form];
            assert_eq!(plural(n, DIALOGS), expected, "{n}");
        }
        assert_eq!(plain(counted(1_380, MESSAGES)), "1 380 сообщений");
        assert_eq!(plain(at_least(21, DIALOGS)), "не меньше 21 диалога");
        assert_eq!(plain(at_least(2, DIALOGS)), "не меньше 2 диалогов");
        assert_eq!(plain(at_least(11, DIALOGS)), "не меньше 11 диалогов");
    }

    #[test]
    fn thousands_are_set_apart_by_a_no_break_space() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_380), "1\u{a0}380");
        assert_eq!(plain(count(u64::MAX)), "18 446 744 073 709 551 615");
    }

    #[test]
    fn money_shows_kopecks_only_where_they_matter() {
        let text = |minor| plain(money(Money(minor), "RUB"));
        assert_eq!(text(0), "0 ₽");
        assert_eq!(text(138_000), "1 380 ₽");
        assert_eq!(text(9_950), "99,50 ₽");
        assert_eq!(text(5), "0,05 ₽");
        assert_eq!(text(99_999), "999,99 ₽");
        assert_eq!(text(100_049), "1 000 ₽");
        assert_eq!(text(100_050), "1 001 ₽");
        assert_eq!(text(-138_050), "−1 381 ₽");
        assert_eq!(text(i64::MIN), "−92 233 720 368 547 758 ₽");
        assert_eq!(plain(money(Money(138_000), "KZT")), "1 380 KZT");
        assert_eq!(plain(money(Money(100), "")), "1 ₽");
    }

    #[test]
    fn means_of_few_have_one_decimal_place() {
        assert_eq!(decimal(1.84), "1,8");
        assert_eq!(decimal(1.96), "2");
        assert_eq!(plain(decimal(1_380.5)), "1 380,5");
    }

    #[test]
    fn a_share_of_few_is_told_with_its_counts() {
        let text = |part, whole| plain(share(Ratio { part, whole }));
        assert_eq!(text(3, 7), "3 из 7");
        assert_eq!(text(19, 19), "19 из 19");
        assert_eq!(text(10, 20), "50 %");
        assert_eq!(plain(share_of(Ratio { part: 1, whole: 1 }, DIALOGS)), "1 из 1 диалога");
        assert_eq!(plain(share_of(Ratio { part: 3, whole: 7 }, DIALOGS)), "3 из 7 диалогов");
        assert_eq!(plain(share_of(Ratio { part: 20, whole: 21 }, DIALOGS)), "95 % диалогов");
        assert_eq!(text(1, 200), "1 %");
        assert_eq!(text(0, 20), "0 %");
        assert_eq!(text(20, 20), "100 %");
    }

    #[test]
    fn a_share_never_rounds_up_to_all_or_down_to_nothing() {
        assert_eq!(plain(share(Ratio { part: 999, whole: 1_000 })), "больше 99 %");
        assert_eq!(plain(share(Ratio { part: 1, whole: 1_000 })), "меньше 1 %");
    }

    #[test]
    fn differences_carry_a_sign_and_round_halves_away_from_zero() {
        assert_eq!(plain(relative(112.0, 100.0)), "+12 %");
        assert_eq!(plain(relative(97.0, 100.0)), "−3 %");
        assert_eq!(plain(relative(100.2, 100.0)), "0 %");
        assert_eq!(plain(relative(99.9, 100.0)), "0 %");
        assert_eq!(plain(relative(102.5, 100.0)), "+3 %");
        assert_eq!(plain(relative(97.5, 100.0)), "−3 %");
        assert_eq!(plain(relative(2_100.0, 100.0)), "+2 000 %");
        assert_eq!(plain(relative(0.0, 0.0)), "0 %");
        assert_eq!(plain(relative(5.0, 0.0)), "было 0");
        assert_eq!(plain(relative(50.0, -100.0)), "+150 %");
        assert_eq!(plain(points(0.92, 0.88)), "+4 п. п.");
        assert_eq!(plain(points(0.88, 0.92)), "−4 п. п.");
        assert_eq!(plain(points(0.5, 0.5)), "0 п. п.");
    }
}
