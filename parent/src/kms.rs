//! Bytes between the enclave and KMS. They are TLS, which ends in the enclave: there is nothing to read here.

use crate::address::{Listener, Stream};
use crate::metrics::Metrics;
use crate::relay::copy;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long the enclave and KMS may take for one step.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where KMS listens.
const PORT: u16 = 443;

/// Whether a name is KMS's, in some region. The enclave checks the certificate; this keeps a parent from being anybody's way
/// out of its network.
pub fn is_kms(host: &str) -> bool {
    let region = host.strip_prefix("kms.").and_then(|rest| {
        rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    region.is_some_and(|region| (1..=32).contains(&region.len()) && region.bytes().all(plain))
}

/// Serves the enclave until its listener fails. `instead` is the address that stands in for KMS, if one does.
pub fn serve(listener: &Listener, instead: Option<String>, metrics: Arc<Metrics>) {
    let instead = Arc::new(instead);
    while let Ok(stream) = listener.accept() {
        let (instead, metrics) = (Arc::clone(&instead), Arc::clone(&metrics));
        thread::spawn(move || {
            metrics.kms.add(1);
            if let Err(error) = carry(stream, instead.as_deref()) {
                // which step failed is the operator's to know; nothing in it is a party's
                eprintln!("kms: {error}");
            }
        });
    }
}

fn carry(mut enclave: Stream, instead: Option<&str>) -> io::Result<()> {
    enclave.set_timeout(PATIENCE)?;
    let mut length = [0];
    enclave.read_exact(&mut length)?;
    let mut host = vec![0; length[0].into()];
    enclave.read_exact(&mut host)?;
    let host = String::from_utf8(host).ok().filter(|host| is_kms(host));
    let host = host.ok_or(io::Error::other("the enclave asked for a host that is not KMS's"))?;
    let mut addresses = match instead {
        Some(address) => address.to_socket_addrs()?,
        None => (host.as_str(), PORT).to_socket_addrs()?,
    };
    let address = addresses.next().ok_or(io::Error::other("the host has no address"))?;
    let kms = TcpStream::connect_timeout(&address, PATIENCE)?;
    kms.set_nodelay(true)?;
    let mut kms = Stream::Tcp(kms);
    kms.set_timeout(PATIENCE)?;
    let (mut answers, mut inward) = (kms.try_clone()?, enclave.try_clone()?);
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(&mut answers, &mut inward);
            // one question a connection: whoever still asks is not heard
            answers.shutdown(Shutdown::Both);
            inward.shutdown(Shutdown::Both);
        });
        copy(&mut enclave, &mut kms);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_kms;
    use crate::address::Enclave;
    use protocol::parent::Service;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    #[test]
    fn nothing_but_kms_is_reached() {
        assert!(is_kms("kms.eu-central-1.amazonaws.com"));
        assert!(is_kms("kms.cn-north-1.amazonaws.com.cn"));
        for host in [
            "",
            "kms..amazonaws.com",
            "kms.amazonaws.com",
            "kms.a.b.amazonaws.com",
            "kms.eu.amazonaws.com.example.org",
            "s3.eu-central-1.amazonaws.com",
            "kms.EU.amazonaws.com",
            "169.254.169.254",
            "localhost",
        ] {
            assert!(!is_kms(host), "{host}");
        }
    }

    #[test]
    fn bytes_go_both_ways_and_to_no_other_host() {
        let folder = tempfile::tempdir().unwrap();
        let enclave = Enclave::Unix(folder.path().to_path_buf());
        let listener = enclave.listen(Service::Kms).unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap().to_string();
        std::thread::spawn(move || super::serve(&listener, Some(at), Arc::default()));
        std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut question = [0; 8];
            stream.read_exact(&mut question).unwrap();
            stream.write_all(&[&question[..], b" answered"].concat()).unwrap();
        });
        let ask = |host: &str| {
            let mut stream = UnixStream::connect(folder.path().join(Service::Kms.name())).unwrap();
            let name = [&[host.len() as u8], host.as_bytes(), b"question"].concat();
            // one that is not heard may be closed while it is written to
            let _ = stream.write_all(&name);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        };
        assert_eq!(ask("kms.eu-central-1.amazonaws.com"), "question answered");
        assert_eq!(ask("s3.eu-central-1.amazonaws.com"), "");
    }
}
