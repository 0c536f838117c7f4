#![allow(clippy::unwrap_used)]

use http_body_util::BodyExt as _;

use super::*;
use crate::contract::{Health, Members, Topology};
use crate::telemetry::Registry;

fn pages(health: &Health, with_expvar: bool) -> Pages {
    let member = Members { id: "metrics/<b>".into(), receivers: vec!["otlp".into()], ..Members::default() };
    let topology = Topology { extensions: vec!["zpages/a&b".into()], pipelines: vec![member] };
    Pages { board: Board::new(&Registry::default(), health, &topology), with_expvar }
}

async fn asked(pages: &Pages, path: &str) -> (u16, String) {
    let answer = pages.answer(path);
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn every_text_on_a_page_is_escaped() {
    let health = Health::default();
    health.failed("sum in metrics", "<script>alert('1')</script>");
    let pages = pages(&health, false);
    let (status, service) = asked(&pages, "/debug/servicez").await;
    assert_eq!(status, 200);
    assert!(service.contains("&lt;script&gt;alert(&#39;1&#39;)") && !service.contains("<script>"), "{service}");
    assert!(asked(&pages, "/debug/pipelinez").await.1.contains("metrics/&lt;b&gt;"));
    assert!(asked(&pages, "/debug/extensionz").await.1.contains("zpages/a&amp;b"));
    let (status, missing) = asked(&pages, "/debug/<img>").await;
    assert_eq!(status, 404);
    assert!(missing.contains("/debug/&lt;img&gt;") && missing.contains("href=\"/debug/pipelinez\""), "{missing}");
}

#[tokio::test]
async fn expvarz_is_there_where_it_is_on() {
    let health = Health::default();
    assert_eq!(asked(&pages(&health, false), "/debug/expvarz").await.0, 404);
    let (status, body) = asked(&pages(&health, true), "/debug/expvarz").await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["phase"], "starting");
}
