//! As much of HTTP/1.1 as one question to KMS takes: a request with a body, a reply with a known length, and the end.

use super::KmsError;
use httparse::{EMPTY_HEADER, Response, Status};

/// Longest head of a reply.
const MAX_HEAD: usize = 16 << 10;
/// Longest body: a sealed secret is 1 KiB.
const MAX_BODY: usize = 64 << 10;
/// Most headers of a reply.
const MAX_HEADERS: usize = 64;
const CHUNK: usize = 4 << 10;

/// A POST to `/`, after which the connection ends.
pub(super) fn request(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = b"POST / HTTP/1.1\r\n".to_vec();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).bytes());
    bytes.extend(body);
    bytes
}

/// Reads a reply: status and body.
pub(super) fn reply(
    read: &mut impl FnMut(&mut [u8]) -> Result<usize, KmsError>,
) -> Result<(u16, Vec<u8>), KmsError> {
    let mut bytes = Vec::new();
    loop {
        if let Some((status, length, head)) = head(&bytes)? {
            let end = head + length;
            while bytes.len() < end {
                more(read, &mut bytes)?;
            }
            if bytes.len() > end {
                return Err(KmsError::Answer("bytes after its end"));
            }
            return Ok((status, bytes.split_off(head)));
        }
        if bytes.len() > MAX_HEAD {
            return Err(KmsError::Answer("a long head"));
        }
        more(read, &mut bytes)?;
    }
}

fn more(
    read: &mut impl FnMut(&mut [u8]) -> Result<usize, KmsError>,
    bytes: &mut Vec<u8>,
) -> Result<(), KmsError> {
    let mut chunk = [0; CHUNK];
    match read(&mut chunk)? {
        0 => Err(KmsError::Answer("it is cut")),
        count => {
            bytes.extend(chunk.iter().take(count));
            Ok(())
        }
    }
}

/// Status, length of the body, and length of the head, once the head is whole.
fn head(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>, KmsError> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|_| KmsError::Answer("no HTTP"))?;
    let Status::Complete(length) = parsed else { return Ok(None) };
    let status = response.code.ok_or(KmsError::Answer("no HTTP"))?;
    let mut body = None;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(KmsError::Answer("a body of unknown length"));
        }
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = header.value.iter().all(u8::is_ascii_digit);
            let value = str::from_utf8(header.value).ok().filter(|_| digits);
            let value = value.and_then(|value| value.parse().ok());
            // two lengths are two meanings
            if body.is_some() || value.is_none() {
                return Err(KmsError::Answer("no one length"));
            }
            body = value;
        }
    }
    match body {
        Some(body) if body <= MAX_BODY => Ok(Some((status, body, length))),
        Some(_) => Err(KmsError::Answer("a long body")),
        None => Err(KmsError::Answer("a body of unknown length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a reply in pieces.
    fn read(bytes: &[u8], piece: usize) -> Result<(u16, Vec<u8>), KmsError> {
        let mut rest = bytes;
        reply(&mut |buffer: &mut [u8]| {
            let count = piece.min(rest.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok(count)
        })
    }

    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn a_reply_is_read_in_whatever_pieces_it_comes() {
        for piece in 1..=GOOD.len() {
            let (status, body) = read(GOOD, piece).unwrap();
            assert_eq!((status, &body[..]), (200, &b"hello"[..]), "{piece}");
        }
        for cut in 0..GOOD.len() {
            assert!(read(&GOOD[..cut], 7).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_has_two_meanings_or_no_end_is_refused() {
        let good = String::from_utf8(GOOD.to_vec()).unwrap();
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(MAX_HEADERS + 1));
        for other in [
            good.replace("Content-Length: 5", "Transfer-Encoding: chunked"),
            good.replace("Content-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
            good.replace("Content-Length: 5", "Content-Length: 5\r\nContent-Length: 4"),
            good.replace("Content-Length: 5", "Content-Length: +5"),
            good.replace("Content-Length: 5", "Content-Length: -5"),
            good.replace("Content-Length: 5", "Content-Length: 99999999999999999999"),
            good.replace("Content-Length: 5", "Content-Length: 65537"),
            good.replace("Content-Length: 5", "X: 5"),
            good.replace("HTTP/1.1", "HTTP/9"),
            format!("{good}!"),
            long,
            many,
        ] {
            assert!(read(other.as_bytes(), 4096).is_err(), "{other}");
        }
    }
}
