//! What judges of each kind call things, and the categories of the taxonomy that they mean by them.

use super::settings::JudgeKind;

/// A judge's name for something, and categories of ours.
pub(super) type Names = &'static [(&'static str, &'static [&'static str])];

/// MLCommons' hazards, as the taxonomy that ships maps them (`filters/taxonomy.toml`).
/// <https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/>
const LLAMA_GUARD: Names = &[
    ("S1", &["VIOLENCE", "EXTREMISM"]),
    ("S2", &["CRIME", "FRAUD", "DRUGS", "WEAPONS", "MALWARE", "GAMBLING", "ILLEGAL"]),
    ("S3", &["SEXUAL_CRIME", "DEEPFAKE"]),
    ("S4", &["MINORS"]),
    ("S5", &["DEFAMATION"]),
    ("S6", &["MEDICAL_ADVICE", "FINANCIAL_ADVICE"]),
    ("S7", &["HARASSMENT", "SENSITIVE_DATA"]),
    ("S8", &["COPYRIGHT"]),
    ("S9", &["WEAPONS"]),
    ("S10", HATE),
    ("S11", &["SELF_HARM"]),
    ("S12", &["SEXUAL"]),
    ("S13", &["ELECTION"]),
    ("S14", &["MALWARE"]),
    // It says no more than that.
    (UNSAFE, &[]),
];

/// What a model says that names no category.
pub(super) const UNSAFE: &str = "unsafe";

const HATE: &[&str] = &[
    "HATE",
    "HATE_ETHNICITY",
    "HATE_ETHNICITY_DISCRIMINATION",
    "HATE_BELIEF",
    "HATE_NATIONALITY",
    "HATE_REGION",
    "HATE_SEX",
    "HATE_AGE",
    "HATE_OCCUPATION",
    "HATE_HEALTH",
    "HATE_OTHER",
];

/// <https://platform.openai.com/docs/guides/moderation>
const OPENAI: Names = &[
    ("harassment", &["HARASSMENT", "INSULT"]),
    ("harassment/threatening", &["HARASSMENT", "VIOLENCE"]),
    ("hate", HATE),
    ("hate/threatening", HATE),
    ("illicit", &["CRIME", "FRAUD", "DRUGS", "MALWARE", "ILLEGAL"]),
    ("illicit/violent", &["WEAPONS", "EXTREMISM"]),
    ("self-harm", &["SELF_HARM"]),
    ("self-harm/intent", &["SELF_HARM"]),
    ("self-harm/instructions", &["SELF_HARM"]),
    ("sexual", &["SEXUAL", "SEXUAL_CRIME"]),
    ("sexual/minors", &["MINORS"]),
    ("violence", &["VIOLENCE"]),
    ("violence/graphic", &["VIOLENCE"]),
];

/// <https://huggingface.co/Qwen/Qwen3Guard-Gen-8B>
const QWEN3_GUARD: Names = &[
    ("Violent", &["VIOLENCE", "WEAPONS", "EXTREMISM"]),
    ("Non-violent Illegal Acts", &["CRIME", "FRAUD", "DRUGS", "MALWARE", "GAMBLING", "ILLEGAL"]),
    ("Sexual Content or Sexual Acts", &["SEXUAL", "SEXUAL_CRIME", "MINORS"]),
    ("PII", &["SENSITIVE_DATA", "HARASSMENT"]),
    ("Suicide & Self-Harm", &["SELF_HARM"]),
    (
        "Unethical Acts",
        // "bias, discrimination, stereotype, injustice, hate speech, offensive language, harassment, insults, threat, defamation, extremism,
        // misinformation regarding ethics": "Safety Policy" in its README.
        &[
            "HATE",
            "HATE_ETHNICITY",
            "HATE_ETHNICITY_DISCRIMINATION",
            "HATE_BELIEF",
            "HATE_NATIONALITY",
            "HATE_REGION",
            "HATE_SEX",
            "HATE_AGE",
            "HATE_OCCUPATION",
            "HATE_HEALTH",
            "HATE_OTHER",
            "HARASSMENT",
            "INSULT",
            "DEFAMATION",
            "EXTREMISM",
            "MISINFORMATION",
        ],
    ),
    (
        "Politically Sensitive Topics",
        &["POLITICS", "POLITICS_SUBVERSION", "POLITICS_SECURITY", "POLITICS_SEPARATISM"],
    ),
    ("Copyright Violation", &["COPYRIGHT"]),
    ("Jailbreak", &["JAILBREAK", "INJECTION"]),
    (UNSAFE, &[]),
];

