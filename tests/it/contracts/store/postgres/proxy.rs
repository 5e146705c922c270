//! A line to a server that breaks at a chosen message.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Where a line breaks: at which message, counted in both directions from the moment this is said, and
/// whether the other side still gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) message: usize,
    pub(super) delivered: bool,
}

#[derive(Debug, Default)]
struct Plan {
    cut: Option<Cut>,
    passed: usize,
}

/// Listens on this machine, and passes every message on to the server's socket.
pub(super) struct Proxy {
    plan: Arc<Mutex<Plan>>,
    /// `postgres://…` by way of it.
    pub(super) url: String,
}

impl Proxy {
    /// Before the server that this URL names by its socket.
    pub(super) async fn before(url: &str) -> Self {
        let config: Config = url.parse().unwrap();
        let [Host::Unix(dir)] = config.get_hosts() else { panic!("not a socket: {url}") };
        let socket = dir.join(format!(".s.PGSQL.{}", config.get_ports()[0]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let of_lines = plan.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                client.set_nodelay(true).unwrap();
                let plan = of_lines.clone();
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    // The first message has no kind.
                    let begun = pass(&mut from_client, &mut to_server, b"").await;
                    if begun.is_ok() {
                        // When one direction ends, both do.
                        tokio::select! {
                            _ = passes(&plan, &mut from_client, &mut to_server) => {}
                            _ = passes(&plan, &mut from_server, &mut to_client) => {}
                        }
                    }
                });
            }
        });
        let database = config.get_dbname().unwrap();
        Self { plan, url: format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable") }
    }

    /// Breaks one line there, counted from now.
    pub(super) fn cut(&self, cut: Cut) {
        *self.plan.lock().unwrap() = Plan { cut: Some(cut), passed: 0 };
    }

    /// Breaks none from now on; whether one was broken.
    pub(super) fn mend(&self) -> bool {
        self.plan.lock().unwrap().cut.take().is_none()
    }
}

impl Plan {
    /// Whether the next message is the one.
    fn next(&mut self) -> Option<Cut> {
        self.passed += 1;
        let passed = self.passed;
        self.cut.take_if(|cut| cut.message == passed)
    }
}

async fn passes(
    plan: &Mutex<Plan>,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    loop {
        let kind = from.read_u8().await?;
        let cut = plan.lock().unwrap().next();
        if cut.is_some_and(|cut| !cut.delivered) {
            return Ok(());
        }
        pass(from, to, &[kind]).await?;
        if cut.is_some() {
            return Ok(());
        }
    }
}

/// Passes on a message of this kind: its length, and so many bytes; all at once.
async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), kind: &[u8]) -> io::Result<()> {
    let length = from.read_u32().await?;
    let mut message = [kind, &length.to_be_bytes()].concat();
    from.take(u64::from(length) - 4).read_to_end(&mut message).await?;
    to.write_all(&message).await
}
