//! One binary for all integration tests: one link instead of many.

mod coverage;

mod behaviour;
mod cli;
mod sdk;
