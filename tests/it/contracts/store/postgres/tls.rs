//! Each `sslmode` with a server that has a certificate of its own authority.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::scene::postgres::Server;
use crate::scene::tool;

/// An authority, and a certificate of it for a host; `None` where the program is not.
#[expect(clippy::disallowed_methods, reason = "tests start the real program")]
fn certificate(dir: &Path, host: &str) -> Option<()> {
    let openssl = tool::find("openssl", "apt-get install openssl")?;
    for args in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority \
            -keyout ca.key -out ca.pem -addext keyUsage=keyCertSign"
            .to_owned(),
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout server.key -out server.csr"
            .to_owned(),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem -extfile names"
            .to_owned(),
    ] {
        std::fs::write(dir.join("names"), format!("subjectAltName = DNS:{host}")).unwrap();
        let mut command = Command::new(&openssl);
        command.args(args.split_whitespace()).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{args}");
    }
    Some(())
}

/// Whether the connection of a store is encrypted, or why there is none.
async fn connects(url: &str, extra_ca: Option<&[u8]>) -> Result<(), String> {
    let address: Address = url.parse().unwrap();
    let connected = Store::postgres(&address, extra_ca, Failpoints::default()).await;
    connected.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_certificate_is_believed_as_far_as_sslmode_says() {
    let dir = tempfile::tempdir().unwrap();
    for (host, is_named) in [("localhost", true), ("db.example", false)] {
        let Some(()) = certificate(dir.path(), host) else { return };
        let (key, certificate) = (dir.path().join("server.key"), dir.path().join("server.pem"));
        let Some(server) = Server::with_certificate(&key, &certificate) else { return };
        let ca = std::fs::read(dir.path().join("ca.pem")).unwrap();
        let file = dir.path().join("ca.pem");
        let file = format!("sslrootcert={}", file.display());
        let url = |parameters: &str| format!("postgres://postgres@localhost:{}/postgres?{parameters}", server.port());

        for parameters in ["sslmode=require", "sslmode=prefer", "sslmode=disable"] {
            let refused = connects(&url(parameters), None).await.is_err();
            assert_eq!(refused, parameters == "sslmode=disable", "{parameters}");
        }
        for (mode, believed) in [("require", true), ("verify-ca", true), ("verify-full", is_named)] {
            let connected = connects(&url(&format!("sslmode={mode}&{file}")), None).await;
            assert_eq!(connected.is_ok(), believed, "{host} {mode}: {connected:?}");
        }
        // Its authority is not known, unless the operator says so.
        for mode in ["verify-ca", "verify-full"] {
            let refused = connects(&url(&format!("sslmode={mode}")), None).await.unwrap_err();
            assert!(refused.contains("UnknownIssuer") && refused.contains("`sslrootcert`"), "{refused}");
        }
        assert_eq!(connects(&url("sslmode=verify-full"), Some(&ca)).await.is_ok(), is_named);
    }
}
