//! Files that nobody should fetch or keep: at private addresses, too large, or something else than they say.

use muara_tests::gateway::Gateway;
use serde_json::json;

use super::{
    attachment, config, events, kept, photo, post,
    vendor::{Answer, Vendor},
};

/// Posts one report for each address; the reasons that are given for not keeping the files, in the same order.
async fn reasons(gateway: &Gateway, urls: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    for (url, number) in urls.iter().zip(1..) {
        ids.push(post(gateway, number, url).await);
    }
    let events = events(gateway, urls.len()).await;
    let of = |id: &String| {
        let event = events.iter().find(|event| event["subject"] == json!(id)).unwrap();
        let file = attachment(event);
        assert_eq!(file["state"], "refused", "{file}");
        assert!(file.get("sha256").is_none() && file.get("bytes").is_none(), "{file}");
        file["reason"].as_str().unwrap().to_owned()
    };
    ids.iter().map(of).collect()
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_dress() {
    let vendor = Vendor::start().await;
    vendor.file("/a.jpg", [Answer::file(&photo("inside"))]);
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "224.0.0.1",
    ];
    let urls = hosts.map(|host| vendor.url_at(host, "/a.jpg"));
    let own = config("wait_seconds = 600").replace("allow_private = [\"127.0.0.1\"]", "");
    let gateway = Gateway::launch(&own).await;
    for (reason, host) in reasons(&gateway, &urls).await.iter().zip(hosts) {
        assert!(reason.contains("private"), "{host}: {reason}");
    }
    assert_eq!(vendor.asked("/a.jpg"), 0);
    assert!(kept(&gateway.folder().join("media")).is_empty());
}

#[tokio::test]
async fn a_redirect_is_looked_at_again() {
    let vendor = Vendor::start().await;
    let inside = [vendor.url_at("127.0.0.2", "/inside"), vendor.url_at("[::ffff:127.0.0.1]", "/inside")];
    vendor.file("/to-address", [Answer::redirect(&inside[0])]);
    vendor.file("/to-mapped", [Answer::redirect(&inside[1])]);
    vendor.file("/to-file", [Answer::redirect("file:///etc/passwd")]);
    vendor.file("/to-nowhere", [Answer::status(302)]);
    vendor.file("/inside", [Answer::file(&photo("inside"))]);
    let gateway = Gateway::launch(&config("wait_seconds = 600")).await;
    let paths = ["/to-address", "/to-mapped", "/to-file", "/to-nowhere"];
    let reasons = reasons(&gateway, &paths.map(|path| vendor.url(path))).await;
    for (reason, words) in reasons.iter().zip(["private", "private", "not an http", "not an http"]) {
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(vendor.asked("/inside"), 0);
}

#[tokio::test]
async fn what_is_too_large_or_of_a_wrong_kind_is_not_kept() {
    const MIB: usize = 1024 * 1024;
    let vendor = Vendor::start().await;
    vendor.file("/said.jpg", [Answer::file(&[photo(""), vec![0; MIB]].concat())]);
    vendor.file("/endless.jpg", [Answer::file(&[photo(""), vec![0; 65_000]].concat()).endless()]);
    let wrong: [(&str, &[u8], &str); 7] = [
        ("/page.jpg", b"<!DOCTYPE html><script>alert(1)</script>", "text/html"),
        ("/drawing.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>", "unknown kind"),
        ("/xml.svg", b"<?xml version=\"1.0\"?><svg/>", "text/xml"),
        (
            "/program.jpg",
            b"\x7fELF\x02\x01\x01                                                  ",
            "x-executable",
        ),
        ("/script.txt", b"#!/bin/sh\nrm -rf /\n", "shellscript"),
        ("/archive.zip", b"PK\x03\x04\x14\0\0\0\0\0", "application/zip"),
        ("/noise.jpg", b"\x01\x02\x03\x04", "unknown kind"),
    ];
    for (path, content, _) in wrong {
        vendor.file(path, [Answer::file(content).header("content-type", "image/jpeg")]);
    }
    let gateway = Gateway::launch(&config("wait_seconds = 600\nmax_mb = 1")).await;
    let paths = ["/said.jpg", "/endless.jpg"].into_iter().chain(wrong.map(|(path, ..)| path));
    let urls: Vec<_> = paths.map(|path| vendor.url(path)).collect();
    let reasons = reasons(&gateway, &urls).await;
    let wanted = ["larger than 1048576 bytes"; 2].into_iter().chain(wrong.map(|(_, _, words)| words));
    for (reason, words) in reasons.iter().zip(wanted) {
        assert!(reason.contains(words), "{reason}, wanted {words}");
    }
    assert!(kept(&gateway.folder().join("media")).is_empty());
}

#[tokio::test]
async fn a_vendor_that_never_ends_or_never_has_it_is_given_up() {
    let vendor = Vendor::start().await;
    vendor.file("/loop", [Answer::redirect("/loop")]);
    vendor.file("/hangs.jpg", [Answer::file(&photo("hangs")).held()]);
    let media = "wait_seconds = 600\nattempts = 2\ntimeout_seconds = 1\n";
    let gateway = Gateway::launch(&config(media)).await;
    post(&gateway, 1, &vendor.url("/loop")).await;
    post(&gateway, 2, &vendor.url("/never.jpg")).await;
    for event in events(&gateway, 2).await {
        assert_eq!(attachment(&event)["state"], "gone", "{event}");
    }
    assert_eq!((vendor.asked("/loop"), vendor.asked("/never.jpg")), (2 * 4, 2));

    // what hangs is cut off and tried again: that is no proof that it is gone
    post(&gateway, 3, &vendor.url("/hangs.jpg")).await;
    vendor.is_asked("/hangs.jpg", 3).await;
    let rows = gateway.rows(&["media", "list", "--state", "pending", "--json"]).await;
    assert!(rows[0]["reason"].as_str().unwrap().contains("within 1 s"), "{rows:?}");
}
