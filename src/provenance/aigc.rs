//! The implicit label of GB 45438-2025, Appendix E: an object `AIGC` of seven strings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a value may be made of, as the appendix lists it: printable ASCII but the space, `"` and `\`.
pub const CHARACTERS: &str = "0x21, 0x23 to 0x5B, 0x5D to 0x7E";

/// Whether a value is made of the characters that the standard allows.
pub fn is_allowed(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// The seven fields. Of a first writing the propagator is the producer, and both numbers are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Aigc {
    /// `1`: generated; `2`: perhaps; `3`: suspected.
    pub label: String,
    /// Who made the content: a name or the code of a provider.
    pub content_producer: String,
    /// The producer's number of the content.
    #[serde(rename = "ProduceID")]
    pub produce_id: String,
    /// What the producer keeps for itself: what protects the integrity.
    pub reserved_code1: String,
    /// Who spreads the content.
    pub content_propagator: String,
    /// The spreader's number of the content.
    #[serde(rename = "PropagateID")]
    pub propagate_id: String,
    /// What the spreader keeps for itself.
    pub reserved_code2: String,
}

impl Aigc {
    /// A first writing: this producer made content of this number.
    pub fn first(producer: &str, id: &str) -> Self {
        let (producer, id) = (allowed(producer), allowed(id));
        Self {
            label: "1".into(),
            content_producer: producer.clone(),
            produce_id: id.clone(),
            reserved_code1: String::new(),
            content_propagator: producer,
            propagate_id: id,
            reserved_code2: String::new(),
        }
    }

    /// The fields of these names; nothing, where one is missing, or holds what it may not.
    pub fn of(fields: &BTreeMap<String, String>) -> Option<Self> {
        let field = |name: &str| fields.get(name).filter(|value| is_allowed(value)).cloned();
        Some(Self {
            label: field("Label")?,
            content_producer: field("ContentProducer")?,
            produce_id: field("ProduceID")?,
            reserved_code1: field("ReservedCode1")?,
            content_propagator: field("ContentPropagator")?,
            propagate_id: field("PropagateID")?,
            reserved_code2: field("ReservedCode2")?,
        })
    }

    /// Names and values, in the standard's order.
    pub fn fields(&self) -> [(&'static str, &str); 7] {
        [
            ("Label", &self.label),
            ("ContentProducer", &self.content_producer),
            ("ProduceID", &self.produce_id),
            ("ReservedCode1", &self.reserved_code1),
            ("ContentPropagator", &self.content_propagator),
            ("PropagateID", &self.propagate_id),
            ("ReservedCode2", &self.reserved_code2),
        ]
    }

    /// The object `{"AIGC":{..}}`, without a space.
    pub fn json(&self) -> String {
        let fields = self.fields().map(|(name, value)| format!("\"{name}\":\"{}\"", allowed(value)));
        format!("{{\"AIGC\":{{{}}}}}", fields.join(","))
    }
}

/// A value with `_` for each character that may not stand in it.
fn allowed(value: &str) -> String {
    value.chars().map(|c| if is_allowed(c.encode_utf8(&mut [0; 4])) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    proptest! {
        /// Whatever a producer is called, the object is JSON of seven strings in the allowed characters.
        #[test]
        fn seven_strings_in_allowed_characters(producer in ".{0,40}", id in ".{0,40}") {
            let aigc = Aigc::first(&producer, &id);
            let json: Value = serde_json::from_str(&aigc.json()).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let fields = json["AIGC"].as_object().ok_or_else(|| TestCaseError::fail("no object"))?;
            prop_assert_eq!(fields.len(), 7);
            for value in fields.values() {
                prop_assert!(value.as_str().is_some_and(is_allowed), "{}", value);
            }
            prop_assert_eq!(&json["AIGC"]["ContentProducer"], &json["AIGC"]["ContentPropagator"]);
            let texts = fields.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
            let back = Aigc::of(&texts.collect());
            prop_assert_eq!(back, Some(aigc));
        }
    }
}
