//! Values that are no objects.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, metric::Data};

use super::super::{Request, pick};
use super::Writer;

impl Writer<'_> {
    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::from("\"");
        for character in text.chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\n' if self.rng.bool() => out.push_str("\\n"),
                _ if character < ' ' || self.takes(self.forms.escaped) => {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                _ => out.push(character),
            }
        }
        out.push('"');
        out
    }

    /// A text where empty and absent are the same.
    pub fn string(&mut self, text: &str) -> Option<String> {
        self.unless(text.to_owned(), |writer, text| writer.text(&text))
    }

    pub fn bool(&mut self, value: bool) -> Option<String> {
        self.unless(value, |_, value| value.to_string())
    }

    /// An integer of any width, as a number or a string.
    pub fn integer(&mut self, number: i128) -> String {
        match self.rng.u32(..3) {
            0 => format!("\"{number}\""),
            // Small ones have an exponent or a fraction of zero now and then.
            1 if number.abs() < 1000 && self.takes(20) => format!("{number}.0"),
            _ => number.to_string(),
        }
    }

    /// An integer where 0 and absent are the same.
    pub fn number(&mut self, number: impl Into<i128>) -> Option<String> {
        self.unless(number.into(), Writer::integer)
    }

    /// An enum's value.
    pub fn named(&mut self, number: i32, names: &[&str]) -> Option<String> {
        let name = usize::try_from(number).ok().and_then(|number| names.get(number));
        match name {
            Some(name) if self.rng.bool() => self.unless(number, |_, _| format!("\"{name}\"")),
            _ => self.unless(number, |_, number| number.to_string()),
        }
    }

    pub fn double(&mut self, value: f64) -> String {
        if value.is_nan() {
            return "\"NaN\"".to_owned();
        }
        if value.is_infinite() {
            return if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }.to_owned();
        }
        let text =
            pick(self.rng, &[format!("{value:?}"), format!("{value:e}")].each_ref().map(String::as_str)).to_owned();
        if self.rng.bool() { format!("\"{text}\"") } else { text }
    }

    /// A double where 0 and absent are the same; a negative zero is neither.
    pub fn double_field(&mut self, value: f64) -> Option<String> {
        self.unless(value.to_bits(), |writer, bits| writer.double(f64::from_bits(bits)))
    }

    pub fn hex(&mut self, bytes: &[u8]) -> Option<String> {
        let is_upper = self.rng.bool();
        self.unless(bytes.to_vec(), |_, bytes| {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\"{}\"", if is_upper { digits.to_uppercase() } else { digits })
        })
    }

    /// Base64, in either alphabet, padded or not.
    pub fn base64(&mut self, bytes: &[u8]) -> String {
        let last = pick(self.rng, &["+/", "-_"]);
        let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last.chars()).collect();
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let word =
                chunk.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).for_each(|digit| out.push(alphabet[word >> (18 - 6 * digit) & 63]));
        }
        if self.rng.bool() {
            out.push_str(&"=".repeat((4 - out.len() % 4) % 4));
        }
        format!("\"{out}\"")
    }
}

/// The nearest request that JSON can say: ids of their length or empty, NaNs without a payload.
pub fn representable(mut request: Request) -> Request {
    match &mut request {
        Request::Metrics(request) => {
            for resource in &mut request.resource_metrics {
                resource.resource.iter_mut().for_each(|resource| attributes(&mut resource.attributes));
                for scope in &mut resource.scope_metrics {
                    scope.scope.iter_mut().for_each(|scope| attributes(&mut scope.attributes));
                    for metric in &mut scope.metrics {
                        attributes(&mut metric.metadata);
                        data(&mut metric.data);
                    }
                }
            }
        }
        Request::Traces(request) => {
            for resource in &mut request.resource_spans {
                resource.resource.iter_mut().for_each(|resource| attributes(&mut resource.attributes));
                for scope in &mut resource.scope_spans {
                    scope.scope.iter_mut().for_each(|scope| attributes(&mut scope.attributes));
                    for span in &mut scope.spans {
                        attributes(&mut span.attributes);
                        id(&mut span.trace_id, 16);
                        id(&mut span.span_id, 8);
                        id(&mut span.parent_span_id, 8);
                        span.events.iter_mut().for_each(|event| attributes(&mut event.attributes));
                        for link in &mut span.links {
                            attributes(&mut link.attributes);
                            id(&mut link.trace_id, 16);
                            id(&mut link.span_id, 8);
                        }
                    }
                }
            }
        }
        Request::Logs(request) => {
            for resource in &mut request.resource_logs {
                resource.resource.iter_mut().for_each(|resource| attributes(&mut resource.attributes));
                for scope in &mut resource.scope_logs {
                    scope.scope.iter_mut().for_each(|scope| attributes(&mut scope.attributes));
                    for record in &mut scope.log_records {
                        attributes(&mut record.attributes);
                        record.body.iter_mut().for_each(any_value);
                        id(&mut record.trace_id, 16);
                        id(&mut record.span_id, 8);
                    }
                }
            }
        }
    }
    request
}

fn id(bytes: &mut Vec<u8>, length: usize) {
    if bytes.len() != length {
        bytes.clear();
    }
}

fn double(value: &mut f64) {
    if value.is_nan() {
        *value = f64::NAN;
    }
}

fn any_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::DoubleValue(value)) => double(value),
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(any_value),
        Some(Value::KvlistValue(map)) => attributes(&mut map.values),
        _ => {}
    }
}

fn attributes(attributes: &mut [KeyValue]) {
    attributes.iter_mut().filter_map(|attribute| attribute.value.as_mut()).for_each(any_value);
}

fn exemplars(exemplars: &mut [Exemplar]) {
    use opentelemetry_proto::tonic::metrics::v1::exemplar;
    for exemplar in exemplars {
        attributes(&mut exemplar.filtered_attributes);
        id(&mut exemplar.trace_id, 16);
        id(&mut exemplar.span_id, 8);
        if let Some(exemplar::Value::AsDouble(value)) = &mut exemplar.value {
            double(value);
        }
    }
}

fn data(data: &mut Option<Data>) {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point;
    let numbers = match data {
        Some(Data::Gauge(data)) => &mut data.data_points,
        Some(Data::Sum(data)) => &mut data.data_points,
        _ => &mut Vec::new(),
    };
    for point in numbers {
        attributes(&mut point.attributes);
        exemplars(&mut point.exemplars);
        if let Some(number_data_point::Value::AsDouble(value)) = &mut point.value {
            double(value);
        }
    }
    match data {
        Some(Data::Histogram(data)) => data.data_points.iter_mut().for_each(|point| {
            attributes(&mut point.attributes);
            exemplars(&mut point.exemplars);
            point.explicit_bounds.iter_mut().for_each(double);
            [&mut point.sum, &mut point.min, &mut point.max].into_iter().flatten().for_each(double);
        }),
        Some(Data::ExponentialHistogram(data)) => data.data_points.iter_mut().for_each(|point| {
            attributes(&mut point.attributes);
            exemplars(&mut point.exemplars);
            double(&mut point.zero_threshold);
            [&mut point.sum, &mut point.min, &mut point.max].into_iter().flatten().for_each(double);
        }),
        Some(Data::Summary(data)) => data.data_points.iter_mut().for_each(|point| {
            attributes(&mut point.attributes);
            double(&mut point.sum);
            point.quantile_values.iter_mut().for_each(|pair| {
                double(&mut pair.quantile);
                double(&mut pair.value);
            });
        }),
        _ => {}
    }
}
