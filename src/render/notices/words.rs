//! Each trouble in words for ops.

use super::reasons::{fix_of_chat, for_ops, kind};
use super::{Speech, Trouble, Vital, short};
use crate::clock::Instant;
use crate::render::format::{MESSAGES, count, counted, duration};

/// A trouble in words. `automatic` and `affected` end without a full stop, the others are sentences.
pub struct Told {
    pub title: String,
    pub what: String,
    /// When it began; `None` = when the incident was opened.
    pub since: Option<Instant>,
    pub affected: Option<String>,
    pub automatic: String,
    pub human: String,
}

pub fn tell(speech: &Speech, trouble: &Trouble, now: Instant) -> Told {
    match trouble {
        Trouble::RunFailed { job, slot_at, failed_at, reason, note, .. } => Told {
            title: format!("Не получилось: {}", speech.job(job)),
            what: with_note(
                &format!("Запуск на {}: {}.", speech.moment(*slot_at, now), for_ops(reason)),
                note.as_deref(),
            ),
            since: Some(*failed_at),
            affected: readers(speech, job),
            automatic: "попытки на этот запуск исчерпаны, следующий по расписанию".to_owned(),
            human: format!("устраните причину и запустите ещё раз: svodka run {job}"),
        },
        Trouble::CorrectionFailed { job, slot_at, failed_at, reason, note, .. } => Told {
            title: format!("Не исправлено: {}", speech.job(job)),
            what: with_note(
                &format!("Отправлено {}: {}.", speech.moment(*slot_at, now), for_ops(reason)),
                note.as_deref(),
            ),
            since: Some(*failed_at),
            affected: readers(speech, job),
            automatic: "проверит ещё раз после следующего чтения CRM".to_owned(),
            human: format!("если повторяется, посмотрите причину: svodka runs --job {job}"),
        },
        Trouble::SourceDown { sources, since, .. } if is_updates(sources) => Told {
            title: "Бот не получает сообщения".to_owned(),
            what: "Их забирает другая программа с тем же токеном, или у бота задан webhook.".to_owned(),
            since: Some(*since),
            affected: None,
            automatic: "пробует снова; отчёты отправляет как обычно".to_owned(),
            human: "остановите другую программу; если её никто не знает, смените токен у @BotFather.".to_owned(),
        },
        Trouble::SourceDown { sources, reason, since, jobs, .. } => Told {
            title: format!("Не читаются данные: {}", sources_words(sources)),
            what: format!("Причина: {}.", for_ops(reason)),
            since: Some(*since),
            affected: jobs_words(speech, jobs),
            automatic: "пробует снова и догрузит пропущенное, когда получится".to_owned(),
            human: match is_bot(sources) {
                true => "если это дольше часа, проверьте, работает ли база данных бота, и выполните svodka doctor.",
                false => "если это дольше часа, проверьте, открывается ли CRM, и выполните svodka doctor.",
            }
            .to_owned(),
        },
        Trouble::SourceRefused { sources, reason, since, jobs, .. } if is_bot(sources) => Told {
            title: format!("База данных бота не пускает: {}", sources_words(sources)),
            what: match reason.as_str() {
                "forbidden" => "У пользователя нет права читать таблицу user_events.".to_owned(),
                _ => "Пользователь или пароль не приняты.".to_owned(),
            },
            since: Some(*since),
            affected: jobs_words(speech, jobs),
            automatic: "пробует снова и досчитает пропущенное, как только пустят".to_owned(),
            human: "проверьте адрес в BOT_EVENTS_URL и права пользователя, затем выполните svodka doctor."
                .to_owned(),
        },
        Trouble::SourceRefused { sources, reason, since, jobs, .. } => Told {
            title: format!("{} не пускает: {}", keeper(sources).0, sources_words(sources)),
            what: match reason.as_str() {
                "forbidden" => "У ключа нет нужных прав.".to_owned(),
                _ => "Ключ не принят.".to_owned(),
            },
            since: Some(*since),
            affected: jobs_words(speech, jobs),
            automatic: "догрузит пропущенное, как только ключ заработает".to_owned(),
            human: format!(
                "проверьте ключ в {} и в настройках ({}), затем выполните svodka doctor.",
                keeper(sources).1,
                keys_of(sources)
            ),
        },
        Trouble::DeliveryDead { chat, reason, count, public_ids, last_at } => Told {
            title: format!("Не доставлено в чат «{chat}»"),
            what: format!("{}: {}.{}", counted(*count, MESSAGES), for_ops(reason), numbers(public_ids)),
            since: Some(*last_at),
            affected: Some(format!("читатели чата «{chat}»")),
            automatic: "эти сообщения больше не шлёт, новые шлёт как обычно".to_owned(),
            human: fix_of_chat(reason, chat),
        },
        Trouble::DeliveryMaybeLost { chat, count, public_ids, last_at } => Told {
            title: format!("Неизвестно, дошло ли до чата «{chat}»"),
            what: format!(
                "{}: связь с Telegram оборвалась во время отправки.{}",
                counted(*count, MESSAGES),
                numbers(public_ids)
            ),
            since: Some(*last_at),
            affected: Some(format!("читатели чата «{chat}»")),
            automatic: "больше не шлёт, чтобы не задвоить".to_owned(),
            human: "найдите номер в чате; если его там нет, выпустите отчёт заново: svodka run.".to_owned(),
        },
        Trouble::DeliveryStuck { chat, reason, count, since } => Told {
            title: format!("Сообщения в чат «{chat}» ждут отправки"),
            what: format!("{} в очереди: {}.", counted(*count, MESSAGES), for_ops(reason)),
            since: Some(*since),
            affected: Some(format!("читатели чата «{chat}»")),
            automatic: "пробует снова, пока не выйдет срок сообщения; порядок сохранит".to_owned(),
            human: "проверьте связь с Telegram: svodka doctor.".to_owned(),
        },
        Trouble::TelegramDown { reason, since } => Told {
            title: match reason.as_str() {
                "unauthorized" => "Telegram не узнаёт бота".to_owned(),
                _ => "Нет связи с Telegram".to_owned(),
            },
            what: format!("Сообщения не уходят: {}.", for_ops(reason)),
            since: Some(*since),
            affected: Some("все чаты".to_owned()),
            automatic: "копит сообщения, пробует снова каждые несколько минут и отправит по порядку"
                .to_owned(),
            human: match reason.as_str() {
                "unauthorized" => {
                    "возьмите токен у @BotFather и поставьте его в TELEGRAM_BOT_TOKEN.".to_owned()
                }
                "wrong_address" | "not_telegram" => "проверьте ключ telegram.api_url.".to_owned(),
                _ => "проверьте сеть и ключ telegram.proxy: svodka doctor.".to_owned(),
            },
        },
        Trouble::MarkupRefused { chat, public_id, at } => Told {
            title: "Telegram не принял разметку".to_owned(),
            what: format!("Сообщение № {public_id} в чат «{chat}»."),
            since: Some(*at),
            affected: None,
            automatic: "отправила его без оформления, цифры те же".to_owned(),
            human: "это ошибка программы: сообщите разработчикам номер сообщения.".to_owned(),
        },
        Trouble::DeadlineMissed { job, slot_at, deadline_at, reason, is_given_up, .. } => Told {
            title: format!("Опаздывает: {}", speech.job(job)),
            what: match reason {
                Some(reason) => format!("Ждали к {}: {}.", speech.moment(*deadline_at, now), for_ops(reason)),
                None => format!(
                    "Запуск на {}, ждали к {}.",
                    speech.moment(*slot_at, now),
                    speech.moment(*deadline_at, now)
                ),
            },
            since: Some(*deadline_at),
            affected: readers(speech, job),
            automatic: match is_given_up {
                false => "отправит отчёт, как только получится; читателям об этом сказано".to_owned(),
                true => "больше не пробует; читателям об этом сказано".to_owned(),
            },
            human: match is_given_up {
                false => format!("посмотрите, на чём он стоит: svodka runs --job {job}"),
                true => format!("устраните причину и запустите ещё раз: svodka run {job}"),
            },
        },
        Trouble::CaughtUp { job, slot_at, lateness_secs, .. } => Told {
            title: format!("Вышло с опозданием: {}", speech.job(job)),
            what: format!(
                "Запуск на {} начался на {} позже: программа не работала.",
                speech.moment(*slot_at, now),
                duration(*lateness_secs as f64)
            ),
            since: Some(*slot_at),
            affected: readers(speech, job),
            automatic: "наверстала сама, числа за тот же период".to_owned(),
            human: "ничего, если остановка была намеренной.".to_owned(),
        },
        Trouble::SlotsSkipped { job, reason, count: skipped, since } => Told {
            title: format!("Не запускается: {}", speech.job(job)),
            what: format!("Пропущено подряд: {}. Причина: {}.", count(*skipped), for_ops(reason)),
            since: Some(*since),
            affected: readers(speech, job),
            automatic: "попробует в следующий раз по расписанию".to_owned(),
            human: format!("посмотрите, на чём стоит прежний запуск: svodka runs --job {job}"),
        },
        Trouble::DeadlineAtRisk { job, slot_at, deadline_at, usual_secs, .. } => Told {
            title: format!("Может опоздать: {}", speech.job(job)),
            what: format!(
                "Запуск на {}, ждут к {}; обычно готовится до {}.",
                speech.moment(*slot_at, now),
                speech.moment(*deadline_at, now),
                duration(*usual_secs as f64)
            ),
            since: None,
            affected: readers(speech, job),
            automatic: "готовит дальше и отправит, как только получится".to_owned(),
            human: format!("посмотрите, на чём он стоит: svodka runs --job {job}"),
        },
        Trouble::SourceStale { source, since } => Told {
            title: format!("Давно не читались: {}", sources_words(std::slice::from_ref(source))),
            what: match since {
                Some(_) => "Ошибок нет, но и чтения до конца тоже.".to_owned(),
                None => "До конца не прочитаны ещё ни разу.".to_owned(),
            },
            since: *since,
            affected: None,
            automatic: "читает по расписанию; в отчётах сказано, до какого часа данные известны".to_owned(),
            human: "посмотрите, идут ли запуски чтения: svodka runs, svodka jobs.".to_owned(),
        },
        Trouble::SchemaSurprise { source, count: many } => Told {
            title: format!("Непонятные записи: {}", sources_words(std::slice::from_ref(source))),
            what: format!("За сутки не разобрано: {}.", count(*many)),
            since: None,
            affected: Some("числа, в которые эти записи должны были войти".to_owned()),
            automatic: "пропускает их и считает остальное".to_owned(),
            human: "если в источнике что-то изменили, сообщите разработчикам.".to_owned(),
        },
        Trouble::PriceUnknown { models } => Told {
            title: "Нет цены модели".to_owned(),
            what: format!("Расход посчитан без неё: {}.", models.join(", ")),
            since: None,
            affected: Some("расход на модели в отчётах о боте".to_owned()),
            automatic: "называет такую модель в отчёте и не считает её бесплатной".to_owned(),
            human: "впишите цену в [llm.prices].".to_owned(),
        },
        Trouble::QualityDoubtful { job, days, count: many } => Told {
            title: "Данные вызывают сомнения не первый день".to_owned(),
            what: format!("Дней подряд: {}, замечаний в последний: {}.", count(*days), count(*many)),
            since: None,
            affected: Some("числа в отчётах".to_owned()),
            automatic: "считает по тому, что есть, и отмечает неполное".to_owned(),
            human: format!("последняя заметка о данных: svodka runs --job {job}, затем svodka replay."),
        },
        Trouble::Strained { host, vital, value } => strained(host, *vital, *value),
        Trouble::StoreTrouble { reason } => Told {
            title: "Сбой базы данных".to_owned(),
            what: format!("Причина: {}.", for_ops(reason)),
            since: None,
            affected: Some("все отчёты".to_owned()),
            automatic: "пробует снова, начатое не теряется".to_owned(),
            human: "проверьте базу данных и место на диске.".to_owned(),
        },
        Trouble::Many { of, count: many, keys } => Told {
            title: format!("Много сразу: {} ({})", kind(of), count(*many)),
            what: format!("Например: {}.", names_of(keys)),
            since: None,
            affected: None,
            automatic: "с каждой поступает как обычно, здесь только счёт".to_owned(),
            human: "ищите общую причину: svodka doctor.".to_owned(),
        },
    }
}

