//! How long it takes to judge an attestation document: goal under 5 ms.

use criterion::{Criterion, criterion_group, criterion_main};
use dev::nsm::{Chain, Module};
use protocol::Sha384;
use protocol::attestation::{Document, Measurements, UnixTime};
use protocol::document::Attester;
use time::OffsetDateTime;

fn attestation(c: &mut Criterion) {
    let pcr0 = (0, Sha384([1; 48]));
    let module = Module::new(Chain::Good, [pcr0], OffsetDateTime::now_utc()).expect("a module");
    let document = module.document(&Sha384([7; 48]), &[9; 32]).expect("a document");
    let root = module.root().expect("a root");
    let expected = Measurements::new([pcr0]).expect("PCR0 is among them");
    // a chain of two certificates under the root; AWS's have four, each a signature more
    c.bench_function("attestation document", |b| {
        b.iter(|| {
            let read = Document::read(&document).expect("a document");
            read.verify(&root, &expected, UnixTime::now()).map(drop).expect("valid");
        });
    });
}

criterion_group!(benches, attestation);
criterion_main!(benches);
