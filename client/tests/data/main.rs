//! Row files and predictions, through the public interface of `client::data`.

mod columns;
mod csv;
mod hostile;
mod npy;
mod parquet;
mod support;
mod write;
