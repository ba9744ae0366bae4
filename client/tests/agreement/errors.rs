//! What is refused, where, and in which words.

use client::agreement::{AgreementFileError, MAX_TEXT, parse, template};
use proptest::prelude::*;

use crate::example;

/// Replaces a text once and gives the error: its line, its place, and what it says.
fn refused(from: &str, to: &str) -> (usize, String, String) {
    let text = example("alice-bob.toml");
    assert!(text.contains(from), "{from}");
    refused_text(&text.replacen(from, to, 1))
}

fn refused_text(text: &str) -> (usize, String, String) {
    match parse(text) {
        Err(AgreementFileError::Refused { line, place, what }) => (line, place, what),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("was accepted"),
    }
}

#[test]
fn errors_name_a_line_a_field_and_what_to_do() {
    let text = example("alice-bob.toml");
    let line_of = |what: &str| 1 + text.lines().position(|line| line.contains(what)).unwrap();
    let bob = line_of("name = \"bob\"");
    let cases = [
        // what to change, to what, the line, the place, part of the message
        (
            "agreement = 1",
            "agreement = 2",
            5,
            "agreement",
            "version 2 is unknown, this build knows version 1",
        ),
        (
            "semantics = 1",
            "",
            1,
            "the agreement",
            "`semantics` is missing: add a line like  semantics = 1",
        ),
        (
            "semantics = 1",
            "semantics = 1\nextra = 1",
            7,
            "extra",
            "no such field here: the fields here are agreement, image, input",
        ),
        ("name = \"bob\"", "name = \"Bob\"", bob, "party 2 (\"Bob\"), name", "small letters"),
        ("name = \"bob\"", "nmae = \"bob\"", bob - 1, "party 2", "`name` is missing"),
        (
            "name = \"bob\"",
            "name = \"bob\"\nemail = \"b@x\"",
            bob + 1,
            "party 2 (\"bob\"), email",
            "no such field here",
        ),
        ("name = \"bob\"", "name = \"alice\"", bob, "party 2 (\"alice\"), name", "used twice"),
        (
            "score_calls = 2",
            "score_calls = \"2\"",
            line_of("score_calls = 2"),
            "party 2 (\"bob\"), score_calls",
            "whole number",
        ),
        (
            "score_calls = 2",
            "score_calls = -2",
            line_of("score_calls = 2"),
            "party 2 (\"bob\"), score_calls",
            "too large, or negative",
        ),
        (
            "score_calls = 2",
            "score_calls = 2.0",
            line_of("score_calls = 2"),
            "party 2 (\"bob\"), score_calls",
            "whole number",
        ),
        (
            "score_calls = 2\n",
            "",
            line_of("score_calls = 2"),
            "party 2 (\"bob\"), score_rows",
            "calls without rows",
        ),
        (
            "key/0987dcba-09fe-87dc-65ba-ab0987654321",
            "alias/bob",
            line_of("key/0987"),
            "party 2 (\"bob\"), kms_key_arn",
            "an alias can be pointed at another key",
        ),
        (
            "psk_sha256 = \"",
            "psk_sha256 = \"0",
            line_of("psk_sha256"),
            "party 1 (\"alice\"), psk_sha256",
            "64 hex digits, found 65 digits: copy the whole digest",
        ),
        (
            "authentication = \"psk\"",
            "authentication = \"tls\"",
            line_of("name = \"alice\"") - 1,
            "party 1 (\"alice\")",
            "`tls_key_sha256` is missing",
        ),
        (
            "authentication = \"psk\"",
            "authentication = \"jwt\"",
            line_of("authentication"),
            "party 1 (\"alice\"), authentication",
            "\"jwt\" is no choice here: write \"psk\" or \"tls\"",
        ),
        (
            "\"reader\"]",
            "\"reeder\"]",
            line_of("roles"),
            "party 1 (\"alice\"), roles",
            "\"reeder\" is no role",
        ),
        (
            "\"reader\"]",
            "\"reader\", \"reader\"]",
            line_of("roles"),
            "party 1 (\"alice\"), roles",
            "there twice",
        ),
        (
            "to = \"caller\"",
            "to = \"carol\"",
            line_of("to = \"caller\""),
            "release 1 (\"carol\"), to",
            "no party \"carol\": write \"caller\", or one of alice, bob",
        ),
        (
            "decimals = 4\n",
            "",
            line_of("[[release]]"),
            "release 1 (\"caller\")",
            "decimals = 4, or  full_precision = true",
        ),
        (
            "decimals = 4",
            "decimals = 40",
            line_of("decimals"),
            "release 1 (\"caller\"), decimals",
            "outside 0 to 15",
        ),
        (
            "output = \"probability\"",
            "output = \"leaf\"",
            line_of("output = \"prob"),
            "output, output",
            "would tell the model",
        ),
        (
            "mode = \"prebuilt\"",
            "mode = \"dedicated\"",
            line_of("[image]"),
            "image",
            "`application_sha384` is missing",
        ),
        ("min = 0\n", "min = nan\n", line_of("min = 0"), "output, min", "finite number"),
        (
            "semantics = 1",
            "semantics = 1\nrestart = \"witness\"",
            7,
            "restart",
            "no choice here: write \"re-provision\"",
        ),
        (
            "semantics = 1",
            "semantics = 1\nkms_roots = [\"mine\"]",
            7,
            "kms_roots",
            "write \"amazon\"",
        ),
        (
            "semantics = 1",
            "semantics = 1\ninstances = 2",
            line_of("submit_calls") + 1,
            "party 1 (\"alice\"), submit_calls",
            "1 can't be split evenly",
        ),
        ("semantics = 1", "semantics = 1 1", 6, "the text", "is not TOML"),
        ("semantics = 1", "semantics = 1\nsemantics = 1", 7, "the text", "is not TOML"),
        (
            "score_rows = 400",
            "score_rows = 400\nvalid_from = 2027-01-01",
            bob + 7,
            "party 2 (\"bob\"), valid_from",
            "date and time in UTC",
        ),
        (
            "score_rows = 400",
            "score_rows = 400\nvalid_from = 2027-01-01T00:00:00Z\nvalid_until = 2026-01-01T00:00:00Z",
            bob + 8,
            "party 2 (\"bob\"), valid_until",
            "ends before",
        ),
        (
            "score_rows = 400",
            "score_rows = 400\nvalid_from = 2027-02-30T00:00:00Z",
            bob + 7,
            "the text",
            "is not TOML",
        ),
    ];
    for (from, to, line, place, says) in cases {
        let (found_line, found_place, what) = refused(from, to);
        assert!(what.contains(says), "{what:?} does not say {says:?}");
        assert_eq!((found_line, found_place.as_str()), (line, place), "{what}");
        assert!(
            !what.contains('\n') && what.contains(": "),
            "{what:?} does not say how to mend it"
        );
    }
}

