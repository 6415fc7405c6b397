//! Phones, NIK, other numbers and e-mail addresses: found as people write them, and masked.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use muara_normalizer::contact::{find, masked};
use proptest::{collection::vec, prelude::*};

const PHONE: &str = "+6281211004419";
const NIK: &str = "3173085207690919";

#[test]
fn phones_are_found_as_they_are_written() {
    for text in [
        "Hp 0812-1100-4419",
        "0812 1100 4419 5 ekor",
        "WA:0812.1100.4419",
        "+62 (812) 11 00 44 19",
        "hub 6281211004419",
        "wa 81211004419",
        "cek wa.me/6281211004419",
        "(081211004419)",
        "rek BCA 0812345678, hp 081211004419",
        "0812 1100 441 9",
        "pendaftaran 081211004419",
    ] {
        assert_eq!(find(text).phones, [PHONE], "{text}");
    }
    for text in ["telp 021-5201234 atau (021) 520 1234", "hub. 5201234", "telp 520 1234"] {
        assert_eq!(find(text).phones, ["+62215201234"], "{text}");
    }
    for text in [
        "hotline 08111272206, 112, 1500123",
        "Rp 50.000.000",
        "12-11-2026 08.00-10.00",
        "rek BCA 081211004419",
        "VA 8808081211004419",
        "no meter 14012345678",
        "https://x.id/081211004419",
        "-6.2088123, 106.8455991",
    ] {
        assert!(find(text).phones.is_empty(), "{text}");
    }
}

#[test]
fn niks_are_told_from_family_cards_and_accounts() {
    for text in [
        "NIK 3173085207690919",
        "31.73.08.520769.0919",
        "nik 3173 0852 0769 0919",
        "ktp ３１７３０８５２０７６９０９１９",
        "KK dan NIK 3175062811100945 dan 3173085207690919",
    ] {
        assert_eq!(find(text).niks, [NIK], "{text}");
    }
    for text in [
        "no kk 3175062811100945",
        "3175062811100945 (no KK)",
        "Rekening 1570 0098 7654 3210",
        "NIK 3173999999999999",
    ] {
        let found = find(text);
        assert!(found.niks.is_empty() && found.places.len() == 1, "{text}");
    }
}

#[test]
fn what_was_found_is_masked() {
    for (text, shown) in [
        ("hp 0812-1100-4419, +62 812 1100 4419", "hp 0812****419, +62812****419"),
        ("NIK 3173085207690919", "NIK ************0919"),
        ("theresia@mail.example.", "t***@mail.example."),
        ("no laporan 1234567890", "no laporan 1234567890"),
    ] {
        assert_eq!(masked(text), shown);
    }
}

fn any_words() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("rek ".to_owned()),
        Just("NIK dan KK ".to_owned()),
        Just("wa ".to_owned()),
        Just("rp ".to_owned()),
        "[0-9]{1,20}[ ./-]",
        "[+(]?62[)]? ",
        "[a-z]{1,3}@[a-z]{1,3}.id ",
    ];
    prop_oneof![
        any::<String>(),
        "[ a-z0-9.,:/()+*@\u{200b}\u{661}-]{0,40}",
        vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    ]
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_survives_a_mask_and_a_mask_is_not_masked(before in any_words(), after in any_words(), gap in "[ .-]?", invisible in "[\u{200b}\u{ad}]?") {
        for number in [NIK, "3175062811100945", "081211004419"] {
            let written = [&number[..4], &number[4..8], &number[8..]].join(&format!("{invisible}{gap}"));
            let shown = masked(&format!("{before} \n{written}\n {after}"));
            prop_assert!(!digits(&shown).contains(number), "{shown:?}");
            prop_assert_eq!(masked(&shown), shown.clone());
        }
    }
}
