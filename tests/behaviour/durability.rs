//! An exchange of which a client saw one byte has its record, however the gateway ends.
//!
//! A killed process leaves the page cache behind, so this shows the order of writing and answering and the repair of torn ends,
//! not the syncs; those are asked in the journal's own tests, on a disk that forgets.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::{PATIENCE, chat, post};
use crate::cli::program;

const CLIENTS: usize = 16;
/// Kills; `SLUICEGATE_KILLS` asks for more.
const KILLS: u64 = 20;

/// The real program on free ports, and where it listens.
fn serve(state: &Path) -> (Child, SocketAddr) {
    let state = state.to_str().expect("a path of characters");
    let mut child =
        program(&["serve", "--state", state, "--data", "127.0.0.1:0", "--operations", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    out.read_line(&mut line).expect("a line");
    let address = line.trim().rsplit('/').next().and_then(|a| a.parse().ok());
    // Nobody reads on; the pipe is wide enough for what follows, and closing it would be an error to the program.
    std::mem::forget(out);
    (child, address.unwrap_or_else(|| panic!("no address in `{line}`")))
}

/// One exchange; gives its name once a byte of its body is there, and whether it is an answer and no refusal.
pub(crate) fn exchange(address: SocketAddr, stream: bool) -> Option<(String, bool)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.write_all(post("/v1/chat/completions", &chat("hello", stream)).as_bytes()).ok()?;
    let (mut got, mut space) = (Vec::new(), [0; 2048]);
    loop {
        let n = socket.read(&mut space).ok().filter(|n| *n > 0)?;
        got.extend_from_slice(&space[..n]);
        let Some(head) = memchr::memmem::find(&got, b"\r\n\r\n") else { continue };
        if got.len() > head + 4 {
            let head = String::from_utf8_lossy(&got[..head]).to_ascii_lowercase();
            let name = super::field(&head, "x-sluicegate-exchange").map(str::to_owned)?;
            return Some((name, head.starts_with("http/1.1 200")));
        }
    }
}

/// The exchanges of which a state folder has admission records, in a journal that is sound and verifies.
pub(crate) fn recorded(state: &Path) -> HashSet<String> {
    let mut recorded = HashSet::new();
    let mut visit = |entry: sluicegate::audit::Entry| {
        let value: serde_json::Value = serde_json::from_slice(&entry.payload).expect("records are JSON");
        if entry.kind == sluicegate::audit::EntryKind::Admission {
            assert!(recorded.insert(value["exchange"].as_str().unwrap_or_default().to_owned()), "twice");
        }
    };
    sluicegate::audit::read_dir(&state.join("journal"), &mut visit).expect("the journal is sound");
    let key = std::fs::read_to_string(state.join("journal/log/key")).expect("a key");
    let verified =
        sluicegate::audit::verify(&state.join("journal"), &key.parse().expect("a key"), &[], &mut |_| {});
    verified.unwrap_or_else(|fault| panic!("{fault}"));
    recorded
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the moment of the kill is a time, not an event")]
fn no_kill_loses_the_record_of_what_was_delivered() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut delivered = HashSet::new();
    let kills = std::env::var("SLUICEGATE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    for kill in 0..kills {
        let (mut child, address) = serve(dir.path());
        let (seen, names) = mpsc::channel();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let seen = seen.clone();
                std::thread::spawn(move || {
                    while let Some((name, _)) = exchange(address, n % 2 == 0) {
                        seen.send(name).expect("a listener");
                    }
                })
            })
            .collect();
        drop(seen);
        delivered.insert(names.recv_timeout(PATIENCE).expect("one answer before the kill"));
        // Not a random number, so that a failure comes again: steps that share no factor with the time of a sync.
        std::thread::sleep(Duration::from_millis(20 + kill * 37 % 230));
        child.kill().expect("a running program");
        child.wait().expect("its end");
        clients.into_iter().for_each(|c| c.join().expect("a client"));
        delivered.extend(names);
    }
    let recorded = recorded(dir.path());
    let lost: Vec<_> = delivered.difference(&recorded).collect();
    assert!(lost.is_empty(), "{} of {} delivered are not on record: {lost:?}", lost.len(), delivered.len());
    println!("{} exchanges delivered over {kills} kills, each on record", delivered.len());
    assert!(delivered.len() >= kills as usize * CLIENTS / 4, "{} delivered", delivered.len());
}
