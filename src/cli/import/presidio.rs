//! Presidio's recognisers as YAML (<https://github.com/microsoft/presidio>, `presidio_analyzer/conf/example_recognizers.yaml` and
//! `default_recognizers.yaml`; the defaults of context and deny lists are those of `LemmaContextAwareEnhancer` and `PatternRecognizer`).
//!
//! Recognisers of the type `predefined` are Python code: of them the file has the name alone. The packs that ship have a rule of their own for
//! most of them.

use super::regex::{self, Meant};
use super::rule::{Imported, Rule, Term};
use super::tree::{Node, Value};
use crate::diag::nearest;

/// Presidio adds so much where a context word stands near.
const CONTEXT: f32 = 0.35;
/// Python's `re.IGNORECASE` and `re.DOTALL`.
const IGNORE_CASE: usize = 2;
const DOT_ALL: usize = 16;
/// IGNORECASE, MULTILINE and DOTALL: what Presidio has where the file says nothing.
const FLAGS: usize = 26;

const KEYS: [&str; 14] = [
    "name",
    "supported_language",
    "supported_languages",
    "patterns",
    "context",
    "deny_list",
    "deny_list_score",
    "supported_entity",
    "supported_entities",
    "type",
    "enabled",
    "country_code",
    "class_name",
    "version",
];

/// Entities that have another name here.
const CATEGORIES: [(&str, &str); 13] = [
    ("EMAIL_ADDRESS", "EMAIL"),
    ("PHONE_NUMBER", "PHONE"),
    ("IBAN_CODE", "IBAN"),
    ("CREDIT_CARD", "CREDIT_CARD"),
    ("US_BANK_NUMBER", "US_ROUTING"),
    ("MAC_ADDRESS", "MAC"),
    ("US_PASSPORT", "PASSPORT"),
    ("IT_PASSPORT", "PASSPORT"),
    ("IN_PASSPORT", "PASSPORT"),
    ("ES_NIF", "ES_DNI"),
    ("ES_NIE", "ES_DNI"),
    ("SG_NRIC_FIN", "SG_NRIC"),
    ("IT_FISCAL_CODE", "IT_CF"),
];

/// Recognisers that are code there, and the rule here that finds the same.
pub(super) const PREDEFINED: [(&str, &str); 48] = [
    ("CreditCardRecognizer", "privacy/card"),
    ("UsBankRecognizer", "privacy/us-routing"),
    ("AbaRoutingRecognizer", "privacy/us-routing"),
    ("UsLicenseRecognizer", "privacy/us-licence"),
    ("UsItinRecognizer", "privacy/us-itin"),
    ("UsPassportRecognizer", "privacy/passport"),
    ("UsSsnRecognizer", "privacy/us-ssn"),
    ("UsMbiRecognizer", "privacy/us-mbi"),
    ("UsNpiRecognizer", "privacy/us-npi"),
    ("NhsRecognizer", "privacy/uk-nhs"),
    ("UkNinoRecognizer", "privacy/uk-nino"),
    ("SgFinRecognizer", "privacy/sg-nric"),
    ("AuTfnRecognizer", "privacy/au-tfn"),
    ("AuMedicareRecognizer", "privacy/au-medicare"),
    ("InPanRecognizer", "privacy/in-pan"),
    ("InAadhaarRecognizer", "privacy/in-aadhaar"),
    ("InPassportRecognizer", "privacy/passport"),
    ("EsNifRecognizer", "privacy/es-dni"),
    ("EsNieRecognizer", "privacy/es-dni"),
    ("ItFiscalCodeRecognizer", "privacy/it-cf"),
    ("ItPassportRecognizer", "privacy/passport"),
    ("PlPeselRecognizer", "privacy/pl-pesel"),
    ("KrRrnRecognizer", "privacy/kr-rrn"),
    ("UkPassportRecognizer", "privacy/passport"),
    ("EsPassportRecognizer", "privacy/passport"),
    ("DePassportRecognizer", "privacy/passport"),
    ("UkDrivingLicenceRecognizer", "privacy/driver-licence"),
    ("ItDriverLicenseRecognizer", "privacy/driver-licence"),
    ("KrDriverLicenseRecognizer", "privacy/driver-licence"),
    ("DeFuehrerscheinRecognizer", "privacy/driver-licence"),
    ("UkVehicleRegistrationRecognizer", "privacy/licence-plate"),
    ("DeKfzRecognizer", "privacy/licence-plate"),
    ("TrLicensePlateRecognizer", "privacy/licence-plate"),
    ("DeTaxIdRecognizer", "privacy/de-tax-id"),
    ("DeVatIdRecognizer", "privacy/eu-vat"),
    ("ItVatCodeRecognizer", "privacy/eu-vat"),
    ("DeHealthInsuranceRecognizer", "privacy/health-insurance"),
    ("CaSinRecognizer", "privacy/ca-sin"),
    ("SePersonnummerRecognizer", "privacy/se-personnummer"),
    ("ZaIdNumberRecognizer", "privacy/za-id"),
    ("TrNationalIdRecognizer", "privacy/tr-tckn"),
    ("MedicalLicenseRecognizer", "privacy/us-dea"),
    ("CryptoRecognizer", "privacy/crypto"),
    ("EmailRecognizer", "privacy/email"),
    ("IbanRecognizer", "privacy/iban"),
    ("IpRecognizer", "privacy/ipv4"),
    ("MacAddressRecognizer", "privacy/mac"),
    ("PhoneRecognizer", "privacy/phone-international"),
];

