//! Mock upstream and load generator for `scripts/bench`, with the standard library alone: `rustc -O` builds it in seconds.
//!
//!   bench mock PORT
//!   bench load PORT KIND CONNECTIONS SECONDS
//!
//! Kinds: `whole` (1 KiB in, 1 KiB out), `stream` (200 deltas, each its own write, no pause), `paced` (200 deltas, 2 ms apart), `first`
//! (4 deltas: the time to the first text), `model` (as `first`, from an upstream that thinks for 5 ms), `long` (128 KiB of chat in, half English
//! and half Chinese, 1 KiB out). `load` prints one line of JSON.

#[path = "../engine/chat.rs"]
#[allow(dead_code, reason = "the engine's bench uses more of it")]
mod chat;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Ordinary prose, cut as models cut it.
const PROSE: &str = "The river had been low all summer, and the old mill stood quiet beside it. When the rain came at last, \
the keeper walked down to the gate, looked at the water for a while, and then raised it by the width of a hand. ";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["mock", port] => mock(port.parse().expect("a port")),
        ["load", port, kind, connections, seconds] => load(
            port.parse().expect("a port"),
            kind,
            connections.parse().expect("a number of connections"),
            Duration::from_secs_f64(seconds.parse().expect("seconds")),
        ),
        _ => panic!("bench mock PORT | bench load PORT KIND CONNECTIONS SECONDS"),
    }
}

/// A head, by its lines in lower case, and the body's bytes that it announces.
fn head(reader: &mut impl BufRead) -> Option<(Vec<String>, usize, bool)> {
    let (mut lines, mut length, mut chunked) = (Vec::new(), 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Some((lines, length, chunked));
        }
        if let Some(n) = line.strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
        lines.push(line);
    }
}

/// The bytes of a chunked body; `first` hears of each piece of data.
fn chunks(reader: &mut impl BufRead, mut first: impl FnMut(&[u8])) -> Option<usize> {
    let (mut all, mut data) = (0, Vec::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        data.resize(size + 2, 0);
        reader.read_exact(&mut data).ok()?;
        if size == 0 {
            return Some(all);
        }
        first(&data[..size]);
        all += size;
    }
}

fn deltas(n: usize) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let words: Vec<&str> = PROSE.split_inclusive(' ').collect();
    for i in 0..n {
        let word = words[i % words.len()];
        let event = format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{{\
             \"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n"
        );
        events.push(event);
    }
    events.push(
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{\"index\":0,\
         \"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
            .into(),
    );
    events.push("data: [DONE]\n\n".into());
    events.iter().map(|e| format!("{:x}\r\n{e}\r\n", e.len()).into_bytes()).collect()
}

/// The largest text whose answer has 1 KiB.
fn whole() -> String {
    let text: String = PROSE.chars().cycle().take(820).collect();
    format!(
        "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{{\"index\":0,\
         \"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}],\
         \"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}}}"
    )
}

fn mock(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}

fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let answer = whole();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
    let (long, short) = (deltas(200), deltas(4));
    loop {
        let (_, length, chunked) = head(&mut reader)?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        if chunked {
            chunks(&mut reader, |piece| body.extend_from_slice(piece))?;
        }
        // It stands before the messages.
        let says = |what: &[u8]| body.windows(what.len()).take(64).any(|w| w == what);
        if !says(b"\"stream\":true") {
            stream.write_all(answer.as_bytes()).ok()?;
            continue;
        }
        let thinks = says(b"mock-model");
        if thinks {
            std::thread::sleep(Duration::from_millis(5));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").ok()?;
        let paced = says(b"mock-paced");
        for event in if thinks || says(b"mock-first") { &short } else { &long } {
            stream.write_all(event).ok()?;
            if paced {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        stream.write_all(b"0\r\n\r\n").ok()?;
    }
}

#[derive(Default)]
struct Tally {
    done: u64,
    failed: u64,
    bytes: u64,
    first: Vec<u64>,
    all: Vec<u64>,
}

fn load(port: u16, kind: &str, connections: usize, time: Duration) {
    let prompt = match kind {
        // As JSON has it.
        "long" => chat::chat(128 << 10, 3).replace('\n', "\\n"),
        _ => PROSE.chars().cycle().take(900).collect(),
    };
    let stream = if matches!(kind, "whole" | "long") { "" } else { ",\"stream\":true" };
    let body = format!("{{\"model\":\"mock-{kind}\"{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}");
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (start, mut total) = (Instant::now(), Tally::default());
    std::thread::scope(|scope| {
        let request = &request;
        let runs: Vec<_> = (0..connections).map(|_| scope.spawn(move || client(port, request, start, time))).collect();
        for run in runs {
            let tally = run.join().expect("a client ends");
            total.done += tally.done;
            total.failed += tally.failed;
            total.bytes += tally.bytes;
            total.first.extend(tally.first);
            total.all.extend(tally.all);
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let at = |values: &mut Vec<u64>, part: f64| {
        values.sort_unstable();
        values.get(((values.len() as f64 - 1.0) * part) as usize).copied().unwrap_or(0)
    };
    let (first50, first99) = (at(&mut total.first, 0.5), at(&mut total.first, 0.99));
    let (all50, all99) = (at(&mut total.all, 0.5), at(&mut total.all, 0.99));
    println!(
        "{{\"done\":{},\"failed\":{},\"bytes\":{},\"seconds\":{seconds:.3},\"first_p50_us\":{first50},\"first_p99_us\":{first99},\
         \"all_p50_us\":{all50},\"all_p99_us\":{all99}}}",
        total.done, total.failed, total.bytes
    );
}

/// One connection: the next request when the answer to the last is whole.
fn client(port: u16, request: &str, start: Instant, time: Duration) -> Tally {
    let mut tally = Tally::default();
    let open = || {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some((BufReader::new(stream.try_clone().ok()?), stream))
    };
    let mut connection = open();
    while start.elapsed() < time {
        let Some((reader, stream)) = &mut connection else {
            tally.failed += 1;
            connection = open();
            continue;
        };
        match exchange(reader, stream, request) {
            Some((bytes, first, all)) => {
                tally.done += 1;
                tally.bytes += bytes as u64;
                tally.first.push(first);
                tally.all.push(all);
            }
            None => {
                tally.failed += 1;
                connection = open();
            }
        }
    }
    tally
}

fn exchange(reader: &mut BufReader<TcpStream>, stream: &mut TcpStream, request: &str) -> Option<(usize, u64, u64)> {
    let sent = Instant::now();
    stream.write_all(request.as_bytes()).ok()?;
    let (lines, length, chunked) = head(reader)?;
    if !lines.first()?.contains(" 200 ") {
        return None;
    }
    let mut first = None;
    let bytes = if chunked {
        chunks(reader, |piece| {
            if first.is_none() && piece.windows(9).any(|w| w == b"\"content\"") {
                first = Some(sent.elapsed());
            }
        })?
    } else {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        length
    };
    let all = sent.elapsed();
    Some((bytes, first.unwrap_or(all).as_micros() as u64, all.as_micros() as u64))
}
