//! The judges whom a stream asks while it runs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::exchange::Exchange;
use super::gateway::Gateway;
use super::judging::Questioner;
use crate::exchange::judging::{Opinion, Question};

type Asked = Pin<Box<dyn Future<Output = (Question, Opinion)> + Send + Sync>>;

/// Questions on their way; those of a client that leaves are dropped with it.
pub(super) struct Asking {
    gateway: Arc<Gateway>,
    asker: Questioner,
    asked: FuturesUnordered<Asked>,
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asking({})", self.asked.len())
    }
}

impl Asking {
    /// Nothing has been asked about the answer.
    pub(super) fn new(exchange: &Exchange<'_>) -> Self {
        Self {
            gateway: Arc::clone(&exchange.worker.gateway),
            asker: exchange.asker.clone(),
            asked: FuturesUnordered::new(),
        }
    }

    /// Puts questions on their way.
    pub(super) fn ask(&mut self, questions: Vec<Question>) {
        for question in questions {
            let (gateway, asker) = (Arc::clone(&self.gateway), self.asker.clone());
            self.asked.push(Box::pin(async move {
                let opinion = asker.ask(&gateway.metrics, &question).await;
                (question, opinion)
            }));
        }
    }

    /// The next answer, where something is asked.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Question, Opinion)> {
        match self.asked.poll_next_unpin(cx) {
            Poll::Ready(Some(answer)) => Poll::Ready(answer),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
