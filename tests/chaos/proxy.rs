//! A wire between the program and PostgreSQL that breaks where it hurts: before a commit reaches the server, or after
//! it was done and before its answer is back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What goes wrong on the wire.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Share of commits that break it; half of them before, half after. Of other statements a tenth of that.
    pub share: f64,
    /// The first message that holds this text waits until it is taken out again.
    pub hold_at: Option<&'static str>,
}

/// How often it broke, and whether it holds something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Toll {
    pub before: u64,
    pub after: u64,
    pub is_holding: bool,
}

#[derive(Debug)]
struct State {
    orders: Orders,
    toll: Toll,
    random: ChaCha8Rng,
}

/// The wire of one program.
#[derive(Debug, Clone)]
pub struct Proxy {
    state: Arc<Mutex<State>>,
    url: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Cut {
    Nowhere,
    Before,
    After,
}

impl Proxy {
    /// `url` leads to a server on a unix socket, as the tests' cluster has it.
    pub async fn open(url: &str, seed: u64) -> Self {
        let folder = url.split_once("?host=").unwrap().1.to_owned();
        let database = url.split_once("?host=").unwrap().0.rsplit_once('/').unwrap().1;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let random = ChaCha8Rng::seed_from_u64(seed);
        let state = State { orders: Orders::default(), toll: Toll::default(), random };
        let state = Arc::new(Mutex::new(state));
        tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (state, socket) = (state.clone(), format!("{folder}/.s.PGSQL.5432"));
                    tokio::spawn(async move {
                        if let Ok(server) = UnixStream::connect(socket).await {
                            // Both ends close when this ends, however it ends.
                            let _ = carry(client, server, &state).await;
                        }
                    });
                }
            }
        });
        Self { state, url: format!("postgres://svodka@127.0.0.1:{port}/{database}?sslmode=disable") }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn order(&self, orders: Orders) {
        self.state.lock().unwrap().orders = orders;
    }

    pub fn toll(&self) -> Toll {
        self.state.lock().unwrap().toll
    }
}

/// Carries whole messages there and whatever comes back; returns when either end or the wire is gone.
async fn carry(mut client: TcpStream, mut server: UnixStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let is_doomed = Mutex::new(false);
    let there = async {
        // The first message has no type.
        let mut has_type = false;
        loop {
            let message = read_message(&mut from_client, has_type).await?;
            let cut = if has_type { decide(&message, state).await } else { Cut::Nowhere };
            has_type = true;
            match cut {
                Cut::Before => return Ok(()),
                Cut::After => *is_doomed.lock().unwrap() = true,
                Cut::Nowhere => {}
            }
            to_server.write_all(&message).await?;
        }
    };
    let back = async {
        let mut buffer = vec![0; 65536];
        loop {
            let count = from_server.read(&mut buffer).await?;
            // The server answers a commit when it is done.
            if count == 0 || *is_doomed.lock().unwrap() {
                return Ok(());
            }
            to_client.write_all(&buffer[..count]).await?;
        }
    };
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}

async fn read_message(from: &mut (impl AsyncReadExt + Unpin), has_type: bool) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; if has_type { 5 } else { 4 }];
    from.read_exact(&mut message).await?;
    let length = u32::from_be_bytes(message[message.len() - 4..].try_into().unwrap());
    let head = message.len();
    message.resize(head + length as usize - 4, 0);
    from.read_exact(&mut message[head..]).await?;
    Ok(message)
}

async fn decide(message: &[u8], state: &Mutex<State>) -> Cut {
    while is_held(message, state) {
        pause().await;
    }
    let is_commit = message[0] == b'Q' && message[5..].starts_with(b"COMMIT");
    let mut state = state.lock().unwrap();
    let share = match message[0] {
        _ if is_commit => state.orders.share,
        b'S' => state.orders.share / 10.0,
        _ => 0.0,
    };
    if !state.random.random_bool(share) {
        return Cut::Nowhere;
    }
    if state.random.random_bool(0.5) {
        state.toll.before += 1;
        Cut::Before
    } else {
        state.toll.after += 1;
        Cut::After
    }
}

fn is_held(message: &[u8], state: &Mutex<State>) -> bool {
    let mut state = state.lock().unwrap();
    let Some(text) = state.orders.hold_at else {
        state.toll.is_holding = false;
        return false;
    };
    let is_held = message.windows(text.len()).any(|window| window == text.as_bytes());
    state.toll.is_holding |= is_held;
    is_held
}

#[expect(clippy::disallowed_methods, reason = "another process lives by the real clock")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
