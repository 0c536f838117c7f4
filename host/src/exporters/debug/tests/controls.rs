//! Control characters in whatever a sender can write.

use super::*;

const FORGED: &str = "x\u{1b}[2K\r\n2026-01-01 ERROR forged\0\u{85}\u{202e}\u{2028}";

#[test]
fn no_text_of_a_sender_makes_a_line_or_moves_the_cursor() {
    let any = || message(|any| put_bytes(any, 1, FORGED.as_bytes()));
    let attribute = text_attribute(FORGED, FORGED);
    let record = message(|record| {
        put_bytes(record, 3, FORGED.as_bytes());
        put_bytes(record, 5, &any());
        put_bytes(record, 6, &attribute);
        put_bytes(record, 12, FORGED.as_bytes());
    });
    let event = message(|event| put_bytes(event, 2, FORGED.as_bytes()));
    let span = message(|span| {
        put_bytes(span, 3, FORGED.as_bytes());
        put_bytes(span, 5, FORGED.as_bytes());
        put_bytes(span, 9, &attribute);
        put_bytes(span, 11, &event);
        put_bytes(span, 15, &message(|status| put_bytes(status, 2, FORGED.as_bytes())));
    });
    let point = message(|point| put_bytes(point, 7, &attribute));
    let metric = message(|metric| {
        (1..4).for_each(|field| put_bytes(metric, field, FORGED.as_bytes()));
        put_bytes(metric, 5, &message(|gauge| put_bytes(gauge, 1, &point)));
    });
    for (signal, item) in [(Signal::Logs, record), (Signal::Traces, span), (Signal::Metrics, metric)] {
        for verbosity in ["normal", "detailed"] {
            let shown = written(verbosity, signal, &request(std::slice::from_ref(&item)));
            assert!(shown.contains("x\\u{1b}[2K\\r\\n2026-01-01 ERROR forged\\0\\u{85}\\u{202e}\\u{2028}"), "{shown}");
            let odd = |c: char| c != '\n' && c.is_control() || "\u{202e}\u{2028}".contains(c);
            assert!(!shown.contains(odd) && !shown.contains("\n2026"), "{shown}");
        }
    }
}
