//! Whose values an exchange's are: of which client, in which conversation.
//!
//! A conversation is called by what does not change while it goes on: the client's own word for it (`x-sluicegate-conversation`), where
//! the provider keeps its history the name that it goes by there, and else a hash of what was said first: everything up to the first
//! message of a user. So a history that is resent gets the stand-ins that it had, and nothing has to be kept for that.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::digest;

use super::Terms;
use crate::dialect::{Ask, Matched};
use crate::telemetry::Quiet;
use crate::text::json::{Kind, Tape};
use crate::vault::{Book, Kept, Secret, Vault, owner};

/// What stand-ins are drawn from, and for whom.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    /// The gateway's secret.
    pub secret: Arc<Secret>,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The key's id.
    pub key: Arc<str>,
    /// The user, where the request's head names one; else its body's counts.
    pub user: Option<Quiet<String>>,
    /// The client's own word for the conversation.
    pub conversation: Option<Quiet<String>>,
    /// What stood for which values where the provider keeps the history; none where nothing is kept.
    pub vault: Option<Arc<Vault>>,
    /// Milliseconds since 1970, for what is kept a time.
    pub now_ms: u64,
}

/// Keeps what stands for which values under the names that the provider gives a conversation.
#[derive(Debug)]
pub(super) struct Keeping {
    pseudonyms: Pseudonyms,
    kept: Kept,
    /// The name that the request gives it.
    named: Option<Quiet<String>>,
}

impl Keeping {
    /// The request has been read: these are its values.
    pub(super) fn of(mut self, book: &Book) -> Option<Self> {
        self.kept.swaps = book.swaps().filter(|swap| swap.restore).map(Cow::into_owned).collect();
        (!self.kept.swaps.is_empty()).then_some(self)
    }

    /// The response has this id.
    pub(super) fn keep(self, id: &str) {
        let Pseudonyms { tenant, key, vault, now_ms, .. } = &self.pseudonyms;
        let Some(vault) = vault else { return };
        for id in [Some(id), self.named.as_ref().map(|name| &*name.0)].into_iter().flatten() {
            vault.keep((tenant, key, id), &self.kept, *now_ms);
        }
    }
}

/// The book for a request's values, where its policy makes something of them.
pub(super) fn book(
    terms: &Terms,
    matched: &Matched,
    ask: &Ask,
    body: &[u8],
    tape: &Tape,
) -> Option<(Book, Option<Keeping>)> {
    let pseudonyms = needed(terms)?;
    let known = |id: &str| {
        let vault = pseudonyms.vault.as_ref()?;
        vault.get((&pseudonyms.tenant, &pseudonyms.key, id), pseudonyms.now_ms)
    };
    let is_kept = matched.operation.name == RESPONSES;
    let named = || {
        let paths: [&[&str]; 2] = [&["conversation"], &["conversation", "id"]];
        paths.iter().find_map(|path| tape.str_at(body, path)).map(|name| format!("conversation {name}"))
    };
    let named = is_kept.then(named).flatten();
    let previous = is_kept.then(|| tape.str_at(body, &["previous_response_id"])).flatten();
    let goes_on = named.as_deref().or(previous.as_deref());
    let before = goes_on.and_then(known);
    let conversation = match (&before, &pseudonyms.conversation, goes_on) {
        (Some(before), _, _) => before.conversation.clone(),
        (None, Some(name), _) => [b"named ", name.0.as_bytes()].concat(),
        (None, None, Some(name)) => [b"goes on ", name.as_bytes()].concat(),
        (None, None, None) => [b"begins ", &*beginning(body, tape)].concat(),
    };
    let user = pseudonyms.user.as_ref().map_or(&*ask.user, |user| &user.0);
    let own = owner(&pseudonyms.secret, &pseudonyms.tenant, user);
    let mut owners = before.as_ref().map(|before| before.owners.clone()).unwrap_or_default();
    owners.insert(own);
    let client = [&*pseudonyms.tenant, &*pseudonyms.key];
    let mut book =
        Book::new(pseudonyms.secret.scope(&client, &[ask.user.as_bytes(), b" ", &*conversation].concat()));
    if let Some(before) = before {
        let of_others = before.owners.iter().ne([&own]);
        book.keep(before.swaps, of_others);
    }
    let keeping = (is_kept && pseudonyms.vault.is_some()).then(|| Keeping {
        pseudonyms: pseudonyms.clone(),
        kept: Kept { conversation, swaps: Vec::new(), owners },
        named: named.map(Quiet),
    });
    Some((book, keeping))
}

/// The call by which the provider keeps what was said.
const RESPONSES: &str = "responses";

/// What stand-ins are drawn from, where the policy makes something of values.
fn needed(terms: &Terms) -> Option<&Pseudonyms> {
    let policy = &terms.policy;
    terms.pseudonyms.as_ref().filter(|_| policy.makes_of_prompts() || policy.makes_of_answers())
}

/// The values of a response that is asked for once more by its id.
pub(super) fn of_path(terms: &Terms, matched: &Matched) -> Option<Book> {
    let pseudonyms = needed(terms).filter(|_| matched.operation.name.starts_with(RESPONSES))?;
    let id = matched.path.split('/').skip_while(|part| *part != RESPONSES).nth(1)?;
    let vault = pseudonyms.vault.as_ref()?;
    let user = pseudonyms.user.as_ref().map_or("", |user| &user.0);
    let own = owner(&pseudonyms.secret, &pseudonyms.tenant, user);
    let kept = vault.get((&pseudonyms.tenant, &pseudonyms.key, id), pseudonyms.now_ms)?;
    let mut book =
        Book::new(pseudonyms.secret.scope(&[&pseudonyms.tenant, &pseudonyms.key], &kept.conversation));
    book.keep(kept.swaps, kept.owners.iter().ne([&own]));
    Some(book)
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
