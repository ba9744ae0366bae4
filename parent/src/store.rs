//! The store, as the enclave sees it: a record comes, is kept, and its epoch goes back as the word.

use crate::address::{Listener, Stream};
use crate::blobs::Blobs;
use crate::metrics::Metrics;
use protocol::layers::MAX_HEAD;
use protocol::parent::Place;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Serves the enclave until its listener fails. Each connection has a thread; an enclave has one at a time.
pub fn serve(listener: &Listener, blobs: Arc<Mutex<Blobs>>, metrics: Arc<Metrics>) {
    while let Ok(stream) = listener.accept() {
        let (blobs, metrics) = (Arc::clone(&blobs), Arc::clone(&metrics));
        thread::spawn(move || converse(stream, &blobs, &metrics));
    }
}

/// Until the enclave is gone, or sends what is no record, or one can't be kept: no word is the enclave's to see.
fn converse(mut stream: Stream, blobs: &Mutex<Blobs>, metrics: &Metrics) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEAD {
            return Ok(());
        }
        let mut record = vec![0; length];
        stream.read_exact(&mut record)?;
        let Some(place) = Place::of(&record) else { return Ok(()) };
        let kept = blobs.lock().unwrap_or_else(PoisonError::into_inner).put(&place, &record);
        if let Err(error) = kept {
            metrics.not_stored.add(1);
            // the operator's own store: nothing in its error is a party's
            eprintln!("store: {error}");
            return Ok(());
        }
        metrics.stored.add(1);
        stream.write_all(&place.epoch.to_le_bytes())?;
    }
}
