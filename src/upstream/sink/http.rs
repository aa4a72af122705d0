//! A POST for each batch: OpenTelemetry's OTLP over HTTP as JSON, or lines.

use super::{Delivery, MOST_SAID, Rejected, SinkError, Target, network};
use crate::audit::EventForm;
use crate::upstream::web;
use std::time::Duration;

/// As much of a refusal as is told.
const TOLD: usize = 200;

#[derive(Debug)]
pub(super) struct Http {
    target: Target,
    client: reqwest::Client,
}

impl Http {
    pub(super) fn new(target: Target) -> Result<Self, SinkError> {
        let client = web::client(target.tls()?, target.settings.timeout.0, target.settings.timeout.0)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| SinkError::Settings(error.to_string()))?;
        Ok(Self { target, client })
    }

    pub(super) async fn deliver(&mut self, batch: &[Delivery]) -> Result<Rejected, SinkError> {
        let form = self.target.settings.form(self.target.address.kind);
        let (first, last) = match batch {
            [first, .., last] => (first.sequence, last.sequence),
            [one] => (one.sequence, one.sequence),
            [] => return Ok(Rejected::default()),
        };
        let kind = match form {
            EventForm::Otel => "application/json",
            EventForm::Records | EventForm::Parquet | EventForm::Ocsf => "application/x-ndjson",
            EventForm::Cef => "text/plain; charset=utf-8",
        };
        let mut request = self
            .client
            .post(&self.target.settings.url)
            .header("content-type", kind)
            .header("idempotency-key", format!("{}/{first}-{last}", self.target.origin))
            .body(body(form, batch));
        if let Some(secret) = self.target.secret() {
            request = request.bearer_auth(secret);
        }
        let mut answer = request.send().await.map_err(|error| network(&error.without_url()))?;
        let status = answer.status();
        let (said, _) =
            web::body(&mut answer, MOST_SAID).await.map_err(|error| network(&error.without_url()))?;
        if status.is_success() {
            let most = batch.len() as u64;
            return Ok(if form == EventForm::Otel { rejected(&said, most) } else { Rejected::default() });
        }
        let said = told(&String::from_utf8_lossy(&said));
        Err(SinkError::Refused(format!("{status} {said}").trim_end().to_owned()))
    }
}

/// The beginning of what a receiver says, for the log.
fn told(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(TOLD).collect()
}

/// What a receiver takes and throws away, as OTLP lets it say: no more than the batch had.
fn rejected(said: &[u8], most: u64) -> Rejected {
    let said: serde_json::Value = serde_json::from_slice(said).unwrap_or_default();
    // A number, or as protobuf's JSON has 64 bits: a string.
    let partial = &said["partialSuccess"];
    let rejected = &partial["rejectedLogRecords"];
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or_default();
    Rejected { records: rejected.min(most), why: told(partial["errorMessage"].as_str().unwrap_or_default()) }
}

fn body(form: EventForm, batch: &[Delivery]) -> String {
    let lines = batch.iter().flat_map(|delivery| delivery.text.lines());
    if form != EventForm::Otel {
        return lines.fold(String::new(), |body, line| body + line + "\n");
    }
    // Each is an `ExportLogsServiceRequest` of opentelemetry-proto with one entry; together they are one with several.
    let (head, tail) = (r#"{"resourceLogs":["#, "]}");
    let entries: Vec<&str> = lines.filter_map(|line| line.strip_prefix(head)?.strip_suffix(tail)).collect();
    format!("{head}{}{tail}", entries.join(","))
}
