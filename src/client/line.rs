//! The line to the service: the caller's channel, and what shows who asks.
//!
//! Knows no call. Made by the builder; every part of the background task calls over a clone.

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// What every call goes over.
pub(crate) type Line = InterceptedService<Channel, Credentials>;

/// Shown with every call, if there is any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials(Option<MetadataValue<Ascii>>);

impl Credentials {
    pub(crate) fn new(mut header: MetadataValue<Ascii>) -> Self {
        header.set_sensitive(true);
        Self(Some(header))
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(header) = &self.0 {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}
