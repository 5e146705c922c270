//! A PostgreSQL server, from the programs of this machine, and a database for each test.
//!
//! `HOB_TEST_POSTGRES=postgres://…` names another server, where databases may be made; they are gone
//! when the tests are.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use hob::store::Store;
use hob::telemetry::failpoint::Failpoints;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use super::tool;

/// Whom a server runs as that root starts: it refuses to be root's.
const NOBODY: u32 = 65_534;

/// Makes the server, starts it as often as a line says so, and ends with its input, however that ends:
/// no test leaves a server behind.
const KEEPER: &str = r#"
set -eu
# Who interrupts the tests ends them alone.
trap '' HUP INT TERM
cd "$1"
"$2/initdb" -D data -U postgres -A "$4" --pwfile=password --no-sync -E UTF8 --locale=C >log 2>&1 || { cat log; exit 1; }
cat settings >>data/postgresql.conf
trap '"$2/pg_ctl" -D data -m immediate stop >>log 2>&1 || true; rm -rf "$1"' EXIT
while read -r verb; do
    case "$verb" in
        start) "$2/pg_ctl" -D data -l log -o "-p $3" -w start >>pg_ctl 2>&1 </dev/null || cat log ;;
        restart) "$2/pg_ctl" -D data -l log -o "-p $3" -m immediate -w restart >>pg_ctl 2>&1 </dev/null || cat log ;;
        *) "$2/pg_ctl" -D data -m "$verb" -w stop >>pg_ctl 2>&1 || cat pg_ctl ;;
    esac
    echo "$verb"
done
"#;

/// A server of our own; stops when dropped, or with this process.
pub(crate) struct Server {
    keeper: Child,
    said: BufReader<ChildStdout>,
    port: u16,
    dir: PathBuf,
}

