//! Every refusal has its status, says what is wrong, and leaves nothing half-written.

use std::time::Duration;

use muara_tests::{
    gateway::{Gateway, PATIENCE},
    reports::{Reports, Signed},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{SECRET, levels, problem, qlue, retry_after};

#[tokio::test]
async fn unsigned_and_forged_requests_write_nothing_and_are_counted() {
    let gateway = Gateway::launch(&qlue("")).await;
    let report = Reports::new(SECRET).next();
    let before = levels(&gateway).await;
    let forged = Reports::new("a guess").next();
    let other_body = Signed { body: [report.body.as_slice(), b" "].concat(), ..report.clone() };
    let bare = Signed { signature: report.signature.replace("sha256=", ""), ..report.clone() };
    for wrong in [&forged, &other_body, &bare] {
        let refused = gateway.post("qlue", wrong).await.unwrap();
        problem(refused, 401).await;
    }
    let unsigned = gateway.http.post(gateway.url("/in/qlue")).header("content-type", "application/json");
    let unsigned = unsigned.body(report.body.clone()).send().await.unwrap();
    assert_eq!(problem(unsigned, 401).await["detail"], "no signature");
    assert_eq!(levels(&gateway).await, before);
    assert_eq!(gateway.metric("muara_requests_total", &["channel=\"qlue\"", "result=\"forged\""]).await, 4.0);
    let health = gateway.channel_health("qlue").await;
    assert_eq!((&health["state"], &health["forged"]), (&"degraded".into(), &4.into()));
    assert!(health["advice"].as_str().unwrap().contains("secret"));

    // genuine ones come: strangers who knock are no trouble any more
    gateway.accepted("qlue", &report).await;
    assert_eq!(gateway.channel_health("qlue").await["state"], "healthy");
    gateway.post("qlue", &forged).await.unwrap();
    let health = gateway.channel_health("qlue").await;
    assert_eq!((&health["state"], &health["forged"]), (&"healthy".into(), &5.into()));
}

#[tokio::test]
async fn unknown_channels_and_wrong_methods_are_named() {
    let desk = "[channels.kelurahan]\nconnector = \"qlue\"\nsecret = \"x\"\nenabled = false\n";
    let gateway = Gateway::launch(&(qlue("") + desk)).await;
    let report = Reports::new(SECRET).next();
    problem(gateway.post("kosong", &report).await.unwrap(), 404).await;
    assert_eq!(gateway.http.post(gateway.url("/")).send().await.unwrap().status(), 404);
    let got = gateway.http.get(gateway.url("/in/qlue")).send().await.unwrap();
    assert_eq!(got.headers()["allow"], "POST");
    problem(got, 405).await;
    let put = gateway.http.put(gateway.url("/in/qlue")).send().await.unwrap();
    assert_eq!(put.status(), 405);
    assert!(put.headers()["allow"].to_str().unwrap().contains("POST"));
    // a channel that is off: kept by the vendor, not refused as forged
    let off = gateway.post("kelurahan", &report).await.unwrap();
    assert!(retry_after(&off) > 0);
    problem(off, 503).await;
}

#[tokio::test]
async fn a_channel_without_its_secret_is_off_and_the_others_run() {
    let missing = "[channels.lama]\nconnector = \"qlue\"\nsecret = \"${env:MUARA_TEST_NO_SUCH_SECRET}\"\n";
    let gateway = Gateway::launch(&(qlue("") + missing)).await;
    let reports = Reports::new(SECRET);
    gateway.accepted("qlue", &reports.next()).await;
    let health = gateway.channel_health("lama").await;
    assert_eq!(health["state"], "disabled");
    assert!(health["last_error"].as_str().unwrap().contains("MUARA_TEST_NO_SUCH_SECRET"), "{health}");
    // nothing can be verified, so nothing is said about signatures
    let refused = gateway.post("lama", &reports.next()).await.unwrap();
    assert!(retry_after(&refused) > 0);
    problem(refused, 503).await;
}

#[tokio::test]
async fn bodies_too_large_or_of_a_wrong_type_are_refused() {
    let gateway = Gateway::launch(&qlue("limits = { body_kb = 4 }")).await;
    let before = levels(&gateway).await;
    let large = Signed::new(SECRET, vec![], vec![b' '; 5000]);
    let announced = gateway.post("qlue", &large).await.unwrap();
    assert!(problem(announced, 413).await["detail"].as_str().unwrap().contains("4096 bytes"));

    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "POST /in/qlue HTTP/1.1\r\nHost: muara\r\nContent-Type: application/json\r\n\
         X-Qlue-Signature: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        large.signature
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // more than is allowed, and no end of it
    stream.write_all(format!("1194\r\n{}\r\n", " ".repeat(0x1194)).as_bytes()).await.unwrap();
    assert_eq!(status(&mut stream).await, "413");

    let report = Reports::new(SECRET).next();
    for media in [Some("text/plain"), None] {
        let mut request = gateway.http.post(gateway.url("/in/qlue")).body(report.body.clone());
        request = request.header("x-qlue-signature", &report.signature);
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        let refused = problem(request.send().await.unwrap(), 415).await;
        assert!(refused["detail"].as_str().unwrap().contains("application/json"));
    }
    let with_charset = gateway.http.post(gateway.url("/in/qlue")).body(report.body.clone());
    let with_charset = with_charset.header("x-qlue-signature", &report.signature);
    let taken = with_charset.header("content-type", "application/json; charset=utf-8").send().await.unwrap();
    assert_eq!(levels(&gateway).await["quarantined"], before["quarantined"]);
    assert_eq!(taken.status(), 202);
}

#[tokio::test]
async fn a_body_that_does_not_come_and_headers_that_do_not_end_are_cut() {
    let gateway = Gateway::launch(&(qlue("") + "[intake]\nbody_timeout_seconds = 1\n")).await;
    let begin = Instant::now();
    let mut body = TcpStream::connect(gateway.address()).await.unwrap();
    let head = "POST /in/qlue HTTP/1.1\r\nHost: muara\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    body.write_all(head.as_bytes()).await.unwrap();
    let mut headers = TcpStream::connect(gateway.address()).await.unwrap();
    headers.write_all(b"POST /in/qlue HTTP/1.1\r\nHost: muara\r\nX-").await.unwrap();
    assert_eq!(status(&mut body).await, "408");
    let mut rest = Vec::new();
    // whether it is told so or not: the connection ends
    timeout(PATIENCE, headers.read_to_end(&mut rest)).await.expect("slow headers keep a connection").ok();
    assert!(begin.elapsed() > Duration::from_millis(900));
    assert_eq!(levels(&gateway).await["inbox"], 0);
    // and a body that breaks off is nothing
    let mut broken = TcpStream::connect(gateway.address()).await.unwrap();
    broken.write_all(head.as_bytes()).await.unwrap();
    drop(broken);
    gateway.accepted("qlue", &Reports::new(SECRET).next()).await;
    gateway.waiting("outbox", 1).await;
}

/// The status of the answer that comes on a connection.
async fn status(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("no answer").unwrap();
        assert!(read > 0, "closed without an answer");
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(answer).unwrap().split(' ').nth(1).unwrap().to_owned()
}
