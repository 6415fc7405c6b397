//! The city's own polygons: a point names the kelurahan that it lies in, and nothing else does.
#![allow(clippy::unwrap_used)]

use muara_normalizer::{
    Complaint, Draft,
    complaint::Flag,
    draft::DraftPlace,
    polygons::{Polygons, PolygonsError},
};
use serde_json::{Value, json};

use crate::normalizer::{normalizer, receipt, said};

/// A square of a hundredth of a degree with its south-western corner here, closed as RFC 7946 wants it.
fn square(lon: f64, lat: f64) -> Value {
    json!([[lon, lat], [lon + 0.01, lat], [lon + 0.01, lat + 0.01], [lon, lat + 0.01], [lon, lat]])
}

fn feature(properties: &Value, kind: &str, coordinates: &Value) -> Value {
    json!({
        "type": "Feature", "properties": properties, "geometry": { "type": kind, "coordinates": coordinates }
    })
}

fn collection(features: &[Value]) -> Vec<u8> {
    json!({ "type": "FeatureCollection", "features": features }).to_string().into_bytes()
}

/// Invented borders: Pondok Bambu with a hole, Cililitan in two parts, Menteng by name.
fn city() -> Polygons {
    let hole = json!([[106.902, -6.238], [106.904, -6.238], [106.904, -6.236], [106.902, -6.236]]);
    Polygons::parse(&collection(&[
        feature(&json!({ "kode": "31.75.07.1002" }), "Polygon", &json!([square(106.90, -6.24), hole])),
        feature(
            &json!({ "KODE_KEL": 3_175_041_006_u64, "kode_pos": 13640 }),
            "MultiPolygon",
            &json!([[square(106.86, -6.27)], [square(106.88, -6.27)]]),
        ),
        feature(
            &json!({ "KELURAHAN": "MENTENG", "Kecamatan": "Menteng" }),
            "Polygon",
            &json!([square(106.83, -6.20)]),
        ),
    ]))
    .unwrap()
}

#[test]
fn a_point_is_in_the_polygon_around_it_and_in_no_other() {
    let city = city();
    let cases = [
        ("inside", (-6.232, 106.905), Some("Pondok Bambu")),
        ("in its hole", (-6.237, 106.903), None),
        ("beside the hole", (-6.237, 106.905), Some("Pondok Bambu")),
        ("the first part", (-6.265, 106.865), Some("Cililitan")),
        ("the second part", (-6.265, 106.885), Some("Cililitan")),
        ("between the parts", (-6.265, 106.875), None),
        ("by name", (-6.195, 106.835), Some("Menteng")),
        ("near nothing", (-6.10, 106.70), None),
        ("not a number", (f64::NAN, 106.835), None),
    ];
    for (what, (lat, lon), kelurahan) in cases {
        assert_eq!(city.kelurahan(lat, lon).map(|region| region.name.as_str()), kelurahan, "{what}");
    }
    assert_eq!(city.len(), 3);
}

#[test]
fn codes_and_names_are_found_under_the_names_that_cities_use() {
    let properties = [
        json!({ "code": "31.75.07.1002" }),
        json!({ "kode_desa": "3175071002" }),
        json!({ "KDEPUM": "31.75.07.1002", "KDEBPS": "3172070002" }),
        json!({ "kelurahan": "Pondok Bambu" }),
        json!({ "WADMKD": "pondokbambu", "WADMKC": "Duren Sawit" }),
        json!({ "NAMOBJ": "PONDOK BAMBU" }),
    ];
    for properties in properties {
        let polygons =
            Polygons::parse(&collection(&[feature(&properties, "Polygon", &json!([square(106.9, -6.24)]))]));
        let found = polygons.unwrap().kelurahan(-6.235, 106.905).unwrap();
        assert_eq!(found.code.as_str(), "31.75.07.1002", "{properties}");
    }
}

