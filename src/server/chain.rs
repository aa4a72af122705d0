//! Gateways in a row. Each adds a name to `x-sluicegate-exchange` of what it sends on: `EXCHANGE.GATEWAY`, behind those that came. So a
//! gateway knows a request of its own that an upstream leads back to it, and one that went round among others has an end.

use http::{HeaderMap, HeaderValue};

use super::worker::EXCHANGE;
use crate::audit::ExchangeId;
use crate::dialect::{ErrorKind, ExchangeError};

/// Most gateways that a request may have come through.
const MOST: usize = 16;

/// The names that stand in a request; what is none is left out, and goes no further.
fn names(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(EXCHANGE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().split_once('.')).filter(
        |(exchange, gateway)| ExchangeId::is_written_so(exchange) && ExchangeId::is_written_so(gateway),
    )
}

/// Refuses a request that has come through `gateway` before, or through too many others.
pub(super) fn check(headers: &HeaderMap, gateway: ExchangeId) -> Result<(), ExchangeError> {
    if !headers.contains_key(EXCHANGE) {
        return Ok(());
    }
    let own = gateway.text();
    let looped = |message: String| Err(ExchangeError::new(ErrorKind::Loop, message));
    if names(headers).any(|(_, gateway)| gateway.as_bytes() == own) {
        return looped("this gateway sent the request itself: an upstream leads back to it".into());
    }
    if names(headers).count() >= MOST {
        return looped(format!("the request has come through {MOST} gateways"));
    }
    Ok(())
}

/// What the request that goes on says: the names that came, and this one.
pub(super) fn onward(headers: &HeaderMap, exchange: ExchangeId, gateway: ExchangeId) -> HeaderValue {
    let before: String =
        names(headers).flat_map(|(exchange, gateway)| [exchange, ".", gateway, ", "]).collect();
    HeaderValue::from_str(&format!("{before}{exchange}.{gateway}")).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_knows_through_which_gateways_it_came() -> Result<(), getrandom::Error> {
        let (one, other, exchange) = (ExchangeId::random()?, ExchangeId::random()?, ExchangeId::random()?);
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers, one), Ok(()));
        headers.insert(EXCHANGE, onward(&headers, exchange, one));
        assert!(check(&headers, one).is_err_and(|e| e.kind == ErrorKind::Loop));
        assert_eq!(check(&headers, other), Ok(()));
        headers.insert(EXCHANGE, onward(&headers, exchange, other));
        assert!(check(&headers, one).is_err() && check(&headers, other).is_err());
        // What a client made up goes no further.
        headers.insert(EXCHANGE, HeaderValue::from_static("mail jo@corp.example, a.b"));
        assert_eq!(check(&headers, one), Ok(()));
        let value = onward(&headers, exchange, one);
        assert_eq!(value, format!("{exchange}.{one}").as_str());
        for _ in 0..MOST {
            assert_eq!(check(&headers, one), Ok(()));
            headers.insert(EXCHANGE, onward(&headers, exchange, other));
        }
        assert!(check(&headers, one).is_err());
        Ok(())
    }
}
