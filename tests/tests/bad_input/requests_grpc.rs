//! Bad requests over gRPC: the code, the words, the counted reason.

use std::io::Write as _;

use anyhow::{Context, Result};
use bytes::Bytes;
use otelier_tests::grpc::{self, INTERNAL, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, framed};
use otelier_tests::host::Setup;
use otelier_tests::payload::{self, Temporality};

use crate::survivor::{Survivor, limited};
use crate::told;

const GRPC: (&str, &str) = ("content-type", "application/grpc");
const GZIP: (&str, &str) = ("grpc-encoding", "gzip");

/// A call that is refused.
struct Case {
    name: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
    http_status: u16,
    code: u32,
    reason: &'static str,
    says: &'static str,
}

fn case(name: &'static str, headers: &[(&'static str, &'static str)], body: Bytes) -> Case {
    let headers = headers.to_vec();
    let code = INVALID_ARGUMENT;
    Case { name, path: grpc::METRICS, headers, body, http_status: 200, code, reason: "malformed", says: "" }
}

fn cases() -> Result<Vec<Case>> {
    let good = payload::work("bad", Temporality::Delta, &[1000]);
    let mut not_text = good.clone();
    let place = good.windows(3).position(|window| window == b"bad").context("no such text")?;
    not_text[place] = 0xff;
    let cut = framed(0, good.get(..good.len() - 3).context("short")?);
    let large = vec![0; (1 << 20) + 1];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&large)?;
    let bomb = encoder.finish()?;
    let whole = framed(0, &good);
    let too_large =
        |case| Case { code: RESOURCE_EXHAUSTED, reason: "too_large", says: "max_recv_msg_size_mib", ..case };
    let framing = |case| Case { code: INTERNAL, reason: "framing", ..case };
    let unimplemented = |reason, says, case| Case { code: UNIMPLEMENTED, reason, says, ..case };
    Ok(vec![
        Case { says: "malformed request at byte", ..case("cut", &[GRPC], cut) },
        Case { says: "malformed request at byte", ..case("no UTF-8", &[GRPC], framed(0, &not_text)) },
        Case { says: "malformed request at byte", ..case("noise", &[GRPC], framed(0, &[0xff; 64])) },
        too_large(case("too large", &[GRPC], framed(0, &large))),
        too_large(case("unpacks to too much", &[GRPC, GZIP], framed(1, &bomb))),
        // Four gigabytes announced, five bytes sent.
        too_large(case("claims too much", &[GRPC], Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]))),
        Case {
            reason: "compression",
            says: "not valid gzip",
            ..case("no gzip at all", &[GRPC, GZIP], framed(1, &good))
        },
        framing(Case { says: "shorter than", ..case("cut frame", &[GRPC], whole.slice(..whole.len() - 3)) }),
        framing(Case { says: "cut off", ..case("no frame", &[GRPC], Bytes::new()) }),
        framing(Case {
            says: "more than one",
            ..case("two frames", &[GRPC], [&whole[..], &whole[..]].concat().into())
        }),
        framing(Case { says: "flag", ..case("a flag that is none", &[GRPC], framed(7, &good)) }),
        unimplemented("encoding", "br", case("unknown packing", &[GRPC, ("grpc-encoding", "br")], whole.clone())),
        Case {
            http_status: 415,
            reason: "content_type",
            says: "application/grpc",
            ..case("wrong content type", &[("content-type", "application/json")], whole.clone())
        },
        unimplemented("path", "MetricsService", Case { path: "/work.v1.Work/Do", ..case("path", &[GRPC], whole) }),
        unimplemented(
            "no_pipeline",
            "no pipeline takes logs",
            Case {
                path: grpc::LOGS,
                ..case("a signal without a pipeline", &[GRPC], framed(0, &payload::logs(&["bad"])))
            },
        ),
    ])
}

#[test]
fn each_bad_call_has_its_code_and_its_reason() -> Result<()> {
    let setup = Setup::with_aggregate(&limited())?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    // One connection for all of them: a bad call is no reason to end it.
    let mut client = host.grpc()?;
    for case in cases()? {
        let before = host.refused("grpc", case.reason)?;
        let refusal = client.call(case.path, &case.headers, case.body).refusal().context(case.name)?;
        assert_eq!((refusal.http_status, refusal.code), (case.http_status, case.code), "{}: {refusal:?}", case.name);
        assert!(refusal.message.contains(case.says), "{}: {refusal:?}", case.name);
        assert_eq!(refusal.retry_after, None, "{}: sending again cannot help", case.name);
        assert_eq!(host.refused("grpc", case.reason)?, before + 1.0, "{}: {} is counted", case.name, case.reason);
        told::is_told(&setup, "grpc", case.reason).context(case.name)?;
    }
    survivor.goes_on()?;
    assert_eq!(
        host.scrape()?.value("work_done_batched_total", &[("work_type", "bad")]),
        None,
        "nothing bad was counted"
    );
    Ok(())
}