#[test]
fn a_file_that_cannot_be_used_says_where_and_why() {
    let known = json!({ "kode": "31.75.07.1002" });
    let ring = json!([square(106.9, -6.24)]);
    let cases: [(Vec<u8>, &str); 9] = [
        (b"not json".to_vec(), "no GeoJSON FeatureCollection"),
        (json!({ "type": "Feature", "features": [] }).to_string().into_bytes(), "its type is Feature"),
        (collection(&[]), "without features"),
        (
            collection(&[feature(&known, "Polygon", &ring), feature(&known, "Point", &json!([106.9, -6.2]))]),
            "feature 1: no polygon",
        ),
        (collection(&[json!({ "type": "Feature", "properties": known, "geometry": null })]), "no geometry"),
        (
            collection(&[feature(&known, "Polygon", &json!([[[704_000.0, 9_310_000.0], [1, 2], [3, 4]]]))]),
            "degrees of longitude and latitude",
        ),
        (
            collection(&[feature(&known, "Polygon", &json!([[[106.9, -6.2], [106.9, -6.2]]]))]),
            "three different",
        ),
        // a BPS code names another region
        (
            collection(&[feature(&json!({ "kode": "3172070002" }), "Polygon", &ring)]),
            "feature 0 (kode: 3172070002)",
        ),
        (
            collection(&[feature(
                &json!({ "kelurahan": "Menteng", "kecamatan": "Tebet" }),
                "Polygon",
                &ring,
            )]),
            "1 features name no kelurahan",
        ),
    ];
    for (geojson, told) in cases {
        let error: PolygonsError = Polygons::parse(&geojson).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

/// A point in Pondok Bambu, and what else is known.
fn located(text: &str, device: bool, region: Option<&str>) -> Complaint {
    let place = DraftPlace {
        lat: Some(-6.232),
        lon: Some(106.905),
        device,
        region: region.map(|code| code.parse().unwrap()),
        ..DraftPlace::default()
    };
    let rules = normalizer(1).with_polygons(city());
    rules.normalize(Draft { place, ..said(text) }, &receipt()).unwrap().complaint
}

#[test]
fn a_pin_goes_before_all_words_and_a_device_before_bare_names() {
    let cases = [
        // text, of a device, stated by the channel: kelurahan, contradiction
        ("lampu mati", false, None, "Pondok Bambu", false),
        ("lampu mati di Duren Sawit", true, None, "Pondok Bambu", false),
        ("lampu mati di Klender", true, None, "Pondok Bambu", true),
        // the reporter is at home, the matter is not
        ("lampu mati di Kel. Klender", true, None, "Klender", true),
        ("lampu mati di Kel. Klender", false, None, "Pondok Bambu", true),
        ("lampu mati", true, Some("31.71.06.1001"), "Menteng", true),
        ("lampu mati", false, Some("31.75.07"), "Pondok Bambu", false),
    ];
    for (text, device, region, kelurahan, contradiction) in cases {
        let complaint = located(text, device, region);
        let location = complaint.location.unwrap();
        assert_eq!(location.kelurahan.unwrap().name, kelurahan, "{text} {device} {region:?}");
        assert_eq!(
            complaint.flags.contains(&Flag::LocationConflict),
            contradiction,
            "{text} {device} {region:?}"
        );
        assert!(!location.reasons.is_empty(), "{text}");
    }
    let sure = located("lampu mati di Kel. Pondok Bambu", true, None).location.unwrap();
    let torn = located("lampu mati di Kel. Klender", true, None).location.unwrap();
    assert!(sure.confidence > 0.9 && torn.confidence < 0.6, "{} {}", sure.confidence, torn.confidence);
    assert_eq!(
        torn.reasons,
        [
            "the text names kelurahan Klender",
            "the text names kelurahan Klender, but the point lies in kelurahan Pondok Bambu"
        ]
    );
}

#[test]
fn without_polygons_a_point_names_no_region() {
    let place = DraftPlace { lat: Some(-6.232), lon: Some(106.905), ..DraftPlace::default() };
    let made = normalizer(1).normalize(Draft { place, ..said("lampu mati") }, &receipt()).unwrap();
    let location = made.complaint.location.unwrap();
    assert_eq!((location.kelurahan, location.kota, location.lat), (None, None, Some(-6.232)));
}
