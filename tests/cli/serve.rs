//! `sluicegate serve` as a process.

use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::program;
use crate::port::Reserved;

/// As in `sluicegate serve | head -1`.
#[test]
fn a_gateway_outlives_who_reads_its_welcome() {
    let dir = tempfile::tempdir().expect("a folder");
    let state = dir.path().join("state").display().to_string();
    let own = Reserved::new();
    let data = own.address.to_string();
    let arguments = ["serve", "--data", &data, "--operations", "127.0.0.1:0", "--state", &state];
    let mut child =
        program(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    drop(child.stdout.take());
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(own.address).is_err() {
        assert!(
            Instant::now() < end && child.try_wait().is_ok_and(|ended| ended.is_none()),
            "it does not listen"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // It has written by then, or does soon.
    std::thread::sleep(Duration::from_millis(500));
    let ended = child.try_wait().expect("a child");
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(ended, None, "it goes on");
}
