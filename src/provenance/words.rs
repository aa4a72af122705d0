//! What labels and notices say where nobody has chosen other words: by whose law asks, in the language of the answer.
//!
//! China's GB 45438-2025 (5.1) asks for two elements, one for AI (人工智能 or AI) and one for generation (生成 or 合成), whatever else the label says;
//! so a label for China has both in whatever language the answer is. The EU's Code of Practice asks for a plain label with the acronym of the
//! language.

use crate::text::Tongue;

/// The label's words.
pub fn wording(jurisdictions: &[String], tongue: Tongue) -> &'static str {
    let china = jurisdictions.iter().any(|j| j == "cn");
    match (china, tongue) {
        (_, Tongue::Chinese) => "本内容由人工智能（AI）生成",
        (false, Tongue::English) => "AI-generated content",
        (false, Tongue::Japanese) => "この内容はAIによって生成されました",
        (false, Tongue::German) => "KI-generierter Inhalt",
        (false, Tongue::French) => "Contenu généré par l'IA",
        (false, Tongue::Spanish) => "Contenido generado por IA",
        (false, Tongue::Italian) => "Contenuto generato dall'IA",
        (true, Tongue::English) => "AI-generated content (人工智能生成)",
        (true, Tongue::Japanese) => "この内容はAIによって生成されました（人工智能生成）",
        (true, Tongue::German) => "KI-generierter Inhalt (人工智能生成)",
        (true, Tongue::French) => "Contenu généré par l'IA (人工智能生成)",
        (true, Tongue::Spanish) => "Contenido generado por IA (人工智能生成)",
        (true, Tongue::Italian) => "Contenuto generato dall'IA (人工智能生成)",
    }
}

/// What is said before the first answer of a conversation: with whom one talks.
pub fn interaction(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::English => "You are talking to an AI system.",
        Tongue::Chinese => "您正在与人工智能（AI）对话。",
        Tongue::Japanese => "お話し相手はAIシステムです。",
        Tongue::German => "Sie sprechen mit einem KI-System.",
        Tongue::French => "Vous parlez à un système d'IA.",
        Tongue::Spanish => "Está hablando con un sistema de IA.",
        Tongue::Italian => "Sta parlando con un sistema di IA.",
    }
}

/// Whether a label has both elements of GB 45438-2025, 5.1.
pub fn has_elements(text: &str) -> bool {
    (text.contains("人工智能") || text.contains("AI")) && (text.contains("生成") || text.contains("合成"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Guess;

    #[test]
    fn labels_for_china_have_both_elements_in_every_language() {
        let (china, both) = (["cn".to_owned()], ["eu".to_owned(), "cn".to_owned()]);
        for tongue in Tongue::ALL {
            assert!(
                has_elements(wording(&china, tongue)) && has_elements(wording(&both, tongue)),
                "{tongue:?}"
            );
        }
        assert!(!has_elements("AI-generated content") && !has_elements("本内容由机器生成"));
    }

    #[test]
    fn words_are_in_their_language() {
        for tongue in Tongue::ALL {
            let said = format!("{} {}", wording(&[], tongue), interaction(tongue));
            let guess = Guess::of(&said);
            assert!(guess.is_none() || guess == Some(tongue), "{said}: {guess:?}");
        }
    }
}
