//! The page that shows chats as Telegram would, so that a reader's view of a digest needs no Telegram. It also lets one
//! press the buttons and write to the bot; nothing else can be changed there.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Datelike};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;

use super::chat::{ChatKind, SimChat, Standing};
use super::message::{Author, SimMessage};
use super::model::Room;
use super::server::Server;
use crate::clock::Instant;

/// Who presses and writes on the page.
const VISITOR: &str = "Вы";
const MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/", get(chats))
        .route("/chat/{id}", get(chat))
        .route("/chat/{id}/press", post(press))
        .route("/chat/{id}/say", post(say))
}

#[derive(Template)]
#[template(path = "sandbox/chats.html")]
struct ChatsPage {
    /// Changes when anything on the page does.
    version: String,
    rows: Vec<Row>,
}

struct Row {
    id: i64,
    title: String,
    kind: &'static str,
    initials: String,
    color: u64,
    /// Of the last message; empty without one.
    author: String,
    last: String,
    time: String,
    count: usize,
}

#[derive(Template)]
#[template(path = "sandbox/chat.html")]
struct ChatPage {
    chat_id: i64,
    /// Of the open topic, for the form; empty outside topics.
    topic_id: String,
    title: String,
    subtitle: String,
    initials: String,
    color: u64,
    topics: Vec<Tab>,
    version: String,
    bubbles: Vec<Bubble>,
}

struct Tab {
    href: String,
    name: String,
    is_open: bool,
}

struct Bubble {
    id: i64,
    /// The day, when the message is the first of it.
    day: Option<String>,
    /// Words of a service message; such a bubble has nothing else.
    service: Option<String>,
    /// The reader's own message, on the right.
    is_mine: bool,
    author: String,
    color: u64,
    topic: Option<String>,
    origin: Option<String>,
    reply: Option<String>,
    file: Option<FileCard>,
    html: String,
    is_silent: bool,
    is_edited: bool,
    time: String,
    keyboard: Vec<Vec<Key>>,
}

struct FileCard {
    id: String,
    name: String,
    size: String,
    is_photo: bool,
}

struct Key {
    text: String,
    data: String,
    url: Option<String>,
}

async fn chats(State(server): State<Arc<Server>>) -> Response {
    let state = server.state();
    let mut rooms: Vec<&Room> = state.model.rooms.values().collect();
    rooms.sort_by_key(|room| std::cmp::Reverse(room.messages.last().map(|message| message.date)));
    let today = server.clock.now().with_timezone(&server.zone);
    let rows: Vec<Row> = rooms.into_iter().map(|room| row(room, &server, today)).collect();
    page(&ChatsPage { version: version(state.model.rooms.values(), state.journal.records().len()), rows })
}

fn row(room: &Room, server: &Server, today: DateTime<Tz>) -> Row {
    let last = room.messages.last();
    let is_crowd = room.chat.kind != ChatKind::Private;
    let ordinary = last.filter(|message| message.service.is_none() && is_crowd);
    let time = last.map(|message| {
        let at = message.date.with_timezone(&server.zone);
        if at.date_naive() == today.date_naive() { clock_face(at) } else { at.format("%d.%m.%y").to_string() }
    });
    Row {
        id: room.chat.id,
        title: room.chat.title.clone(),
        kind: kind(&room.chat),
        initials: initials(&room.chat.title),
        color: color(room.chat.id),
        author: ordinary.map(|message| author_name(&message.author)).unwrap_or_default(),
        last: last.map_or_else(|| "Сообщений пока нет".to_owned(), snippet),
        time: time.unwrap_or_default(),
        count: room.messages.len(),
    }
}

#[derive(Debug, Deserialize)]
struct TopicChoice {
    /// A topic's number, `1` for «General»; absent = all.
    topic: Option<i64>,
}