fn strained(host: &str, vital: Vital, value: i64) -> Told {
    let (title, what, affected, automatic, human) = match vital {
        Vital::Disk => (
            "Кончается место на диске",
            format!("Свободно {value} %."),
            "все отчёты, когда место кончится",
            "работает дальше",
            "освободите место или увеличьте диск; старые тексты убирает задание retention.",
        ),
        Vital::Memory => (
            "Кончается память",
            format!("Занято {value} % от разрешённого."),
            "программу могут остановить на полпути",
            "работает дальше; остановленное продолжит после перезапуска",
            "увеличьте память или уменьшите то, что читается за раз.",
        ),
        Vital::Clock => (
            "Часы расходятся",
            format!("Часы программы {}.", clock_words(value)),
            "время запусков и границы суток",
            "аренду считает по часам базы, запуски по своим",
            "включите синхронизацию времени на машине.",
        ),
        Vital::Database => (
            "База данных отвечает медленно",
            format!("Пробная запись: {value} мс."),
            "отчёты могут опаздывать",
            "ждёт и работает дальше",
            "посмотрите на нагрузку базы и диска.",
        ),
        Vital::CrmLimit => (
            "Почти весь лимит запросов к CRM занят",
            format!("Занято {value} %."),
            "чтение CRM может не успевать",
            "больше лимита не запрашивает, читает дальше с того же места",
            "если это не первая загрузка, узнайте, кто ещё ходит с этим ключом.",
        ),
    };
    Told {
        title: title.to_owned(),
        what: format!("{what} Машина: {host}."),
        since: None,
        affected: Some(affected.to_owned()),
        automatic: automatic.to_owned(),
        human: human.to_owned(),
    }
}

