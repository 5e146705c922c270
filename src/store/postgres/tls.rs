//! TLS to a server that is trusted as far as its address says.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Roots, Trust};

/// What makes connections secure; `extra_ca` is PEM.
///
/// # Errors
/// Why a certificate cannot be used.
pub(super) fn connector(trust: &Trust, extra_ca: Option<&[u8]>) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match trust {
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { provider, signed: None }))
        }
        Trust::Signed(roots) => {
            let roots = Arc::new(store(roots, extra_ca)?);
            let signed = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            let signed = Some(signed.map_err(|error| error.to_string())?);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { provider, signed }))
        }
        Trust::Named(roots) => builder.with_root_certificates(store(roots, extra_ca)?),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn store(roots: &Roots, extra_ca: Option<&[u8]>) -> Result<RootCertStore, String> {
    let (mut store, pem) = match roots {
        Roots::Known => {
            let known = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            (known, extra_ca.map(|pem| ("SSL_CERT_FILE".to_owned(), pem.to_vec())))
        }
        Roots::File(path) => {
            let name = format!("`sslrootcert={}`", path.display());
            let pem = std::fs::read(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
            (RootCertStore::empty(), Some((name, pem)))
        }
    };
    let Some((name, pem)) = pem else { return Ok(store) };
    for root in CertificateDer::pem_slice_iter(&pem) {
        let root = root.map_err(|error| format!("{name} is not PEM: {error}"))?;
        store.add(root).map_err(|error| format!("{name} holds a certificate that cannot be trusted: {error}"))?;
    }
    if store.is_empty() { Err(format!("{name} holds no PEM certificate")) } else { Ok(store) }
}

/// Takes a certificate of whatever host, if need be one that is `signed`. The server proves all the
/// same that it has the key to it.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    signed: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        // The name is looked at last: everything else is right by then.
        match signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
