//! gzip, deflate, br and zstd in both directions, under a ceiling; what is coded is read like everything else.

use std::io::Write as _;

use super::{Client, Fake, Gateway, Step, Wishes, answer, chat, event};

fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            let mut e = flate2::write::GzEncoder::new(Vec::new(), level);
            e.write_all(text).and_then(|()| e.finish()).expect("gzip")
        }
        "deflate" => {
            let mut e = flate2::write::ZlibEncoder::new(Vec::new(), level);
            e.write_all(text).and_then(|()| e.finish()).expect("deflate")
        }
        "br" => {
            let mut out = Vec::new();
            let params = brotli::enc::BrotliEncoderParams { quality: 4, ..Default::default() };
            brotli::BrotliCompress(&mut &text[..], &mut out, &params).expect("br");
            out
        }
        _ => zstd::encode_all(text, 3).expect("zstd"),
    }
}

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

fn send(gateway: &Gateway, fields: &str, body: &[u8]) -> super::Answer {
    let mut client = Client::new(gateway.data);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{fields}connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes());
    client.send(body);
    client.read_all()
}

#[test]
fn coded_requests_are_read() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    for coding in CODINGS {
        let field = format!("content-encoding: {coding}\r\n");
        let got = send(&gateway, &field, &coded(coding, chat("please maskme now", false).as_bytes()));
        assert_eq!(got.status, 200, "{coding}: {got:?}");
        assert_eq!(got.field("x-sluicegate-verdict"), Some("rewrite"));
        let seen = fake.seen().pop().expect("a request");
        assert!(seen.contains("[MASKED]") && !seen.contains("content-encoding"), "{coding}: {seen}");
        let got = send(&gateway, &field, &coded(coding, chat("please blockme now", false).as_bytes()));
        assert_eq!(got.status, 400, "{coding}");
    }
    let known = fake.seen().len();
    let plain = chat("hello", false);
    let gzip = coded("gzip", plain.as_bytes());
    let zstd = coded("zstd", plain.as_bytes());
    for (field, body, status) in [
        ("content-encoding: gzip, gzip\r\n", &gzip, 415),
        ("content-encoding: gzip\r\ncontent-encoding: gzip\r\n", &gzip, 415),
        ("content-encoding: lzma\r\n", &gzip, 415),
        ("content-encoding: gzip\r\n", &plain.clone().into_bytes(), 400),
        ("content-encoding: gzip\r\n", &gzip[..gzip.len() - 9].to_vec(), 400),
        ("content-encoding: br\r\n", &gzip, 400),
        ("content-encoding: zstd\r\n", &zstd[..zstd.len() - 3].to_vec(), 400),
        ("content-encoding: gzip\r\n", &coded("gzip", &vec![b' '; 20 << 20]), 400),
        ("content-encoding: zstd\r\n", &coded("zstd", &vec![b' '; 20 << 20]), 400),
    ] {
        let got = send(&gateway, field, body);
        assert_eq!(got.status, status, "{field}: {got:?}");
    }
    assert_eq!(fake.seen().len(), known);
}

/// A clean answer comes in the coding and the bytes that the upstream sent; a touched one comes plain, and so does one in a coding whose bytes
/// may hold more than their text.
#[test]
fn coded_answers_are_read() {
    for coding in CODINGS {
        for (text, stays) in [("all is well", true), ("say maskme now", false)] {
            let body = coded(coding, answer(text).as_bytes());
            let fields = format!("content-type: application/json\r\ncontent-encoding: {coding}\r\n");
            let fake = Fake::whole("200 OK", &fields, &body);
            let gateway = Gateway::new(Some(fake.address), &Wishes::default());
            let accept = format!("accept-encoding: {coding}, x\r\n");
            let asked = send(&gateway, &accept, chat("hello", false).as_bytes());
            assert_eq!(asked.status, 200);
            if stays && coding == "br" {
                assert_eq!(asked.field("content-encoding"), None);
                assert_eq!(asked.raw, answer(text).as_bytes());
            } else if stays {
                assert_eq!(asked.field("content-encoding"), Some(coding));
                assert_eq!(asked.raw, body, "{coding}: the bytes that came");
            } else {
                assert_eq!(asked.field("content-encoding"), None);
                assert!(asked.body.contains("[MASKED]") && !asked.body.contains("maskme"), "{coding}");
            }
            // Who did not ask for the coding gets it undone.
            let plain = send(&gateway, "", chat("hello", false).as_bytes());
            assert_eq!(plain.field("content-encoding"), None);
            assert!(plain.body.starts_with('{'), "{coding}: {}", plain.body);
        }
    }
}

