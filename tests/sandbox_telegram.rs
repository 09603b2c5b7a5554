//! The stand-in of the Telegram Bot API keeps Telegram's rules: one test per rule, over HTTP.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use svodka::clock::ManualClock;
use svodka::outbound::{ClientOptions, client};
use svodka::sandbox::telegram::{
    AfterCommit, BeforeCommit, Effect, EntityKind, Fault, Flood, SimChat, Standing, TelegramApi,
    TelegramOptions,
};

const GROUP: i64 = -4001;
const SUPERGROUP: i64 = -1_001_000_000_001;
const FORUM: i64 = -1_001_000_000_002;
const CHANNEL: i64 = -1_001_000_000_003;
const PERSON: i64 = 77;

/// A running stand-in with one chat of each kind, and a client.
struct Telegram {
    api: TelegramApi,
    clock: ManualClock,
    http: reqwest::Client,
}

/// Status and body of an answer.
type Answer = (u16, Value);

impl Telegram {
    async fn start(flood: Flood) -> Self {
        let clock = ManualClock::new(start());
        let options = TelegramOptions { flood, ..TelegramOptions::default() };
        let api = TelegramApi::start(Arc::new(clock.clone()), options).await.unwrap();
        api.add_chat(SimChat::private(PERSON, "Ольга"));
        api.add_chat(SimChat::group(GROUP, "Смена"));
        api.add_chat(SimChat::supergroup(SUPERGROUP, "Руководство").with_username("chai_boss"));
        api.add_chat(SimChat::forum(FORUM, "Отдел", &[(5, "Продажи"), (6, "Склад")]));
        api.add_chat(SimChat::channel(CHANNEL, "Канал"));
        let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
        Self { api, clock, http: client(&options).unwrap() }
    }

    async fn quiet() -> Self {
        Self::start(Flood::Off).await
    }

    fn method(&self, name: &str) -> String {
        format!("{}/bot{}/{name}", self.api.url(), self.api.token())
    }

    async fn try_call(&self, method: &str, args: Value) -> reqwest::Result<reqwest::Response> {
        self.http.post(self.method(method)).json(&args).send().await
    }

    async fn call(&self, method: &str, args: Value) -> Answer {
        let response = self.try_call(method, args).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn done(&self, method: &str, args: Value) -> Value {
        let (status, body) = self.call(method, args).await;
        assert_eq!((status, &body["ok"]), (200, &json!(true)), "{method}: {body}");
        body["result"].clone()
    }

    /// Status and description of a refusal.
    async fn refused(&self, method: &str, args: Value) -> (u16, String) {
        let (status, body) = self.call(method, args).await;
        assert_eq!((&body["ok"], &body["error_code"]), (&json!(false), &json!(status)), "{method}: {body}");
        (status, body["description"].as_str().unwrap().to_owned())
    }

    async fn send(&self, chat: i64, text: &str) -> i64 {
        self.done("sendMessage", json!({"chat_id": chat, "text": text})).await["message_id"].as_i64().unwrap()
    }
}

fn start() -> DateTime<Utc> {
    "2026-03-02T06:00:00Z".parse().unwrap()
}

fn bad(why: &str) -> (u16, String) {
    (400, format!("Bad Request: {why}"))
}

#[tokio::test]
async fn a_message_is_sent_read_back_and_noted_in_the_journal() {
    let telegram = Telegram::quiet().await;
    let args = json!({"chat_id": SUPERGROUP, "text": " <b>Выручка</b> &lt; 5 \n", "parse_mode": "html"});
    let message = telegram.done("sendmessage", args).await;
    assert_eq!(message["text"], "Выручка < 5");
    assert_eq!(message["entities"], json!([{"type": "bold", "offset": 0, "length": 7}]));
    assert_eq!(message["date"], start().timestamp());
    let stored = telegram.api.messages(SUPERGROUP);
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].html, "<b>Выручка</b> &lt; 5");
    let journal = telegram.api.requests();
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].method.as_str(), journal[0].status), ("sendMessage", Some(200)));
    assert_eq!((journal[0].chat, journal[0].message_id), (Some(SUPERGROUP), Some(stored[0].id)));
}

#[tokio::test]
async fn arguments_come_by_query_form_multipart_or_json_and_mean_the_same() {
    let telegram = Telegram::quiet().await;
    let url = telegram.method("SENDMESSAGE");
    let chat = SUPERGROUP.to_string();
    let http = &telegram.http;
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n-1001000000001\r\n\
        --b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nя + ты\r\n--b--\r\n";
    let form = format!("chat_id={chat}&text=%D1%8F+%2B+%D1%82%D1%8B&disable_notification=TRUE");
    let requests = [
        http.get(format!("{url}?{form}")),
        http.post(format!("{url}?chat_id={chat}")).json(&json!({"text": "я + ты", "chat_id": 1})),
        http.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form.clone()),
        http.post(&url).header("content-type", "multipart/form-data; boundary=b").body(multipart),
        http.post(&url).json(&json!({"text": "я + ты", "chat_id": chat})),
        http.post(&url).json(&json!({"text": "я + ты", "chat_id": "@CHAI_boss"})),
        // What stood before a defect counts.
        http.post(&url)
            .header("content-type", "application/json")
            .body(format!("{{\"chat_id\":{chat},\"text\":\"я + ты\",\"oops\":")),
        http.post(url.replace("SENDMESSAGE", "?method=sendMessage"))
            .json(&json!({"text": "я + ты", "chat_id": chat})),
    ];
    let count = requests.len();
    for (n, request) in requests.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "request {n}: {}", response.text().await.unwrap());
    }
    let messages = telegram.api.messages(SUPERGROUP);
    assert_eq!(messages.len(), count);
    assert!(messages.iter().all(|message| message.text == "я + ты"), "{messages:#?}");
    assert_eq!(messages.iter().filter(|message| message.silent).count(), 2);
    let null = json!({"chat_id": chat, "text": "x", "parse_mode": null});
    assert_eq!(telegram.refused("sendMessage", null).await, bad("unsupported parse_mode"));
}

