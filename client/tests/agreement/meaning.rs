//! The digest is a function of the meaning, and of all of it.

use client::agreement::{Fill, parse, template};
use proptest::prelude::*;

use crate::{example, root};

/// A block is a table header with its lines; what stands before the first header is one too.
fn blocks(text: &str) -> Vec<Vec<String>> {
    let mut blocks = vec![Vec::new()];
    for line in text.lines() {
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if line.starts_with('[') {
            blocks.push(Vec::new());
        }
        blocks.last_mut().unwrap().push(line.to_owned());
    }
    blocks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Comments, blank lines, spaces, the order of fields and the order of tables say nothing.
    #[test]
    fn form_says_nothing(
        seeds in prop::collection::vec(any::<u32>(), 400),
        file in prop::sample::select(vec!["alice-bob.toml", "alice-charlie.toml"]),
    ) {
        let text = example(file);
        let mut seeds = seeds.into_iter().cycle();
        let mut next = move || seeds.next().unwrap();
        // parties and columns keep their order, which has a meaning; they move in front together
        let mut all = blocks(&text);
        let head = all.remove(0);
        let (ordered, mut free): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|block| block[0].starts_with("[[party") || block[0].contains("input"));
        free.sort_by_cached_key(|_| next());
        let front = next() as usize % (free.len() + 1);
        free.splice(front..front, ordered);
        let mut shuffled = String::new();
        for (number, mut block) in std::iter::once(head).chain(free).enumerate() {
            let header = if number == 0 { None } else { Some(block.remove(0)) };
            block.sort_by_cached_key(|_| next());
            for line in header.iter().chain(&block) {
                match next() % 5 {
                    0 => shuffled.push_str("\n# pcr0 = \"not this one\"\n"),
                    1 => shuffled.push_str("\r\n\t \n"),
                    _ => {}
                }
                shuffled.push_str(&line.replacen(" = ", ["=", "  =  ", "\t=", " = "][next() as usize % 4], 1));
                shuffled.push_str(["\n", " # three calls\n", "  \n"][next() as usize % 3]);
            }
        }
        let moved = parse(&shuffled).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(moved.digest(), parse(&text).unwrap().digest());
    }

    /// Any character outside comments that is replaced is refused, or changes terms and digest both,
    /// or neither (`200` for `2_00`).
    #[test]
    fn every_byte_of_meaning_counts(place in any::<prop::sample::Index>(), with in "[a-z0-9.\"-]") {
        let text = example("alice-bob.toml");
        let whole = parse(&text).unwrap();
        let stripped: String =
            blocks(&text).concat().into_iter().map(|line| line + "\n").collect();
        prop_assert_eq!(parse(&stripped).unwrap().digest(), whole.digest());
        let place = place.index(stripped.len());
        let mut damaged = stripped.clone();
        damaged.replace_range(place..place + 1, &with);
        if let Ok(other) = parse(&damaged) {
            prop_assert_eq!(other.terms() == whole.terms(), other.digest() == whole.digest());
        }
    }
}

/// Defaults are part of the meaning: said or left out, the digest is one.
#[test]
fn a_default_that_is_said_changes_nothing() {
    let text = example("alice-bob.toml");
    let digest = parse(&text).unwrap().digest();
    let said = text
        .replace(
            "semantics = 1",
            "semantics = 1\ninstances = 1\nrestart = \"re-provision\"\nkms_roots = [\"amazon\"]",
        )
        .replace("type = \"number\"", "type = \"number\"\nmissing = false\nfrom = \"caller\"")
        .replace("form = \"rows\"", "form = \"rows\"\naccept_row_disclosure = false")
        .replace(
            "authentication = \"psk\"",
            "authentication = \"psk\"\nwithout_kms_key = false\nsupply_calls = 0\nsupply_rows = 0",
        );
    assert_eq!(parse(&said).unwrap().digest(), digest);
    for default in ["factor = 2\n", "connections = 16\n", "idle_seconds = 60\n"] {
        let (left, said) = (parse(&text.replace(default, "")), default != "connections = 16\n");
        assert_eq!(left.unwrap().digest() == digest, said, "{default}");
    }
}

