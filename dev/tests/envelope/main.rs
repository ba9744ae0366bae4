//! Replies of KMS: a real one, read where it lies, and ones of our own form and length; changed in every way.

use dev::envelope::{Form, KMS, seal};
use protocol::envelope::{MAX_ENVELOPE, NotOpened, RecipientKey};
use protocol::sha256;
use std::path::Path;

/// A file of the real reply, or `None` and a word where the folder is missing.
fn real(name: &str) -> Option<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/kms");
    if !folder.exists() {
        assert!(
            std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
            "{} is missing, and nothing may be skipped",
            folder.display()
        );
        eprintln!("SKIPPED: {} is missing", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(name)).expect("the file is there"))
}

/// The recipient's key: PKCS#1 in the file, PKCS#8 here.
fn recipient(pem: &[u8]) -> RecipientKey {
    let text: String = pem
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.starts_with(b"-----"))
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let pkcs1 = base64(&text);
    let value = |tag: u8, content: &[u8]| {
        let length = content.len() as u16;
        [&[tag, 0x82, (length >> 8) as u8, length as u8], content].concat()
    };
    let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let key = [&[0x02, 1, 0], algorithm.as_slice(), &value(0x04, &pkcs1)].concat();
    RecipientKey::from_pkcs8(&value(0x30, &key)).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter(|&byte| byte != b'=') {
        word = word << 6 | DIGITS.iter().position(|&known| known == digit).unwrap() as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    bytes
}

/// Where bytes of the secret's own encryption stand: the IV and the content, by the reply's layout.
fn is_content(reply: &[u8], place: usize) -> bool {
    let after = |pattern: &[u8]| {
        reply.windows(pattern.len()).rposition(|bytes| bytes == pattern).unwrap() + pattern.len()
    };
    let iv = after(b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x10");
    let content = iv + 16 + 4;
    (iv..iv + 16).contains(&place) || (content..reply.len() - 10).contains(&place)
}

#[test]
fn the_real_reply_opens_and_no_change_of_it_gives_the_secret() {
    let (Some(reply), Some(pem), Some(secret)) =
        (real("ciphertext_for_recipient.ber"), real("recipient_key.pem"), real("plaintext.bin"))
    else {
        return;
    };
    let key = recipient(&pem);
    let opened = key.open(&reply).unwrap();
    assert_eq!(opened.declassify(), secret);
    let agreed = sha256(&secret);

    for length in 0..reply.len() {
        assert_eq!(key.open(&reply[..length]).err(), Some(NotOpened), "cut to {length}");
    }
    for byte in 0..=255 {
        let longer = [reply.as_slice(), &[byte]].concat();
        assert_eq!(key.open(&longer).err(), Some(NotOpened), "{byte} behind it");
    }
    let (mut refused, mut other) = (0, 0);
    for place in 0..reply.len() {
        for bit in 0..8 {
            let mut changed = reply.clone();
            changed[place] ^= 1 << bit;
            match key.open(&changed) {
                Err(NotOpened) => refused += 1,
                // the content is not authenticated: what comes out fails where it is used, here by its hash
                Ok(found) => {
                    assert!(is_content(&reply, place), "bit {bit} of byte {place} changes nothing");
                    assert_ne!(sha256(&found.declassify()), agreed, "bit {bit} of byte {place}");
                    other += 1;
                }
            }
        }
    }
    println!(
        "{refused} changes of one bit refused, {other} gave another secret, which its hash refuses"
    );
    assert!(refused > 8 * 400 && other > 0);

    // for another key, by its name or without
    let stranger = RecipientKey::generate().unwrap();
    assert_eq!(stranger.open(&reply).err(), Some(NotOpened));
}

#[test]
fn secrets_of_every_length_open_in_both_forms() {
    let key = RecipientKey::generate().unwrap();
    for length in [1, 15, 16, 17, 31, 32, 33, 255, 256, 1000, 4096] {
        let secret: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        for form in [KMS, Form { chunk: 7, open: true }, Form { chunk: 64, open: false }] {
            let reply = seal(key.public(), &secret, form).unwrap();
            // many small chunks make a reply longer than KMS's are
            if reply.len() > MAX_ENVELOPE {
                assert_eq!(key.open(&reply).err(), Some(NotOpened));
                continue;
            }
            assert_eq!(key.open(&reply).unwrap().declassify(), secret, "{length} {form:?}");
        }
    }
    let long = seal(key.public(), &[0; MAX_ENVELOPE], KMS).unwrap();
    assert_eq!(key.open(&long).err(), Some(NotOpened));
}

#[test]
fn what_kms_never_writes_is_refused() {
    let key = RecipientKey::generate().unwrap();
    let reply = seal(key.public(), &[7; 32], Form { chunk: 1024, open: false }).unwrap();
    assert!(key.open(&reply).is_ok());
    let swap = |from: &[u8], to: &[u8]| {
        let place = reply.windows(from.len()).position(|bytes| bytes == from).unwrap();
        [&reply[..place], to, &reply[place + from.len()..]].concat()
    };
    // another kind of content, another cipher, another padding, versions, and a length in more bytes than it takes
    for (from, to) in [
        (b"\x01\x07\x03".as_slice(), b"\x01\x07\x02".as_slice()),
        (b"\x03\x04\x01\x2a", b"\x03\x04\x01\x02"),
        (b"\x01\x01\x07\x30\x2f", b"\x01\x01\x01\x30\x2f"),
        (b"\x02\x01\x02\x31", b"\x02\x01\x00\x31"),
        (b"\x02\x01\x02\x80", b"\x02\x01\x00\x80"),
        (b"\x80\x20", b"\x80\x1f"),
        (b"\x04\x82\x01\x00", b"\x04\x82\x00\xff"),
    ] {
        assert_eq!(key.open(&swap(from, to)).err(), Some(NotOpened), "{from:?}");
    }
    assert_eq!(key.open(&[]).err(), Some(NotOpened));
    assert_eq!(key.open(&[0x30, 0x80]).err(), Some(NotOpened));
    assert_eq!(key.open(&[0x30; 4000]).err(), Some(NotOpened));
}
