//! Entra's attribute-mapping expression language: text → [`Expression`] → [`Value`], and [`NameMapping`], an
//! expression of which it is proved that it gives the same name for the same attributes.
//!
//! ```
//! use sallyport_mapping::{AttributeMap, NameMapping};
//!
//! let mapping = NameMapping::parse(r#"ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )"#)?;
//! let attributes: AttributeMap = [("userPrincipalName", "Alice.Smith@contoso.test")].into_iter().collect();
//! assert_eq!(mapping.name(&attributes)?.as_deref(), Some("alice.smith"));
//! # Ok::<(), sallyport_mapping::MappingError>(())
//! ```
//!
//! Nothing here reads a clock, a random source or a directory: what an expression needs of these is given in a
//! [`World`]. Where Microsoft's page is silent, docs/decisions has what was chosen.

mod ast;
mod attributes;
mod check;
mod dates;
mod error;
mod eval;
mod expression;
mod function;
mod lexer;
pub mod limits;
mod parser;
mod pattern;
mod print;
mod value;
mod world;

pub use attributes::{AttributeMap, Attributes};
pub use check::NameMapping;
pub use error::{MappingError, Place, Problem};
pub use expression::Expression;
pub use function::Function;
pub use value::Value;
pub use world::World;