/// <https://www.ibm.com/granite/docs/models/guardian/>
const GRANITE_GUARDIAN: Names = &[
    ("harm", &["ILLEGAL", "CRIME", "VIOLENCE"]),
    ("social_bias", HATE),
    ("jailbreak", &["JAILBREAK", "INJECTION"]),
    ("jailbreaking", &["JAILBREAK", "INJECTION"]),
    ("violence", &["VIOLENCE"]),
    ("profanity", &["PROFANITY", "INSULT"]),
    ("sexual_content", &["SEXUAL"]),
    ("unethical_behavior", &["CRIME", "FRAUD"]),
    ("harm_engagement", &["ILLEGAL", "CRIME", "VIOLENCE"]),
    ("evasiveness", &[]),
];

/// <https://ai.google.dev/gemma/docs/shieldgemma/model_card>
const SHIELD_GEMMA: Names = &[
    (ALL_POLICIES, &["ILLEGAL", "CRIME", "VIOLENCE", "WEAPONS", "SELF_HARM", "HARASSMENT", "HATE", "SEXUAL"]),
    ("dangerous_content", &["ILLEGAL", "CRIME", "VIOLENCE", "WEAPONS", "EXTREMISM", "SELF_HARM"]),
    ("harassment", &["HARASSMENT", "INSULT"]),
    ("hate_speech", HATE),
    ("sexually_explicit", &["SEXUAL"]),
];

/// What ShieldGemma is asked where the configuration names none of its policies.
pub(super) const ALL_POLICIES: &str = "any_policy";

/// <https://microsoft.github.io/presidio/supported_entities/>
const PRESIDIO: Names = &[
    ("PERSON", &["PERSON"]),
    ("EMAIL_ADDRESS", &["EMAIL"]),
    ("PHONE_NUMBER", &["PHONE"]),
    ("LOCATION", &["LOCATION", "ADDRESS"]),
    ("DATE_TIME", &[]),
    ("NRP", &["SENSITIVE_DATA"]),
    ("URL", &[]),
    ("IP_ADDRESS", &["IP"]),
    ("CREDIT_CARD", &["CREDIT_CARD", "BANK_CARD"]),
    ("CRYPTO", &["CRYPTO"]),
    ("IBAN_CODE", &["IBAN"]),
    ("MEDICAL_LICENSE", &["PROFESSIONAL_ID"]),
    ("ORGANIZATION", &["ORGANIZATION"]),
    ("US_BANK_NUMBER", &["US_ROUTING"]),
    ("US_DRIVER_LICENSE", &["US_DRIVER_LICENSE", "DRIVER_LICENSE"]),
    ("US_ITIN", &["US_ITIN"]),
    ("US_PASSPORT", &["PASSPORT"]),
    ("US_SSN", &["US_SSN"]),
    ("UK_NHS", &["UK_NHS"]),
    ("UK_NINO", &["UK_NINO"]),
    ("ES_NIF", &["ES_DNI"]),
    ("ES_NIE", &["ES_DNI"]),
    ("IT_FISCAL_CODE", &["IT_CF"]),
    ("IT_DRIVER_LICENSE", &["DRIVER_LICENSE"]),
    ("IT_PASSPORT", &["PASSPORT"]),
    ("PL_PESEL", &["PL_PESEL"]),
    ("SG_NRIC_FIN", &["SG_NRIC"]),
    ("AU_TFN", &["AU_TFN"]),
    ("AU_MEDICARE", &["AU_MEDICARE"]),
    ("IN_PAN", &["IN_PAN"]),
    ("IN_AADHAAR", &["IN_AADHAAR"]),
    ("IN_PASSPORT", &["PASSPORT"]),
    ("KR_RRN", &["KR_RRN"]),
];

