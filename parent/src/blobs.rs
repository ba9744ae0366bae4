//! Where sealed records are kept: a folder, or a bucket. The enclave is told "stored" when this says so.

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use protocol::parent::Place;
use std::fmt::Write;
use std::io;
use std::path::Path as FilePath;
use tokio::runtime::{Builder, Runtime};

/// A store of records.
pub struct Blobs {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    runtime: Runtime,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum NoBlobs {
    /// The folder can't be made, or there is no runtime.
    #[error("{0}: look at the path, and at who owns it")]
    Io(#[from] io::Error),
    /// The URL or the credentials are not such that the bucket could be used.
    #[error("{0}: write a folder, or s3://BUCKET/PREFIX with credentials in the environment")]
    Store(#[from] object_store::Error),
}

impl Blobs {
    /// Opens a folder, which is made where there is none, or a bucket by its URL (`s3://BUCKET/PREFIX`), with credentials
    /// from the environment as AWS's tools have them.
    ///
    /// A record in a folder is written beside, synced, renamed, and the folder synced, before it counts as stored. S3 has
    /// not been run against by this project's tests.
    ///
    /// # Errors
    /// See [`NoBlobs`].
    pub fn open(place: &str) -> Result<Self, NoBlobs> {
        let (store, prefix): (Box<dyn ObjectStore>, _) = match place.strip_prefix("s3://") {
            Some(rest) => {
                let prefix = rest.split_once('/').map_or("", |(_, prefix)| prefix);
                let bucket = AmazonS3Builder::from_env().with_url(place).build()?;
                (Box::new(bucket), Path::from(prefix))
            }
            None => {
                let folder = FilePath::new(place);
                std::fs::create_dir_all(folder)?;
                let folder = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
                (Box::new(folder), Path::default())
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { store, prefix, runtime })
    }

    /// Keeps a record: at `PREFIX/AGREEMENT/BOOT/EPOCH`, in hex and decimals.
    ///
    /// # Errors
    /// Where it could not be stored.
    pub fn put(&self, place: &Place, record: &[u8]) -> Result<(), object_store::Error> {
        let payload = PutPayload::from(record.to_vec());
        self.runtime.block_on(self.store.put(&self.name(place), payload)).map(drop)
    }

    fn name(&self, place: &Place) -> Path {
        let mut boot = String::new();
        for byte in place.boot {
            // a string takes everything
            let _ = write!(boot, "{byte:02x}");
        }
        let agreement = place.agreement.to_string();
        self.prefix.clone().join(agreement).join(boot).join(format!("{:020}", place.epoch))
    }
}
