//! The socket: one request a connection, over TLS.

use super::json;
use super::operations::{Question, State};
use super::signature::{said, sign};
use httparse::{EMPTY_HEADER, Request, Status};
use protocol::kms::CONTENT_TYPE;
use protocol::sha256;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Longest head of a request.
const MAX_HEAD: usize = 16 << 10;
/// Longest body.
const MAX_BODY: usize = 64 << 10;
/// Most headers.
const MAX_HEADERS: usize = 64;
/// How long a client may say nothing, and how long a request may take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds that a signature's date may be away.
const SKEW: i64 = 300;
/// How long, and how much, is listened to behind a reply.
const LINGER: Duration = Duration::from_secs(1);
const MAX_REST: u64 = 1 << 20;
/// Bytes of a piece, where replies come in pieces.
const PIECE: usize = 100;

type Headers = BTreeMap<String, String>;
type Stream = StreamOwned<ServerConnection, TcpStream>;

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
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(tls).ok()?, stream);
    let request = read(&mut stream)?;
    let (late, in_pieces) = guard(state).manner();
    let (status, answer) = match request {
        Ok((headers, body)) => answer(&headers, &body, state).unwrap_or_else(|refusal| refusal),
        Err(refusal) => refusal,
    };
    thread::sleep(late);
    stream.write_all(&reply(status, answer.to_string().as_bytes(), in_pieces)).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    // whoever still sends what was refused would otherwise see a reset, and not the refusal
    stream.sock.shutdown(Shutdown::Write).ok()?;
    stream.sock.set_read_timeout(Some(LINGER)).ok()?;
    io::copy(&mut (&stream.sock).take(MAX_REST), &mut io::sink()).ok().map(|_| ())
}

fn reply(status: u16, body: &[u8], in_pieces: bool) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        413 => "Content Too Large",
        500 => "Internal Server Error",
        _ => "Bad Request",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {CONTENT_TYPE}\r\nConnection: close\r\n"
    );
    if !in_pieces {
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        return [head.as_bytes(), length.as_bytes(), body].concat();
    }
    let pieces = body.chunks(PIECE).map(|piece| {
        [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n".as_slice()].concat()
    });
    let pieces = pieces.collect::<Vec<_>>().concat();
    let encoding = b"Transfer-Encoding: chunked\r\n\r\n".as_slice();
    [head.as_bytes(), encoding, &pieces, b"0\r\n\r\n"].concat()
}

fn guard(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

type Refusal = (u16, Value);

fn error<T>(kind: &str, message: &str) -> Result<T, Refusal> {
    Err((400, json!({"__type": kind, "message": message})))
}

/// Reads a request: its headers and its body. `None` where the client is gone or slow.
fn read(stream: &mut Stream) -> Option<Result<(Headers, Vec<u8>), Refusal>> {
    let end = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let mut more = |bytes: &mut Vec<u8>| {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(chunk.get(..count)?);
        (Instant::now() < end).then_some(())
    };
    let (length, headers, body) = loop {
        match head(&bytes) {
            Ok(Some(head)) => break head,
            Ok(None) if bytes.len() <= MAX_HEAD => more(&mut bytes)?,
            Ok(None) => return Some(error("ValidationException", "the head is long")),
            Err(refusal) => return Some(Err(refusal)),
        }
    };
    if body > MAX_BODY {
        let message = "a body is 64 KiB at most";
        let answer = json!({"__type": "RequestEntityTooLargeException", "message": message});
        return Some(Err((413, answer)));
    }
    while bytes.len() < length + body {
        more(&mut bytes)?;
    }
    if bytes.len() > length + body {
        return Some(error("ValidationException", "bytes after the request's end"));
    }
    Some(Ok((headers, bytes.split_off(length))))
}

/// The head's length, the headers, and the body's length, once the head is whole.
fn head(bytes: &[u8]) -> Result<Option<(usize, Headers, usize)>, Refusal> {
    let mut parsed = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut parsed);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(Status::Complete(_)) => return error("ValidationException", "the head is long"),
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return error("ValidationException", "it is no request of HTTP"),
    };
    if request.method != Some("POST") || request.path != Some("/") {
        return error("UnknownOperationException", "POST to / is all there is");
    }
    let mut headers = Headers::new();
    for header in request.headers.iter() {
        let Ok(value) = str::from_utf8(header.value) else {
            return error("ValidationException", "a header is no text");
        };
        // of two, one would be signed and the other one read
        if headers.insert(header.name.to_ascii_lowercase(), value.to_owned()).is_some() {
            return error("ValidationException", "a header stands twice");
        }
    }
    let digits = |text: &&String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let body = headers.get("content-length").filter(digits);
    match body.map(|digits| digits.parse().unwrap_or(usize::MAX)) {
        Some(body) if !headers.contains_key("transfer-encoding") => {
            Ok(Some((length, headers, body)))
        }
        _ => error("ValidationException", "the body's length is not known"),
    }
}