async fn chat(
    State(server): State<Arc<Server>>,
    Path(id): Path<i64>,
    Query(choice): Query<TopicChoice>,
) -> Response {
    let state = server.state();
    let Some(room) = state.model.rooms.get(&id) else {
        return (StatusCode::NOT_FOUND, "Такого чата в песочнице нет").into_response();
    };
    let chat = &room.chat;
    let shown = |message: &&SimMessage| {
        choice.topic.is_none_or(|topic| message.thread_id.unwrap_or(1) == topic || !chat.is_forum())
    };
    let mut bubbles = Vec::new();
    let mut last_day = None;
    for message in room.messages.iter().filter(shown) {
        let at = message.date.with_timezone(&server.zone);
        let is_new_day = last_day.replace(at.date_naive()) != Some(at.date_naive());
        let day = is_new_day.then(|| day_name(at, server.clock.now()));
        bubbles.push(Bubble { day, ..bubble(message, room, at, choice.topic.is_none()) });
    }
    page(&ChatPage {
        chat_id: id,
        topic_id: choice.topic.filter(|topic| *topic != 1).map(|id| id.to_string()).unwrap_or_default(),
        title: chat.title.clone(),
        subtitle: subtitle(chat, bubbles.len()),
        initials: initials(&chat.title),
        color: color(chat.id),
        topics: tabs(chat, choice.topic),
        version: version([room], choice.topic.unwrap_or_default() as usize),
        bubbles,
    })
}

fn bubble(message: &SimMessage, room: &Room, at: DateTime<Tz>, with_topic: bool) -> Bubble {
    let topic = message.thread_id.filter(|_| with_topic);
    let topic = topic.and_then(|id| room.chat.topics.iter().find(|topic| topic.id == id));
    let reply = message.reply_to.map(|id| match room.message(id) {
        Some(target) => snippet(target),
        None => "Сообщение удалено".to_owned(),
    });
    let file = message.attachment.as_ref().map(|file| FileCard {
        id: file.file_id.clone(),
        name: file.name.clone(),
        size: size(file.size_bytes),
        is_photo: file.is_photo,
    });
    let author_id = match &message.author {
        Author::Bot => 1,
        Author::Person { id, .. } => *id,
    };
    Bubble {
        id: message.id,
        day: None,
        service: message.service.as_ref().map(service_words),
        is_mine: matches!(&message.author, Author::Person { name, .. }
            if room.chat.kind == ChatKind::Private || name == VISITOR),
        author: author_name(&message.author),
        color: color(author_id),
        topic: topic.map(|topic| topic.name.clone()),
        origin: message.forwarded_from.as_ref().map(author_name),
        reply,
        file,
        // A quote or a block of code stands on its own lines: the break after it would show as an empty line.
        html: message.html.replace("</pre>\n", "</pre>").replace("</blockquote>\n", "</blockquote>"),
        is_silent: message.silent,
        is_edited: message.edits > 0,
        time: clock_face(at),
        keyboard: keyboard(message),
    }
}

fn keyboard(message: &SimMessage) -> Vec<Vec<Key>> {
    let rows = message.keyboard.as_ref().and_then(|keyboard| keyboard["inline_keyboard"].as_array());
    let word = |button: &Value, name: &str| button.get(name).and_then(Value::as_str).map(str::to_owned);
    let key = |button: &Value| Key {
        text: word(button, "text").unwrap_or_default(),
        data: word(button, "callback_data").unwrap_or_default(),
        url: word(button, "url").and_then(|url| super::html::checked_link(&url)),
    };
    let row = |row: &Value| row.as_array().into_iter().flatten().map(key).collect();
    rows.into_iter().flatten().map(row).collect()
}

fn tabs(chat: &SimChat, open: Option<i64>) -> Vec<Tab> {
    if !chat.is_forum() {
        return Vec::new();
    }
    let lock = |closed: bool| if closed { " · закрыта" } else { "" };
    let all = Tab { href: format!("/chat/{}", chat.id), name: "Все".to_owned(), is_open: open.is_none() };
    let general = (1, format!("General{}", lock(chat.general_closed)));
    let others = chat.topics.iter().map(|topic| (topic.id, format!("{}{}", topic.name, lock(topic.closed))));
    let tab =
        |(id, name)| Tab { href: format!("/chat/{}?topic={id}", chat.id), name, is_open: open == Some(id) };
    [all].into_iter().chain([general].into_iter().chain(others).map(tab)).collect()
}

#[derive(Debug, Deserialize)]
struct Press {
    message: i64,
    data: String,
}

async fn press(State(server): State<Arc<Server>>, Path(id): Path<i64>, Form(press): Form<Press>) -> Redirect {
    let now = server.clock.now();
    server.change(|state| state.model.press_button(id, press.message, VISITOR, &press.data, now));
    Redirect::to(&format!("/chat/{id}"))
}

