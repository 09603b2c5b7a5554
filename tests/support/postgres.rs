//! A throw-away PostgreSQL cluster for the tests, started by the test process itself.
//!
//! Once per process: `initdb` into a folder under the temporary directory, a server on a unix socket with fsync off, and one
//! migrated template database. Each test gets a copy of the template (~0.1 s) and drops it afterwards.
//!
//! The cluster goes when the process goes, however it ends. A small shell waits on a pipe whose other end only this
//! process holds; the kernel closes it on exit, panic, Ctrl-C and `kill -9` alike, and the shell then stops the server and
//! deletes the folder. It ignores the signals that end the test run, because it must outlive it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use svodka::store::Store;

const TEMPLATE: &str = "svodka_template";
const HOW_TO: &str =
    "install PostgreSQL (Debian: apt-get install postgresql) or point PG_BIN at its bin folder";

/// A running cluster with its migrated template.
pub struct Cluster {
    folder: PathBuf,
    /// Kept for its standard input: when that closes, the cluster is torn down.
    _watchdog: Child,
}

/// A database of one test.
pub struct PgDatabase {
    cluster: &'static Cluster,
    name: String,
}

/// The cluster of this process; `None` when this machine has no PostgreSQL.
///
/// # Panics
/// When `SVODKA_REQUIRE_POSTGRES=1` and there is none, or when it does not start.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| match find_binaries() {
            Some(bin) => Some(Cluster::start(&bin)),
            None => {
                let is_required = std::env::var("SVODKA_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
                assert!(!is_required, "SVODKA_REQUIRE_POSTGRES=1, but no PostgreSQL was found: {HOW_TO}");
                say(&format!("POSTGRESQL TESTS NOT RUN: no PostgreSQL was found; {HOW_TO}"));
                None
            }
        })
        .as_ref()
}

/// Past the test harness, which shows the output of a passing test to nobody.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "\n{line}\n");
}

impl Cluster {
    /// A fresh migrated database.
    pub async fn database(&'static self) -> PgDatabase {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.admin(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await;
        PgDatabase { cluster: self, name }
    }

    /// A fresh database without any table of ours.
    pub async fn empty_database(&'static self) -> PgDatabase {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("empty_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.admin(&format!("CREATE DATABASE {name}")).await;
        PgDatabase { cluster: self, name }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://svodka@localhost/{database}?host={}", self.folder.display())
    }

    async fn admin(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    fn start(bin: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("svodka-pg-").tempdir().unwrap().keep();
        // The server refuses to run as root; it then runs as the user that the Debian package made, or as nobody.
        let user = (fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0))
            .then(|| ["postgres", "nobody"].into_iter().find(|user| is_user(user)))
            .flatten();
        if let Some(user) = user {
            run(Command::new("chown").arg(user).arg(&folder));
        }
        let as_user = |program: PathBuf| match user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let data = folder.join("data");
        let mut initdb = as_user(bin.join("initdb"));
        initdb
            .args(["--no-sync", "-A", "trust", "-U", "svodka", "-E", "UTF8", "--no-locale", "-D"])
            .arg(&data);
        run(initdb.current_dir(&folder));

        // Before the server, so that nothing is left when the process dies in between.
        let pg_ctl = bin.join("pg_ctl");
        let runuser = user.map(|user| format!("runuser -u {user} -- ")).unwrap_or_default();
        let teardown = format!(
            "trap '' INT TERM HUP; read -r line; {runuser}'{}' stop -m immediate -D '{}'; rm -rf '{}'",
            pg_ctl.display(),
            data.display(),
            folder.display(),
        );
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", &teardown]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = watchdog.current_dir("/").process_group(0).spawn().unwrap();

        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c synchronous_commit=off \
             -c full_page_writes=off -c max_connections=200 -c autovacuum=off -c shared_buffers=32MB",
            folder.display()
        );
        let mut start = as_user(pg_ctl);
        start.args(["start", "-w", "-t", "60", "-D"]).arg(&data).arg("-o").arg(settings);
        run(start.arg("-l").arg(folder.join("server.log")).current_dir(&folder));

        let cluster = Self { folder, _watchdog: watchdog };
        cluster.make_template();
        cluster
    }

    /// On a thread and a runtime of its own: the first caller may stand inside any runtime.
    fn make_template(&self) {
        let make = async || {
            self.admin(&format!("CREATE DATABASE {TEMPLATE}")).await;
            let store = Store::connect(&self.url(TEMPLATE)).await.unwrap();
            store.migrate().await.unwrap();
            // A template cannot be copied while somebody is connected to it.
            store.close().await;
        };
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(make());
        };
        std::thread::scope(|scope| scope.spawn(run).join()).unwrap();
    }
}

impl PgDatabase {
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Takes the database away: connections are cut and new ones refused, as by a server that shuts down.
    pub async fn cut(&self) {
        self.cluster.admin(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", self.name)).await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
        self.cluster.admin(&format!("{kill} = '{}'", self.name)).await;
    }

    /// Gives it back.
    pub async fn uncut(&self) {
        self.cluster.admin(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name)).await;
    }

    /// Removes the database, cutting off whoever is still connected.
    pub async fn remove(self) {
        self.cluster.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

/// The folder with `initdb` and `pg_ctl`.
fn find_binaries() -> Option<PathBuf> {
    if let Some(bin) = std::env::var_os("PG_BIN") {
        let bin = PathBuf::from(bin);
        assert!(is_bin(&bin), "PG_BIN={} holds no initdb and pg_ctl", bin.display());
        return Some(bin);
    }
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    // Debian keeps them out of the PATH, by major version.
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    packaged.sort();
    let packaged = packaged.into_iter().rev().map(|(_, bin)| bin);
    let path = std::env::var_os("PATH").unwrap_or_default();
    told.into_iter().chain(packaged).chain(std::env::split_paths(&path)).find(|bin| is_bin(bin))
}

fn is_bin(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

fn is_user(name: &str) -> bool {
    Command::new("id").arg(name).output().is_ok_and(|output| output.status.success())
}

/// Runs a program to its end; its output goes into the panic when it fails. The server must inherit none of our
/// streams, or a pipe that reads the test output would wait for it.
fn run(command: &mut Command) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (out, err) = (log.reopen().unwrap(), log.reopen().unwrap());
    let status = command.stdin(Stdio::null()).stdout(out).stderr(err).status();
    let is_ok = status.as_ref().is_ok_and(|status| status.success());
    assert!(is_ok, "{command:?}: {status:?}\n{}", fs::read_to_string(log.path()).unwrap_or_default());
}
