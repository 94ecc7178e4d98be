//! Which servers are trusted, read from files before anything is connected.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use redis::{ClientTlsConfig, TlsCertificates};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::super::super::UrlError;
use super::super::super::url::bad;
use super::super::config::RedisConfig;

/// The content of the files `ca`, `cert` and `key`.
pub struct Trust {
    /// For connections that redis-rs makes.
    pub certificates: Option<TlsCertificates>,
    /// For those that are made here, because redis-rs refuses a server whose certificate is itself the one
    /// to trust. `None` to trust what the operating system trusts.
    pub pinned: Option<Arc<ClientConfig>>,
}

impl Trust {
    /// Reads the files that are named, and refuses what cannot work.
    pub fn read(config: &RedisConfig) -> Result<Self, UrlError> {
        let ca = config.ca.as_deref().map(|path| File::read("ca", path)).transpose()?;
        let cert = config.cert.as_deref().map(|path| File::read("cert", path)).transpose()?;
        let key = config.key.as_deref().map(|path| File::read("key", path)).transpose()?;
        if ca.is_none() && cert.is_none() {
            return Ok(Self { certificates: None, pinned: None });
        }
        let provider = provider();
        let mut roots = RootCertStore::empty();
        let mut trusted = Vec::new();
        if let Some(ca) = &ca {
            trusted = ca.certificates()?;
            for certificate in &trusted {
                let unfit = |_| ca.refuse("it holds a certificate that cannot be trusted");
                roots.add(certificate.clone()).map_err(unfit)?;
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("use of TLS", "", &error.to_string()))?;
        // Without `ca` these trust nobody, and serve to check that certificate and key fit.
        let builder = builder.with_root_certificates(roots.clone());
        let mut tls = match (&cert, &key) {
            (Some(cert), Some(key)) => {
                let unfit = |_| key.refuse("it is not the key of the certificate in `cert`");
                let (chain, secret) = (cert.certificates()?, key.private_key()?);
                builder.with_client_auth_cert(chain, secret).map_err(unfit)?
            }
            _ => builder.with_no_client_auth(),
        };
        let mut pinned = None;
        if let Some(ca) = &ca {
            let unfit = |_| ca.refuse("it holds no certificate to trust");
            let usual = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
            let usual = usual.build().map_err(unfit)?;
            tls.dangerous().set_certificate_verifier(Arc::new(Pinned { usual, trusted }));
            pinned = Some(Arc::new(tls));
        }
        let client_tls = cert.zip(key).map(|(cert, key)| ClientTlsConfig {
            client_cert: cert.content,
            client_key: key.content,
        });
        let root_cert = ca.map(|ca| ca.content);
        Ok(Self { certificates: Some(TlsCertificates { client_tls, root_cert }), pinned })
    }
}

/// The cryptography that an application has chosen, or else ours.
pub fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // Fails only if another thread has just chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let chosen = CryptoProvider::get_default().cloned();
    chosen.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}

/// One of the files.
struct File<'a> {
    name: &'static str,
    path: &'a Path,
    content: Vec<u8>,
}

impl<'a> File<'a> {
    fn read(name: &'static str, path: &'a Path) -> Result<Self, UrlError> {
        let refuse = |error: std::io::Error| {
            bad(name, &path.display().to_string(), &format!("it cannot be read: {error}"))
        };
        Ok(Self { name, path, content: fs::read(path).map_err(refuse)? })
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, UrlError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.content).collect();
        let readable = |der: &CertificateDer<'_>| ParsedCertificate::try_from(der).is_ok();
        match all {
            Ok(all) if !all.is_empty() && all.iter().all(readable) => Ok(all),
            _ => Err(self.refuse("it must hold certificates as PEM (-----BEGIN CERTIFICATE-----)")),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, UrlError> {
        let refuse = |_| self.refuse("it must hold a private key as PEM, without a passphrase");
        PrivateKeyDer::from_pem_slice(&self.content).map_err(refuse)
    }

    fn refuse(&self, expected: &str) -> UrlError {
        bad(self.name, &self.path.display().to_string(), expected)
    }
}

/// Trusts what is signed by the certificates in a file, and those certificates themselves. A server's
/// self-signed certificate usually says of itself that it is an authority's, or that it is none; rustls
/// takes the one for no server's certificate.
#[derive(Debug)]
struct Pinned {
    usual: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.trusted.iter().any(|trusted| trusted == end_entity) {
            let usual = &self.usual;
            return usual.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
        }
        let encoding = Error::InvalidCertificate(CertificateError::BadEncoding);
        let (from, to) = validity(end_entity).ok_or(encoding)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if seconds < from {
            return Err(CertificateError::NotValidYet.into());
        }
        if seconds > to {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// From when to when a certificate is valid, in seconds since the epoch (RFC 5280, 4.1).
fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // The version is optional; serial number, signature algorithm and issuer are not.
    if let Some((VERSION, _, after)) = element(rest) {
        rest = after;
    }
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (tag, from, rest) = element(validity)?;
    let from = moment(tag, from)?;
    let (tag, to, _) = element(rest)?;
    Some((from, moment(tag, to)?))
}

const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Takes the first element of DER off: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let digit = |length: usize, digit: &u8| length << 8 | usize::from(*digit);
            (digits.iter().fold(0, digit), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// A moment as certificates write it. Years of two digits end with 2049.
fn moment(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let full = match tag {
        GENERALIZED_TIME => text.to_owned(),
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let digits = full.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let moment = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Some(TimeZone::UTC.to_timestamp(moment).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_both_kinds_are_read() {
        assert_eq!(moment(UTC_TIME, b"700101000001Z"), Some(1));
        assert_eq!(moment(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(moment(GENERALIZED_TIME, b"20500101000000Z"), Some(2_524_608_000));
        for (tag, text) in [(UTC_TIME, &b"70010100000Z"[..]), (3, b"700101000001Z")] {
            assert_eq!(moment(tag, text), None);
        }
    }

    #[test]
    fn der_that_ends_early_is_none() {
        assert_eq!(element(&[0x30, 2, 1, 2, 9]), Some((0x30, &[1, 2][..], &[9][..])));
        assert_eq!(element(&[0x30, 0x81, 1, 7]), Some((0x30, &[7][..], &[][..])));
        for der in [&[][..], &[0x30], &[0x30, 2, 1], &[0x30, 0x82, 1], &[0x30, 0x80, 0, 0]] {
            assert_eq!(element(der), None, "{der:?}");
        }
        assert_eq!(validity(&[0x30, 2, 0x30, 0]), None);
    }
}
