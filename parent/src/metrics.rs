//! Counters, as Prometheus reads them. All of them are public: the operator and the network see the same.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A number that goes up, or is set.
#[derive(Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Reads it.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Every metric.
#[derive(Default)]
pub struct Metrics {
    /// Connections of parties and strangers.
    pub connections: Number,
    /// Of those, closed for being too many.
    pub refused: Number,
    /// Of those, closed since the enclave did not serve.
    pub unreachable: Number,
    /// Bytes to the enclave.
    pub bytes_in: Number,
    /// Bytes from it.
    pub bytes_out: Number,
    /// Records that were stored.
    pub stored: Number,
    /// Records that were not.
    pub not_stored: Number,
    /// Connections to KMS.
    pub kms: Number,
    /// Questions to KMS that were signed.
    pub signed: Number,
    /// Those that were not.
    pub not_signed: Number,
    /// Boots.
    pub boots: Number,
    /// Parties that proved themselves.
    pub conversations: Number,
    /// Replies that missed their bound, of this boot.
    pub late: Number,
    /// Events that found no room.
    pub dropped: Number,
    /// Requests and rows by operation.
    answered: Mutex<BTreeMap<&'static str, (u64, u64)>>,
}

impl Metrics {
    /// A request of so many rows was answered.
    pub fn answered(&self, operation: &'static str, rows: u64) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let (requests, all_rows) = answered.entry(operation).or_default();
        *requests += 1;
        *all_rows += rows;
    }

    /// The text form of Prometheus.
    pub fn text(&self, open: usize) -> String {
        let mut text = String::new();
        let mut one = |name: &str, kind: &str, help: &str, values: &[(String, u64)]| {
            // a string takes everything
            let _ = write!(
                text,
                "# HELP tautochrone_{name} {help}\n# TYPE tautochrone_{name} {kind}\n"
            );
            for (labels, value) in values {
                let _ = writeln!(text, "tautochrone_{name}{labels} {value}");
            }
        };
        let plain = |number: &Number| [(String::new(), number.get())];
        for (name, help, number) in [
            ("connections_total", "Connections that came.", &self.connections),
            ("connections_refused_total", "Closed for being too many.", &self.refused),
            (
                "enclave_unreachable_total",
                "Closed since the enclave did not serve.",
                &self.unreachable,
            ),
            ("bytes_in_total", "Bytes to the enclave.", &self.bytes_in),
            ("bytes_out_total", "Bytes from the enclave.", &self.bytes_out),
            ("records_stored_total", "Sealed records that were stored.", &self.stored),
            ("records_not_stored_total", "Sealed records that were not.", &self.not_stored),
            ("kms_connections_total", "Connections of the enclave to KMS.", &self.kms),
            ("kms_signed_total", "Questions to KMS that were signed.", &self.signed),
            ("kms_not_signed_total", "Questions to KMS that were not.", &self.not_signed),
            ("boots_total", "Boots of the enclave.", &self.boots),
            ("conversations_total", "Parties that proved themselves.", &self.conversations),
            ("events_dropped_total", "Events that found no room.", &self.dropped),
        ] {
            one(name, "counter", help, &plain(number));
        }
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let labelled = |pick: fn(&(u64, u64)) -> u64| -> Vec<(String, u64)> {
            let all = answered.iter();
            all.map(|(name, both)| (format!("{{operation=\"{name}\"}}"), pick(both))).collect()
        };
        one("requests_total", "counter", "Requests that were answered.", &labelled(|both| both.0));
        one("rows_total", "counter", "Rows of them.", &labelled(|both| both.1));
        one("connections_open", "gauge", "Connections now.", &[(String::new(), open as u64)]);
        one(
            "replies_late",
            "gauge",
            "Replies of this boot that missed their bound.",
            &plain(&self.late),
        );
        text
    }
}
