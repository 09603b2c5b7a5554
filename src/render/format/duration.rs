//! Lengths of time.

use super::number::{count, counted, round_u64};
use super::{DAYS, NBSP};

const MINUTE: u64 = 60;
const DAY_MINUTES: u64 = 24 * 60;

/// Elapsed time: `45 сек`, `4 мин`, `1 ч 20 мин`, `1 день 5 ч`, `2 дня`. Rounded to the nearest minute; a negative
/// length is 0.
pub fn duration(secs: f64) -> String {
    match short(secs) {
        Ok(text) => text,
        Err(minutes) => {
            let (days, hours) = (minutes / DAY_MINUTES, minutes % DAY_MINUTES / 60);
            let rest = if days < 3 && hours > 0 { format!(" {hours}{NBSP}ч") } else { String::new() };
            format!("{}{rest}", counted(days, DAYS))
        }
    }
}

/// Working time: as [`duration`], but long ones stay in hours. A working day has no 24 of them, so «2 дня» would be
/// read as something else.
pub fn working_time(secs: f64) -> String {
    short(secs).unwrap_or_else(|minutes| format!("{}{NBSP}ч", count((minutes + 30) / 60)))
}

/// `быстрее на 20 %`, `медленнее на 5 %`, `так же`: a response time against its base. Less is better, and the word
/// says so. `None` over a base of 0.
pub fn faster_or_slower(current_secs: f64, base_secs: f64) -> Option<String> {
    if base_secs <= 0.0 {
        return None;
    }
    let change = ((current_secs - base_secs) / base_secs * 100.0).round();
    let size = format!("{}{NBSP}%", count(round_u64(change.abs())));
    Some(match change {
        c if c > 0.0 => format!("медленнее на{NBSP}{size}"),
        c if c < 0.0 => format!("быстрее на{NBSP}{size}"),
        _ => "так же".to_owned(),
    })
}

/// Below a day in words; from a day on the whole minutes, for the caller to put into his unit.
fn short(secs: f64) -> Result<String, u64> {
    let secs = round_u64(secs);
    let minutes = secs.saturating_add(MINUTE / 2) / MINUTE;
    match (secs, minutes) {
        (0..MINUTE, _) => Ok(format!("{secs}{NBSP}сек")),
        (_, 0..60) => Ok(format!("{minutes}{NBSP}мин")),
        (_, minutes) if minutes < DAY_MINUTES && minutes.is_multiple_of(60) => {
            Ok(format!("{}{NBSP}ч", minutes / 60))
        }
        (_, minutes) if minutes < DAY_MINUTES => {
            Ok(format!("{}{NBSP}ч {}{NBSP}мин", minutes / 60, minutes % 60))
        }
        _ => Err(minutes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace(NBSP, " ")
    }

    #[test]
    fn the_unit_grows_with_the_length() {
        let cases = [
            (-5.0, "0 сек"),
            (0.0, "0 сек"),
            (59.0, "59 сек"),
            (60.0, "1 мин"),
            (89.0, "1 мин"),
            (90.0, "2 мин"),
            (240.0, "4 мин"),
            (3_569.0, "59 мин"),
            (3_570.0, "1 ч"),
            (4_800.0, "1 ч 20 мин"),
            (86_399.0, "1 день"),
            (86_400.0, "1 день"),
            (104_400.0, "1 день 5 ч"),
            (172_800.0, "2 дня"),
            (1_000_000.0, "11 дней"),
        ];
        for (secs, expected) in cases {
            assert_eq!(plain(duration(secs)), expected, "{secs}");
        }
    }

    #[test]
    fn working_time_never_speaks_of_days() {
        assert_eq!(plain(working_time(4_800.0)), "1 ч 20 мин");
        assert_eq!(plain(working_time(104_400.0)), "29 ч");
        assert_eq!(plain(working_time(3_600_000.0 * 2.0)), "2 000 ч");
    }

    #[test]
    fn slower_is_said_to_be_slower_whatever_the_sign() {
        assert_eq!(faster_or_slower(480.0, 400.0).map(plain).as_deref(), Some("медленнее на 20 %"));
        assert_eq!(faster_or_slower(300.0, 400.0).map(plain).as_deref(), Some("быстрее на 25 %"));
        assert_eq!(faster_or_slower(400.0, 401.0).map(plain).as_deref(), Some("так же"));
        assert_eq!(faster_or_slower(400.0, 0.0), None);
    }
}