#[test]
fn coded_streams_are_read() {
    for coding in CODINGS {
        let stream = format!("{}{}data: [DONE]\n\n", event("say mas"), event("kme now"));
        let body = coded(coding, stream.as_bytes());
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: {coding}\r\n\r\n"
        );
        let mut steps = vec![Step::Send(head.into_bytes())];
        steps.extend(body.chunks(7).map(|c| Step::Send(c.to_vec())));
        let fake = Fake::new(steps);
        let gateway = Gateway::new(Some(fake.address), &Wishes::default());
        let got = send(&gateway, "accept-encoding: gzip\r\n", chat("hello", true).as_bytes());
        let ends = got.body.ends_with("data: [DONE]\n\n");
        assert!(got.complete && got.body.contains("[MASKED]") && ends, "{coding}: {}", got.body);
        assert!(fake.seen().concat().contains("accept-encoding: identity"));
    }
    let fields = "content-type: application/json\r\ncontent-encoding: lzma\r\n";
    let fake = Fake::whole("200 OK", fields, b"xxx");
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    assert_eq!(send(&gateway, "", chat("hello", false).as_bytes()).status, 502);
}

/// An answer whose coding breaks off is no answer, and no short one; one that has said its end sign is.
#[test]
fn answers_that_break_off_in_their_coding() {
    for coding in CODINGS {
        let body = coded(
            coding,
            format!("{}data: [DONE]\n\n{}", event("one two three"), ": x\n\n".repeat(40)).as_bytes(),
        );
        let fields = format!("content-type: text/event-stream\r\ncontent-encoding: {coding}\r\n");
        let fake = Fake::whole("200 OK", &fields, &body[..body.len() - 3]);
        let gateway = Gateway::new(Some(fake.address), &Wishes::default());
        let got = send(&gateway, "", chat("hello", true).as_bytes());
        assert!(!got.body.contains("error") || !got.body.contains("[DONE]"), "{coding}: {got:?}");
    }
    let events = event("one two three");
    for coding in CODINGS {
        for (stream, media, text) in
            [(true, "text/event-stream", events.clone()), (false, "application/json", answer("fine"))]
        {
            let body = coded(coding, text.as_bytes());
            let fields = format!("content-type: {media}\r\ncontent-encoding: {coding}\r\n");
            let fake = Fake::whole("200 OK", &fields, &body[..body.len() - 3]);
            let gateway = Gateway::new(Some(fake.address), &Wishes::default());
            let got = send(&gateway, "", chat("hello", stream).as_bytes());
            let told = got.body.contains("\"error\"") || !got.complete;
            assert!(told && (stream || got.status == 502), "{coding}: {got:?}");
            assert!(got.body.contains("cannot be decoded"), "{coding}: {got:?}");
            let end = gateway.only_end();
            assert_eq!(end["ended"], "upstream_failed", "{coding}: {end}");
            assert_eq!(end["error"], "upstream_invalid_response", "{coding}: {end}");
        }
    }
}

/// A bomb in an answer is called one, and not an upstream that went away.
#[test]
fn bombs_in_answers() {
    let events = event(&" ".repeat(1 << 20));
    for coding in CODINGS {
        for (stream, media, text) in [
            (true, "text/event-stream", events.clone()),
            (false, "application/json", answer(&" ".repeat(1 << 20))),
        ] {
            let body = coded(coding, text.as_bytes());
            let fields = format!("content-type: {media}\r\ncontent-encoding: {coding}\r\n");
            let fake = Fake::whole("200 OK", &fields, &body);
            let gateway = Gateway::new(Some(fake.address), &Wishes::default());
            let got = send(&gateway, "", chat("hello", stream).as_bytes());
            assert!(got.body.contains("by decompression"), "{coding}: {}", got.head);
            let end = gateway.only_end();
            assert_eq!(end["error"], "upstream_invalid_response", "{coding}: {end}");
        }
    }
}
