//! The forms of «неделя» and «месяц» that the sentences need.

use crate::measure::Span;
use crate::render::format::{DAYS, MONTHS, Noun, WEEKS};

/// One span in words.
#[derive(Debug)]
pub(super) struct Words {
    /// After «за».
    pub this: &'static str,
    /// After «в скобках —».
    pub against: &'static str,
    /// Before a figure of the period before.
    pub earlier: &'static str,
    /// After «меньше».
    pub usual: &'static str,
    /// «… без больших изменений».
    pub alone: &'static str,
    /// «… прочитана не до конца».
    pub is_cut: &'static str,
    /// «Если …, проверьте».
    pub was_working: &'static str,
    /// «за каждую из двух недель».
    pub each_of_two: &'static str,
    /// Over the conversations without any reply.
    pub left_unanswered: &'static str,
    /// After «за» and a number.
    pub count: Noun,
    ordinals: [&'static str; 13],
    /// After an ordinal.
    in_a_row: &'static str,
}

const WEEK: Words = Words {
    this: "эту неделю",
    against: "к прошлой неделе",
    earlier: "неделей раньше",
    usual: "обычной недели",
    alone: "Неделя",
    is_cut: "неделя прочитана не до конца",
    was_working: "неделя была рабочей",
    each_of_two: "за каждую из двух последних недель",
    left_unanswered: "Без ответа к концу недели, проверьте, что им написали",
    count: WEEKS,
    ordinals: [
        "",
        "первую",
        "вторую",
        "третью",
        "четвёртую",
        "пятую",
        "шестую",
        "седьмую",
        "восьмую",
        "девятую",
        "десятую",
        "одиннадцатую",
        "двенадцатую",
    ],
    in_a_row: "неделю подряд",
};

const MASCULINE: [&str; 13] = [
    "",
    "первый",
    "второй",
    "третий",
    "четвёртый",
    "пятый",
    "шестой",
    "седьмой",
    "восьмой",
    "девятый",
    "десятый",
    "одиннадцатый",
    "двенадцатый",
];

const MONTH: Words = Words {
    this: "этот месяц",
    against: "к прошлому месяцу",
    earlier: "месяцем раньше",
    usual: "обычного месяца",
    alone: "Месяц",
    is_cut: "месяц прочитан не до конца",
    was_working: "месяц был рабочим",
    each_of_two: "за каждый из двух последних месяцев",
    left_unanswered: "Без ответа к концу месяца, проверьте, что им написали",
    count: MONTHS,
    ordinals: MASCULINE,
    in_a_row: "месяц подряд",
};

const DAY: Words = Words {
    this: "этот день",
    against: "к прошлому дню",
    earlier: "днём раньше",
    usual: "обычного дня",
    alone: "День",
    is_cut: "день прочитан не до конца",
    was_working: "день был рабочим",
    each_of_two: "за каждый из двух последних дней",
    left_unanswered: "Без ответа к концу дня, проверьте, что им написали",
    count: DAYS,
    ordinals: MASCULINE,
    in_a_row: "день подряд",
};

impl Words {
    pub fn of(span: Span) -> &'static Self {
        match span {
            Span::Day => &DAY,
            Span::Week => &WEEK,
            Span::Month => &MONTH,
        }
    }

    /// `четвёртую неделю подряд`; `None` for more than twelve.
    pub fn in_a_row(&self, steps: u64) -> Option<String> {
        let ordinal = self.ordinals.get(usize::try_from(steps).ok()?)?;
        Some(format!("{ordinal} {}", self.in_a_row))
    }
}
