//! A client of the wire, which signs as AWS's tools do and can send what they never would.

use dev::kms::{Credentials, Kms, sign};
use protocol::sha256;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use time::OffsetDateTime;

pub(crate) const REGION: &str = "eu-central-1";

/// A request to be.
#[derive(Clone)]
pub(crate) struct Draft {
    /// The name that the certificate must show.
    pub(crate) server: String,
    pub(crate) first_line: String,
    pub(crate) region: String,
    /// Headers that are signed.
    pub(crate) signed: BTreeMap<String, String>,
    /// Lines behind them that are not.
    pub(crate) unsigned: String,
    pub(crate) signed_body: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) length: String,
}

pub(crate) fn date(seconds: i64) -> String {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    (OffsetDateTime::now_utc() + time::Duration::seconds(seconds)).format(format).unwrap()
}

/// A good request.
pub(crate) fn draft(credentials: &Credentials, operation: &str, body: &Value) -> Draft {
    let body = body.to_string().into_bytes();
    let host = format!("kms.{REGION}.amazonaws.com");
    let mut signed: BTreeMap<String, String> = [
        ("content-type", "application/x-amz-json-1.1"),
        ("host", &host),
        ("x-amz-date", &date(0)),
        ("x-amz-target", &format!("TrentService.{operation}")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    if let Some(token) = &credentials.session_token {
        signed.insert("x-amz-security-token".into(), token.clone());
    }
    Draft {
        server: host,
        first_line: "POST / HTTP/1.1".into(),
        region: REGION.into(),
        signed,
        unsigned: String::new(),
        signed_body: body.clone(),
        length: format!("content-length: {}\r\n", body.len()),
        body,
    }
}

impl Draft {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn bytes(&self, credentials: &Credentials) -> Vec<u8> {
        let hash = sha256(&self.signed_body).to_string();
        let authorization = sign(credentials, &self.region, &self.signed, &hash);
        let mut head = format!("{}\r\n", self.first_line);
        for (name, value) in &self.signed {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(authorization) = authorization {
            head += &format!("authorization: {authorization}\r\n");
        }
        head += &format!("{}{}\r\n", self.unsigned, self.length);
        [head.as_bytes(), &self.body].concat()
    }

    /// Sends it: status and answer.
    pub(crate) fn send(&self, kms: &Kms, credentials: &Credentials) -> (u16, Value) {
        let reply = talk(kms, &self.server, None, &self.bytes(credentials));
        let text = String::from_utf8(reply).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

/// Sends bytes to a server of a name, and reads all that it says.
pub(crate) fn talk(
    kms: &Kms,
    server: &str,
    version: Option<&'static SupportedProtocolVersion>,
    bytes: &[u8],
) -> Vec<u8> {
    talk_at(kms.address(), kms.root_pem(), server, version, bytes)
}

/// The same, to an address, under a root.
pub(crate) fn talk_at(
    address: SocketAddr,
    root_pem: &str,
    server: &str,
    version: Option<&'static SupportedProtocolVersion>,
    bytes: &[u8],
) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap()).unwrap();
    let versions = version.map_or(rustls::ALL_VERSIONS.to_vec(), |version| vec![version]);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server.to_owned()).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(15))).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, socket);
    stream.write_all(bytes).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    reply
}

/// The type of an error, or the word that there was none.
pub(crate) fn outcome((status, answer): (u16, Value)) -> String {
    if status == 200 { "done".into() } else { answer["__type"].as_str().unwrap().to_owned() }
}