fn clock_words(ahead_secs: i64) -> String {
    let by = duration(ahead_secs.unsigned_abs() as f64);
    if ahead_secs < 0 { format!("отстают на {by}") } else { format!("спешат на {by}") }
}

fn readers(speech: &Speech, job: &str) -> Option<String> {
    let chats = speech.job_chats.get(job).filter(|chats| !chats.is_empty())?;
    let names: Vec<String> = chats.iter().map(|chat| format!("«{chat}»")).collect();
    Some(format!("читатели {} {}", if names.len() == 1 { "чата" } else { "чатов" }, names.join(", ")))
}

fn jobs_words(speech: &Speech, jobs: &[String]) -> Option<String> {
    (!jobs.is_empty()).then(|| jobs.iter().map(|job| speech.job(job)).collect::<Vec<_>>().join(", "))
}

/// What the troubles are about: the second word of their keys.
fn names_of(keys: &[String]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.split('/').nth(1).unwrap_or(key)).collect();
    names.join(", ")
}

fn numbers(public_ids: &[String]) -> String {
    if public_ids.is_empty() { String::new() } else { format!(" № {}.", public_ids.join(", ")) }
}

fn with_note(what: &str, note: Option<&str>) -> String {
    match note.and_then(short) {
        Some(note) => format!("{what} {note}"),
        None => what.to_owned(),
    }
}

