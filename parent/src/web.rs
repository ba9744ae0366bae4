//! `/metrics` for Prometheus, `/health` for whoever restarts things.

use crate::metrics::Metrics;
use crate::relay::Relay;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tiny_http::{Header, Request, Response, Server};

/// The server.
pub struct Web {
    server: Server,
}

impl Web {
    /// Listens.
    ///
    /// # Errors
    /// Where the address is taken.
    pub fn listen(at: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
        Ok(Self { server })
    }

    /// Where.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.server_addr().to_ip()
    }

    /// Answers until the process ends.
    pub fn serve(&self, metrics: &Metrics, relay: &Arc<Relay>) {
        for request in self.server.incoming_requests() {
            let (code, text) = match request.url() {
                "/metrics" => (200, metrics.text(relay.open())),
                // a connection that says nothing: the enclave hangs up on the oldest of those
                "/health" if relay.enclave_serves() => (200, "the enclave serves\n".to_owned()),
                "/health" => (503, "the enclave does not take connections\n".to_owned()),
                _ => (404, "try /metrics or /health\n".to_owned()),
            };
            respond(request, code, text);
        }
    }
}

fn respond(request: Request, code: u16, text: String) {
    let mut response = Response::from_string(text).with_status_code(code);
    if let Ok(header) = Header::from_bytes("Content-Type", "text/plain; version=0.0.4") {
        response.add_header(header);
    }
    // who asked is gone
    let _ = request.respond(response);
}
