//! NATS JetStream: one message a record, each acknowledged by the stream that holds it.

use super::{Delivery, SinkError, Target, chain, network};
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions, HeaderMap};

#[derive(Debug)]
pub(super) struct Nats {
    target: Target,
    connection: Option<(Client, jetstream::Context)>,
}

impl Nats {
    pub(super) fn new(target: Target) -> Self {
        Self { target, connection: None }
    }

    pub(super) async fn deliver(&mut self, batch: &[Delivery]) -> Result<(), SinkError> {
        let (client, jetstream) = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let subject = self.target.settings.target(self.target.address.kind).to_owned();
        let mut acknowledged = Vec::with_capacity(batch.len());
        for delivery in batch {
            let mut headers = HeaderMap::new();
            // Within its window the stream itself drops repeats of an id.
            headers.insert("Nats-Msg-Id", self.target.id(delivery));
            let sent = jetstream.publish_with_headers(subject.clone(), headers, delivery.text.clone().into());
            acknowledged.push(sent.await.map_err(|error| network(&error))?);
        }
        for one in acknowledged {
            one.await.map_err(|error| SinkError::Refused(chain(&error)))?;
        }
        self.connection = Some((client, jetstream));
        Ok(())
    }

    async fn connect(&self) -> Result<(Client, jetstream::Context), SinkError> {
        let (settings, address) = (&self.target.settings, &self.target.address);
        let mut options = ConnectOptions::new()
            .name("sluicegate")
            .connection_timeout(settings.timeout.0)
            // A broken connection is made anew with the next batch, which then is sent again: nothing waits in between.
            .max_reconnects(1);
        options = match self.target.secret() {
            Some(secret) if address.user.is_empty() => options.token(secret.to_owned()),
            Some(secret) => options.user_and_password(address.user.clone(), secret.to_owned()),
            None => options,
        };
        if address.tls {
            options = options.require_tls(true).tls_client_config(self.target.tls()?);
        }
        let client = options.connect(address.authority()).await.map_err(|error| network(&error))?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(settings.timeout.0);
        if let Some(name) = &settings.stream {
            let config = stream::Config {
                name: name.clone(),
                subjects: vec![settings.target(address.kind).to_owned()],
                ..stream::Config::default()
            };
            jetstream
                .get_or_create_stream(config)
                .await
                .map_err(|error| SinkError::Refused(chain(&error)))?;
        }
        Ok((client, jetstream))
    }
}