impl Server {
    /// Starts one that trusts everybody who can reach it; `None`, with a line that says so, where the
    /// programs are not.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("trust", None)
    }

    /// Starts one that asks its user `postgres` for the password `s3cret`.
    pub(crate) fn with_password() -> Option<Self> {
        Self::start_with("scram-sha-256", None)
    }

    /// Starts one that lets nobody in without TLS, by its socket aside; the PEM files are its own.
    pub(crate) fn with_certificate(key: &Path, certificate: &Path) -> Option<Self> {
        Self::start_with("trust", Some((key, certificate)))
    }

    #[expect(clippy::disallowed_methods, reason = "tests start the real program")]
    fn start_with(auth: &str, certificate: Option<(&Path, &Path)>) -> Option<Self> {
        let programs = programs()?;
        let dir = TempDir::new().expect("a temporary directory").keep();
        let socket = format!("unix_socket_directories = '{}'", dir.display());
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut settings = vec![
            "listen_addresses = '127.0.0.1'",
            &socket,
            // A test kills the server, never the machine.
            "fsync = off",
            "full_page_writes = off",
            "wal_level = minimal",
            "max_wal_senders = 0",
            "autovacuum = off",
            "jit = off",
            "shared_buffers = 16MB",
            "max_connections = 200",
        ];
        let rules = format!("hba_file = '{}'", dir.join("hba").display());
        let mut its_own = vec![dir.clone(), dir.join("password")];
        if let Some((key, certificate)) = certificate {
            settings.extend(["ssl = on", "ssl_key_file = '../key'", "ssl_cert_file = '../certificate'", &rules]);
            std::fs::write(dir.join("hba"), "local all all trust\nhostssl all all all trust\n").expect("a file");
            std::fs::copy(key, dir.join("key")).expect("a key");
            std::fs::copy(certificate, dir.join("certificate")).expect("a certificate");
            its_own.push(dir.join("key"));
        }
        std::fs::write(dir.join("settings"), settings.join("\n") + "\n").expect("a file");
        std::fs::write(dir.join("password"), "s3cret").expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&dir).arg(programs).args([&port.to_string(), auth]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if rustix::process::geteuid().is_root() {
            for path in &its_own {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut keeper = command.spawn().expect("it starts");
        let said = BufReader::new(keeper.stdout.take().expect("a pipe"));
        let mut server = Self { keeper, said, port, dir };
        server.say("start");
        Some(server)
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(&mut self) {
        self.say("immediate");
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        self.say("start");
    }

    /// Starts it again, whether or not it has ended by itself.
    pub(crate) fn restart(&mut self) {
        self.say("restart");
    }

    /// `postgres://…` through its socket.
    pub(crate) fn url(&self, database: &str) -> String {
        let dir = self.dir.to_str().expect("UTF-8").replace('/', "%2F");
        format!("postgres://postgres@{dir}:{}/{database}", self.port)
    }

    /// The process of which each connection gets a child.
    pub(crate) fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.dir.join("data/postmaster.pid")).expect("it runs");
        file.lines().next().and_then(|pid| pid.parse().ok()).expect("a number")
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn say(&mut self, verb: &str) {
        use std::io::Write as _;
        let stdin = self.keeper.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{verb}").expect("it listens");
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it answers");
        if line.trim_end() != verb {
            drop(self.keeper.stdin.take());
            let _ = std::io::Read::read_to_string(&mut self.said, &mut line);
            panic!("the server did not {verb}: {line}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Where the server's programs are: some systems keep them off the PATH.
fn programs() -> Option<PathBuf> {
    let is_there = |dir: &PathBuf| dir.join("initdb").exists() && dir.join("pg_ctl").exists();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|dirs| dirs.filter_map(Result::ok).map(|dir| dir.path().join("bin")).filter(is_there).collect())
        .unwrap_or_default();
    versions.sort();
    let initdb = || tool::find("initdb", "apt-get install postgresql");
    versions.pop().or_else(|| initdb()?.canonicalize().ok()?.parent().map(Path::to_owned).filter(is_there))
}

/// A new database for one test, with the tables of this hob; `None`, with a line that says so, where
/// there is no server.
pub(crate) async fn database() -> Option<String> {
    // Copying one is far less work than making its tables.
    static TEMPLATE: OnceCell<Option<String>> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(template).await.as_ref()?;
    made(&server()?, &format!("TEMPLATE {template}")).await
}

/// A new database without anything.
pub(crate) async fn empty_database() -> Option<String> {
    made(&server()?, "").await
}

async fn template() -> Option<String> {
    let url = empty_database().await?;
    drop(Store::postgres(&url.parse().expect("a URL"), None, Failpoints::default()).await.expect("tables"));
    let (_, name) = url.split('?').next()?.rsplit_once('/')?;
    let admin = client(&server()?).await;
    // Nobody may look at what is copied, and the store's connections end when they come to it.
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await.expect("a template");
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    admin.batch_execute(&end).await.expect("its connections end");
    Some(name.to_owned())
}

async fn made(server: &str, like: &str) -> Option<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("hob_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    if lent().is_some() {
        leave_behind(server, &name);
    }
    let admin = client(server).await;
    let version = admin.query_one("SELECT current_setting('server_version_num')::int", &[]).await.expect("a version");
    // The other way, and the only one before 15, writes every page to the log first.
    let strategy = if version.get::<_, i32>(0) < 150_000 { "" } else { "STRATEGY file_copy" };
    admin.batch_execute(&format!("CREATE DATABASE {name} {like} {strategy}")).await.expect("a new database");
    let (before, parameters) =
        server.split_once('?').map_or((server, String::new()), |(url, rest)| (url, format!("?{rest}")));
    let (server, _) = before.rsplit_once('/').expect("a path");
    Some(format!("{server}/{name}{parameters}"))
}

/// The URL of the one server that all tests share.
fn server() -> Option<String> {
    // Its keeper ends with this process.
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    lent().or_else(|| SERVER.get_or_init(Server::start).as_ref().map(|server| server.url("postgres")))
}

/// The server of who runs the tests.
#[expect(clippy::disallowed_methods, reason = "which server is for who runs the tests to say")]
fn lent() -> Option<String> {
    std::env::var("HOB_TEST_POSTGRES").ok()
}

/// The server that [`sweep`] is for.
const SWEEP: &str = "HOB_TEST_POSTGRES_SWEEP";

/// Sees to it that a database is dropped when this process ends, however it ends.
#[expect(clippy::disallowed_methods, reason = "only another process outlives this one")]
fn leave_behind(server: &str, name: &str) {
    use std::io::Write as _;
    static SWEEPER: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let sweeper = SWEEPER.get_or_init(|| {
        let mut sweeper = Command::new(std::env::current_exe().expect("this program"));
        sweeper.args(["--exact", "scene::postgres::sweep", "--ignored", "--nocapture"]).env(SWEEP, server);
        // Not of the group that a terminal interrupts.
        sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        Mutex::new(sweeper.spawn().expect("it starts").stdin.take().expect("a pipe"))
    });
    writeln!(sweeper.lock().expect("nobody panics"), "{name}").expect("it listens");
}

/// Drops the databases that it is told of, when nobody can tell it any more.
#[tokio::test]
#[ignore = "started beside tests that use the server of who runs them"]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
async fn sweep() {
    let Ok(server) = std::env::var(SWEEP) else { return };
    let names: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
    let admin = client(&server).await;
    for name in names {
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.expect("it goes");
    }
}

/// A connection of the test's own, past everything that hob does.
pub(crate) async fn client(url: &str) -> Client {
    let config: Config = url.parse().expect("a URL");
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}
