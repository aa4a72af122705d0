//! The command line: parse, call, exit code.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sluicegate::cli::main()
}
