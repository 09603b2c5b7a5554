//! Who works in the shop and who writes to it. All names are invented.

use rand_chacha::ChaCha8Rng;

use super::chance::{between, chance, pick, unit};
use crate::sandbox::retailcrm::{NewBuyer, NewMgCustomer};

const WOMEN: [&str; 14] = [
    "Анна",
    "Марина",
    "Софья",
    "Дарья",
    "Ольга",
    "Ирина",
    "Елена",
    "Юлия",
    "Ксения",
    "Полина",
    "Вера",
    "Алиса",
    "Нина",
    "Тамара",
];
const MEN: [&str; 12] =
    ["Глеб", "Тимур", "Игорь", "Павел", "Семён", "Артём", "Илья", "Роман", "Фёдор", "Денис", "Лев", "Антон"];
/// Male forms; the female ones add «а».
const SURNAMES: [&str; 22] = [
    "Чабрецов",
    "Мятин",
    "Самоваров",
    "Пиалов",
    "Липин",
    "Баранкин",
    "Медов",
    "Пряников",
    "Заваркин",
    "Сушкин",
    "Вишняков",
    "Облепихин",
    "Кипятков",
    "Шиповников",
    "Листьев",
    "Смородин",
    "Чашкин",
    "Блюдцев",
    "Вареньев",
    "Душицын",
    "Черничкин",
    "Калинов",
];
/// How some people call themselves in messengers.
const NICKNAMES: [&str; 8] = [
    "Катюша 🌸",
    "Олег | Ремонт <&\"Окна\">",
    "♥️ Лена ♥️",
    "Чай & Ко",
    "мама_двух_лисят 🦊",
    "Dr. Улун 🍵",
    "«Сергей»",
    "Николай <директор>",
];

/// How a manager works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    /// Usual seconds to an answer.
    pub answers_in: f64,
    /// How many times longer after six in the evening.
    pub evening_factor: f64,
    /// Probability to leave a conversation unanswered at each turn.
    pub forgets: f64,
    /// Probability to explore needs where the conversation allows it.
    pub explores: f64,
    /// Probability to bring a willing customer to an order.
    pub closes: f64,
}

/// An employee of the shop, as the generator knows them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manager {
    pub crm_id: i64,
    pub mg_id: i64,
    pub first_name: &'static str,
    pub habit: Habit,
}

/// The first five have characters of their own (fast, slow in the evening, forgetful, great at closing, a beginner);
/// the others are somewhere in between.
pub(super) fn habit(rng: &mut ChaCha8Rng, index: usize) -> Habit {
    let of = |answers_in, evening_factor, forgets, explores, closes| Habit {
        answers_in,
        evening_factor,
        forgets,
        explores,
        closes,
    };
    match index {
        0 => of(75.0, 1.0, 0.004, 0.55, 0.62),
        1 => of(260.0, 4.5, 0.010, 0.25, 0.45),
        2 => of(200.0, 1.5, 0.090, 0.35, 0.45),
        3 => of(170.0, 1.2, 0.006, 0.85, 0.85),
        4 => of(420.0, 1.3, 0.015, 0.10, 0.25),
        _ => of(
            80.0 + 400.0 * unit(rng),
            1.0 + 2.0 * unit(rng),
            0.03 * unit(rng),
            0.1 + 0.7 * unit(rng),
            0.3 + 0.5 * unit(rng),
        ),
    }
}

/// First and last name of the manager number `index`; different for the first 264 of them.
pub(super) fn manager_name(index: usize) -> (&'static str, String) {
    let turn = index / 2;
    if index.is_multiple_of(2) {
        (WOMEN[turn % WOMEN.len()], format!("{}а", SURNAMES[turn % SURNAMES.len()]))
    } else {
        (MEN[turn % MEN.len()], SURNAMES[(turn + 11) % SURNAMES.len()].to_owned())
    }
}

/// First and last name of a stranger.
fn stranger(rng: &mut ChaCha8Rng) -> (String, String) {
    let surname = pick(rng, &SURNAMES).copied().unwrap_or_default();
    if chance(rng, 0.7) {
        let first = pick(rng, &WOMEN).copied().unwrap_or_default();
        (first.to_owned(), format!("{surname}а"))
    } else {
        (pick(rng, &MEN).copied().unwrap_or_default().to_owned(), surname.to_owned())
    }
}

/// A number of the range set aside for invented people.
fn phone(rng: &mut ChaCha8Rng) -> String {
    format!("+7900{:07}", between(rng, 0, 1_000_000))
}

/// Somebody who writes in a channel of this kind.
pub(super) fn writer(rng: &mut ChaCha8Rng, channel_kind: &str) -> NewMgCustomer {
    let (mut first_name, mut last_name) = stranger(rng);
    if chance(rng, 0.06) {
        first_name = pick(rng, &NICKNAMES).copied().unwrap_or_default().to_owned();
        last_name.clear();
    } else if chance(rng, 0.4) {
        last_name.clear();
    }
    let has_phone = channel_kind == "whatsapp";
    let phone = if has_phone { phone(rng) } else { String::new() };
    let username = if has_phone { String::new() } else { format!("tea_{:06}", between(rng, 0, 1_000_000)) };
    NewMgCustomer { first_name, last_name, username, phone }
}

/// Somebody who calls.
pub(super) fn caller(rng: &mut ChaCha8Rng) -> NewBuyer {
    let (first_name, last_name) = stranger(rng);
    let external_id = chance(rng, 0.3).then(|| format!("u-{}", between(rng, 1, 100_000)));
    NewBuyer { first_name, last_name, phone: phone(rng), external_id }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sixty_managers_have_sixty_names() {
        let names: BTreeSet<_> = (0..60).map(manager_name).collect();
        assert_eq!(names.len(), 60);
    }
}
