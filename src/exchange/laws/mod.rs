//! What an exchange owes, as laws that tests try to break: the promises with generated texts, rules and cuts, and what of streams no one
//! example shows.

mod annotated;
mod annotated_texts;
mod blocks;
mod called;
mod chat_pieces;
mod ends;
mod grounded;
mod held;
mod invented;
mod judged;
mod labelled;
mod let_go;
mod marked_labelled;
mod marks;
mod near;
mod prints;
mod promises;
mod pseudonym_cases;
mod pseudonyms;
mod repeated;
mod replay;
mod sample;
mod shadow;
mod target;
mod unnamed;
mod unread;
mod untouched;
