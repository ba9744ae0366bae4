//! The socket: one request a connection, over TLS.

use super::operations::State;
use super::signature::{said, sign};
use httparse::{EMPTY_HEADER, Request, Status};
use protocol::sha256;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use time::OffsetDateTime;

/// Longest request.
const MAX_REQUEST: usize = 128 << 10;
/// How long a client may say nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds that a signature's date may be away.
const SKEW: i64 = 300;

pub(super) fn tls(certificate: Vec<u8>, key: Vec<u8>) -> Option<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key)
        .ok()?;
    Some(Arc::new(config))
}

pub(super) fn serve(listener: TcpListener, tls: Arc<ServerConfig>, state: Arc<Mutex<State>>) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tls, state) = (Arc::clone(&tls), Arc::clone(&state));
            // a connection that fails is its client's to see
            thread::spawn(move || converse(stream, tls, &state));
        }
    });
}

fn converse(stream: TcpStream, tls: Arc<ServerConfig>, state: &Mutex<State>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(tls).ok()?, stream);
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(chunk.get(..count)?);
        if let Some(found) = lengths(&bytes) {
            break found;
        }
        (bytes.len() <= MAX_REQUEST).then_some(())?;
    };
    (head + length <= MAX_REQUEST).then_some(())?;
    while bytes.len() < head + length {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(chunk.get(..count)?);
    }
    let (head, body) = bytes.split_at_checked(head)?;
    let late = guard(state).late();
    let (status, answer) = answer(head, body, state);
    thread::sleep(late);
    let answer = answer.to_string();
    let reason = if status == 200 { "OK" } else { "Bad Request" };
    let reply = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(reply.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

fn guard(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lengths of head and body, once the head is whole.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut headers = [EMPTY_HEADER; 64];
    let mut request = Request::new(&mut headers);
    let Ok(Status::Complete(head)) = request.parse(bytes) else { return None };
    let length =
        request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
    Some((head, length.unwrap_or(0)))
}

fn error(kind: &str, message: &str) -> (u16, Value) {
    (400, json!({"__type": kind, "message": message}))
}

fn answer(head: &[u8], body: &[u8], state: &Mutex<State>) -> (u16, Value) {
    let mut parsed = [EMPTY_HEADER; 64];
    let mut request = Request::new(&mut parsed);
    if request.parse(head).is_err() || request.method != Some("POST") || request.path != Some("/") {
        return error("UnknownOperationException", "POST to / is all there is");
    }
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for header in request.headers.iter() {
        let value = String::from_utf8_lossy(header.value).into_owned();
        headers.insert(header.name.to_ascii_lowercase(), value);
    }
    let incomplete = || error("IncompleteSignatureException", "the request is not signed");
    let Some(authorization) = headers.get("authorization").cloned() else { return incomplete() };
    let Some(said) = said(&authorization) else { return incomplete() };
    let must = ["host", "x-amz-date"];
    if !must.iter().all(|name| said.headers.contains(name)) {
        return incomplete();
    }
    let signed: BTreeMap<String, String> = said
        .headers
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), headers.get(*name)?.clone())))
        .collect();
    let known = guard(state).credentials(said.access_key_id);
    let Some((credentials, principal)) = known else {
        return error("UnrecognizedClientException", "no such credentials");
    };
    let expected = sign(&credentials, said.region, &signed, &sha256(body).to_string());
    if expected.as_deref() != Some(authorization.as_str()) {
        return error("InvalidSignatureException", "the signature is another");
    }
    if !signed.get("x-amz-date").is_some_and(|date| recent(date)) {
        return error("InvalidSignatureException", "the signature's date is not now");
    }
    let target = headers.get("x-amz-target").map_or("", String::as_str);
    let Some(operation) = target.strip_prefix("TrentService.") else {
        return error("UnknownOperationException", "no operation of KMS");
    };
    let Ok(body) = serde_json::from_slice(body) else {
        return error("SerializationException", "the body is no JSON");
    };
    guard(state).answer(&principal, operation, &body)
}

fn recent(date: &str) -> bool {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let Ok(date) = time::PrimitiveDateTime::parse(date, format) else { return false };
    (OffsetDateTime::now_utc() - date.assume_utc()).whole_seconds().abs() <= SKEW
}
