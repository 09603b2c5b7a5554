//! The note on data quality: every finding in words.

use chrono::NaiveDate;
use svodka::measure::Period;
use svodka::measure::digest::{Coverage, Ratio};
use svodka::measure::quality::{Finding, QualityNote, Silence, Source};
use svodka::render::quality::render;
use svodka::render::tree::parts;

use super::assert_sendable;
use crate::support::digests::{ZONE, at};

fn text(findings: Vec<Finding>) -> String {
    let note = QualityNote {
        public_id: "q-0819-k3f9".to_owned(),
        period: Period::day(NaiveDate::from_ymd_opt(2026, 8, 19).unwrap(), ZONE),
        computed_at: at(8, 20, 9, 10),
        findings,
    };
    let stored = serde_json::to_value(&note).unwrap();
    assert_eq!(
        serde_json::from_value::<QualityNote>(stored).unwrap(),
        note,
        "a snapshot reads back as it was"
    );
    let parts = parts(&render(&note).unwrap()).unwrap();
    assert_sendable(&parts, "q-0819-k3f9");
    let texts: Vec<String> = parts.into_iter().map(|part| part.html).collect();
    texts.join("\n━━━\n").replace('\u{a0}', " ")
}

macro_rules! snapshot {
    ($name:literal, $findings:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!($name, text($findings));
        })
    };
}

fn numbers(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| (*number).to_owned()).collect()
}

#[test]
fn an_ordinary_note_fits_a_screen() {
    let stretches = vec![Silence { from: at(8, 19, 13, 0), to: at(8, 19, 15, 0), usual: 24.25 }];
    let ratio = Ratio::of(4, 12).unwrap();
    let findings = vec![
        Finding::SilentHours { stretches },
        Finding::OrdersWithoutManager { ratio, numbers: numbers(&["1024A", "1025A", "1031A", "1032A"]) },
    ];
    assert!(text(findings.clone()).lines().count() <= 14);
    snapshot!("quality_ordinary", findings);
}

#[test]
fn every_finding_has_its_words() {
    let ratio = Ratio::of(21, 40).unwrap();
    let hour = |from, to, usual| Silence { from: at(8, 19, from, 0), to: at(8, 19, to, 0), usual };
    let findings = vec![
        Finding::NotRead { source: Source::Chats, coverage: Coverage::Missing },
        Finding::NotRead { source: Source::Orders, coverage: Coverage::Partial { until: at(8, 19, 21, 40) } },
        Finding::StaleSource { source: Source::Orders, read_at: Some(at(8, 20, 7, 45)) },
        Finding::StaleSource { source: Source::Other("bot_events".to_owned()), read_at: None },
        Finding::SilentHours { stretches: vec![hour(10, 11, 5.0), hour(20, 23, 61.4)] },
        Finding::DroppedRecords { source: Source::Chats, count: 2, ratio: Ratio::of(2, 1_240) },
        Finding::DroppedRecords { source: Source::People, count: 1, ratio: None },
        Finding::UnknownChats { messages: 3, chats: 2 },
        Finding::OrderDrift { ours: 33, crm: 34 },
        Finding::OrdersWithoutManager { ratio, numbers: numbers(&["1", "2", "3", "4", "5"]) },
        Finding::DoubleOrders { count: 1, numbers: numbers(&["1031A"]) },
        Finding::DuplicateMessages { messages: 5, chats: 1 },
        Finding::ChannelAhead { messages: 21, worst_secs: 3_720 },
        Finding::CrmAhead { secs: 180 },
    ];
    snapshot!("quality_everything", findings);
}

#[test]
fn names_from_outside_break_no_markup() {
    let told = text(vec![
        Finding::StaleSource { source: Source::Other("<b>&".to_owned()), read_at: None },
        Finding::DoubleOrders { count: 1, numbers: numbers(&["</b><a href=x>", ""]) },
    ]);
    assert!(told.contains("&lt;b&gt;&amp;") && told.contains("&lt;/b&gt;"), "{told}");
}
