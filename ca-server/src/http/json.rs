use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sallyport_protocol::ProblemCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Failure;

/// A whole body within the route's limit.
#[derive(Clone, Debug)]
pub struct SmallBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for SmallBody {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Failure::new(ProblemCode::TooLarge, "the body is larger than this address takes")
            } else {
                Failure::new(ProblemCode::Malformed, "the body could not be read")
            }
        })
    }
}

/// JSON in and out. What does not parse is named by its place.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Json<T> {
    /// # Errors
    /// `malformed`, with the place of the first fault.
    pub fn parse(bytes: &[u8]) -> Result<T, Failure> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            Failure::new(
                ProblemCode::Malformed,
                format!("the body is not what is asked for, at {path}: {}", error.inner()),
            )
        })?;
        let end = deserializer.end();
        end.map_err(|_| Failure::new(ProblemCode::Malformed, "something follows the JSON value"))?;
        Ok(value)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let SmallBody(bytes) = SmallBody::from_request(request, state).await?;
        Self::parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