#[test]
fn every_blank_of_a_template_is_named() {
    let text = template(None);
    let (line, place, what) = refused_text(&text);
    assert!(text.lines().nth(line - 1).unwrap().contains("FILL IN"), "{line}");
    assert_eq!((place.as_str(), what.as_str()), ("name", "is still blank: fill it in"));
}

#[test]
fn large_and_deep_texts_are_refused_before_they_cost_anything() {
    let comment = "#".repeat(MAX_TEXT as usize + 1);
    assert!(matches!(parse(&comment), Err(AgreementFileError::TooLarge)));
    let (_, place, _) = refused_text(&format!("a = {}", "[".repeat(100_000)));
    assert_eq!(place, "the text");
    let many = "[[party]]\nname = \"a\"\n".repeat(65);
    let (_, _, what) = refused_text(&format!("agreement = 1\nsemantics = 1\n{many}"));
    assert!(what.contains("1 to 64 of them, found 65"), "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// No text makes it panic.
    #[test]
    fn damaged_texts_are_refused_or_read(
        damage in prop::collection::vec((any::<prop::sample::Index>(), "\\PC|[\\[\\]{}\"'=.,\n0-9-]"), 1..6),
    ) {
        let mut characters: Vec<String> =
            example("alice-bob.toml").chars().map(String::from).collect();
        for (place, with) in damage {
            let place = place.index(characters.len());
            characters[place] = with;
        }
        if let Err(error) = parse(&characters.concat()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
