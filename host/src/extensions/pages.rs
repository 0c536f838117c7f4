//! A port for pages as the page of an extension.

use std::future::Future;
use std::pin::Pin;

use crate::contract::{ComponentId, Stop};
use crate::families::{MakeError, Page, PageOpener};
use crate::intake::{OpenPages, PagePort};

/// Opens it once everybody who may look at requests is known.
pub fn opener(id: &ComponentId, port: PagePort) -> PageOpener {
    let component = id.to_string();
    Box::new(move |authenticators| {
        let open = port.open(&component, authenticators).map_err(MakeError::from)?;
        Ok(Box::new(Open(open)) as Box<dyn Page>)
    })
}

struct Open(OpenPages);

impl Page for Open {
    fn endpoint(&self) -> &str {
        self.0.endpoint()
    }

    fn serve(self: Box<Self>, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.0.serve(stop))
    }
}
