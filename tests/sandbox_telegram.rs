//! The stand-in of the Telegram Bot API keeps Telegram's rules: one test per rule, over HTTP.

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