#[tokio::test]
async fn too_many_bytes_of_arguments_are_refused_with_an_empty_body() {
    let telegram = Telegram::quiet().await;
    let args = json!({"chat_id": PERSON, "text": "x".repeat(1024 * 1024)});
    let response = telegram.try_call("sendMessage", args).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn tokens_and_methods_are_checked_before_anything_else() {
    let telegram = Telegram::quiet().await;
    let get = async |path: &str| {
        let response = telegram.http.get(format!("{}{path}", telegram.api.url())).send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["description"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(get("/bot1:x/getMe").await, (401, "Unauthorized".to_owned()));
    let malformed = (401, "Unauthorized: invalid token specified".to_owned());
    assert_eq!(get("/bothello/getMe").await, malformed);
    assert_eq!(get("/bot1:a%20b/noSuch").await, malformed);
    let token = telegram.api.token();
    let unknown = (404, "Not Found: method not found".to_owned());
    assert_eq!(get(&format!("/bot{token}/sendRocket")).await, unknown);
    assert_eq!(get("/elsewhere").await, (404, "Not Found".to_owned()));
    assert_eq!(get(&format!("/bot{token}/GETME")).await.0, 200);
    let journal = telegram.api.requests();
    assert_eq!(
        journal.iter().map(|record| record.status).collect::<Vec<_>>(),
        [Some(401), Some(401), Some(401), Some(404), Some(200)]
    );
    assert!(!format!("{journal:?}").contains(&token));
}

#[tokio::test]
async fn broken_markup_is_refused_in_telegrams_words_with_byte_offsets() {
    let telegram = Telegram::quiet().await;
    let cases = [
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<br>", "Unsupported start tag \"br\" at byte offset 0"),
        ("a < 5 > b", "Unsupported start tag \"\" at byte offset 2"),
        ("<a =\"x\">", "Empty attribute name in the tag \"a\" at byte offset 0"),
        ("<a href", "Unclosed start tag \"a\" at byte offset 0"),
        ("<a href=x/y>", "Unexpected end of name token at byte offset 8"),
        ("<a href=x", "Unclosed start tag at byte offset 0"),
        ("<a href=\"x", "Unclosed start tag at byte offset 0"),
        ("<span>", "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"),
        ("</b>", "Unexpected end tag at byte offset 0"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b><i>x</b>", "Unmatched end tag at byte offset 7, expected \"</i>\", found \"</b>\""),
        ("чай <b><i>", "Can't find end tag corresponding to start tag \"i\""),
        ("чай </i>", "Unexpected end tag at byte offset 7"),
        ("<b>x", "Can't find end tag corresponding to start tag \"b\""),
        ("<tg-emoji emoji-id=\"no\">x</tg-emoji>", "Invalid custom emoji identifier specified"),
        (
            "&#xD83D;",
            "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units",
        ),
    ];
    for (text, why) in cases {
        // The chat does not exist: markup is looked at first.
        let refusal =
            telegram.refused("sendMessage", json!({"chat_id": 1, "text": text, "parse_mode": "HTML"}));
        assert_eq!(refusal.await, bad(&format!("can't parse entities: {why}")), "{text}");
    }
}

#[tokio::test]
async fn markup_becomes_text_with_entities_in_utf16_units() {
    let telegram = Telegram::quiet().await;
    let cases = [
        ("<B>a</b>&amp;&quot;&copy;&#x416;", "<b>a</b>&amp;&quot;&amp;copy;Ж"),
        ("🍵 <strong>чай</strong>", "🍵 <b>чай</b>"),
        ("<em>a</em><ins>b</ins><del>c</del><strike>d</strike>", "<i>a</i><u>b</u><s>cd</s>"),
        ("<span class=\"tg-spoiler\">x</span> <b>y</>", "<tg-spoiler>x</tg-spoiler> <b>y</b>"),
        ("<a href='https://Чай.рф/a?b=1&amp;c=2'>x</a>", "<a href=\"https://чай.рф/a?b=1&amp;c=2\">x</a>"),
        ("<a href=\"shop.ru\">x</a>", "<a href=\"http://shop.ru/\">x</a>"),
        ("<a>shop.ru</a>", "<a href=\"http://shop.ru/\">shop.ru</a>"),
        ("<a href=\"http://localhost:8080/\">x</a> <a>y</a>", "x y"),
        ("<a href=\"tg://user?id=5\">x</a>", "<a href=\"tg://user?id=5\">x</a>"),
        (
            "<pre><code class=\"language-rust\">x</code></pre>",
            "<pre><code class=\"language-rust\">x</code></pre>",
        ),
        (
            "<code class=\"language-rust\"><pre>x</pre></code>",
            "<pre><code class=\"language-rust\">x</code></pre>",
        ),
        ("<code class=\"language-rust\">x</code>", "<code>x</code>"),
        (
            "<blockquote expandable>x<blockquote>y</blockquote></blockquote>",
            "<blockquote expandable>xy</blockquote>",
        ),
        ("<b>a<code>b</code>c</b>", "<b>a</b><code>b</code><b>c</b>"),
        ("<b>a <a href=\"x.ru\">b</a></b>", "<b>a </b><a href=\"http://x.ru/\"><b>b</b></a>"),
        ("<b>a<i>b</i></b>", "<b>a<i>b</i></b>"),
        ("x<b></b>y<i unknown=1>z</i>", "xy<i>z</i>"),
        ("<tg-emoji emoji-id=\"53\">👍</tg-emoji>!", "<tg-emoji emoji-id=\"53\">👍</tg-emoji>!"),
        ("a > b & c", "a &gt; b &amp; c"),
    ];
    for (text, html) in cases {
        let args = json!({"chat_id": PERSON, "text": text, "parse_mode": "HTML"});
        telegram.done("sendMessage", args).await;
        assert_eq!(telegram.api.messages(PERSON).last().unwrap().html, html, "{text}");
    }
    let args = json!({"chat_id": PERSON, "text": "🍵 <b>🍵</b>", "parse_mode": "HTML"});
    let message = telegram.done("sendMessage", args).await;
    assert_eq!(message["entities"], json!([{"type": "bold", "offset": 3, "length": 2}]));
}

#[tokio::test]
async fn invisible_characters_go_and_blanks_are_trimmed_up_to_the_first_entity() {
    let telegram = Telegram::quiet().await;
    let cases = [
        ("\n a\tb\r\nc\u{202A}d \n", "a b\ncd"),
        ("  <b> x</b>", "<b> x</b>"),
        (" <b>x </b> ", "<b>x</b>"),
        ("x<i> </i>", "x"),
        ("<b> </b> x<u> </u>y", "x y"),
    ];
    for (text, html) in cases {
        telegram.done("sendMessage", json!({"chat_id": PERSON, "text": text, "parse_mode": "HTML"})).await;
        assert_eq!(telegram.api.messages(PERSON).last().unwrap().html, html, "{text:?}");
    }
}

#[tokio::test]
async fn lengths_are_counted_in_code_points_after_parsing() {
    let telegram = Telegram::quiet().await;
    let html = |text: String| json!({"chat_id": PERSON, "text": text, "parse_mode": "HTML"});
    let refused = async |args: Value| telegram.refused("sendMessage", args).await;
    let longest = format!("<b>{}</b>", "🍵".repeat(4096));
    let id = telegram.done("sendMessage", html(longest)).await["message_id"].clone();
    assert_eq!(refused(html("ж".repeat(4097))).await, bad("message is too long"));
    assert_eq!(refused(html(format!("<b>{}</b>", "ж".repeat(16_384)))).await, bad("text is too long"));
    assert_eq!(refused(html(String::new())).await, bad("message text is empty"));
    assert_eq!(refused(json!({"chat_id": PERSON})).await, bad("message text is empty"));
    assert_eq!(refused(html(" <b> </b>\n".to_owned())).await, bad("text must be non-empty"));
    let long_edit = json!({"chat_id": PERSON, "message_id": id, "text": "ж".repeat(4097)});
    assert_eq!(telegram.refused("editMessageText", long_edit).await, bad("MESSAGE_TOO_LONG"));
    let broken = "chat_id=77&text=%FF";
    let response = telegram.http.get(format!("{}?{broken}", telegram.method("sendMessage"))).send().await;
    let body: Value = response.unwrap().json().await.unwrap();
    assert_eq!(body["description"], "Bad Request: strings must be encoded in UTF-8");
}

#[tokio::test]
async fn beyond_a_hundred_entities_bold_is_lost_before_links() {
    let telegram = Telegram::quiet().await;
    let text = "<b>x</b> ".repeat(99) + &"<a href=\"https://x.ru/\">y</a> ".repeat(3);
    telegram.done("sendMessage", json!({"chat_id": PERSON, "text": text, "parse_mode": "HTML"})).await;
    let stored = &telegram.api.messages(PERSON)[0];
    let bold = stored.entities.iter().filter(|entity| entity.kind == EntityKind::Bold).count();
    assert_eq!((stored.entities.len(), bold), (100, 97));
}

#[tokio::test]
async fn a_chat_says_why_it_takes_no_message() {
    let telegram = Telegram::quiet().await;
    let kicked = |kind: &str| (403, format!("Forbidden: bot was kicked from the {kind} chat"));
    let outside = |kind: &str| (403, format!("Forbidden: bot is not a member of the {kind} chat"));
    let forbidden = |why: &str| (403, format!("Forbidden: {why}"));
    let cases = [
        (PERSON, Standing::Blocked, forbidden("bot was blocked by the user")),
        (PERSON, Standing::Deactivated, forbidden("user is deactivated")),
        (PERSON, Standing::NotStarted, forbidden("bot can't initiate conversation with a user")),
        (PERSON, Standing::Bot, forbidden("the bot can't send messages to the bot")),
        (PERSON, Standing::NotMember, bad("chat not found")),
        (GROUP, Standing::Kicked, kicked("group")),
        (SUPERGROUP, Standing::Kicked, kicked("supergroup")),
        (CHANNEL, Standing::Kicked, kicked("channel")),
        (GROUP, Standing::NotMember, outside("group")),
        (SUPERGROUP, Standing::NotMember, outside("supergroup")),
        (CHANNEL, Standing::NotMember, outside("channel")),
        (GROUP, Standing::Deleted, forbidden("the group chat was deleted")),
        (SUPERGROUP, Standing::NoWriteAccess, bad("have no write access to the chat")),
        (CHANNEL, Standing::Member, bad("need administrator rights in the channel chat")),
    ];
    for (chat, standing, refusal) in cases {
        telegram.api.with_chat(chat, |chat| chat.bot = standing);
        let args = json!({"chat_id": chat, "text": "x"});
        assert_eq!(telegram.refused("sendMessage", args).await, refusal, "{chat} {standing:?}");
    }
    telegram.api.with_chat(SUPERGROUP, |chat| {
        chat.bot = Standing::Member;
        chat.send.text = false;
    });
    let args = json!({"chat_id": SUPERGROUP, "text": "x"});
    let no_text = bad("not enough rights to send text messages to the chat");
    assert_eq!(telegram.refused("sendMessage", args).await, no_text);
    for chat in ["1", "-5", "@olga", "@nobody", "hello"] {
        let args = json!({"chat_id": chat, "text": "x"});
        assert_eq!(telegram.refused("sendMessage", args).await, bad("chat not found"), "{chat}");
    }
    assert_eq!(telegram.refused("sendMessage", json!({"text": "x"})).await, bad("chat_id is empty"));
    assert!(telegram.api.own_messages(SUPERGROUP).is_empty());
}

#[tokio::test]
async fn topics_are_kept_in_forums_ignored_in_groups_and_general_has_no_number() {
    let telegram = Telegram::quiet().await;
    let to = |chat: i64, topic: i64| json!({"chat_id": chat, "message_thread_id": topic, "text": "x"});
    let message = telegram.done("sendMessage", to(FORUM, 5)).await;
    assert_eq!((&message["message_thread_id"], &message["is_topic_message"]), (&json!(5), &json!(true)));
    for topic in [1, 99] {
        assert_eq!(telegram.refused("sendMessage", to(FORUM, topic)).await, bad("message thread not found"));
    }
    assert_eq!(telegram.refused("sendMessage", to(PERSON, 5)).await, bad("message thread not found"));
    assert!(telegram.done("sendMessage", to(SUPERGROUP, 5)).await.get("message_thread_id").is_none());
    telegram.api.with_chat(FORUM, |chat| chat.topics[0].closed = true);
    assert_eq!(telegram.refused("sendMessage", to(FORUM, 5)).await, bad("TOPIC_CLOSED"));
    telegram.send(FORUM, "в общую").await;
    telegram.api.with_chat(FORUM, |chat| chat.general_closed = true);
    let args = json!({"chat_id": FORUM, "text": "x"});
    assert_eq!(telegram.refused("sendMessage", args).await, bad("TOPIC_CLOSED"));
    let threads: Vec<_> = telegram.api.messages(FORUM).iter().map(|message| message.thread_id).collect();
    assert_eq!(threads, [Some(5), None]);
}

#[tokio::test]
async fn a_reply_needs_its_target_unless_told_otherwise() {
    let telegram = Telegram::quiet().await;
    let id = telegram.send(PERSON, "первое").await;
    let reply = |parameters: Value| json!({"chat_id": PERSON, "text": "x", "reply_parameters": parameters});
    telegram.done("sendMessage", reply(json!({"message_id": id}))).await;
    let missing = reply(json!({"message_id": 999}));
    assert_eq!(telegram.refused("sendMessage", missing).await, bad("message to be replied not found"));
    telegram
        .done("sendMessage", reply(json!({"message_id": 999, "allow_sending_without_reply": true})))
        .await;
    let targets: Vec<_> = telegram.api.messages(PERSON).iter().map(|message| message.reply_to).collect();
    assert_eq!(targets, [None, Some(id), None]);
}

#[tokio::test]
async fn supergroups_count_their_own_messages_and_all_others_share_a_counter() {
    let telegram = Telegram::quiet().await;
    assert_eq!(telegram.send(SUPERGROUP, "x").await, 1);
    assert_eq!(telegram.send(CHANNEL, "x").await, 1);
    assert_eq!(telegram.send(PERSON, "x").await, 1);
    assert_eq!(telegram.send(GROUP, "x").await, 2);
    assert_eq!(telegram.api.foreign_message(GROUP, "Иван", "привет"), 3);
    assert_eq!(telegram.api.foreign_message(SUPERGROUP, "Иван", "привет"), 2);
    telegram.api.skip_ids(PERSON, 10);
    assert_eq!(telegram.send(PERSON, "x").await, 14);
    telegram.api.with_chat(SUPERGROUP, |chat| chat.noise_before_send = 2);
    assert_eq!(telegram.send(SUPERGROUP, "x").await, 5);
}

#[tokio::test]
async fn an_edit_tells_unchanged_foreign_missing_and_media_apart() {
    let telegram = Telegram::quiet().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Ок", "callback_data": "ok"}]]});
    let with = |id: i64, text: &str, keyboard: &Value| {
        json!({"chat_id": SUPERGROUP, "message_id": id, "text": text, "parse_mode": "HTML",
            "reply_markup": keyboard, "link_preview_options": {"is_disabled": true}})
    };
    let sent = with(0, "<b>A</b> https://x.ru", &keyboard);
    let id = telegram.done("sendMessage", sent).await["message_id"].as_i64().unwrap();
    let edit = async |args: Value| telegram.refused("editMessageText", args).await;
    let unchanged = bad(
        "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
    );
    assert_eq!(edit(with(id, " <strong>A</strong> https://x.ru\n", &keyboard)).await, unchanged);
    assert_eq!(edit(with(999, "x", &keyboard)).await, bad("message to edit not found"));
    let foreign = telegram.api.foreign_message(SUPERGROUP, "Иван", "моё");
    assert_eq!(edit(with(foreign, "x", &keyboard)).await, bad("message can't be edited"));
    assert_eq!(edit(with(0, "x", &keyboard)).await, bad("message identifier is not specified"));
    assert_eq!(telegram.api.messages(SUPERGROUP)[0].edits, 0);
    telegram.clock.advance(TimeDelta::days(90));
    let edited = telegram.done("editMessageText", with(id, "A https://x.ru", &keyboard)).await;
    assert_eq!(edited["edit_date"], (start() + TimeDelta::days(90)).timestamp());
    // Leaving the keyboard out takes it away.
    telegram.done("editMessageText", json!({"chat_id": SUPERGROUP, "message_id": id, "text": "B"})).await;
    let stored = &telegram.api.messages(SUPERGROUP)[0];
    assert_eq!((stored.html.as_str(), stored.edits, stored.keyboard.is_none()), ("B", 2, true));
}

#[tokio::test]
async fn a_link_preview_defeats_the_comparison_with_the_stored_message() {
    let telegram = Telegram::quiet().await;
    let id = telegram.send(PERSON, "https://x.ru").await;
    let args = json!({"chat_id": PERSON, "message_id": id, "text": "https://x.ru"});
    telegram.done("editMessageText", args).await;
    assert_eq!(telegram.api.messages(PERSON)[0].edits, 1);
}

#[tokio::test]
async fn a_channel_editor_overwrites_posts_of_others() {
    let telegram = Telegram::quiet().await;
    let post = telegram.api.foreign_message(CHANNEL, "Редактор", "пост");
    let args = json!({"chat_id": CHANNEL, "message_id": post, "text": "наше"});
    assert_eq!(telegram.refused("editMessageText", args.clone()).await, bad("message can't be edited"));
    telegram.api.with_chat(CHANNEL, |chat| chat.admin.edit = true);
    telegram.done("editMessageText", args).await;
    assert_eq!(telegram.api.messages(CHANNEL)[0].text, "наше");
}

#[tokio::test]
async fn messages_can_be_deleted_for_two_days_and_foreign_ones_by_administrators() {
    let telegram = Telegram::quiet().await;
    let (first, second) = (telegram.send(SUPERGROUP, "1").await, telegram.send(SUPERGROUP, "2").await);
    let foreign = telegram.api.foreign_message(SUPERGROUP, "Иван", "моё");
    let args = |id: i64| json!({"chat_id": SUPERGROUP, "message_id": id});
    assert_eq!(telegram.refused("deleteMessage", args(99)).await, bad("message to delete not found"));
    assert_eq!(telegram.refused("deleteMessage", args(foreign)).await, bad("message can't be deleted"));
    assert_eq!(telegram.done("deleteMessage", args(first)).await, json!(true));
    telegram.clock.advance(TimeDelta::hours(48));
    let late = bad("message can't be deleted for everyone");
    assert_eq!(telegram.refused("deleteMessage", args(second)).await, late);
    telegram.api.with_chat(SUPERGROUP, |chat| chat.bot = Standing::Administrator);
    let many = json!({"chat_id": SUPERGROUP, "message_ids": [first, second, foreign, 500]});
    assert_eq!(telegram.done("deleteMessages", many).await, json!(true));
    assert!(telegram.api.messages(SUPERGROUP).is_empty());
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_sends_writers_there_and_counts_anew() {
    let telegram = Telegram::quiet().await;
    let old = telegram.send(GROUP, "x").await;
    let new_id = -1_001_000_000_009;
    telegram.api.migrate(GROUP, new_id);
    let (status, body) = telegram.call("sendMessage", json!({"chat_id": GROUP, "text": "x"})).await;
    assert_eq!(status, 400);
    assert_eq!(body["description"], "Bad Request: group chat was upgraded to a supergroup chat");
    assert_eq!(body["parameters"], json!({"migrate_to_chat_id": new_id}));
    telegram.done("getChat", json!({"chat_id": GROUP})).await;
    let edit = json!({"chat_id": GROUP, "message_id": old, "text": "y"});
    assert_eq!(telegram.refused("editMessageText", edit).await, bad("message can't be edited"));
    assert_eq!(telegram.send(new_id, "x").await, 2);
    let updates = telegram.done("getUpdates", json!({})).await;
    assert_eq!(updates[0]["message"]["migrate_to_chat_id"], new_id);
    assert_eq!(updates[1]["message"]["migrate_from_chat_id"], GROUP);
}

#[tokio::test]
async fn keyboards_are_stored_checked_and_pressed() {
    let telegram = Telegram::quiet().await;
    let with = |button: Value| json!({"chat_id": PERSON, "text": "x", "reply_markup": {"inline_keyboard": [[button]]}});
    let long = "ж".repeat(33);
    for (button, why) in [
        (json!({"text": "a", "callback_data": long}), "BUTTON_DATA_INVALID"),
        (json!({"text": "a", "url": "http://localhost/"}), "BUTTON_URL_INVALID"),
        (json!({"text": "a"}), "text buttons are unallowed in the inline keyboard"),
    ] {
        assert_eq!(telegram.refused("sendMessage", with(button)).await, bad(why));
    }
    let message = telegram.done("sendMessage", with(json!({"text": "Ок", "callback_data": "ack:1"}))).await;
    let id = message["message_id"].as_i64().unwrap();
    assert_eq!(message["reply_markup"]["inline_keyboard"][0][0]["callback_data"], "ack:1");
    assert_eq!(telegram.api.press_button(PERSON, id, "Ольга", "no such"), None);
    let callback = telegram.api.press_button(PERSON, id, "Ольга", "ack:1").unwrap();
    let updates = telegram.done("getUpdates", json!({})).await;
    assert_eq!(updates[0]["callback_query"]["data"], "ack:1");
    assert_eq!(updates[0]["callback_query"]["message"]["message_id"], id);
    assert_eq!(telegram.api.callback_answer(&callback), None);
    telegram.done("answerCallbackQuery", json!({"callback_query_id": callback, "text": "Принято"})).await;
    assert_eq!(telegram.api.callback_answer(&callback).as_deref(), Some("Принято"));
    telegram.clock.advance(TimeDelta::minutes(15));
    let late = json!({"callback_query_id": callback});
    let why = "query is too old and response timeout expired or query ID is invalid";
    assert_eq!(telegram.refused("answerCallbackQuery", late).await, bad(why));
}

#[tokio::test]
async fn files_keep_their_name_and_size_and_captions_their_limit() {
    let telegram = Telegram::quiet().await;
    let upload = async |method: &str, field: &str, content: &[u8], caption: &str| {
        let mut body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n{PERSON}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\nattach://f1\r\n\
             --b\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\n{caption}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"f1\"; filename=\"отчёт.csv\"\r\nContent-Type: text/csv\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request = telegram.http.post(telegram.method(method)).body(body);
        let response =
            request.header("content-type", "multipart/form-data; boundary=b").send().await.unwrap();
        response.json::<Value>().await.unwrap()
    };
    let answer = upload("SendDocument", "document", b"a;b\n", "итог").await;
    let document = &answer["result"]["document"];
    assert_eq!((&document["file_name"], &document["file_size"]), (&json!("отчёт.csv"), &json!(4)));
    assert_eq!(answer["result"]["caption"], "итог");
    let again = json!({"chat_id": PERSON, "document": document["file_id"]});
    telegram.done("sendDocument", again).await;
    assert_eq!(upload("sendPhoto", "photo", b"\x89PNG...", "").await["ok"], true);
    let refused = [
        (upload("sendDocument", "document", b"", "").await, "file must be non-empty"),
        (upload("sendPhoto", "photo", b"text", "").await, "IMAGE_PROCESS_FAILED"),
        (upload("sendDocument", "document", b"x", &"ж".repeat(1025)).await, "message caption is too long"),
    ];
    for (answer, why) in refused {
        assert_eq!(answer["description"], bad(why).1);
    }
    let stored = telegram.api.messages(PERSON);
    let file = stored[0].attachment.as_ref().unwrap();
    assert_eq!((stored.len(), file.name.as_str(), file.size_bytes), (3, "отчёт.csv", 4));
    let edit = json!({"chat_id": PERSON, "message_id": stored[0].id, "text": "x"});
    assert_eq!(
        telegram.refused("editMessageText", edit).await,
        bad("there is no text in the message to edit")
    );
    let caption = |text: &str| json!({"chat_id": PERSON, "message_id": stored[0].id, "caption": text});
    let (code, same) = telegram.refused("editMessageCaption", caption("итог")).await;
    assert!(code == 400 && same.contains("message is not modified"), "{same}");
    assert_eq!(telegram.done("editMessageCaption", caption("итог дня")).await["caption"], "итог дня");
    let id = telegram.send(PERSON, "текст").await;
    let no_file = json!({"chat_id": PERSON, "message_id": id, "caption": "x"});
    assert_eq!(
        telegram.refused("editMessageCaption", no_file).await,
        bad("there is no caption in the message to edit")
    );

    let sized = |width: u32, height: u32| {
        let mut head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        head.extend(width.to_be_bytes());
        head.extend(height.to_be_bytes());
        head
    };
    let photo = upload("sendPhoto", "photo", &sized(1080, 1200), "").await;
    let size = &photo["result"]["photo"][0];
    assert_eq!((&size["width"], &size["height"]), (&json!(1080), &json!(1200)));
    for (width, height) in [(9_000, 1_001), (2_101, 100), (10, 201)] {
        let answer = upload("sendPhoto", "photo", &sized(width, height), "").await;
        assert_eq!(answer["description"], bad("PHOTO_INVALID_DIMENSIONS").1, "{width} x {height}");
    }
    let page = telegram.http.get(format!("{}/chat/{PERSON}", telegram.api.url())).send().await.unwrap();
    let page = page.text().await.unwrap();
    let shown = format!("src=\"/file/{}\"", size["file_id"].as_str().unwrap());
    assert!(page.contains(&shown), "{shown} in {page}");
    let address = format!("{}/file/{}", telegram.api.url(), stored[0].attachment.as_ref().unwrap().file_id);
    let file = telegram.http.get(address).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "text/csv");
    assert_eq!(file.bytes().await.unwrap(), "a;b\n");
}

#[tokio::test]
async fn forwarding_shows_what_a_message_says_and_protection_forbids_it() {
    let telegram = Telegram::quiet().await;
    let id = telegram.send(SUPERGROUP, "итог").await;
    let args = |id: i64| json!({"chat_id": PERSON, "from_chat_id": SUPERGROUP, "message_id": id, "disable_notification": true});
    assert_eq!(telegram.done("forwardMessage", args(id)).await["text"], "итог");
    let copy = telegram.done("copyMessage", args(id)).await;
    assert_eq!(copy.as_object().unwrap().keys().collect::<Vec<_>>(), ["message_id"]);
    assert_eq!(telegram.refused("forwardMessage", args(99)).await, bad("message to forward not found"));
    assert_eq!(telegram.refused("copyMessage", args(99)).await, bad("message to copy not found"));
    let secret = json!({"chat_id": SUPERGROUP, "text": "тайна", "protect_content": true});
    let secret = telegram.done("sendMessage", secret).await["message_id"].as_i64().unwrap();
    assert_eq!(telegram.refused("forwardMessage", args(secret)).await.0, 400);
    let forwarded = telegram.api.messages(PERSON)[0].id;
    let edit = json!({"chat_id": PERSON, "message_id": forwarded, "text": "x"});
    assert_eq!(telegram.refused("editMessageText", edit).await, bad("message can't be edited"));
}

#[tokio::test]
async fn pinning_needs_the_right_and_its_service_message_comes_as_an_update() {
    let telegram = Telegram::quiet().await;
    let id = telegram.send(SUPERGROUP, "x").await;
    let args = |id: i64| json!({"chat_id": SUPERGROUP, "message_id": id});
    let no_right = bad("not enough rights to manage pinned messages in the chat");
    assert_eq!(telegram.refused("pinChatMessage", args(id)).await, no_right);
    telegram.api.with_chat(SUPERGROUP, |chat| chat.bot = Standing::Administrator);
    assert_eq!(telegram.refused("pinChatMessage", args(99)).await, bad("message to pin not found"));
    assert_eq!(telegram.done("pinChatMessage", args(id)).await, json!(true));
    let updates = telegram.done("getUpdates", json!({})).await;
    let kinds: Vec<_> =
        updates.as_array().unwrap().iter().map(|update| update.as_object().unwrap().len()).collect();
    assert_eq!(kinds, [2, 2]);
    assert_eq!(updates[0]["my_chat_member"]["new_chat_member"]["status"], "administrator");
    assert_eq!(updates[1]["message"]["pinned_message"]["message_id"], id);
    assert_eq!(telegram.send(SUPERGROUP, "y").await, id + 2);
}

#[tokio::test]
async fn updates_are_confirmed_by_offset_forgotten_after_a_day_and_never_our_own() {
    let telegram = Telegram::quiet().await;
    let get = async |args: Value| -> Vec<(i64, String)> {
        let updates = telegram.done("getUpdates", args).await;
        let one = |update: &Value| {
            let text = update["message"]["text"].as_str().unwrap_or_default().to_owned();
            (update["update_id"].as_i64().unwrap(), text)
        };
        updates.as_array().unwrap().iter().map(one).collect()
    };
    telegram.send(GROUP, "своё").await;
    for text in ["раз", "два", "три"] {
        telegram.api.foreign_message(GROUP, "Иван", text);
    }
    let all = get(json!({})).await;
    assert_eq!(all.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["раз", "два", "три"]);
    assert_eq!(get(json!({"limit": 2})).await, all[..2]);
    assert_eq!(get(json!({"offset": all[1].0})).await, all[1..]);
    assert_eq!(get(json!({"offset": 0})).await, all[1..]);
    assert_eq!(get(json!({"offset": -1})).await, all[2..]);
    telegram.clock.advance(TimeDelta::hours(24));
    assert_eq!(get(json!({})).await, []);
    telegram.api.with_chat(GROUP, |chat| chat.bot = Standing::Kicked);
    telegram.api.foreign_message(GROUP, "Иван", "за глаза");
    let updates = telegram.done("getUpdates", json!({"allowed_updates": ["message"]})).await;
    assert_eq!(updates[0]["my_chat_member"]["new_chat_member"]["status"], "kicked");
    assert_eq!(updates.as_array().unwrap().len(), 1);
    telegram.api.with_chat(GROUP, |chat| chat.bot = Standing::Member);
    assert_eq!(get(json!({})).await.len(), 1, "the bot asked for messages only");
}

#[tokio::test]
async fn a_long_poll_waits_for_an_update_or_for_its_time() {
    let telegram = Telegram::quiet().await;
    let poll = || telegram.call("getUpdates", json!({"timeout": 30}));
    let (answer, ()) = tokio::join!(poll(), async {
        until(|| telegram.api.requests().len() == 1).await;
        telegram.api.foreign_message(PERSON, "Ольга", "/start");
    });
    assert_eq!(answer.1["result"][0]["message"]["entities"][0]["type"], "bot_command");
    let id = answer.1["result"][0]["update_id"].as_i64().unwrap();
    let poll = telegram.call("getUpdates", json!({"timeout": 30, "offset": id + 1}));
    let (answer, ()) = tokio::join!(poll, async {
        until(|| telegram.api.requests().len() == 2).await;
        telegram.clock.advance(TimeDelta::seconds(30));
    });
    assert_eq!(answer, (200, json!({"ok": true, "result": []})));
}

#[tokio::test]
async fn of_two_polls_the_older_one_is_sent_away() {
    let telegram = Telegram::quiet().await;
    let older = telegram.refused("getUpdates", json!({"timeout": 50}));
    let (older, newer) = tokio::join!(older, async {
        until(|| telegram.api.requests().len() == 1).await;
        telegram.done("getUpdates", json!({})).await
    });
    let why =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    assert_eq!(older, (409, why.to_owned()));
    assert_eq!(newer, json!([]));
}

#[tokio::test]
async fn nobody_polls_beside_a_webhook() {
    let telegram = Telegram::quiet().await;
    telegram.api.set_webhook(Some("https://x.ru/hook"));
    let why = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    assert_eq!(telegram.refused("getUpdates", json!({})).await, (409, why.to_owned()));
    assert_eq!(telegram.done("getWebhookInfo", json!({})).await["url"], "https://x.ru/hook");
    telegram.done("deleteWebhook", json!({})).await;
    assert_eq!(telegram.done("getUpdates", json!({})).await, json!([]));
}

#[tokio::test]
async fn teloxide_understands_every_answer_it_asks_for() {
    use teloxide::prelude::*;
    use teloxide::types::{
        BotCommand, ChatKind, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, ParseMode, UpdateKind,
        UserId,
    };
    let telegram = Telegram::quiet().await;
    let bot = Bot::with_client(telegram.api.token(), telegram.http.clone())
        .set_api_url(telegram.api.url().parse().unwrap());
    assert_eq!(bot.get_me().await.unwrap().username(), "svodka_bot");
    bot.delete_webhook().await.unwrap();
    assert_eq!(bot.get_webhook_info().await.unwrap().pending_update_count, 0);
    for id in [PERSON, GROUP, SUPERGROUP, FORUM, CHANNEL] {
        let chat = bot.get_chat(ChatId(id)).await.unwrap();
        assert_eq!(chat.id, ChatId(id));
        let member = bot.get_chat_member(ChatId(id), UserId(700_000_001)).await.unwrap();
        assert!(member.is_present());
        let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Ок", "ok")]]);
        let sent = bot.send_message(ChatId(id), "<b>x</b> <pre>y</pre>").parse_mode(ParseMode::Html);
        let sent = sent.reply_markup(keyboard).await.unwrap();
        assert_eq!(sent.entities().unwrap().len(), 2);
        assert_eq!(matches!(sent.chat.kind, ChatKind::Private(_)), id == PERSON);
        let edited = bot.edit_message_text(ChatId(id), sent.id, "y").await.unwrap();
        assert!(edited.edit_date().is_some());
        telegram.api.foreign_message(id, "Иван", "/help");
    }
    let file = InputFile::memory(b"a;b".to_vec()).file_name("a.csv");
    let sent = bot.send_document(ChatId(PERSON), file).caption("итог").await.unwrap();
    assert_eq!(sent.document().unwrap().file.size, 3);
    bot.forward_message(ChatId(PERSON), ChatId(SUPERGROUP), teloxide::types::MessageId(1)).await.unwrap();
    let commands = [BotCommand::new("help", "справка")];
    bot.set_my_commands(commands.clone()).await.unwrap();
    assert_eq!(bot.get_my_commands().await.unwrap(), commands);
    telegram.api.with_chat(GROUP, |chat| chat.bot = Standing::Kicked);
    telegram.api.with_chat(FORUM, |chat| chat.bot = Standing::Administrator);
    let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Ок", "ok")]]);
    let sent = bot.send_message(ChatId(PERSON), "x").reply_markup(keyboard).await.unwrap();
    telegram.api.press_button(PERSON, i64::from(sent.id.0), "Ольга", "ok").unwrap();
    telegram.api.add_chat(SimChat::group(-5, "Старая"));
    telegram.api.migrate(-5, -1_001_000_000_005);
    let updates = bot.get_updates().await.unwrap();
    let unknown = updates.iter().filter(|update| matches!(update.kind, UpdateKind::Error(_))).count();
    assert_eq!((updates.len(), unknown), (10, 0), "{updates:#?}");
    assert_eq!(telegram.api.leftovers(), Vec::<String>::new());
    let refused = bot.send_message(ChatId(-5), "x").await.unwrap_err();
    assert!(matches!(refused, teloxide::RequestError::MigrateToChatId(_)), "{refused:?}");
}

#[tokio::test]
async fn too_many_messages_to_a_chat_are_refused_with_the_seconds_to_wait() {
    let telegram = Telegram::start(Flood::Strict).await;
    for _ in 0..3 {
        telegram.send(PERSON, "x").await;
    }
    let response = telegram.try_call("sendMessage", json!({"chat_id": PERSON, "text": "x"})).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["description"], "Too Many Requests: retry after 1");
    assert_eq!(body["parameters"], json!({"retry_after": 1}));
    assert_eq!(telegram.api.leftovers(), Vec::<String>::new());
    telegram.send(GROUP, "другому чату можно").await;
    let again = telegram.call("sendMessage", json!({"chat_id": PERSON, "text": "x"})).await;
    assert_eq!(again.0, 429);
    assert_eq!(telegram.api.leftovers(), ["sendMessage came before retry_after was over"]);
    telegram.clock.advance(TimeDelta::seconds(1));
    telegram.send(PERSON, "x").await;
    assert_eq!(telegram.api.messages(PERSON).len(), 4);
}

#[tokio::test]
async fn a_group_takes_twenty_messages_and_edits_a_minute() {
    let telegram = Telegram::start(Flood::Strict).await;
    let id = telegram.send(GROUP, "x").await;
    for n in 0..19 {
        telegram.clock.advance(TimeDelta::seconds(1));
        telegram.done("editMessageText", json!({"chat_id": GROUP, "message_id": id, "text": n})).await;
    }
    telegram.clock.advance(TimeDelta::seconds(1));
    let edit = json!({"chat_id": GROUP, "message_id": id, "text": "ещё"});
    let (status, body) = telegram.call("editMessageText", edit.clone()).await;
    assert_eq!((status, &body["parameters"]["retry_after"]), (429, &json!(40)));
    telegram.clock.advance(TimeDelta::seconds(40));
    telegram.done("editMessageText", edit).await;
}

#[tokio::test]
async fn the_bot_takes_thirty_messages_a_second_over_all_chats() {
    let telegram = Telegram::start(Flood::Strict).await;
    for person in 1000..1031 {
        telegram.api.add_chat(SimChat::private(person, "Читатель"));
    }
    for person in 1000..1030 {
        telegram.send(person, "x").await;
    }
    let (status, _) = telegram.call("sendMessage", json!({"chat_id": 1030, "text": "x"})).await;
    assert_eq!(status, 429);
    telegram.clock.advance(TimeDelta::seconds(1));
    telegram.send(1030, "x").await;
}

#[tokio::test]
async fn a_short_overrun_is_waited_out_inside_the_server_even_when_the_client_is_gone() {
    let telegram = Telegram::start(Flood::Absorb).await;
    for _ in 0..3 {
        telegram.send(PERSON, "x").await;
    }
    let (id, ()) = tokio::join!(telegram.send(PERSON, "ждёт"), async {
        until(|| telegram.api.requests().len() == 4).await;
        assert_eq!(telegram.api.messages(PERSON).len(), 3);
        telegram.clock.advance(TimeDelta::seconds(1));
    });
    assert_eq!(id, 4);
    let gone = telegram.try_call("sendMessage", json!({"chat_id": PERSON, "text": "ушёл"}));
    tokio::select! {
        _ = gone => panic!("nothing moves the clock"),
        () = until(|| telegram.api.requests().len() == 5) => {}
    }
    telegram.clock.advance(TimeDelta::seconds(1));
    assert_eq!(telegram.api.messages(PERSON).last().unwrap().text, "ушёл");
    let record = &telegram.api.requests()[4];
    assert_eq!((record.status, record.message_id), (None, Some(5)));
    assert_eq!(record.committed_at, Some(start() + TimeDelta::seconds(2)));
}

#[tokio::test]
async fn before_the_commit_nothing_happens_whatever_the_sender_hears() {
    let telegram = Telegram::quiet().await;
    let args = json!({"chat_id": PERSON, "text": "x"});
    let faults = [
        (BeforeCommit::BadGatewayHtml, Some(502)),
        (BeforeCommit::BadGatewayJson, Some(502)),
        (BeforeCommit::Restart, Some(500)),
        (BeforeCommit::Unauthorized, Some(401)),
        (BeforeCommit::TooManyRequests { retry_after: 7, header: true }, Some(429)),
        (BeforeCommit::TooManyRequests { retry_after: 7, header: false }, Some(429)),
        (BeforeCommit::Close, None),
    ];
    for (fault, status) in faults {
        telegram.api.fault(Fault::before(fault).on("sendMessage"));
        let response = telegram.try_call("sendMessage", args.clone()).await;
        assert_eq!(response.as_ref().ok().map(|response| response.status().as_u16()), status, "{fault:?}");
        let record = telegram.api.requests().pop().unwrap();
        assert_eq!((record.status, record.message_id), (status, None), "{fault:?}");
        assert_eq!(record.fault, Some(Effect::Before(fault)));
        let Ok(response) = response else { continue };
        let with_header = response.headers().contains_key("retry-after");
        assert_eq!(with_header, matches!(fault, BeforeCommit::TooManyRequests { header: true, .. }));
        let body = response.text().await.unwrap();
        assert_eq!(body.starts_with("<html>"), fault == BeforeCommit::BadGatewayHtml, "{body}");
    }
    assert!(telegram.api.messages(PERSON).is_empty());
}

#[tokio::test]
async fn after_the_commit_the_message_is_there_whatever_the_sender_hears() {
    let telegram = Telegram::quiet().await;
    let args = json!({"chat_id": PERSON, "text": "чай"});
    let mut heard = Vec::new();
    for fault in [
        AfterCommit::Close,
        AfterCommit::ResetMidBody,
        AfterCommit::TruncatedJson,
        AfterCommit::BadGatewayHtml,
        AfterCommit::Garbage,
        AfterCommit::UnknownFields,
        AfterCommit::UnknownChatType,
        AfterCommit::MessageIdZero,
    ] {
        let before = telegram.api.messages(PERSON).len();
        telegram.api.fault(Fault::after(fault).on("sendMessage").in_chat(PERSON));
        let sound = match telegram.try_call("sendMessage", args.clone()).await {
            Err(error) => format!("no answer, connect={}", error.is_connect()),
            Ok(response) => {
                let status = response.status().as_u16();
                match response.text().await {
                    Err(_) => format!("{status} broken off"),
                    Ok(body) => match serde_json::from_str::<Value>(&body) {
                        Err(_) => format!("{status} no JSON"),
                        Ok(body) => format!(
                            "{status} id={} type={} extra={}",
                            body["result"]["message_id"],
                            body["result"]["chat"]["type"].as_str().unwrap(),
                            body.get("served_by").is_some()
                        ),
                    },
                }
            }
        };
        assert_eq!(telegram.api.messages(PERSON).len(), before + 1, "{fault:?}");
        assert_eq!(telegram.api.requests().pop().unwrap().message_id, Some(before as i64 + 1), "{fault:?}");
        heard.push(sound);
    }
    assert_eq!(
        heard,
        [
            "no answer, connect=false",
            "200 broken off",
            "200 no JSON",
            "502 no JSON",
            "200 no JSON",
            "200 id=6 type=private extra=true",
            "200 id=7 type=galaxy extra=false",
            "200 id=0 type=private extra=false",
        ]
    );
}

#[tokio::test]
async fn a_request_that_is_never_answered_is_let_go_with_the_faults() {
    let telegram = Telegram::quiet().await;
    telegram.api.fault(Fault::after(AfterCommit::NeverAnswer));
    let sending = telegram.try_call("sendMessage", json!({"chat_id": PERSON, "text": "x"}));
    let (answer, ()) = tokio::join!(sending, async {
        until(|| telegram.api.messages(PERSON).len() == 1).await;
        telegram.api.clear_faults();
    });
    assert!(answer.is_err());
    assert_eq!(telegram.api.requests()[0].status, None);
}

#[tokio::test]
async fn a_late_commit_appears_when_its_time_comes_also_after_the_second_try() {
    let telegram = Telegram::quiet().await;
    telegram.api.fault(Fault::late_commit(60).on("sendMessage"));
    let args = json!({"chat_id": SUPERGROUP, "text": "первый"});
    let gone = telegram.try_call("sendMessage", args);
    tokio::select! {
        _ = gone => panic!("a late commit is not answered"),
        () = until(|| telegram.api.requests().len() == 1) => {}
    }
    telegram.clock.advance(TimeDelta::seconds(59));
    assert!(telegram.api.messages(SUPERGROUP).is_empty());
    assert_eq!(telegram.send(SUPERGROUP, "второй").await, 1);
    telegram.clock.advance(TimeDelta::seconds(10));
    let texts: Vec<_> = telegram.api.messages(SUPERGROUP).into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["второй", "первый"]);
    let record = &telegram.api.requests()[0];
    assert_eq!((record.message_id, record.committed_at), (Some(2), Some(start() + TimeDelta::seconds(60))));
}

