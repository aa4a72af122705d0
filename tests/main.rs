//! One binary for all integration tests: one link instead of many.

mod cli;
mod sdk;