/// The seed's second case: the same image and program under another agreement.
#[test]
fn two_agreements_of_one_image_differ_in_parties_and_digest() {
    let (one, two) = (
        parse(&example("alice-bob.toml")).unwrap(),
        parse(&example("alice-charlie.toml")).unwrap(),
    );
    assert_ne!(one.digest(), two.digest());
    let (a, b) = (one.terms(), two.terms());
    assert_eq!((a.image, a.program), (b.image, b.program));
    let calls = |terms: &protocol::agreement::AgreementParts| -> Vec<(String, u32)> {
        terms.parties.iter().map(|party| (party.name.clone(), party.score.calls)).collect()
    };
    assert_eq!(calls(a), [("alice".into(), 3), ("bob".into(), 2)]);
    assert_eq!(calls(b), [("alice".into(), 2), ("charlie".into(), 4)]);
}

/// The vectors were made by `protocol/vectors/agreement.py`, which shares no code with this.
#[test]
fn canonical_bytes_and_digests_are_those_of_the_vectors() {
    let text = std::fs::read_to_string(root().join("protocol/vectors/agreement.json")).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() >= 3);
    for vector in vectors {
        let file = vector["toml"].as_str().unwrap();
        let agreement = parse(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap();
        let hex: String = agreement.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(vector["canonical"], hex, "{file}");
        assert_eq!(vector["digest"], agreement.digest().to_string(), "{file}");
        let ids: Vec<String> =
            agreement.terms().parties.iter().map(|party| party.id().to_string()).collect();
        assert_eq!(vector["party_ids"], serde_json::json!(ids), "{file}");
    }
}

/// The examples are about the demo's model, and a new agreement for it needs only its blanks filled.
#[test]
fn the_demo_program_fits_the_examples_and_fills_a_template() {
    let imported = models::import_file(
        root().join("examples/demo/model.json"),
        &models::ImportOptions::default(),
    )
    .unwrap();
    let compile = || engine::compile(&imported.model, &engine::CompileOptions::default()).unwrap();
    let (program, bytes) = (compile(), protocol::program::encode(compile()).unwrap());
    for file in ["alice-bob.toml", "alice-charlie.toml"] {
        let agreement = parse(&example(file)).unwrap();
        let fit = protocol::agreement::fits(&agreement, &bytes, &program);
        assert_eq!(fit, Ok(()), "if the format of programs changed, put the new card into {file}");
    }
    let card = protocol::card(&bytes).unwrap();
    let text = template(Some(&Fill { program: &program, card }));
    let blank = |text: &str| text.lines().filter(|line| line.contains("\"FILL IN")).count();
    assert_eq!(blank(&text), 3 + 2 * 2 + 1 + 2 * 30);
    let mut number = 0;
    let filled: String = text
        .lines()
        .map(|line| {
            number += 1;
            let value = match line.split(" = ").next().unwrap() {
                _ if !line.contains("\"FILL IN") => return format!("{line}\n"),
                "min" => "0".into(),
                "max" => "5000".into(),
                "kms_key_arn" => {
                    format!("\"arn:aws:kms:eu-central-1:111122223333:key/mrk-{number:032x}\"")
                }
                "psk_sha256" => format!("\"{number:064x}\""),
                "name" => "\"a name\"".into(),
                _ => format!("\"{number:096x}\""),
            };
            format!("{} = {value}\n", line.split(" = ").next().unwrap())
        })
        .collect();
    let agreement = parse(&filled).unwrap();
    assert_eq!(protocol::agreement::fits(&agreement, &bytes, &program), Ok(()));
    // and one that is not about this program says which term it breaks
    let other = parse(&filled.replace(&card.to_string(), &format!("{:096x}", 7))).unwrap();
    let error = protocol::agreement::fits(&other, &bytes, &program).unwrap_err();
    assert_eq!(error.path, "program.card");
    let other = parse(&filled.replace("name = \"mean_area\"", "name = \"area\"")).unwrap();
    let error = protocol::agreement::fits(&other, &bytes, &program).unwrap_err();
    assert_eq!(error.path, "input.column[3].name");
}
