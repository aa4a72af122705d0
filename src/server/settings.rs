//! Listeners, routes and tenants.

use super::route_use::{RouteUse, RouteUses};
use crate::diag::Time;
use crate::policy::{Annotate, Density, Grade, PolicyChange};
use crate::provenance::Unlabelled;
use crate::upstream::DialectFamily;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Where clients connect.
    pub data: SocketAddr,
    /// Health, readiness, metrics.
    pub operations: SocketAddr,
    /// Threads; without it, one for each core.
    pub workers: Option<usize>,
    /// The folder of what the gateway keeps: key pepper, journal.
    pub state: PathBuf,
    /// The file of the pepper under which keys are hashed; without it, `pepper` in the state folder, made at
    /// the first start.
    pub pepper: Option<PathBuf>,
    /// Names by which this machine's programs may call the listeners besides `localhost` and its addresses: asked about where no key is
    /// configured, and on an operations listener that others do not reach.
    pub hosts: Vec<String>,
    /// Whether every route has to say what it is for, in `[route.use]`.
    pub route_uses: RouteUses,
    /// Who answers `POST /v1/moderations`.
    pub moderations: Moderations,
    /// How long running exchanges may go on after SIGTERM.
    pub drain: Time,
    /// How often a held stream gets a comment that keeps it alive.
    pub keep_alive: Time,
    /// How long what stood for private values is kept, sealed, where the provider keeps what was said (`previous_response_id`,
    /// `conversation`); not at all with `"0 s"`.
    pub vault: Time,
    /// How often a known term is sent through the gateway to see that it is stopped.
    pub canary: Time,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            data: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operations: SocketAddr::from(([127, 0, 0, 1], 9090)),
            workers: None,
            state: PathBuf::from("state"),
            pepper: None,
            hosts: Vec::new(),
            route_uses: RouteUses::Optional,
            moderations: Moderations::Gateway,
            drain: Time::secs(30),
            keep_alive: Time::secs(15),
            vault: Time::secs(30 * 86_400),
            canary: Time::secs(60),
        }
    }
}

/// Who answers `POST /v1/moderations`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moderations {
    /// The gateway, by its models and the caller's rules.
    #[default]
    Gateway,
    /// The upstream, as every other call.
    Upstream,
}

/// One `[[route]]`: the first whose conditions all hold takes the request. Without any route, a request goes
/// to the first upstream that speaks its dialect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// The name in metrics and records; without it, the upstream's.
    #[serde(default)]
    pub name: Option<String>,
    /// The request's path; `*` stands for any text.
    #[serde(default)]
    pub path: Option<String>,
    /// The request's dialect.
    #[serde(default)]
    pub dialect: Option<DialectFamily>,
    /// The model that the request names; `*` stands for any text.
    #[serde(default)]
    pub model: Option<String>,
    /// How closely marks stand in the answers, in place of what the policy says.
    #[serde(default)]
    pub mark: Option<Density>,
    /// In which form clients are told of what is flagged in the answers as false or not borne out by the request, in place of what the policy
    /// says.
    #[serde(default)]
    pub annotate: Option<Annotate>,
    /// A header field that the request has.
    #[serde(default)]
    pub header: Option<HeaderMatch>,
    /// The upstream's name.
    pub upstream: String,
    /// The least grade of the data in its prompts, whatever is found in them; without it, `public`.
    #[serde(default)]
    pub grade: Option<Grade>,
    /// What it is for.
    #[serde(default, rename = "use")]
    pub purpose: Option<RouteUse>,
}

/// A route's `header`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderMatch {
    /// The field's name; case does not matter.
    pub name: String,
    /// The field's value; `*` stands for any text.
    pub value: String,
}

/// One `[[tenant]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// The name in metrics and records.
    pub name: String,
    /// Its keys, hashed; `sluicegate key new` makes one.
    #[serde(default)]
    pub keys: Vec<KeySettings>,
    /// What its policy has in place of `[policy]`.
    #[serde(default)]
    pub policy: PolicyChange,
    /// Exchanges at the same time; without it, as in `[limits]`.
    #[serde(default)]
    pub exchanges: Option<usize>,
    /// That it gets answers without a label that people see, and why that may be.
    #[serde(default)]
    pub unlabelled: Option<Unlabelled>,
}

/// One key of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The name in records; never part of the key.
    pub id: String,
    /// HMAC-SHA-256 of the key under the pepper, 64 hexadecimal digits.
    pub hash: String,
}
