//! `tautochrone-dev kms` as a program.

use crate::wire::{draft, talk_at};
use dev::kms::Credentials;
use protocol::sha256;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

struct Running {
    program: Child,
    folder: TempDir,
    address: SocketAddr,
    root: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

fn start(arguments: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tautochrone-dev"))
        .args(["kms", "--folder"])
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (address, root) = line.trim_end().split_once(' ').unwrap();
    let (address, root) = (address.parse().unwrap(), root.to_owned());
    Running { program, folder, address, root }
}

impl Running {
    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn credentials(&self, profile: &str) -> Credentials {
        let file = self.file("credentials");
        let (_, lines) = file.split_once(&format!("[{profile}]\n")).unwrap();
        let value = |name: &str| {
            let line = lines.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
            line.unwrap().to_owned()
        };
        Credentials {
            access_key_id: value("aws_access_key_id"),
            secret_access_key: value("aws_secret_access_key"),
            session_token: None,
        }
    }

    fn asked(&self, profile: &str, region: &str) -> String {
        let credentials = self.credentials(profile);
        let draft = draft(&credentials, "CreateKey", &json!({})).with(|draft| {
            draft.region = region.into();
            draft.server = format!("kms.{region}.amazonaws.com");
            draft.signed.insert("host".into(), draft.server.clone());
        });
        let bytes = draft.bytes(&credentials);
        let reply = talk_at(self.address, &self.file("root.pem"), &draft.server, None, &bytes);
        String::from_utf8(reply).unwrap()
    }
}

#[test]
fn what_it_writes_is_all_that_a_client_needs() {
    let running = start(&["--region", "eu-central-1", "--region", "us-east-1"]);
    let root = CertificateDer::from_pem_slice(running.file("root.pem").as_bytes()).unwrap();
    assert_eq!(running.root, format!("sha256:{}", sha256(&root)));
    for profile in ["account", "party", "enclave"] {
        for region in ["eu-central-1", "us-east-1"] {
            let reply = running.asked(profile, region);
            assert!(reply.contains(&format!("arn:aws:kms:{region}:111122223333:key/")), "{reply}");
        }
    }
}

#[test]
fn a_fault_is_asked_for_by_name() {
    let running = start(&["--fault", "throttled"]);
    assert!(running.asked("party", "eu-central-1").contains("ThrottlingException"));
    let running = start(&["--fault", "pieces"]);
    assert!(running.asked("party", "eu-central-1").contains("Transfer-Encoding: chunked"));
}
