//! Tables: made-up values and published samples that each check passes, and near misses that it does not.

use super::Validator;

/// Name, what passes, what does not.
const CASES: &[(&str, &[&str], &[&str])] = &[
    ("luhn", &["79927398713", "4111 1111-1111.1111"], &["79927398710", "7"]),
    (
        "card",
        &["4111 1111 1111 1111", "378282246310005", "5555555555554444", "6011111111111117"],
        &["4111111111111112", "0000000000000000", "79927398713"],
    ),
    ("cn_bank_card", &["6222021234567890128"], &["6222021234567890123"]),
    (
        "iban",
        &["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NO9386011117947"],
        &["GB82WEST12345698765433", "DE8937040044053201300", "XX893704004405"],
    ),
    ("bic", &["DEUTDEFF", "DEUTDEFF500"], &["DEUTQQFF", "DEUTDEF", "12UTDEFF"]),
    ("us_aba", &["021000021", "011401533"], &["021000022", "991000021", "000000000"]),
    ("us_npi", &["1234567893"], &["1234567890", "3234567893"]),
    (
        "cn_id",
        &["11010519491231002X", "11010519491231002x"],
        &["110105194912310021", "110105194902300025", "99010519491231002X"],
    ),
    ("cn_id_old", &["110105491231002"], &["110105491331002", "990105491231002"]),
    ("cn_uscc", &["91350100M000100Y43"], &["91350100M000100Y44", "91350100M000100I43"]),
    (
        "cn_mobile",
        &["13800138000", "+86 138-0013-8000", "008613800138000"],
        &["12800138000", "1380013800", "13999999999999"],
    ),
    ("hk_id", &["A123456(3)", "AB987654(3)"], &["A123456(4)", "1234563"]),
    ("tw_id", &["A123456789", "F131104093"], &["A123456788", "A323456789"]),
    ("kr_rrn", &["900101-1234568", "900101-1234567"], &["901301-1234567"]),
    ("jp_my_number", &["123456789018"], &["123456789012", "111111111111"]),
    ("in_aadhaar", &["2341 2341 2346"], &["234123412347", "123412341234"]),
    (
        "us_ssn",
        &["536-90-4399"],
        &["666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "000-12-3456"],
    ),
    ("us_itin", &["912-70-1234"], &["912-66-1234", "812-70-1234"]),
    ("us_dea", &["AB1234563"], &["AB1234564", "1B1234563"]),
    ("uk_nhs", &["943 476 5919"], &["943 476 5918"]),
    ("uk_nino", &["AB 12 34 56 C"], &["DA123456C", "GB123456A", "AB123456E", "AO123456A"]),
    ("fr_nir", &["2 55 08 14 168 025 38", "253072B07300470"], &["255081416802539"]),
    ("es_dni", &["12345678Z", "X1234567L"], &["12345678A", "X1234567A"]),
    ("it_cf", &["RSSMRA85T10A562S"], &["RSSMRA85T10A562T", "1SSMRA85T10A562S"]),
    ("de_idnr", &["86095742719", "36 574 261 809"], &["86095742710", "12345678903"]),
    ("nl_bsn", &["111222333", "123456782"], &["123456783", "000000000"]),
    ("pl_pesel", &["44051401359"], &["44051401358", "44133101359"]),
    ("pl_nip", &["123-456-32-18"], &["1234563217"]),
    ("pl_regon", &["123456785", "12345678512347"], &["123456784"]),
    ("br_cpf", &["111.444.777-35"], &["111.444.777-36", "111.111.111-11"]),
    ("br_cnpj", &["11.222.333/0001-81", "12.ABC.345/01DE-35"], &["11.222.333/0001-82"]),
    ("ca_sin", &["130 692 544"], &["130692545", "046454286"]),
    ("za_id", &["8001015009087"], &["8001015009088", "8013015009087"]),
    ("il_id", &["000000018"], &["000000019", "000000000"]),
    ("se_personnummer", &["811218-9876", "19811218-9876"], &["811218-9875", "811318-9876"]),
    ("au_tfn", &["123 456 782"], &["123456783"]),
    ("au_medicare", &["2123 45670 1"], &["2123456711", "7123456701"]),
    ("sg_nric", &["S1234567D", "F1234567N"], &["S1234567A", "Z1234567D"]),
    ("tr_tckn", &["10000000146"], &["10000000147", "00000000146"]),
    ("ch_ahv", &["756.9217.0769.85"], &["756.9217.0769.84", "7569217076"]),
    ("be_nn", &["85.07.30-033.28"], &["85073003329"]),
    ("fi_hetu", &["131052-308T"], &["131052-308U", "991352-308T"]),
    ("no_fnr", &["15108695088"], &["15108695089"]),
    ("pt_nif", &["501442600"], &["501442601"]),
    ("cl_rut", &["12.345.678-5", "10.000.013-K"], &["12.345.678-6"]),
    ("ar_cuit", &["20-05536168-2"], &["20-05536168-3", "99-05536168-2"]),
    ("imei", &["490154203237518"], &["490154203237519"]),
    ("vin", &["1M8GDM9AXKP042788"], &["1M8GDM9A1KP042788", "1M8GDM9AXKP04278I"]),
    ("ipv4", &["192.168.0.1", "8.8.8.8"], &["256.1.1.1", "1.2.3", "01.2.3.4"]),
    (
        "ipv4_public",
        &["8.8.8.8"],
        &["192.168.0.1", "127.0.0.1", "169.254.1.1", "100.64.1.1", "224.0.0.1", "192.0.2.1"],
    ),
    ("ipv6", &["2001:db8::8a2e:370:7334"], &["::", "::1", "2001:::1"]),
    ("phone", &["+44 20 7946 0958", "0049 30 901820"], &["2024-01-31", "1234567", "1111111111", "12345"]),
    ("phone_us", &["(212) 555-0147", "+1 212-555-0147"], &["112-555-0147", "911-555-0147", "212-155-0147"]),
    (
        "date",
        &["2024-02-29", "29.2.2024", "2/29/2024", "20240229"],
        &["2023-02-29", "31.4.2024", "2024-13-01", "1.1"],
    ),
    (
        "entropy",
        &["q7Zp3mK9x2Rt", "f3a9c27b51e80d46"],
        &["aaaaaaaaaaaa1", "abcdefghijklmnop", "YOUR_KEY_8f3a9c27b51e", "x123456789abcdefg"],
    ),
    ("entropy_high", &["q7Zp3mK9x2RtLw8Vn4Hs"], &["f3a9c27b51e3a9c2"]),
    ("has_digit", &["粤JRNMW3", "e60sibkso"], &["新ABSENT"]),
    (
        "token",
        &["AKIAIOSFODNNQRPTXZWE", "ghp_q7Zp3mK9x2RtLw8Vn4HsBd6Yc1Jf"],
        &["ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "AKIAXXXXXXXXXXXXXXXX"],
    ),
    (
        "token_alone",
        &["tPsAJunSDFJH7uV0QEgIiNDQ3gf1tEcs", "ef116d80b8145c64bfe72805f4f8c4b4a942bebeab06c600"],
        &[
            "d99d4d8b0c465ab2c5f6f150a9f0c89204fa162a",
            "get_token_from_request_2_again",
            "1a2b3c4d-e89b-12d3-a456-426614174000",
        ],
    ),
    (
        "token_prefixed",
        &["acme_q7Zp3mK9x2RtLw8Vn4HsBd6Y", "acme_live_9363cb456dda6402cb71d65092490e75"],
        &["acme_configuration_of_everything", "get_token_from_request2", "test_abcdefghijklmnopqrstuvwxyz"],
    ),
    (
        "token_named",
        &[
            "ZIhlfFXYqMPXUbeKopupYl6ocJLYoKqF",
            "qNTPyzFDOSjUnOBWxxDMSIFVe",
            "1a2b3c4d-e89b-12d3-a456-426614174000",
            "abcdef1234567890abcdef12",
            "9363cb456dda6402cb71d650",
            "ABCDE12-ABCDE12-ABCDE12-ABCDE12",
            "k4f93hd82hs7dk39sk27dhf63jd82",
        ],
        &[
            "wrapRangeInTextNode",
            "ed25519_ph_context",
            "base64.b64encode",
            "Curve25519SeedBin",
            "EcPrivateKeyRfc5915Der",
            "win32api.RegEnumKey",
            "get_token_from_request2",
            "sha256_digest_of_the_body",
            "getTokenFromRequest2",
            "YOUR_KEY_8f3a9c27b51e",
            "12345678901234567890",
            "invalid_request_error_type_2",
            "user-profile-page-number-1",
            "AuthenticationTokenProvider",
            "000000000000000000000000",
        ],
    ),
    ("token_bare", &["q7Zp3mK9x2RtLw8Vn4Hs"], &["get_token_from_request2", "sha256_digest_of_the_body"]),
    (
        "password",
        &["Tiger1999!xm", "Ur1Ftirz2Nlg", "s3cr3tPw9"],
        &["/usr/local/share1", "user.digest1.hash", "changeme1", "myPassword1", "required"],
    ),
    (
        "jwt",
        &["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2ln"],
        &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIi", "abc.def.ghi"],
    ),
    (
        "bitcoin",
        &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
        &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "hello"],
    ),
];

#[test]
fn each_check_passes_what_is_right_and_nothing_near() {
    let mut wrong = Vec::new();
    for (name, right, near) in CASES {
        let check = Validator::from_name(name).unwrap_or_else(|| panic!("no validator `{name}`"));
        wrong.extend(
            right
                .iter()
                .filter(|text| check.check(text.as_bytes()).is_none())
                .map(|text| (name, "refused", text)),
        );
        wrong.extend(
            near.iter()
                .filter(|text| check.check(text.as_bytes()).is_some())
                .map(|text| (name, "passed", text)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_are_sorted_and_each_has_cases() {
    let names: Vec<_> = Validator::names().collect();
    assert!(names.is_sorted());
    for name in names {
        assert!(
            name == "github_token" || CASES.iter().any(|(known, ..)| *known == name),
            "no cases for `{name}`"
        );
        assert_eq!(Validator::from_name(name).map(Validator::name), Some(name));
    }
}

#[test]
fn a_right_crc_raises_a_token_and_a_wrong_one_does_not_drop_it() {
    let check = Validator::GithubToken;
    // Made up: thirty characters and their CRC-32.
    let body = b"0123456789ABCDEFGHIJabcdefghij";
    assert_eq!(check.check(&[b"ghp_", &body[..], b"4Us3aw"].concat()), Some(1.0));
    assert_eq!(check.check(&[b"ghp_", &body[..], b"000000"].concat()), Some(0.8));
    assert_eq!(check.check(b"nothing"), None);
}

/// A check digit finds every single wrong digit (of those schemes that promise it).
#[test]
fn one_wrong_digit_is_seen() {
    let schemes = [
        ("luhn", "4111111111111111"),
        ("cn_id", "11010519491231002X"),
        ("in_aadhaar", "234123412346"),
        ("iban", "DE89370400440532013000"),
        ("jp_my_number", "123456789018"),
        ("uk_nhs", "9434765919"),
        ("de_idnr", "86095742719"),
    ];
    for (name, text) in schemes {
        let check = Validator::from_name(name).expect("known");
        for at in (0..text.len()).filter(|&at| text.as_bytes()[at].is_ascii_digit()) {
            for digit in b'0'..=b'9' {
                let mut other = text.as_bytes().to_vec();
                other[at] = digit;
                let same = other == text.as_bytes();
                assert_eq!(
                    check.check(&other).is_some(),
                    same,
                    "{name}: {}",
                    String::from_utf8_lossy(&other)
                );
            }
        }
    }
}