fn sources_words(sources: &[String]) -> String {
    sources.iter().map(|name| source(name)).collect::<Vec<_>>().join("; ")
}

/// What people call a source.
pub fn source(name: &str) -> &str {
    match name {
        "retailcrm_orders" => "заказы",
        "retailcrm_chats" => "чаты",
        "retailcrm_people" => "сотрудники и каналы",
        "bot_events" => "события бота",
        "llm_usage" => "расход токенов (журнал бота)",
        "llm_langfuse" => "расход токенов",
        "telegram_updates" => "сообщения боту",
        other => other,
    }
}

/// The bot's database is one access with one source.
fn is_bot(sources: &[String]) -> bool {
    sources.iter().any(|source| source == "bot_events")
}

/// What is written to the bot.
fn is_updates(sources: &[String]) -> bool {
    sources.iter().any(|source| source == "telegram_updates")
}

/// Who gives out the keys to the sources: in a title, and where to look.
fn keeper(sources: &[String]) -> (&'static str, &'static str) {
    if sources.iter().all(|source| source == "llm_langfuse") {
        ("Langfuse", "Langfuse")
    } else {
        ("CRM", "RetailCRM")
    }
}

/// The settings that open the sources. People are read with both keys; another source tells which one it is.
fn keys_of(sources: &[String]) -> &'static str {
    let has = |name: &str| sources.iter().any(|source| source == name);
    match () {
        () if has("llm_langfuse") => "LANGFUSE_PUBLIC_KEY и LANGFUSE_SECRET_KEY",
        () if has("retailcrm_orders") => "RETAILCRM_API_KEY",
        () if has("retailcrm_chats") => "RETAILCRM_BOT_TOKEN",
        () => "RETAILCRM_API_KEY и RETAILCRM_BOT_TOKEN",
    }
}