pub(super) fn read(root: &Node) -> Imported {
    let mut out = Imported { title: "recognisers of Presidio".into(), ..Imported::default() };
    // An analyser's file has them in a part of its own.
    let root = root.get("recognizer_registry").unwrap_or(root);
    let flags = root.get("global_regex_flags").and_then(Node::count).unwrap_or(FLAGS);
    // A list of recognisers, or one alone.
    let items = root.get("recognizers").map_or_else(|| root.items(), Node::items);
    let alone = std::slice::from_ref(root);
    let items = if items.is_empty() && root.get("patterns").is_some() { alone } else { items };
    out.found = items.len();
    for node in items {
        one(node, flags, &mut out);
    }
    out
}

fn one(node: &Node, flags: usize, out: &mut Imported) {
    let name =
        node.get("name").and_then(Node::text).or_else(|| node.text()).unwrap_or("recogniser").to_owned();
    let line = node.get("name").map_or(node.line, |name| name.line);
    for (key, value) in node.entries().iter().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
        let hint = nearest(key, &KEYS).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        out.leave_out(value.line, &name, key, format!("it means nothing here{hint}"));
    }
    let has_rules = node.get("patterns").is_some() || node.get("deny_list").is_some();
    let predefined = node.get("type").and_then(Node::text) == Some("predefined");
    if predefined || !has_rules {
        let off =
            if node.get("enabled").is_some_and(Node::is_false) { "; it is switched off there" } else { "" };
        let ours = PREDEFINED.iter().find(|(known, _)| *known == name);
        let ours = ours
            .map_or("; none of ours is made for it".to_owned(), |(_, rule)| format!("; ours is `{rule}`"));
        let why = if predefined || node.get("type").is_none() {
            "it is code of Presidio, not in this file"
        } else {
            "it has neither `patterns` nor `deny_list`"
        };
        out.leave_out(line, &name, "rule", format!("{why}{ours}{off}"));
        return;
    }
    if node.get("enabled").is_some_and(Node::is_false) {
        out.leave_out(line, &name, "rule", "it is switched off there");
        return;
    }
    let entities = ["supported_entity", "supported_entities"].iter().find_map(|key| node.get(key));
    let entity = entities.and_then(|one| one.text().or_else(|| one.items().first().and_then(Node::text)));
    let category = entity.map(|entity| {
        CATEGORIES.iter().find(|(theirs, _)| *theirs == entity).map_or(entity, |(_, ours)| ours).to_owned()
    });
    let mut rule = Rule {
        line,
        id: name.clone(),
        title: name.clone(),
        category: category.or_else(|| Some("PERSONAL".into())),
        action: Some("mask"),
        language: language(node),
        ..Rule::default()
    };
    let meant = Meant { insensitive: flags & IGNORE_CASE != 0, dot_all: flags & DOT_ALL != 0, part: None };
    for pattern in node.get("patterns").map(Node::items).unwrap_or_default() {
        let Some((source, at)) = pattern.get("regex").and_then(|node| Some((node.text()?, node.line))) else {
            let found = pattern.get("regex").map_or("none", Node::kind);
            out.leave_out(
                pattern.line,
                &name,
                "pattern",
                format!("expected a string in `regex`, found {found}"),
            );
            continue;
        };
        match regex::translate(source, at, meant, None) {
            Ok((mut taken, notes)) => {
                taken.score = pattern.get("score").and_then(Node::number).map(|score| score as f32);
                rule.patterns.push(taken);
                for note in notes {
                    out.change(at, &name, "regex", note);
                }
            }
            Err(why) => out.leave_out(at, &name, "pattern", why),
        }
    }
    let words = |key: &str| -> Vec<Term> {
        let items = node.get(key).map(Node::items).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| Some(Term { text: item.text()?.to_owned(), line: item.line }))
            .collect()
    };
    rule.terms = words("deny_list");
    if !rule.terms.is_empty() {
        rule.score = node.get("deny_list_score").and_then(Node::number).map(|score| score as f32);
    }
    let mut context = words("context");
    for of in node.get("supported_languages").map(Node::items).unwrap_or_default() {
        let items = of.get("context").map(Node::items).unwrap_or_default();
        context.extend(
            items.iter().filter_map(|item| Some(Term { text: item.text()?.to_owned(), line: item.line })),
        );
    }
    if !context.is_empty() && !rule.patterns.is_empty() {
        let note = format!(
            "words raise the score by {CONTEXT} as they stand, within {} characters; Presidio compares their lemmas",
            super::rule::AROUND
        );
        out.change(context.first().map_or(line, |term| term.line), &name, "context", note);
        rule.raise = Some((context, CONTEXT));
    }
    out.rules.push(rule);
}

fn language(node: &Node) -> Option<String> {
    let one = node.get("supported_language").and_then(Node::text);
    let of = |node: &Node| match &node.value {
        Value::Table(_) => node.get("language").and_then(Node::text).map(str::to_owned),
        _ => node.text().map(str::to_owned),
    };
    let many = node.get("supported_languages").map(Node::items).unwrap_or_default();
    one.map(str::to_owned).or_else(|| many.iter().find_map(of))
}
