//! Charts and tables from the slot to the chat, and what stands in the files.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Range, Reader, Xlsx};
use chrono::NaiveDate;
use svodka::jobs::attach;
use svodka::jobs::export::{Target, Written, export};
use svodka::jobs::report::{Made, make};
use svodka::measure::weekly::WeeklyDigest;
use svodka::measure::{Period, Span};
use svodka::schedule::ReportKind;
use svodka::store::runs::RunRow;
use tokio_util::sync::CancellationToken;

use crate::support::stores::{for_each_store, temp_store};
use crate::support::worker::{MANAGERS, OPS, Worker, World, at};

const SHEETS: [&str; 9] = [
    "Диалоги",
    "Сообщения",
    "Менеджеры",
    "Каналы",
    "Советы",
    "SPIN по менеджерам",
    "SPIN по диалогам",
    "Планы улучшений",
    "О файле",
];

type Sheets = BTreeMap<String, Range<Data>>;

fn read(content: &[u8]) -> Sheets {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(content.to_vec())).unwrap();
    assert_eq!(book.sheet_names(), SHEETS);
    SHEETS.iter().map(|name| ((*name).to_owned(), book.worksheet_range(name).unwrap())).collect()
}

/// The cell of a row under a title.
fn cell<'a>(sheet: &'a Range<Data>, row: usize, title: &str) -> &'a Data {
    let titles = sheet.rows().next().unwrap();
    let column = titles
        .iter()
        .position(|cell| matches!(cell, Data::String(text) if text == title))
        .unwrap_or_else(|| panic!("no «{title}»"));
    &sheet[(row, column)]
}

fn number(sheet: &Range<Data>, row: usize, title: &str) -> f64 {
    match cell(sheet, row, title) {
        Data::Float(number) => *number,
        Data::Int(number) => *number as f64,
        other => panic!("«{title}» in row {row} is {other:?}, not a number"),
    }
}

fn week() -> Period {
    let day: NaiveDate = "2026-08-19".parse().unwrap();
    Span::Week.containing(day, chrono_tz::Europe::Moscow)
}

async fn made(worker: &Worker) -> Made {
    let now = at("2026-08-24T06:00:01Z");
    let run = RunRow::unrecorded("weekly", at("2026-08-24T06:00:00Z"), now);
    let (settings, store) = (&worker.app.settings, &worker.app.store);
    make(settings, store, ReportKind::Weekly, &run, now).await.unwrap().unwrap()
}

async fn xlsx(worker: &Worker) -> Vec<u8> {
    let (settings, store) = (&worker.app.settings, &worker.app.store);
    let now = worker.app.clock.now();
    match export(settings, store, Span::Week, week(), now, Target::Xlsx).await.unwrap() {
        Written::Xlsx { content, left_out } => {
            assert_eq!(left_out, 0);
            content
        }
        Written::Csv(_) => panic!("not what was asked for"),
    }
}