#[tokio::test]
async fn faults_strike_the_nth_matching_request_a_number_of_times_or_by_chance() {
    let telegram = Telegram::quiet().await;
    let restart = || Fault::before(BeforeCommit::Restart).on("sendMessage");
    let statuses = async |count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            telegram.done("getMe", json!({})).await;
            statuses.push(telegram.call("sendMessage", json!({"chat_id": PERSON, "text": "x"})).await.0);
        }
        statuses
    };
    telegram.api.fault(restart().nth(2).times(2));
    assert_eq!(statuses(4).await, [200, 500, 500, 200]);
    telegram.api.fault(restart().in_chat(GROUP));
    assert_eq!(statuses(1).await, [200]);
    assert_eq!(telegram.api.leftovers().len(), 1);
    telegram.api.clear_faults();
    assert!(telegram.api.leftovers().is_empty());
    telegram.api.fault(restart().with_probability(0.5, 7));
    let first = statuses(20).await;
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
    telegram.api.clear_faults();
    telegram.api.fault(restart().with_probability(0.5, 7));
    assert_eq!(statuses(20).await, first);
}

#[tokio::test]
async fn after_the_shutdown_nobody_listens() {
    let telegram = Telegram::quiet().await;
    let (poll, ()) = tokio::join!(telegram.call("getUpdates", json!({"timeout": 50})), async {
        until(|| telegram.api.requests().len() == 1).await;
        telegram.api.shutdown().await;
    });
    assert_eq!(poll.0, 200);
    let error = telegram.try_call("getMe", json!({})).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn the_preview_shows_chats_as_a_reader_sees_them_and_lets_him_answer() {
    let telegram = Telegram::quiet().await;
    let page = async |path: &str| {
        let response = telegram.http.get(format!("{}{path}", telegram.api.url())).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    };
    telegram.api.foreign_message(SUPERGROUP, "<script>Иван", "1 < 2 & <b>не жирный</b>");
    let keyboard = json!({"inline_keyboard": [[{"text": "Принято", "callback_data": "ack"}]]});
    let text = "<b>Итог</b> <a href=\"https://x.ru/?a=\"\"=1>чай</a>";
    let args =
        json!({"chat_id": SUPERGROUP, "text": text, "parse_mode": "HTML", "disable_notification": true});
    let refused = telegram.refused("sendMessage", args).await;
    assert_eq!(refused, bad("can't parse entities: Empty attribute name in the tag \"a\" at byte offset 16"));
    let args = json!({"chat_id": SUPERGROUP, "text": "<b>Итог</b>", "parse_mode": "HTML",
        "disable_notification": true, "reply_markup": keyboard});
    let id = telegram.done("sendMessage", args).await["message_id"].as_i64().unwrap();
    telegram.done("sendMessage", json!({"chat_id": FORUM, "message_thread_id": 6, "text": "остатки"})).await;
    telegram.api.with_chat(FORUM, |chat| chat.topics[1].closed = true);

    let list = page("/").await;
    assert!(list.contains("Руководство") && list.contains("Итог") && list.contains("Сообщений пока нет"));
    let chat = page(&format!("/chat/{SUPERGROUP}")).await;
    assert!(chat.contains("<b>Итог</b>") && chat.contains("тихо") && chat.contains("2 марта"));
    assert!(chat.contains("<time>09:00</time>"), "06:00 UTC is 09:00 in Moscow");
    assert!(chat.contains("1 &lt; 2 &amp; &lt;b&gt;не жирный") && !chat.contains("<script>Иван"));
    assert!(!chat.contains("изменено") && chat.contains("Принято"));
    assert!(!chat.contains("src=") && !chat.contains("url("), "no outside assets");
    assert!(page(&format!("/chat/{FORUM}?topic=6")).await.contains("остатки"));
    let other_topic = page(&format!("/chat/{FORUM}?topic=5")).await;
    assert!(!other_topic.contains("остатки") && other_topic.contains("Склад · закрыта"));

    let edit = json!({"chat_id": SUPERGROUP, "message_id": id, "text": "Итог дня", "reply_markup": keyboard});
    telegram.done("editMessageText", edit).await;
    assert!(page(&format!("/chat/{SUPERGROUP}")).await.contains("изменено"));
    let post = async |path: String, form: String| {
        let request = telegram.http.post(format!("{}{path}", telegram.api.url())).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(request.send().await.unwrap().status(), 303);
    };
    post(format!("/chat/{SUPERGROUP}/press"), format!("message={id}&data=ack")).await;
    post(format!("/chat/{FORUM}/say"), "topic=5&text=%2Fstatus".to_owned()).await;
    let updates = telegram.done("getUpdates", json!({"offset": -2})).await;
    assert_eq!(updates[0]["callback_query"]["data"], "ack");
    assert_eq!(
        (&updates[1]["message"]["text"], &updates[1]["message"]["message_thread_id"]),
        (&json!("/status"), &json!(5))
    );
    let missing = telegram.http.get(format!("{}/chat/1", telegram.api.url())).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn asking_again_for_the_same_updates_is_slowed_down_to_three_seconds() {
    let clock = ManualClock::new(start());
    let options = TelegramOptions { stretch_polls: true, ..TelegramOptions::default() };
    let api = TelegramApi::start(Arc::new(clock.clone()), options).await.unwrap();
    let telegram = Telegram { api, clock, http: client(&ClientOptions::default()).unwrap() };
    assert_eq!(telegram.done("getUpdates", json!({})).await, json!([]));
    telegram.clock.advance(TimeDelta::seconds(2));
    let mut second = Box::pin(telegram.done("getUpdates", json!({})));
    tokio::select! {
        _ = &mut second => panic!("the poll is too early to be answered"),
        () = until(|| telegram.api.requests().len() == 2) => {}
    }
    telegram.clock.advance(TimeDelta::seconds(3));
    assert_eq!(second.await, json!([]));
}

#[tokio::test]
async fn a_misspelt_argument_is_a_leftover() {
    let telegram = Telegram::quiet().await;
    telegram.done("sendMessage", json!({"chat_id": PERSON, "text": "x", "parsemode": "HTML"})).await;
    assert_eq!(telegram.api.leftovers(), ["sendMessage has no argument parsemode"]);
}

/// Waits, on the runtime and not on the scenario's clock, until the other side has come so far.
async fn until(mut done: impl FnMut() -> bool) {
    let coming = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), coming).await.expect("it never came to this");
}
