//! Checks of matched text: check digits, ranges, shapes.
//!
//! A check sees the folded text of a match (of its group, where one is named), passes over separators, allocates
//! nothing, and answers how much it says: nothing if it fails, 1.0 for a check that random text passes at a few per
//! cent at most, less where it only lends weight. A check digit alone is no evidence (random digits pass Luhn at 10 %):
//! ranges, lengths, boundaries and context words belong to the rule.

mod crypto;
mod digits;
mod finance;
mod nation;
mod network;
mod person;
mod secret;

#[cfg(test)]
mod tests;

macro_rules! validators {
    ($($variant:ident $name:literal $check:path, $doc:literal;)*) => {
        /// A check that a rule names by a string.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Validator { $(#[doc = $doc] $variant,)* }

        impl Validator {
            /// All of them, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that rules use.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it checks, with its source.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            /// Nothing if the text fails the check, else how much the check says, `0..=1`.
            pub fn check(self, text: &[u8]) -> Option<f32> {
                match self { $(Self::$variant => $check(text),)* }
            }
        }
    };
}

validators! {
    ArCuit "ar_cuit" nation::ar_cuit, "Argentine CUIT or CUIL: mod 11 (AFIP).";
    AuMedicare "au_medicare" nation::au_medicare, "Australian Medicare card: weights 1 3 7 9 1 3 7 9 mod 10 (Services Australia).";
    AuTfn "au_tfn" nation::au_tfn, "Australian tax file number: weights 1 4 3 7 5 8 6 9 10 mod 11 (ATO).";
    BeNn "be_nn" person::be_nn, "Belgian national number: 97 minus the number mod 97, with 2 before it from 2000 on (RRN).";
    Bic "bic" finance::bic, "Bank identifier: 8 or 11 characters with a country code (ISO 9362).";
    Bitcoin "bitcoin" crypto::bitcoin, "Bitcoin address: base58check with double SHA-256, or bech32 and bech32m (BIP 173, BIP 350).";
    BrCnpj "br_cnpj" nation::br_cnpj, "Brazilian CNPJ, with letters as from 2026: two mod 11 digits (Receita Federal).";
    BrCpf "br_cpf" nation::br_cpf, "Brazilian CPF: two mod 11 digits (Receita Federal).";
    CaSin "ca_sin" nation::ca_sin, "Canadian social insurance number: Luhn, not beginning with 0 or 8 (CRA).";
    Card "card" finance::card, "Payment card: issuer range, length and Luhn (ISO/IEC 7812-1).";
    ChAhv "ch_ahv" nation::ch_ahv, "Swiss AHV number: 756 and an EAN-13 check digit (ZAS).";
    ClRut "cl_rut" nation::cl_rut, "Chilean RUT: mod 11 with K (Registro Civil).";
    CnBankCard "cn_bank_card" finance::cn_bank_card, "Chinese bank card: 16 to 19 digits from 62 or an international range, Luhn (JR/T 0008-2000).";
    CnId "cn_id" person::cn_id, "Chinese resident identity number: province, date, ISO 7064 MOD 11-2 (GB 11643-1999).";
    CnIdOld "cn_id_old" person::cn_id_old, "Chinese resident identity number of 15 digits: province and date (GB 11643-1989).";
    CnMobile "cn_mobile" network::cn_mobile, "Chinese mobile number: 1, 3 to 9, nine digits, with or without 86 (MIIT numbering plan).";
    CnUscc "cn_uscc" nation::cn_uscc, "Chinese unified social credit code: weights 3^i mod 31 (GB 32100-2015).";
    Date "date" person::date, "A day of the calendar from 1900 to 2100, year first or last.";
    DeIdnr "de_idnr" nation::de_idnr, "German tax identification number: ISO 7064 MOD 11,10 and one digit repeated (BZSt).";
    Entropy "entropy" secret::entropy, "Looks drawn at random: letters and digits, 3 bits a character, no placeholder.";
    EntropyHigh "entropy_high" secret::entropy_high, "Looks drawn at random: letters and digits, 4 bits a character, no placeholder.";
    EsDni "es_dni" nation::es_dni, "Spanish DNI or NIE: number mod 23 gives the letter (Ministerio del Interior).";
    FiHetu "fi_hetu" person::fi_hetu, "Finnish personal identity code: date, number mod 31 (DVV).";
    FrNir "fr_nir" person::fr_nir, "French NIR: 97 minus the number mod 97, Corsica as 19 and 18 (INSEE).";
    GithubToken "github_token" secret::github_token, "GitHub and npm tokens: CRC-32 in base 62 at the end raises the score; test tokens mostly fail it (GitHub blog, 2021).";
    HasDigit "has_digit" secret::has_digit, "A digit stands among the characters.";
    HkId "hk_id" nation::hk_id, "Hong Kong identity card: weights 9 to 2 mod 11 (Immigration Department).";
    Iban "iban" finance::iban, "IBAN: the country's length, MOD 97-10 (ISO 13616).";
    IlId "il_id" nation::il_id, "Israeli identity number: Luhn over nine digits.";
    Imei "imei" network::imei, "IMEI: 15 digits, Luhn (3GPP TS 23.003).";
    InAadhaar "in_aadhaar" nation::in_aadhaar, "Indian Aadhaar: 12 digits from 2 on, Verhoeff (UIDAI).";
    Ipv4 "ipv4" network::ipv4, "IPv4 address: four numbers up to 255 without leading zeros (RFC 791).";
    Ipv4Public "ipv4_public" network::ipv4_public, "IPv4 address outside the special ranges of RFC 6890.";
    Ipv6 "ipv6" network::ipv6, "IPv6 address (RFC 4291), not the unspecified one or loopback.";
    ItCf "it_cf" person::it_cf, "Italian codice fiscale: tables for odd and even places, mod 26 (DM 23/12/1976).";
    JpMyNumber "jp_my_number" nation::jp_my_number, "Japanese individual number: 11 minus the weighted sum mod 11 (MIC ordinance 85 of 2014, article 5).";
    Jwt "jwt" secret::jwt, "JSON web token: the first part decodes to JSON that names `alg` (RFC 7519).";
    KrRrn "kr_rrn" person::kr_rrn, "Korean resident number: date and century digit; the check digit, absent since October 2020, raises the score.";
    Luhn "luhn" finance::luhn, "Luhn's check digit (ISO/IEC 7812-1, annex B).";
    NlBsn "nl_bsn" nation::nl_bsn, "Dutch BSN: weights 9 to 2 and -1 mod 11 (RvIG).";
    NoFnr "no_fnr" person::no_fnr, "Norwegian fødselsnummer: date, two mod 11 digits (Skatteetaten).";
    Password "password" secret::password, "A password that people choose: digits among letters of both cases or with a sign; no path, call or placeholder.";
    Phone "phone" network::phone, "Telephone number: 7 to 15 digits (E.164), no date, no run, no single repeated digit.";
    PhoneUs "phone_us" network::phone_us, "North American number: area and exchange from 2 on, area not N11 (NANPA).";
    PlNip "pl_nip" nation::pl_nip, "Polish NIP: weights 6 5 7 2 3 4 5 6 7 mod 11 (MF).";
    PlPesel "pl_pesel" person::pl_pesel, "Polish PESEL: date, weights 1 3 7 9 mod 10 (MSWiA).";
    PlRegon "pl_regon" nation::pl_regon, "Polish REGON of 9 or 14 digits: mod 11 (GUS).";
    PtNif "pt_nif" nation::pt_nif, "Portuguese NIF: weights 9 to 2 mod 11 (AT).";
    SePersonnummer "se_personnummer" person::se_personnummer, "Swedish personnummer or coordination number: date, Luhn over the last ten digits (Skatteverket).";
    SgNric "sg_nric" nation::sg_nric, "Singapore NRIC or FIN: weights 2 7 6 5 4 3 2, letter tables (ICA).";
    Token "token" secret::token, "Drawn rather than typed: 2.5 bits a character, no character eight times in a row.";
    TokenAlone "token_alone" secret::token_alone, "Looks drawn at random, is no digest, and nothing else says what it is.";
    TokenBare "token_bare" secret::token_bare, "Looks drawn at random and not like a name in code: as `entropy`, and letters and digits alternate four times.";
    TokenNamed "token_named" secret::token_named, "A value behind a name that says it is secret: drawn, or a stand-in for one; no word, name in code or placeholder.";
    TokenPrefixed "token_prefixed" secret::token_prefixed, "What was drawn at random behind an issuer's prefix.";
    TrTckn "tr_tckn" nation::tr_tckn, "Turkish identity number: two sums mod 10 (NVI).";
    TwId "tw_id" nation::tw_id, "Taiwanese identity number: letter as two digits, weighted sum mod 10.";
    UkNhs "uk_nhs" nation::uk_nhs, "NHS number: weights 10 to 2 mod 11 (NHS Data Dictionary).";
    UkNino "uk_nino" nation::uk_nino, "UK national insurance number: prefixes that are issued, suffix A to D (HMRC NIM39110).";
    UsAba "us_aba" finance::us_aba, "US routing number: Federal Reserve district, weights 3 7 1 mod 10 (ABA).";
    UsDea "us_dea" nation::us_dea, "US DEA number: (d1+d3+d5) + 2(d2+d4+d6) mod 10 (DEA).";
    UsItin "us_itin" nation::us_itin, "US ITIN: 9, group 50-65, 70-88, 90-92 or 94-99 (IRS).";
    UsNpi "us_npi" finance::us_npi, "US provider identifier: Luhn over 80840 and the number (CMS).";
    UsSsn "us_ssn" nation::us_ssn, "US social security number: area not 000, 666 or 900 on, group not 00, serial not 0000 (SSA).";
    Vin "vin" network::vin, "Vehicle identification number: no I, O, Q, check character at place 9 (49 CFR 565).";
    ZaId "za_id" person::za_id, "South African identity number: date, Luhn (DHA).";
}

impl Validator {
    /// The validator of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|validator| validator.name() == name)
    }

    /// All names, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|validator| validator.name())
    }
}

/// A check that was passed or not.
fn passed(yes: bool) -> Option<f32> {
    yes.then_some(1.0)
}

/// A check that never drops a match: it is worth more when passed.
fn raised(yes: bool) -> f32 {
    if yes { 1.0 } else { 0.8 }
}
