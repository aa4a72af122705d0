//! Whose values an exchange's are: of which client, in which conversation.
//!
//! A conversation is called by what does not change while it goes on: the client's own word for it (`x-sluicegate-conversation`), where
//! the provider keeps its history the name that it goes by there, and else a hash of what was said first: everything up to the first
//! message of a user. So a history that is resent gets the stand-ins that it had, and nothing has to be kept for that.

use std::sync::Arc;

use aws_lc_rs::digest;

use super::Terms;
use crate::dialect::Ask;
use crate::text::json::{Kind, Tape};
use crate::vault::{Book, Secret, Vault};

/// What stand-ins are drawn from, and for whom.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    /// The gateway's secret.
    pub secret: Arc<Secret>,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The key's id.
    pub key: Arc<str>,
    /// The client's own word for the conversation.
    pub conversation: Option<Box<str>>,
    /// What stood for which values where the provider keeps the history; none where nothing is kept.
    pub vault: Option<Arc<Vault>>,
}

/// The book for a request's values, where its policy makes something of them.
pub(super) fn book(terms: &Terms, ask: &Ask, body: &[u8], tape: &Tape) -> Option<Book> {
    let policy = &terms.policy;
    let pseudonyms = terms.pseudonyms.as_ref()?;
    if !(policy.makes_of_prompts() || policy.makes_of_answers()) {
        return None;
    }
    let conversation = match &pseudonyms.conversation {
        Some(name) => [b"named ", name.as_bytes()].concat(),
        None => [b"begins ", &*beginning(body, tape)].concat(),
    };
    let client = [&*pseudonyms.tenant, &*pseudonyms.key, &*ask.user];
    Some(Book::new(pseudonyms.secret.scope(&client, &conversation)))
}

/// A hash of what a conversation begins with.
fn beginning(body: &[u8], tape: &Tape) -> Vec<u8> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut add = |part: &[u8]| {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    for name in ["instructions", "system", "systemInstruction", "system_instruction"] {
        if let Some(at) = tape.find(body, &[name]) {
            says(body, tape, at, &mut add);
        }
    }
    for name in ["messages", "contents", "input", "prompt", "inputs"] {
        let Some(at) = tape.find(body, &[name]) else { continue };
        if tape.node(at).is_none_or(|node| node.kind != Kind::Array) {
            says(body, tape, at, &mut add);
            continue;
        }
        for message in tape.elements(at) {
            let role = tape.get(body, message, "role").map(|role| tape.text(body, role));
            // What is said counts, and not what stands beside it: marks of a cache are set on other messages as a conversation grows.
            let said =
                ["content", "parts"].iter().find_map(|name| tape.get(body, message, name)).unwrap_or(message);
            says(body, tape, said, &mut add);
            if role.is_none_or(|role| role == "user") {
                break;
            }
        }
    }
    hash.finish().as_ref().to_vec()
}

/// Gives the strings of a message, without the keys: those named `text` and `content`, and a message that is one string.
fn says(body: &[u8], tape: &Tape, at: usize, add: &mut impl FnMut(&[u8])) {
    let Some(node) = tape.node(at) else { return };
    match node.kind {
        Kind::String => add(tape.text(body, at).as_bytes()),
        Kind::Array => tape.elements(at).for_each(|one| says(body, tape, one, add)),
        Kind::Object => {
            for name in ["text", "content", "parts"] {
                if let Some(inner) = tape.get(body, at, name) {
                    says(body, tape, inner, add);
                }
            }
        }
        Kind::Key | Kind::Number | Kind::Bool | Kind::Null => {}
    }
}
