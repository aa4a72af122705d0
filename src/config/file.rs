//! What stands in the file.

use crate::audit::JournalSettings;
use crate::limits::LimitsSettings;
use crate::policy::PolicySettings;
use crate::provenance::LabelSettings;
use crate::provenance::mark::MarkSettings;
use crate::provenance::print::PrintSettings;
use crate::server::{ComplaintSettings, RouteSettings, ServerSettings, TenantSettings};
use crate::telemetry::LogSettings;
use crate::upstream::UpstreamSettings;
use crate::upstream::judge::JudgeSettings;
use crate::upstream::sink::SinkSettings;
use crate::upstream::vouch::{AnchorSettings, WitnessSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the file format that this program reads.
pub const SCHEMA: u32 = 1;

/// Sluicegate's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The version of this file's format: 1.
    pub schema: u32,
    /// Listeners, state, shutdown.
    #[serde(default)]
    pub server: ServerSettings,
    /// Which rules hold.
    #[serde(default)]
    pub policy: PolicySettings,
    /// What one connection, exchange, key or tenant may use.
    #[serde(default)]
    pub limits: LimitsSettings,
    /// The record of what passed.
    #[serde(default)]
    pub journal: JournalSettings,
    /// How answers are labelled as generated.
    #[serde(default)]
    pub labels: LabelSettings,
    /// Marks in answers, and the detector that finds them.
    #[serde(default)]
    pub marks: MarkSettings,
    /// The index of what was delivered.
    #[serde(default)]
    pub prints: PrintSettings,
    /// Whether the gateway takes complaints itself.
    #[serde(default)]
    pub complaints: ComplaintSettings,
    /// The gateway's own log.
    #[serde(default)]
    pub log: LogSettings,
    /// Where requests go.
    #[serde(default, rename = "upstream")]
    pub upstreams: Vec<UpstreamSettings>,
    /// Which request goes where.
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteSettings>,
    /// Who is asked about texts.
    #[serde(default, rename = "judge")]
    pub judges: Vec<JudgeSettings>,
    /// Where records are sent besides.
    #[serde(default, rename = "sink")]
    pub sinks: Vec<SinkSettings>,
    /// Who cosigns the journal's checkpoints.
    #[serde(default, rename = "witness")]
    pub witnesses: Vec<WitnessSettings>,
    /// Where checkpoints are kept or stamped besides.
    #[serde(default, rename = "anchor")]
    pub anchors: Vec<AnchorSettings>,
    /// Who may send requests.
    #[serde(default, rename = "tenant")]
    pub tenants: Vec<TenantSettings>,
}

/// The JSON schema of the file, for editors.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(File);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// The names of all settings, with the tables that they stand in: `policy.unscanned`, `upstream.name`.
pub fn setting_names() -> Vec<String> {
    fn walk(schema: &Value, root: &Value, prefix: &str, out: &mut Vec<String>) {
        let target =
            schema.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.trim_start_matches('#')));
        if let Some(target) = target {
            walk(target, root, prefix, out);
        }
        for either in ["anyOf", "allOf"] {
            for one in schema.get(either).and_then(Value::as_array).into_iter().flatten() {
                walk(one, root, prefix, out);
            }
        }
        if let Some(items) = schema.get("items") {
            walk(items, root, prefix, out);
        }
        for (key, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            walk(inner, root, &name, out);
            out.push(name);
        }
    }
    let schema = schemars::schema_for!(File);
    let mut out = Vec::new();
    walk(schema.as_value(), schema.as_value(), "", &mut out);
    out.sort();
    out.dedup();
    out
}
