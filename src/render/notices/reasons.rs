//! Bounded reasons in words: for ops, for readers, and what to do about them.

/// What happened, for ops. A reason nobody has put into words stands for itself.
pub fn for_ops(reason: &str) -> &str {
    match reason {
        "unreachable" | "cannot_connect" => "нет соединения",
        "timeout" => "нет ответа вовремя",
        "server_error" => "ошибка на той стороне",
        "throttled" | "rate_limited" => "просят слать реже",
        "not_json" | "unexpected_shape" => "ответ не разобрать",
        "unauthorized" => "ключ не принят",
        "forbidden" => "нет прав",
        "not_found" | "wrong_address" => "неверный адрес",
        "bad_request" => "запрос не принят",
        "unreadable" => "файл нельзя прочитать: нет прав",
        "sink" | "db_unavailable" => "база данных недоступна",
        "disk_full" => "на диске базы данных кончилось место",
        "db_inconsistent" => "в базе данных неожиданные значения",
        "db_refused" | "db_migrate" | "db_url" => "база данных не приняла запрос",
        "blocked" => "пользователь заблокировал бота",
        "user_deactivated" => "аккаунт получателя удалён",
        "not_started" => "получатель не нажал «Старт» у бота",
        "chat_is_bot" => "вместо чата указан бот",
        "kicked" => "бота удалили из чата",
        "not_member" => "бота нет в чате",
        "chat_deleted" => "чат удалён",
        "chat_not_found" => "чат не найден",
        "chat_not_configured" => "чата нет в настройках",
        "no_rights" => "боту нельзя писать в чат",
        "topic_gone" => "тема удалена",
        "topic_closed" => "тема закрыта",
        "too_long" => "сообщение слишком длинное",
        "empty_text" | "bad_text" | "bad_markup" => "Telegram не принял текст",
        "bad_photo" | "bad_file" => "Telegram не принял вложение",
        "no_file_rights" => "боту нельзя слать в чат картинки или файлы",
        "no_files" => "этот способ отправки не умеет слать файлы",
        "file_gone" => "вложение уже удалено из базы",
        "chart_failed" | "export_failed" => "вложение не удалось сделать",
        "expired" => "срок отправки вышел",
        "message_gone" => "исправлять нечего, сообщение удалено из чата",
        "maybe_lost" | "unknown_outcome" => "неизвестно, дошло ли",
        "dropped" => "снято вручную",
        "worker_lost" => "программа остановилась на полпути",
        "connection_broken" => "связь оборвалась",
        "not_telegram" => "вместо Telegram ответил кто-то другой",
        "proxy_refused" => "прокси не пускает",
        "migrated" => "чат переехал",
        "held_up" => "программа замешкалась",
        "refused" => "отказ без понятной причины",
        "not_configured" => "не заданы ключи доступа",
        "measure_failed" | "render_failed" | "digest_not_storable" => "ошибка при подготовке отчёта",
        "backup_io" => "копию не удалось записать или прочитать",
        "backup_damaged" | "backup_differs" => "копия не читается так, как записана",
        "backup_offsite" => "хранилище копий не отвечает или не пускает",
        "backup_unfit" => "из этой базы копию не сделать",
        "unproven_day" => "подсчёт за старый день не сходится с событиями бота",
        "overlap" => "прежний запуск ещё идёт",
        "unknown_job" => "в программе нет такого задания",
        other => other,
    }
}

/// What happened, for readers: the end of «Отправка была назначена на 09:00, но …». `None` for what would tell them nothing.
/// The same reason is somebody else's for a report about the bot.
pub fn for_readers(reason: &str, is_about_bot: bool) -> Option<&'static str> {
    Some(match reason {
        "unreachable" | "timeout" | "server_error" | "throttled" | "not_json" => match is_about_bot {
            true => "база данных бота сейчас не отвечает",
            false => "CRM сейчас не отвечает",
        },
        "unauthorized" | "forbidden" | "not_found" | "unreadable" if is_about_bot => {
            "база данных бота не даёт программе прочитать события"
        }
        "unexpected_shape" if is_about_bot => "в базе данных бота изменилась таблица событий",
        "unauthorized" | "forbidden" | "not_found" => "CRM не даёт программе прочитать данные",
        "sink" | "db_unavailable" | "disk_full" => "программа не может записать данные",
        _ => return None,
    })
}

/// What a human should do so that messages to the chat arrive again.
pub fn fix_of_chat(reason: &str, chat: &str) -> String {
    match reason {
        "blocked" | "not_started" => "получателю нужно открыть бота и нажать «Старт».".to_owned(),
        "kicked" | "not_member" => "верните бота в чат.".to_owned(),
        "no_rights" => "дайте боту право писать в чат (в канале он должен быть администратором).".to_owned(),
        "no_file_rights" | "no_files" => {
            "разрешите боту отправлять фото и файлы или уберите attach у задания.".to_owned()
        }
        "file_gone" => "отчёт с вложениями можно выпустить заново: svodka run.".to_owned(),
        "topic_gone" => format!("укажите другую тему: ключ chats.{chat}.topic."),
        "topic_closed" => "откройте тему или сделайте бота администратором.".to_owned(),
        "chat_not_configured" => format!("опишите чат в настройках: [chats.{chat}] с ключом id."),
        "user_deactivated" | "chat_deleted" | "chat_is_bot" | "chat_not_found" => {
            format!("проверьте ключ chats.{chat}.id; какие чаты видит бот, покажет svodka chats.")
        }
        "message_gone" => "ничего; исправленные числа покажет svodka replay.".to_owned(),
        "expired" => "проверьте связь с Telegram; отчёт можно выпустить заново: svodka run.".to_owned(),
        "too_long" | "empty_text" | "bad_text" | "bad_markup" | "bad_photo" | "bad_file" | "refused" => {
            "это ошибка программы: сообщите разработчикам номер сообщения.".to_owned()
        }
        _ => "проверьте чат командой svodka doctor.".to_owned(),
    }
}

/// What a kind of trouble is called when there is a lot of it.
pub fn kind(kind: &str) -> &str {
    match kind {
        "correction_failed" => "исправления не удались",
        "run_failed" => "запуски не удались",
        "source_down" => "источники не читаются",
        "source_refused" => "источники не пускают",
        "delivery_dead" => "сообщения не доставлены",
        "delivery_maybe_lost" => "сообщения, возможно, не дошли",
        "delivery_stuck" => "сообщения ждут отправки",
        "markup_refused" => "Telegram не принял разметку",
        "deadline_missed" => "отчёты опаздывают",
        "caught_up" => "отчёты вышли с опозданием",
        "slots_skipped" => "задания не запускаются",
        "deadline_at_risk" => "отчёты могут опоздать",
        "source_stale" => "источники давно не читались",
        "schema_surprise" => "в источниках непонятные записи",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crm_is_not_blamed_for_what_the_bots_database_did() {
        for reason in ["unreachable", "timeout", "unauthorized", "forbidden", "not_found", "unexpected_shape"]
        {
            let words = for_readers(reason, true).unwrap_or_else(|| panic!("nothing is said of {reason}"));
            assert!(words.contains("бота") && !words.contains("CRM"), "{reason}: {words}");
        }
        assert_eq!(for_readers("timeout", false), Some("CRM сейчас не отвечает"));
        assert_eq!(for_readers("disk_full", true), for_readers("disk_full", false));
        assert_eq!(for_readers("measure_failed", true), None);
    }
}
