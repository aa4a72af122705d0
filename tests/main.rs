//! One binary for all integration tests: one link instead of many.
#![allow(
    clippy::allow_attributes,
    clippy::disallowed_methods,
    clippy::large_stack_arrays,
    clippy::float_cmp,
    reason = "tests read clocks, wait, send large bodies and compare gauges that are 0 or 1"
)]

mod coverage;

mod abuse;
mod behaviour;
mod cli;
mod corpus;
mod faults;
mod mistakes;
mod port;
mod sdk;
mod servers;
mod structure;
