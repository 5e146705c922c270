//! Word from other processes: that a run was admitted, or a claim ended.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::poll_fn;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Fault;
use super::server::CONNECT;

/// Tells those that listen.
pub(super) const NOTIFY: &str = "SELECT pg_notify('hob', '')";

/// How long nobody looks who heard nothing: word may be lost.
const POLL: Duration = Duration::from_secs(2);

/// Before a listener that was cut off connects again.
const AGAIN: Duration = Duration::from_millis(500);

/// One connection that listens, from the first question for news until this is dropped.
pub(super) struct News {
    config: Config,
    tls: MakeRustlsConnect,
    heard: Arc<Notify>,
    listener: OnceLock<AbortHandle>,
}

impl News {
    pub(super) fn new(config: Config, tls: MakeRustlsConnect) -> Self {
        Self { config, tls, heard: Arc::default(), listener: OnceLock::new() }
    }

    /// Ends with the next word, or after a while.
    pub(super) async fn next(&self) {
        self.listener.get_or_init(|| {
            let (config, tls, heard) = (self.config.clone(), self.tls.clone(), self.heard.clone());
            tokio::spawn(async move {
                loop {
                    // Why it ended is told by the next statement; until it is back, there is the poll.
                    let _ = listen(&config, &tls, &heard).await;
                    sleep(AGAIN).await;
                }
            })
            .abort_handle()
        });
        let _ = timeout(POLL, self.heard.notified()).await;
    }
}

impl Drop for News {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

async fn listen(config: &Config, tls: &MakeRustlsConnect, heard: &Notify) -> Result<(), Fault> {
    let connected = timeout(CONNECT, config.connect(tls.clone())).await;
    let (client, mut connection) = connected.map_err(|_| Fault::Silent)??;
    let listening = client.batch_execute("LISTEN hob");
    let hearing = async {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(_) = message? {
                tell(heard);
            }
        }
        Err(Fault::Silent)
    };
    // Hearing never ends well.
    let listening = async {
        listening.await?;
        // What was told while nobody listened.
        tell(heard);
        std::future::pending().await
    };
    tokio::select! {
        ended = hearing => ended,
        ended = listening => ended,
    }
}

/// Wakes all that wait, and the next one who would have.
fn tell(heard: &Notify) {
    heard.notify_waiters();
    heard.notify_one();
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}
