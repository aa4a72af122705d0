//! The canary: at start and every minute a synthetic exchange with a known secret goes through the real listener. Readiness goes red
//! when it comes out again, or when no canary has come back for a while: "on, but not in the path" must not stay unnoticed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How the last canary did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Health {
    /// None has come back yet.
    #[default]
    Unknown,
    /// It was stopped.
    Stopped,
    /// It came out.
    CameOut,
    /// It could not be sent, with the reason.
    Failed(String),
}

/// How the canary does.
#[derive(Debug, Default)]
pub struct State(Mutex<(Health, Option<Instant>)>);

impl State {
    /// Notes how a canary did, at this moment.
    pub fn note(&self, health: Health, at: Instant) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (health, Some(at));
    }

    /// Why the gateway is not ready, if so. A canary older than `stale` counts as none.
    pub fn trouble(&self, now: Instant, stale: Duration) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*last {
            (_, Some(at)) if now.duration_since(*at) > stale => {
                Some("no canary has come back for too long".into())
            }
            (Health::Stopped, _) => None,
            (Health::Unknown, _) => Some("the first canary has not come back yet".into()),
            (Health::CameOut, _) => Some("the canary came out: what must be stopped is not stopped".into()),
            (Health::Failed(reason), _) => Some(format!("the canary could not be sent: {reason}")),
        }
    }
}

/// Sends canaries through the data listener until the runtime ends.
pub(super) async fn run(gateway: std::sync::Arc<super::Gateway>, data: std::net::SocketAddr) {
    // The listener speaks plain HTTP: no certificate is looked for, since an image without any has to work.
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(std::iter::empty())
        .timeout(Duration::from_secs(10))
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "the canary's client cannot be built");
            gateway.canary.note(Health::Failed("its client cannot be built".into()), now());
            return;
        }
    };
    // A gateway that drains takes no canary, and says itself that it is not ready.
    while super::worker::is_open(&gateway) {
        let health = send(&client, &gateway, data).await;
        if !super::worker::is_open(&gateway) {
            break;
        }
        if health != Health::Stopped {
            tracing::error!(?health, "the canary is not stopped as it must be");
        }
        gateway.metrics.canary.set(i64::from(health == Health::Stopped));
        let stopped = health == Health::Stopped;
        gateway.canary.note(health, now());
        let pause = if stopped {
            gateway.server.canary.0
        } else {
            Duration::from_secs(1).min(gateway.server.canary.0)
        };
        tokio::time::sleep(pause).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
fn now() -> Instant {
    Instant::now()
}

/// One exchange: the demonstration answers with the known term, streamed; it must arrive masked.
async fn send(client: &reqwest::Client, gateway: &super::Gateway, data: std::net::SocketAddr) -> Health {
    let host = match data.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => std::net::Ipv4Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}/v1/chat/completions", std::net::SocketAddr::new(host, data.port()));
    let body = serde_json::json!({
        "model": "canary", "stream": true, "messages": [{"role": "user", "content": format!("canary {}", super::CANARY)}]
    });
    let sent = client.post(url).bearer_auth(&gateway.canary_key).json(&body).send().await;
    let answer = match sent {
        Ok(answer) if answer.status().is_success() => answer.text().await,
        Ok(answer) => return Health::Failed(format!("status {}", answer.status().as_u16())),
        Err(error) => Err(error),
    };
    match answer {
        Ok(text) => judge(&text),
        Err(error) => Health::Failed(error.without_url().to_string()),
    }
}

/// Puts the stream's text together, as a client does, and looks for the term.
fn judge(stream: &str) -> Health {
    let text: String = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok())
        .filter_map(|event| {
            event.pointer("/choices/0/delta/content").and_then(|c| c.as_str().map(str::to_owned))
        })
        .collect();
    if text.contains(super::CANARY) {
        Health::CameOut
    } else if text.contains(crate::policy::CANARY_MARKER) {
        Health::Stopped
    } else {
        Health::Failed("the answer is not the canary's".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_that_comes_out_is_seen_also_in_pieces() {
        let event = |c: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{c}\"}}}}]}}\n\n");
        let (a, b) = super::super::CANARY.split_at(5);
        assert_eq!(judge(&format!("{}{}", event(a), event(b))), Health::CameOut);
        assert_eq!(judge(&event(crate::policy::CANARY_MARKER)), Health::Stopped);
        assert!(matches!(judge(""), Health::Failed(_)));
    }
}