fn answer(headers: &Headers, body: &[u8], state: &Mutex<State>) -> Result<(u16, Value), Refusal> {
    let (principal, region) = signer(headers, body, state)?;
    let typed = headers.get("content-type").is_some_and(|found| found == CONTENT_TYPE);
    let target = headers.get("x-amz-target").filter(|_| typed);
    let Some(operation) = target.and_then(|target| target.strip_prefix("TrentService.")) else {
        return error("UnknownOperationException", "no operation of KMS");
    };
    let Some(body) = json::read(body) else {
        return error("SerializationException", "the body is no JSON, or a name stands twice");
    };
    let question = Question { principal: &principal, region: &region, operation, body: &body };
    Ok(guard(state).answer(&question))
}

/// Who signed a request, and for which region.
fn signer(
    headers: &Headers,
    body: &[u8],
    state: &Mutex<State>,
) -> Result<(String, String), Refusal> {
    let found = |name: &str| headers.get(name).map_or("", String::as_str);
    let Some(said) = said(found("authorization")) else {
        return error("IncompleteSignatureException", "the request is not signed");
    };
    // what has a meaning to AWS is signed, or could be changed by whoever carries it
    let matters = |name: &&String| *name == "host" || name.starts_with("x-amz-");
    let unsigned =
        headers.keys().filter(matters).find(|name| !said.headers.contains(&name.as_str()));
    let must = ["host", "x-amz-date"];
    if unsigned.is_some() || !must.iter().all(|name| said.headers.contains(name)) {
        return error("IncompleteSignatureException", "a header of AWS's is not signed");
    }
    let known = guard(state).credentials(said.access_key_id);
    let Some((credentials, principal)) = known else {
        return error("UnrecognizedClientException", "no such credentials");
    };
    if headers.get("x-amz-security-token") != credentials.session_token.as_ref() {
        return error("UnrecognizedClientException", "the session's token is another");
    }
    let signed: Headers = said
        .headers
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), headers.get(*name)?.clone())))
        .collect();
    let expected = sign(&credentials, said.region, &signed, &sha256(body).to_string());
    if expected.as_deref() != Some(found("authorization")) {
        return error("InvalidSignatureException", "the signature is another");
    }
    if !recent(found("x-amz-date")) {
        return error("InvalidSignatureException", "the signature's date is not now");
    }
    let host = found("host").strip_prefix("kms.").and_then(|host| host.split('.').next());
    if !guard(state).is_in(said.region) || host.is_some_and(|region| region != said.region) {
        return error("InvalidSignatureException", "the signature is for another region");
    }
    Ok((principal, said.region.to_owned()))
}

fn recent(date: &str) -> bool {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let Ok(date) = time::PrimitiveDateTime::parse(date, format) else { return false };
    (OffsetDateTime::now_utc() - date.assume_utc()).whole_seconds().abs() <= SKEW
}
