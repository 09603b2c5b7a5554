//! The way out: how HTTP clients are built, how randomness and backoff are made, how an error is told without
//! telling a secret.
//!
//! Retries belong to the callers, one layer each: `collect` repeats its GETs, `deliver` repeats a send by its row in
//! the outbox. Nothing here repeats anything.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How to reach the outside.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the start of the request to the last byte of the answer.
    pub timeout: Duration,
    /// `http://…` or `socks5h://…`; `None` = direct. Environment proxies are not used: a route must be visible in the config.
    pub proxy: Option<String>,
    /// A PEM file of further root certificates, for a company proxy.
    pub extra_ca_file: Option<PathBuf>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        let (connect_timeout, timeout) = (Duration::from_secs(5), Duration::from_secs(30));
        Self { connect_timeout, timeout, proxy: None, extra_ca_file: None }
    }
}

/// A client could not be built: a wrong proxy address or certificate file.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the proxy address is not usable: {0}")]
    Proxy(String),
    #[error("cannot read the certificates in {path}: {why}")]
    Certificates { path: PathBuf, why: String },
    #[error("cannot build the HTTP client: {0}")]
    Build(String),
}

/// Builds an HTTP client with rustls, explicit timeouts and no redirects (an API that redirects is the wrong address).
pub fn client(options: &ClientOptions) -> Result<reqwest::Client, ClientError> {
    #[expect(clippy::disallowed_methods, reason = "the one place that builds HTTP clients")]
    let mut builder = reqwest::Client::builder()
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("svodka/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .no_proxy();
    if let Some(proxy) = &options.proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(|error| ClientError::Proxy(describe(&error)))?;
        builder = builder.proxy(proxy);
    }
    if let Some(path) = &options.extra_ca_file {
        let fail = |why: String| ClientError::Certificates { path: path.clone(), why };
        let pem = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        for certificate in
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| fail(describe(&error)))?
        {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| ClientError::Build(describe(&error)))
}

/// The causes of an error in one line, without the URL: it may hold a token.
pub fn describe(error: &reqwest::Error) -> String {
    let mut text = match () {
        () if error.is_timeout() && error.is_connect() => "connecting timed out".to_owned(),
        () if error.is_timeout() => "no answer in time".to_owned(),
        () if error.is_connect() => "cannot connect".to_owned(),
        () if error.is_body() || error.is_decode() => "the answer broke off".to_owned(),
        () => "the request failed".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // hyper repeats the URL in none of its causes; a text that holds one is left out all the same.
        if !cause_text.contains("://") && !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Randomness for backoff and jitter, seeded by the caller. Clones share the stream.
#[derive(Debug, Clone)]
pub struct Jitter(Arc<Mutex<StdRng>>);

impl Jitter {
    /// A reproducible stream.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A stream of its own, for production.
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// `delay` stretched by up to `share` of itself (0.2 = up to 20 % longer); never shorter.
    pub fn stretch(&self, delay: TimeDelta, share: f64) -> TimeDelta {
        let extra = delay.num_milliseconds() as f64 * share * self.unit();
        delay + TimeDelta::milliseconds(extra as i64)
    }
}

/// Capped exponential backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub first: Duration,
    /// No delay is longer.
    pub cap: Duration,
}

impl Backoff {
    /// Delay after failure number `attempt` (from 1): `first × 2^(attempt-1)`, capped, then jittered to between half of
    /// it and all of it, so that workers that failed together do not come back together.
    pub fn delay(&self, attempt: u32, jitter: &Jitter) -> TimeDelta {
        let doubled = self.first.saturating_mul(1_u32 << attempt.saturating_sub(1).min(20));
        let full = TimeDelta::from_std(doubled.min(self.cap)).unwrap_or(TimeDelta::MAX);
        full / 2 + TimeDelta::milliseconds(((full / 2).num_milliseconds() as f64 * jitter.unit()) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_to_its_cap_and_stays_between_half_and_all_of_it() {
        let backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(30) };
        let jitter = Jitter::seeded(1);
        for (attempt, full) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (99, 30)] {
            let delay = backoff.delay(attempt, &jitter);
            assert!(
                delay * 2 >= TimeDelta::seconds(full) && delay <= TimeDelta::seconds(full),
                "{attempt}: {delay}"
            );
        }
    }
}
