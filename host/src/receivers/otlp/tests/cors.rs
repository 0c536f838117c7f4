//! What a browser asks before a page of another site may send, and what it finds in answers.

use super::client::{Http1, Reply};
use super::{Rule, Running, TestResult, accepted};

const CORS: &str = r#", "cors": {
    "allowed_origins": ["https://shop.example", "https://*.test"],
    "allowed_headers": ["X-Tenant"],
    "exposed_headers": ["X-Request-Id"],
    "max_age": 7200
}"#;

async fn running(http: &str) -> Result<Running, Box<dyn std::error::Error>> {
    Running::start(Rule::Answer(Some(Ok(accepted(5, 0)))), "", http).await
}

async fn preflight(running: &Running, origin: &str) -> Result<Reply, Box<dyn std::error::Error>> {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-tenant"),
    ];
    Http1::connect(running.http).await?.request("OPTIONS", "/v1/traces", &headers, b"").await
}

#[tokio::test]
async fn a_page_of_an_allowed_site_may_send_and_another_may_not() -> TestResult {
    let running = running(CORS).await?;
    for (origin, is_allowed) in [
        ("https://shop.example", true),
        ("https://SHOP.example", true),
        ("https://a.b.test", true),
        ("https://shop.example.evil", false),
        ("http://shop.example", false),
    ] {
        let reply = preflight(&running, origin).await?;
        let expected = if is_allowed { origin } else { "" };
        assert_eq!(reply.field("access-control-allow-origin"), expected, "{origin}");
        if is_allowed {
            assert!(reply.http_status < 300, "{origin}: {}", reply.http_status);
            assert_eq!(reply.field("access-control-allow-credentials"), "true");
            assert_eq!(reply.field("access-control-max-age"), "7200");
            assert!(reply.field("access-control-allow-methods").contains("POST"));
            let headers = reply.field("access-control-allow-headers").to_lowercase();
            assert!(headers.contains("content-type") && headers.contains("x-tenant"), "{headers}");
        }
        let headers = [("origin", origin), ("content-type", "application/json")];
        let reply = Http1::connect(running.http).await?.post("/v1/traces", &headers, b"{}").await?;
        // Who is kept out is the browser's to say.
        assert_eq!((reply.http_status, reply.field("access-control-allow-origin")), (200, expected), "{origin}");
        if is_allowed {
            assert_eq!(reply.field("access-control-expose-headers").to_lowercase(), "x-request-id");
        }
    }
    running.finish().await
}

#[tokio::test]
async fn any_site_has_no_credentials_and_without_origins_nothing_is_said() -> TestResult {
    let any = running(r#", "cors": {"allowed_origins": ["*"], "allowed_headers": ["*"]}"#).await?;
    let reply = preflight(&any, "https://anywhere.example").await?;
    assert_eq!(reply.field("access-control-allow-origin"), "*");
    assert_eq!(reply.field("access-control-allow-credentials"), "");
    assert_eq!(reply.field("access-control-allow-headers"), "content-type,x-tenant");
    any.finish().await?;
    let none = running(r#", "cors": {"allowed_headers": ["*"]}"#).await?;
    let reply = preflight(&none, "https://anywhere.example").await?;
    assert_eq!((reply.http_status, reply.field("access-control-allow-origin")), (405, ""));
    none.finish().await
}
