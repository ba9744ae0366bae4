//! The machine around an enclave. It is untrusted: it relays connections that it can't read, keeps records that it can't
//! open, and passes on what the enclave says of its work. Whatever it does wrong, it can only withhold service.
//!
//! ```text
//! parties --TCP--> relay --vsock--> enclave --vsock--> store --> folder or S3
//!                                           --vsock--> log   --> JSON lines, metrics
//!                                           --vsock--> kms   --> KMS, in TLS that ends in the enclave
//!                                           --vsock--> sign, wrapped: signatures with this machine's role, wrapped keys
//! ```
#![forbid(unsafe_code)]

pub mod address;
pub mod agreement;
pub mod blobs;
pub mod command;
pub mod journal;
pub mod kms;
pub mod metrics;
pub mod relay;
pub mod sign;
pub mod store;
pub mod web;
pub mod wrapped;
