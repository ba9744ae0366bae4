//! `tautochrone kms policy` and `identity wrap`: what a policy says, and what neither does. What they make is used in
//! `dev/tests/first_agreement.rs`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::Folder;

const ROLE: &str = "arn:aws:iam::111122223333:role/enclave";

fn example() -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/agreements");
    folder.join("alice-bob.toml").display().to_string()
}

/// The measurements that the example's agreement names.
fn measured() -> [String; 3] {
    let text = std::fs::read_to_string(example()).unwrap();
    [0, 1, 2].map(|n| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("pcr{n} = \"")));
        line.unwrap().trim_end_matches('"').to_owned()
    })
}

fn file(pcrs: &[String; 3]) -> String {
    json!({"Measurements": {"HashAlgorithm": "Sha384 { ... }", "PCR0": pcrs[0], "PCR1": pcrs[1], "PCR2": pcrs[2]}}).to_string()
}

#[test]
fn a_policy_names_image_agreement_party_and_role() {
    let folder = Folder::new();
    let pcrs = measured();
    std::fs::write(folder.path("pcrs.json"), file(&pcrs)).unwrap();
    let run = |party: &str| {
        let command = format!(
            "kms policy --agreement {} --party {party} --pcrs pcrs.json --role {ROLE}",
            example()
        );
        let ran = folder.run(&command);
        serde_json::from_str::<Value>(ran.succeeded()).unwrap()
    };
    let (alice, bob) = (run("alice"), run("bob"));
    assert_ne!(alice, bob);
    let ran = folder.run(&format!("agreement digest {}", example()));
    let digest = ran.succeeded();
    let released: Vec<&Value> = alice["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|statement| statement["Principal"]["AWS"] == ROLE && statement["Effect"] == "Allow")
        .collect();
    assert_eq!(released.len(), 3);
    for statement in released {
        let registers = &statement["Condition"]["StringEqualsIgnoreCase"];
        for (n, pcr) in pcrs.iter().enumerate() {
            assert_eq!(registers[format!("kms:RecipientAttestation:PCR{n}")], *pcr);
        }
        assert_eq!(registers["kms:RecipientAttestation:PCR16"].as_str().unwrap().len(), 96);
        let context = &statement["Condition"]["StringEquals"];
        assert_eq!(context["kms:EncryptionContext:tautochrone-agreement"], digest.trim());
    }
}

#[test]
fn another_image_a_debug_one_and_a_pattern_are_refused() {
    let folder = Folder::new();
    let good = measured();
    let with = |n: usize, value: &str| {
        let mut pcrs = good.clone();
        pcrs[n] = value.to_owned();
        file(&pcrs)
    };
    let agreement = example();
    for (pcrs, party, role, part) in [
        (with(0, &"ab".repeat(48)), "alice", ROLE, "is it the agreed image?"),
        (with(2, &"00".repeat(48)), "alice", ROLE, "is it the agreed image?"),
        (with(1, "ab"), "alice", ROLE, "PCR1 is no SHA-384"),
        ("{}".into(), "alice", ROLE, "PCR0 is missing"),
        ("PCR0".into(), "alice", ROLE, "nitro-cli describe-eif"),
        (file(&good), "carol", ROLE, "it names alice, bob"),
        (file(&good), "alice", "arn:aws:iam::111122223333:role/*", "is no role"),
        (file(&good), "alice", "*", "is no role"),
        (file(&good), "alice", "arn:aws:iam::111122223333:root", "is no role"),
    ] {
        std::fs::write(folder.path("pcrs.json"), pcrs).unwrap();
        let command = format!(
            "kms policy --agreement {agreement} --party {party} --pcrs pcrs.json --role {role}"
        );
        let ran = folder.run(&command);
        let line = ran.failed(2);
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn an_identity_of_nobody_is_not_wrapped() {
    let folder = Folder::new();
    folder.run("identity new stranger.key").succeeded();
    let command = format!("identity wrap stranger.key --agreement {} --out .", example());
    let ran = folder.run(&command);
    let line = ran.failed(2);
    assert!(line.contains("belongs to no party"), "{line}");
}

#[test]
fn of_a_dedicated_image_pcr0_and_pcr2_are_measured_by_the_party() {
    let folder = Folder::new();
    let pcrs = measured();
    let text = std::fs::read_to_string(example()).unwrap();
    let text =
        text.replace("\"prebuilt\"", "\"dedicated\"").replace("pcr0 = ", "application_sha384 = ");
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("pcr2 = ")).collect();
    folder.file("agreement.toml", text.join("\n"));
    let command =
        format!("kms policy --agreement agreement.toml --party bob --pcrs pcrs.json --role {ROLE}");
    // PCR0 and PCR2 are whatever the image with this agreement in it measures; PCR1 is agreed
    let measured = ["ab".repeat(48), pcrs[1].clone(), "cd".repeat(48)];
    folder.file("pcrs.json", file(&measured));
    let ran = folder.run(&command);
    let policy = ran.succeeded();
    for value in &measured {
        assert!(policy.contains(value), "{policy}");
    }
    assert!(!policy.contains("PCR16"), "{policy}");
    for (number, value, part) in [
        (1, "ab", "is it the agreed image?"),
        (0, "00", "as in debug mode"),
        (2, "00", "as in debug mode"),
    ] {
        let mut other = measured.clone();
        other[number] = value.repeat(48);
        folder.file("pcrs.json", file(&other));
        let ran = folder.run(&command);
        assert!(ran.failed(2).contains(part), "PCR{number}: {}", ran.stderr);
    }
}