/// The shop's week, read by a worker: with a customer who leaves a phone, an address and a formula.
async fn read_week(url: &str, changes: &[(&str, &str)]) -> (World, Worker) {
    let mut world = World::open(url).await;
    for (variable, value) in changes {
        world.set(variable, value);
    }
    world.crm.with_model(|model| {
        let chat = model.chats()[0].id;
        let said = "=1+1 мой номер +7 900 000-45-67, Петрова Мария, ул. Ленина, д. 5";
        model.customer_writes(chat, at("2026-08-19T08:05:00Z"), said).unwrap();
    });
    let worker = world.worker(1).await;
    world.clock.set(at("2026-08-24T06:00:01Z"));
    worker.work().await;
    (world, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monday_brings_the_text_then_its_charts_then_the_workbook() {
    for_each_store(async |given| {
        let changes = [("SVODKA__JOBS__WEEKLY__ATTACH", "charts,xlsx")];
        let (world, worker) = read_week(given.url(), &changes).await;
        let weekly: Vec<_> = world
            .telegram
            .own_messages(MANAGERS)
            .into_iter()
            .filter(|message| message.text.contains("w-0817-"))
            .collect();
        let names: Vec<_> =
            weekly.iter().map(|one| one.attachment.as_ref().map(|file| file.name.as_str())).collect();
        assert_eq!(names, [None, Some("nagruzka.png"), Some("svodka-2026-08-17.xlsx")]);
        for (message, caption) in weekly.iter().zip(["", "Когда пишут клиенты", "Таблицы за период"])
        {
            assert!(message.text.contains(caption), "{}", message.text);
            assert!(message.text.lines().last().unwrap().contains("№\u{a0}w-0817-") || caption.is_empty());
        }
        let photo = weekly[1].attachment.as_ref().unwrap();
        assert!(photo.is_photo && photo.content.starts_with(b"\x89PNG"));
        assert_eq!(read(&weekly[2].attachment.as_ref().unwrap().content).len(), SHEETS.len());
        assert_eq!(world.texts(OPS), Vec::<String>::new(), "nothing broke, nothing is told");
        let run = worker.app.store.list_runs(Some("weekly"), 1).await.unwrap().remove(0);
        let rows = given.list_run_deliveries(run.id).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.part).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(world.telegram.leftovers().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_reads_back_to_the_figures_of_the_digest() {
    for_each_store(async |given| {
        let (_world, worker) = read_week(given.url(), &[]).await;
        let made = made(&worker).await;
        let digest: WeeklyDigest = serde_json::from_value(made.body.clone()).unwrap();
        let sheets = read(&xlsx(&worker).await);

        let people = &sheets["Менеджеры"];
        let names: Vec<String> = people.rows().skip(1).map(|row| row[0].to_string()).collect();
        let told = digest.managers.iter().map(|one| one.name.clone());
        assert_eq!(names, ["Вся команда".to_owned()].into_iter().chain(told).collect::<Vec<_>>());
        let numbers =
            [&digest.team.current].into_iter().chain(digest.managers.iter().map(|one| &one.numbers.current));
        for (row, numbers) in (1..).zip(numbers) {
            let (chats, orders) = (numbers.chats.as_ref().unwrap(), numbers.orders.as_ref().unwrap());
            for (title, value) in [
                ("Диалогов", chats.chats),
                ("Сообщений клиентов", chats.inbound),
                ("Ответов", chats.outbound),
                ("С ответом", chats.responded_chats),
                ("Без ответа", chats.no_reply_chats),
                ("Заказов", orders.orders),
            ] {
                assert_eq!(number(people, row, title), value as f64, "«{title}» of row {row}");
            }
            assert_eq!(number(people, row, "Сумма заказов"), orders.revenue.0 as f64 / 100.0);
            match chats.response_ratio {
                Some(ratio) => assert_eq!(number(people, row, "Доля с ответом"), ratio.value()),
                None => assert_eq!(cell(people, row, "Доля с ответом"), &Data::Empty),
            }
            match chats.first_response_median_secs {
                Some(secs) => assert_eq!(number(people, row, "Первый ответ, медиана, мин"), secs / 60.0),
                None => assert_eq!(cell(people, row, "Первый ответ, медиана, мин"), &Data::Empty),
            }
        }
        let team = digest.team.current.chats.as_ref().unwrap();
        let dialogs = &sheets["Диалоги"];
        assert_eq!(dialogs.height() as u64, team.chats + 1);
        assert!(matches!(cell(dialogs, 1, "Начат"), Data::DateTime(_)), "dates are dates");
        let began: f64 = cell(dialogs, 1, "Начат").to_string().parse().unwrap();
        assert_eq!((began.fract() * 24.0).round(), 11.0, "08:00 UTC is 11:00 in Moscow");
        let messages = &sheets["Сообщения"];
        assert_eq!(messages.height() as u64, team.inbound + team.outbound + 1);
        let inbound: f64 = (1..dialogs.height()).map(|row| number(dialogs, row, "Сообщений клиента")).sum();
        assert_eq!(inbound, team.inbound as f64);
        assert_eq!(sheets["Каналы"].height(), digest.channels.len() + 1);
        assert!(sheets["Советы"].height() > 1, "one customer had no answer");
        let about: Vec<String> = sheets["О файле"].rows().map(|row| row[1].to_string()).collect();
        assert!(about.iter().any(|value| value.replace('\u{a0}', " ") == "17–23 августа 2026"), "{about:#?}");

        assert_eq!(xlsx(&worker).await, xlsx(&worker).await, "the same data give the same bytes");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_words_and_names_are_masked_unless_the_configuration_says_otherwise() {
    let secrets = ["900 000-45-67", "Петрова", "Ленина"];
    for (mode, shows) in [(None, false), (Some("full"), true), (Some("none"), false)] {
        let given = temp_store().await;
        let change = mode.map(|mode| ("SVODKA__EXPORTS__TEXTS", mode));
        let (_world, worker) = read_week(given.url(), change.as_slice()).await;
        let sheets = read(&xlsx(&worker).await);
        let all: Vec<String> =
            sheets.values().flat_map(|sheet| sheet.cells().map(|(.., cell)| cell.to_string())).collect();
        for secret in secrets {
            assert_eq!(all.iter().any(|cell| cell.contains(secret)), shows, "{secret} with {mode:?}");
        }
        let words = all.iter().any(|cell| cell.contains("мой номер"));
        assert_eq!(words, mode != Some("none"), "{mode:?}");
        let name = all.iter().any(|cell| cell == "Анна");
        assert_eq!(name, mode != Some("none"), "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_what_a_russian_excel_opens_with_a_double_click() {
    let given = temp_store().await;
    let (_world, worker) = read_week(given.url(), &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let (settings, store, now) = (&worker.app.settings, &worker.app.store, worker.app.clock.now());
    let target = Target::Csv(folder.path().join("week.csv"));
    let written = export(settings, store, Span::Week, week(), now, target).await.unwrap();
    let Written::Csv(files) = written else { panic!("not what was asked for") };
    assert_eq!(files.len(), SHEETS.len());
    let text = |name: &str| {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        assert!(bytes.starts_with(b"\xef\xbb\xbf"), "{name} says that it is UTF-8");
        String::from_utf8(bytes[3..].to_vec()).unwrap()
    };
    let messages = text("week-soobshcheniya.csv");
    assert!(messages.starts_with("Время;Чат;Диалог;Кто;Автор;Текст\r\n"), "{messages}");
    assert!(messages.contains("19.08.2026 11:05;"), "{messages}");
    assert!(messages.contains(";'=1+1 мой номер [телефон]"), "no formula: {messages}");
    let people = text("week-menedzhery.csv");
    let team = people.lines().nth(1).unwrap();
    assert!(team.starts_with("Вся команда;4;"), "{team}");
    assert!(team.contains(";3500,00;2500,00;"), "{team}");
    assert!(team.contains(";0,7500;"), "{team}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_made_is_left_out_and_the_digest_goes_without() {
    let given = temp_store().await;
    let changes = [("SVODKA__JOBS__WEEKLY__ATTACH", "charts,xlsx")];
    let (_world, worker) = read_week(given.url(), &changes).await;
    let broken = Made { body: serde_json::Value::Null, ..made(&worker).await };
    let (settings, store) = (&worker.app.settings, &worker.app.store);
    let files = attach::files(settings, store, "weekly", &broken).await;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["svodka-2026-08-17.xlsx"], "the charts need the digest, the workbook does not");
    assert!(attach::files(settings, store, "daily", &broken).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_of_one_manager_gets_no_file_that_shows_everybody() {
    let given = temp_store().await;
    let changes = [
        ("SVODKA__CHATS__ANNA__ID", "-1001000000002"),
        ("SVODKA__CHATS__ANNA__MANAGER", "crm:1"),
        ("SVODKA__JOBS__WEEKLY__CHATS", "managers,anna"),
    ];
    let (world, _worker) = read_week(given.url(), &changes).await;
    let files =
        |chat| world.telegram.own_messages(chat).iter().filter(|one| one.attachment.is_some()).count();
    assert_eq!((files(MANAGERS), files(OPS)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_forgotten_a_month_after_it_was_sent() {
    let given = temp_store().await;
    let (world, worker) = read_week(given.url(), &[]).await;
    let run = worker.app.store.list_runs(Some("weekly"), 1).await.unwrap().remove(0);
    let key = format!("run:{}/nagruzka.png", run.id);
    let retention = async |moment: &str| {
        world.clock.set(at(moment));
        let run_id = given.insert_manual_run("retention", at(moment), None, at(moment)).await.unwrap();
        worker.app.run_claimed(run_id, &CancellationToken::new()).await.unwrap();
        given.find_file(&key).await.unwrap().is_some()
    };
    assert!(retention("2026-09-20T00:00:00Z").await);
    assert!(!retention("2026-09-24T00:00:00Z").await);
}