#[derive(Debug, Deserialize)]
struct Say {
    text: String,
    /// Empty outside topics.
    topic: String,
}

async fn say(State(server): State<Arc<Server>>, Path(id): Path<i64>, Form(say): Form<Say>) -> Redirect {
    let now = server.clock.now();
    let topic = say.topic.parse().ok();
    server.change(|state| state.model.foreign_message(id, topic, VISITOR, &say.text, now));
    let query = topic.map(|topic: i64| format!("?topic={topic}")).unwrap_or_default();
    Redirect::to(&format!("/chat/{id}{query}"))
}

fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A word that changes with every message, edit and deletion in the rooms.
fn version<'a>(rooms: impl IntoIterator<Item = &'a Room>, extra: usize) -> String {
    let mut parts = vec![extra.to_string()];
    for room in rooms {
        let edits: u32 = room.messages.iter().map(|message| message.edits).sum();
        let last = room.messages.last().map_or(0, |message| message.id);
        parts.push(format!("{}.{edits}.{last}.{:?}", room.messages.len(), room.chat.bot));
    }
    parts.join("-")
}

fn kind(chat: &SimChat) -> &'static str {
    match chat.kind {
        ChatKind::Private => "личный чат",
        ChatKind::Group => "группа",
        ChatKind::Supergroup { forum: false } => "супергруппа",
        ChatKind::Supergroup { forum: true } => "форум",
        ChatKind::Channel => "канал",
    }
}

/// What the chat is, how many messages are shown, and what is the matter with the bot there.
fn subtitle(chat: &SimChat, count: usize) -> String {
    let trouble = match chat.bot {
        _ if chat.migrated_to.is_some() => " · стала супергруппой",
        Standing::Member | Standing::Administrator => "",
        Standing::NotMember => " · бота здесь нет",
        Standing::Kicked => " · бот исключён",
        Standing::Blocked => " · бот заблокирован",
        Standing::NotStarted => " · бот не запущен",
        Standing::Deactivated => " · аккаунт удалён",
        Standing::Bot => " · собеседник — бот",
        Standing::Deleted => " · группа удалена",
        Standing::NoWriteAccess => " · боту нельзя писать",
    };
    format!("{} · сообщений: {count}{trouble}", kind(chat))
}

fn author_name(author: &Author) -> String {
    match author {
        Author::Bot => "Сводка".to_owned(),
        Author::Person { name, .. } => name.clone(),
    }
}

fn service_words(fields: &Value) -> String {
    let words = if fields.get("pinned_message").is_some() {
        "Бот закрепил сообщение"
    } else if fields.get("migrate_to_chat_id").is_some() {
        "Группа стала супергруппой, переписка продолжается там"
    } else if fields.get("migrate_from_chat_id").is_some() {
        "Супергруппа создана из группы"
    } else {
        "Служебное сообщение"
    };
    words.to_owned()
}

/// The first line of a message.
fn snippet(message: &SimMessage) -> String {
    if let Some(fields) = &message.service {
        return service_words(fields);
    }
    let line = message.text.lines().find(|line| !line.trim().is_empty());
    let file = message.attachment.as_ref().map(|file| format!("📎 {}", file.name));
    let line = line.map(|line| line.chars().take(120).collect::<String>());
    line.or(file).unwrap_or_default()
}

/// Up to two letters for the round picture.
fn initials(title: &str) -> String {
    let words =
        title.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    words.take(2).flat_map(char::to_uppercase).collect()
}

/// One of seven colours, always the same for an id.
fn color(id: i64) -> u64 {
    id.unsigned_abs() % 7
}

fn clock_face(at: DateTime<Tz>) -> String {
    at.format("%H:%M").to_string()
}

fn day_name(at: DateTime<Tz>, now: Instant) -> String {
    let month = MONTHS[at.month0() as usize];
    if at.year() == now.with_timezone(&at.timezone()).year() {
        format!("{} {month}", at.day())
    } else {
        format!("{} {month} {}", at.day(), at.year())
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1024 {
        return format!("{bytes} Б");
    }
    let tenths = bytes * 10 / 1024;
    if tenths < 10_240 {
        return format!("{},{} КБ", tenths / 10, tenths % 10);
    }
    let tenths = tenths / 1024;
    format!("{},{} МБ", tenths / 10, tenths % 10)
}
