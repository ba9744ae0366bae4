//! The core as a party meets it: codes, sizes, budgets, retries, and what is stored before what.

mod lifecycle;
mod refusals;
mod world;