/// <https://learn.microsoft.com/azure/ai-services/content-safety/concepts/harm-categories>
const AZURE: Names = &[
    ("Hate", HATE),
    ("SelfHarm", &["SELF_HARM"]),
    ("Sexual", &["SEXUAL", "SEXUAL_CRIME", "MINORS"]),
    ("Violence", &["VIOLENCE", "WEAPONS", "EXTREMISM"]),
];

/// Those that come with the detectors of TrustyAI and IBM.
/// <https://github.com/trustyai-explainability/guardrails-detectors>
const FMS: Names = &[
    ("has_HAP", &["HATE", "INSULT", "PROFANITY"]),
    ("hap", &["HATE", "INSULT", "PROFANITY"]),
    ("pii", &["SENSITIVE_DATA"]),
    ("EmailAddress", &["EMAIL"]),
    ("SocialSecurity", &["US_SSN"]),
    ("CreditCard", &["CREDIT_CARD", "BANK_CARD"]),
    ("PhoneNumber", &["PHONE"]),
    ("IPAddress", &["IP"]),
];

impl JudgeKind {
    /// What it calls things. Others than these may come from detectors and webhooks alone.
    pub(super) fn names(self) -> Names {
        match self {
            Self::Webhook | Self::Onnx => &[],
            Self::OpenaiModeration => OPENAI,
            Self::LlamaGuard => LLAMA_GUARD,
            Self::Qwen3Guard => QWEN3_GUARD,
            Self::GraniteGuardian => GRANITE_GUARDIAN,
            Self::ShieldGemma => SHIELD_GEMMA,
            Self::FmsDetector => FMS,
            Self::Presidio => PRESIDIO,
            Self::AzureContentSafety => AZURE,
        }
    }

    /// The names that it has for things, where these are all that there are.
    pub fn closed_names(self) -> Option<Vec<&'static str>> {
        match self {
            // Whoever runs these has recognizers, criteria and detectors of their own.
            // A model's stand in its own configuration.
            Self::Webhook | Self::FmsDetector | Self::Presidio | Self::GraniteGuardian | Self::Onnx => None,
            Self::OpenaiModeration
            | Self::LlamaGuard
            | Self::Qwen3Guard
            | Self::ShieldGemma
            | Self::AzureContentSafety => Some(self.names().iter().map(|(name, _)| *name).collect()),
        }
    }

    /// What `criteria` may be, where it says something and not just anything.
    pub fn criteria(self) -> Option<Vec<&'static str>> {
        (self == Self::ShieldGemma).then(|| self.names().iter().map(|(name, _)| *name).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Library;

    /// Whatever judges mean is a category of the taxonomy that ships.
    #[test]
    fn what_is_meant_is_in_the_taxonomy() {
        let library = Library::embedded().expect("the packs that ship");
        for kind in JudgeKind::ALL {
            for (name, means) in kind.names() {
                for code in *means {
                    assert!(library.taxonomy().category(code).is_some(), "{}: {name}: {code}", kind.as_str());
                }
            }
        }
        // What Qwen3Guard calls unethical is all of hate and discrimination.
        let unethical =
            QWEN3_GUARD.iter().find(|(name, _)| *name == "Unethical Acts").map(|(_, means)| *means);
        for code in HATE {
            assert!(unethical.is_some_and(|means| means.contains(code)), "{code}");
        }
        // Llama Guard's hazards are MLCommons', which the taxonomy maps.
        for (name, means) in LLAMA_GUARD.iter().filter(|(name, _)| *name != UNSAFE) {
            for code in *means {
                let maps = library.taxonomy().codes(code, "mlcommons").any(|own| own == *name);
                assert!(maps, "{code} is not mapped to {name}");
            }
        }
    }
}
