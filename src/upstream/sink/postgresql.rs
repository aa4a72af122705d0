//! A table of PostgreSQL: one row a record, by journal and number, so that a repeat changes nothing.

use super::{Delivery, SinkError, Target, chain, network};
use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

#[derive(Debug)]
pub(super) struct Postgresql {
    target: Target,
    connection: Option<Connected>,
}

struct Connected {
    client: Client,
    insert: Statement,
    /// Drives the connection; what goes wrong there the client tells. It ends with this.
    _driver: JoinSet<()>,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}

impl Postgresql {
    pub(super) fn new(target: Target) -> Self {
        Self { target, connection: None }
    }

    pub(super) async fn deliver(&mut self, batch: &[Delivery]) -> Result<(), SinkError> {
        let connected = match self.connection.take().filter(|connected| !connected.client.is_closed()) {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        let numbers: Vec<i64> = batch.iter().map(|d| d.sequence.cast_signed()).collect();
        let kinds: Vec<&str> = batch.iter().map(|d| d.kind).collect();
        let times: Vec<f64> = batch.iter().map(|d| d.time_ms as f64 / 1000.0).collect();
        let exchanges: Vec<Option<&str>> =
            batch.iter().map(|d| Some(d.exchange.as_str()).filter(|id| !id.is_empty())).collect();
        // The one character that `jsonb` does not take.
        let records: Vec<String> = batch.iter().map(|d| d.text.replace("\\u0000", "\\ufffd")).collect();
        connected
            .client
            .execute(
                &connected.insert,
                &[&self.target.origin, &numbers, &kinds, &times, &exchanges, &records],
            )
            .await
            .map_err(|error| match error.as_db_error() {
                Some(said) => SinkError::Refused(said.message().to_owned()),
                None => network(&error),
            })?;
        self.connection = Some(connected);
        Ok(())
    }

    async fn connect(&self) -> Result<Connected, SinkError> {
        let (settings, address) = (&self.target.settings, &self.target.address);
        let mut config = Config::new();
        config
            .host(&address.host)
            .port(address.port)
            .user(&address.user)
            .dbname(&address.path)
            .application_name("sluicegate")
            .connect_timeout(settings.timeout.0)
            .ssl_mode(if address.tls { SslMode::Require } else { SslMode::Disable });
        if let Some(secret) = self.target.secret() {
            config.password(secret);
        }
        let mut driver = JoinSet::new();
        let client = if address.tls {
            let (client, connection) = config
                .connect(MakeRustlsConnect::new(self.target.tls()?))
                .await
                .map_err(|error| network(&error))?;
            driver.spawn(async move { drop(connection.await) });
            client
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| network(&error))?;
            driver.spawn(async move { drop(connection.await) });
            client
        };
        let table = settings.target(address.kind);
        let refused = |error: tokio_postgres::Error| SinkError::Refused(chain(&error));
        // The name was checked: nothing but letters, digits, `_` and a dot. Who may only insert has the table made by somebody else.
        let there = client.query_opt("SELECT 1 WHERE to_regclass($1) IS NOT NULL", &[&table]).await;
        if there.map_err(refused)?.is_none() {
            client
                .batch_execute(&format!(
                    "CREATE TABLE IF NOT EXISTS {table} (journal text NOT NULL, sequence bigint NOT NULL, kind text NOT NULL, time timestamptz NOT NULL, exchange text, record jsonb NOT NULL, PRIMARY KEY (journal, sequence))"
                ))
                .await
                .map_err(refused)?;
        }
        let insert = client
            .prepare(&format!(
                "INSERT INTO {table} (journal, sequence, kind, time, exchange, record) SELECT $1::text, s, k, to_timestamp(t), e, r::jsonb FROM unnest($2::bigint[], $3::text[], $4::float8[], $5::text[], $6::text[]) AS x(s, k, t, e, r) ON CONFLICT DO NOTHING"
            ))
            .await
            .map_err(refused)?;
        Ok(Connected { client, insert, _driver: driver })
    }
}
