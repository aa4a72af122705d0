//! What one connection, exchange, key or tenant may use at most.

use crate::diag::{Size, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSettings {
    /// Bytes of a request's head, and of the HTTP/2 header list.
    pub header: Size,
    /// Header fields of a request.
    pub fields: usize,
    /// Bytes of a request's path and query.
    pub uri: Size,
    /// Bytes of a request's body, as received and after decompression.
    pub body: Size,
    /// Bytes of an answer that is not streamed, as received and after decompression.
    pub answer: Size,
    /// Bytes of one streamed event.
    pub event: Size,
    /// Bytes that one exchange may hold back while a match could still complete.
    pub held: Size,
    /// Depth to which the JSON of requests, answers and events may be nested.
    pub json_depth: usize,
    /// Texts, keys, lists, objects and long numbers in the JSON of one request, answer or event; of short numbers, booleans and nulls
    /// sixteen count as one. Also texts that one exchange may hold back.
    pub json_values: usize,
    /// Tokens that one request may ask for, in all its answers together; it has to say how many then. Without it, there is no such limit.
    pub output_tokens: Option<u64>,
    /// How many times larger a body may become by decompression.
    pub inflate_ratio: u64,
    /// Streams that one HTTP/2 connection may have open.
    pub h2_streams: u32,
    /// Time for a request's head to arrive.
    pub header_read: Time,
    /// Time a request's body may stand still.
    pub body_idle: Time,
    /// Time for a request's body to arrive, from its head.
    pub body_read: Time,
    /// Time to read a request for what it holds. It is refused where that takes longer.
    pub scan: Time,
    /// Questions that one exchange may put to judges, those left out to which the answer is known.
    pub judge_questions: u32,
    /// Time that one exchange may wait for judges in all.
    pub judge_time: Time,
    /// Time an answer may wait for a client that takes nothing more of it.
    pub answer_idle: Time,
    /// Time a connection may wait for its next request.
    pub idle: Time,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// Exchanges at the same time, in all.
    pub exchanges: usize,
    /// Exchanges at the same time of one tenant.
    pub exchanges_per_tenant: usize,
    /// Exchanges at the same time under one key.
    pub exchanges_per_key: usize,
}

impl Default for LimitsSettings {
    fn default() -> Self {
        Self {
            header: Size::kib(32),
            fields: 100,
            uri: Size::kib(8),
            body: Size::mib(32),
            answer: Size::mib(64),
            event: Size::mib(4),
            held: Size::mib(8),
            json_depth: 128,
            json_values: 250_000,
            output_tokens: None,
            inflate_ratio: 100,
            h2_streams: 100,
            header_read: Time::secs(10),
            body_idle: Time::secs(30),
            body_read: Time::secs(300),
            scan: Time::secs(30),
            judge_questions: 32,
            judge_time: Time::secs(10),
            answer_idle: Time::secs(120),
            idle: Time::secs(120),
            connections: 8192,
            connections_per_address: 4096,
            exchanges: 4096,
            exchanges_per_tenant: 2048,
            exchanges_per_key: 1024,
        }
    }
}
