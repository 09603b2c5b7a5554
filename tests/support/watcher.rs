//! Somebody outside who is told things over HTTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use secrecy::SecretString;

/// A watcher that answers with the given status and remembers what it heard.
#[derive(Clone)]
pub struct Watcher {
    heard: Arc<Mutex<Vec<String>>>,
    status: Arc<Mutex<StatusCode>>,
    pub url: String,
}

impl Watcher {
    /// Listens on a free port of this machine.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let watcher = Self {
            heard: Arc::default(),
            status: Arc::new(Mutex::new(StatusCode::OK)),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = Router::new().fallback(hear).with_state(watcher.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        watcher
    }

    /// An address of its own.
    pub fn address(&self, path: &str) -> SecretString {
        format!("{}/{path}", self.url).into()
    }

    /// What it answers from now on.
    pub fn answer(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    /// Path and body of each request so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits for whoever sends, which works beside the test; gives up only when it certainly never comes.
    pub async fn hears(&self, count: usize) -> Vec<String> {
        let heard = async {
            while self.heard().len() < count {
                tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>()).await.ok();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await.expect("the ping arrives");
        self.heard()
    }
}

async fn hear(State(watcher): State<Watcher>, uri: Uri, body: String) -> StatusCode {
    watcher.heard.lock().unwrap().push(format!("{} {body}", uri.path()));
    *watcher.status.lock().unwrap()
}
