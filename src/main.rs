//! The command line: parse, call, exit code.
#![forbid(unsafe_code)]
fn main() {}
