//! The way to Telegram: through an HTTP proxy, through SOCKS5, to a server of one's own under a path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::SecretString;
use svodka::bot::{PollerSettings, list_chats_once};
use svodka::clock::SharedClock;
use svodka::deliver::telegram::Text;
use svodka::deliver::{ChatId, TelegramClient, TelegramConfig, doctor};
use svodka::outbound::ClientOptions;
use svodka::sandbox::telegram::Flood;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::delivery::{MANAGERS, Post};
use crate::support::stores::temp_store;

/// A proxy that passes everything on to one server and counts the connections.
async fn proxy(to: String, is_socks: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (scheme, port) = (if is_socks { "socks5h" } else { "http" }, listener.local_addr().unwrap().port());
    let passed = Arc::new(AtomicUsize::new(0));
    let count = passed.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (to, count) = (to.clone(), count.clone());
            tokio::spawn(async move {
                if is_socks && greet(&mut client).await.is_err() {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                if let Ok(mut server) = TcpStream::connect(&to).await {
                    // Ends when either side hangs up.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    (format!("{scheme}://127.0.0.1:{port}"), passed)
}

/// The greeting of SOCKS 5 (RFC 1928) without a password; whatever is asked for is granted.
async fn greet(client: &mut TcpStream) -> std::io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    client.read_exact(&mut vec![0; usize::from(head[1])]).await?;
    client.write_all(&[5, 0]).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let length = match request[3] {
        1 => 4,
        3 => usize::from(client.read_u8().await?),
        _ => 16,
    };
    client.read_exact(&mut vec![0; length + 2]).await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

fn client(post: &Post, proxy: Option<String>) -> TelegramClient {
    let http = ClientOptions { proxy, ..ClientOptions::default() };
    let (api_url, token) = (post.telegram.url().parse().unwrap(), SecretString::from(post.telegram.token()));
    TelegramClient::new(TelegramConfig { api_url, token, http }).unwrap()
}

#[tokio::test]
async fn messages_and_updates_go_through_either_kind_of_proxy() {
    for is_socks in [false, true] {
        let store = temp_store().await;
        let post = Post::open(store.clone(), Flood::Off).await;
        let address = post.telegram.url().trim_start_matches("http://").to_owned();
        let (proxy, passed) = proxy(address, is_socks).await;
        let text = Text {
            body: "через прокси".to_owned(),
            is_html: false,
            topic: None,
            is_silent: false,
            keyboard: None,
            reply_to: None,
        };
        let sent =
            client(&post, Some(proxy.clone())).send_message(&ChatId::Id(MANAGERS), &text).await.unwrap();
        assert_eq!(sent.ok, Some(true), "{proxy}");
        let sent_by = passed.load(Ordering::SeqCst);
        assert!(sent_by > 0, "{proxy}");

        post.telegram.foreign_message(MANAGERS, "Анна", "/id");
        let settings = PollerSettings {
            api_url: post.telegram.url().parse().unwrap(),
            token: SecretString::from(post.telegram.token()),
            http: ClientOptions { proxy: Some(proxy.clone()), ..ClientOptions::default() },
            poll_secs: 0,
        };
        let clock: SharedClock = Arc::new(post.clock.clone());
        let seen = list_chats_once(&settings, &clock).await.unwrap();
        assert_eq!(seen.iter().map(|chat| chat.id).collect::<Vec<_>>(), [MANAGERS], "{proxy}");
        assert!(passed.load(Ordering::SeqCst) > sent_by, "{proxy}");
    }
}

#[tokio::test]
async fn the_doctor_tells_a_proxy_that_leads_nowhere_from_a_good_one() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    let address = post.telegram.url().trim_start_matches("http://").to_owned();
    let (good, _) = proxy(address, true).await;
    let found = doctor::check(&client(&post, Some(good)), &BTreeMap::new()).await;
    assert_eq!(found[0].result.as_deref(), Ok("the token is @svodka_bot's"), "{found:?}");
    // A port that was just free and is closed again.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "socks5h"] {
        let found =
            doctor::check(&client(&post, Some(format!("{scheme}://{closed}"))), &BTreeMap::new()).await;
        let fix = found[0].result.as_ref().unwrap_err();
        assert!(fix.contains("telegram.proxy") && !fix.contains(&post.telegram.token()), "{fix}");
    }
}
