//! Lists of words that come from a URL: proved, renewed, and the last good copy kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::reload::{Files, RULES, admin, put, rule, says, status, streamed};
use super::{Gateway, wait_for};

/// What stands under a path: head lines with the status, and the body.
type Site = BTreeMap<String, (String, Vec<u8>)>;

/// A server of lists.
struct Server {
    address: SocketAddr,
    site: Arc<Mutex<Site>>,
    pair: Ed25519KeyPair,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let site = Arc::<Mutex<Site>>::default();
        let shared = Arc::clone(&site);
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                let mut lines = BufReader::new(socket.try_clone().expect("a socket")).lines();
                let head: Vec<String> =
                    lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let tag = head.iter().find_map(|line| line.strip_prefix("if-none-match: "));
                let found = shared.lock().expect("a lock").get(path).cloned();
                let (fields, body) = found.unwrap_or(("404 Not Found".into(), Vec::new()));
                let same = tag.is_some_and(|tag| fields.contains(&format!("etag: {tag}")));
                let (fields, body) =
                    if same { ("304 Not Modified".into(), Vec::new()) } else { (fields, body) };
                let length = if same { String::new() } else { format!("content-length: {}\r\n", body.len()) };
                let head = format!("HTTP/1.1 {fields}\r\n{length}connection: close\r\n\r\n");
                // Who has left does not read it.
                let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&body));
            }
        });
        Self { address, site, pair: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key") }
    }

    fn put(&self, path: &str, head: &str, body: &[u8]) {
        self.site.lock().expect("a lock").insert(path.to_owned(), (head.to_owned(), body.to_vec()));
    }

    /// A list and its signature.
    fn signs(&self, text: &str, tag: &str) {
        self.put("/list.txt.sig", "200 OK", self.pair.sign(text.as_bytes()).as_ref());
        self.put("/list.txt", &format!("200 OK\r\netag: \"{tag}\""), text.as_bytes());
    }

    /// A rule that has this list.
    fn rule(&self, proof: &str) -> String {
        let list = format!("\n[[rule.list_url]]\nurl = \"http://{}/list.txt\"\n{proof}\n", self.address);
        rule("first", "first") + &list
    }

    fn key(&self) -> String {
        format!("public_key = \"{}\"\nevery = \"1 s\"", hex(self.pair.public_key().as_ref()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn files(upstream: SocketAddr, rules: &str, policy: &str) -> Files {
    let files = Files::new(upstream, "first");
    let config = fs::read_to_string(files.path("gateway.toml")).expect("a file");
    files.write("gateway.toml", &config.replace("[policy]\n", &format!("[policy]\n{policy}\n")));
    files.write(RULES, rules);
    files
}

const ALLOWED: &str = "list_hosts = [\"127.0.0.1\"]\nlist_size = \"1 KiB\"";

fn fetches(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!("sluicegate_list_fetches_total{{outcome=\"{outcome}\"}}"))
}

#[test]
fn a_signed_list_is_renewed_and_a_bad_one_changes_nothing() {
    let fake = says("first second third");
    let server = Server::new();
    server.signs("# words\nsecond\n", "1");
    let (gateway, root) = files(fake.address, &server.rule(&server.key()), ALLOWED).start();
    assert_eq!(streamed(&gateway), "[WORD] [WORD] third");
    assert!(wait_for(|| fetches(&gateway, "unchanged") >= 1.0), "it is asked for again, by its tag");

    server.signs("third\n", "2");
    assert!(wait_for(|| streamed(&gateway) == "[WORD] second [WORD]"), "{}", status(&gateway));
    assert_eq!(status(&gateway)["active"]["by"], "files");
    let url =
        format!("sluicegate_list_success_timestamp_seconds{{url=\"http://{}/list.txt\"}}", server.address);
    assert!(gateway.metric(&url) > 1e9);

    // Another's words, too many of them, no text, from somewhere else, or none at all: the last good ones stay.
    let long = "second\n".repeat(200);
    for step in ["unsigned", "long", "bytes", "moved", "gone"] {
        let before = fetches(&gateway, "failed");
        match step {
            "unsigned" => server.put("/list.txt", "200 OK", b"second\n"),
            "long" => server.signs(&long, "3"),
            "bytes" => {
                server.put("/list.txt.sig", "200 OK", server.pair.sign(b"second\xff").as_ref());
                server.put("/list.txt", "200 OK", b"second\xff");
            }
            "moved" => {
                server.signs("second\n", "4");
                server.put("/other.txt", "200 OK", b"second\n");
                server.put("/list.txt", "302 Found\r\nlocation: /other.txt", b"");
            }
            _ => server.put("/list.txt", "404 Not Found", b""),
        }
        assert!(wait_for(|| fetches(&gateway, "failed") > before + 1.0), "{step}");
        assert_eq!(streamed(&gateway), "[WORD] second [WORD]", "{step}");
    }

    // They are there after a restart, while nobody serves them; not where somebody has changed them.
    let kept: Vec<_> = fs::read_dir(root.join("state/lists")).expect("a folder").flatten().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let (name, copy) = (kept[0].file_name(), fs::read_to_string(kept[0].path()).expect("a file"));
    drop(gateway);
    let again = files(fake.address, &server.rule(&server.key()), ALLOWED);
    put(&again.path("state/lists").join(&name), &copy);
    let (gateway, root) = again.start();
    assert_eq!(streamed(&gateway), "[WORD] second [WORD]");
    server.signs("second\n", "5");
    put(&root.join("state/lists").join(&name), &copy.replace("third", "always"));
    assert!(wait_for(|| streamed(&gateway) == "[WORD] [WORD] third"), "{}", status(&gateway));
}

#[test]
fn a_pinned_list_is_what_the_rule_says() {
    let fake = says("first second third");
    let server = Server::new();
    server.put("/list.txt", "200 OK", b"second\n");
    let pin = |text: &[u8]| format!("sha256 = \"{}\"", hex(digest(&SHA256, text).as_ref()));
    let (gateway, root) = files(fake.address, &server.rule(&pin(b"second\n")), ALLOWED).start();
    assert_eq!(streamed(&gateway), "[WORD] [WORD] third");
    assert_eq!(status(&gateway)["last"], serde_json::Value::Null, "nothing is loaded twice");
    // The rule wants another content than there is.
    put(&root.join(RULES), &server.rule(&pin(b"third\n")));
    let (code, said) = admin(&gateway, "/admin/reload");
    assert_eq!((code, said["diagnostics"][0]["code"].as_str()), (422, Some("no-list")), "{said}");
    assert!(
        said["diagnostics"][0]["message"].as_str().unwrap().contains("its SHA-256 is not the one"),
        "{said}"
    );
    assert_eq!(said["diagnostics"][0]["labels"][0]["line"], 12, "{said}");
    assert_eq!(streamed(&gateway), "[WORD] [WORD] third");
    // As soon as it is there, it is taken.
    server.put("/list.txt", "200 OK", b"third\n");
    let (code, said) = admin(&gateway, "/admin/reload");
    assert_eq!((code, said["outcome"].as_str()), (200, Some("ok")), "{said}");
    assert_eq!(streamed(&gateway), "[WORD] second [WORD]");
}

#[test]
fn only_allowed_hosts_are_asked() {
    let fake = says("first second");
    let server = Server::new();
    server.signs("second\n", "1");
    let (gateway, root) = files(fake.address, &rule("first", "first"), "").start();
    put(&root.join(RULES), &server.rule(&server.key()));
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "failed"), "{}", status(&gateway));
    let first = &status(&gateway)["last"]["diagnostics"][0];
    assert_eq!(first["code"], "list-host");
    assert_eq!(first["message"], "lists from `127.0.0.1` are not allowed");
    assert_eq!(fetches(&gateway, "ok") + fetches(&gateway, "failed"), 0.0, "nobody was asked");
    let config = fs::read_to_string(root.join("gateway.toml")).expect("a file");
    put(&root.join("gateway.toml"), &config.replace("[policy]\n", &format!("[policy]\n{ALLOWED}\n")));
    assert!(wait_for(|| streamed(&gateway) == "[WORD] [WORD]"), "{}", status(&gateway));
}

/// A server that takes connections and says nothing keeps neither other lists nor the gateway's end waiting.
#[test]
fn a_silent_server_keeps_nobody_waiting() {
    let fake = says("first second third");
    let server = Server::new();
    server.signs("second\n", "1");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (gateway, root) = files(fake.address, &server.rule(&server.key()), ALLOWED).start();
    assert_eq!(streamed(&gateway), "[WORD] [WORD] third");
    // A rule whose list was never there: the reload asks for it, and the renewal too.
    let at = silent.local_addr().expect("an address");
    let other = format!("\n[[rule.list_url]]\nurl = \"http://{at}/list.txt\"\n{}\n", server.key());
    put(&root.join(RULES), &(server.rule(&server.key()) + &other));
    assert!(wait_for(|| silent.accept().is_ok()), "it is asked");
    let before = fetches(&gateway, "unchanged");
    assert!(wait_for(|| fetches(&gateway, "unchanged") >= before + 2.0), "the other is asked for meanwhile");
    let begun = std::time::Instant::now();
    drop(gateway);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}
