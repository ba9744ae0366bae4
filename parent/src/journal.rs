//! What the enclave says of its work, as JSON lines and as metrics.

use crate::address::{Listener, Stream};
use crate::metrics::Metrics;
use protocol::frame::Kind;
use protocol::parent::{Event, LOG_BYTES, Logged};
use serde_json::json;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where the lines go.
pub type Lines = Arc<Mutex<dyn Write + Send>>;

/// Takes log records until the listener fails.
pub fn serve(listener: &Listener, lines: Lines, metrics: Arc<Metrics>) {
    while let Ok(stream) = listener.accept() {
        let (lines, metrics) = (Arc::clone(&lines), Arc::clone(&metrics));
        thread::spawn(move || converse(stream, &lines, &metrics));
    }
}

fn converse(mut stream: Stream, lines: &Lines, metrics: &Metrics) {
    let mut record = [0; LOG_BYTES];
    while stream.read_exact(&mut record).is_ok() {
        // whatever else it says is not of this version
        let Some(logged) = Logged::decode(&record) else { return };
        count(metrics, &logged.event);
        let line = format!("{}\n", line(&logged, OffsetDateTime::now_utc()));
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        // a reader that is gone takes nothing else with it
        let _ = lines.write_all(line.as_bytes()).and_then(|()| lines.flush());
    }
}

/// A line: when it came, and what the enclave said.
pub fn line(logged: &Logged, now: OffsetDateTime) -> serde_json::Value {
    let mut line = match logged.event {
        Event::Serving => json!({"event": "serving"}),
        Event::Connected { party } => json!({"event": "connected", "party": party}),
        Event::Answered { party, kind, rows } => {
            json!({"event": "answered", "party": party, "operation": operation(kind), "rows": rows})
        }
        Event::Late { replies } => json!({"event": "late", "replies": replies}),
        Event::Dropped { events } => json!({"event": "dropped", "events": events}),
    };
    line["enclave_ms"] = json!(logged.at_ms);
    line["time"] = json!(now.format(&Rfc3339).unwrap_or_default());
    line
}

fn count(metrics: &Metrics, event: &Event) {
    match *event {
        Event::Serving => metrics.boots.add(1),
        Event::Connected { .. } => metrics.conversations.add(1),
        Event::Answered { kind, rows, .. } => metrics.answered(operation(kind), rows.into()),
        Event::Late { replies } => metrics.late.set(replies.into()),
        Event::Dropped { events } => metrics.dropped.add(events.into()),
    }
}

fn operation(kind: Kind) -> &'static str {
    match kind {
        Kind::Hello => "hello",
        Kind::Submit => "submit",
        Kind::Supply => "supply",
        Kind::Score => "score",
        Kind::Status => "status",
        Kind::ReceiptKey => "receipt-key",
        Kind::Collect => "collect",
    }
}
