//! Every limit of this room, in one place, each with its reason.

/// Nesting of a JSON body. A SCIM resource needs four levels (extension, attribute, values, sub-attribute);
/// 32 leaves room for foreign extensions and keeps every recursive walk far from the end of the stack.
pub const MAX_JSON_DEPTH: usize = 32;

/// Operations in one PATCH. Entra batches at most some dozens; a path-less operation counts once.
pub const MAX_OPERATIONS: usize = 1000;

/// Pairs of values and conditions that one PATCH may look at: values that are there, times values that come or
/// terms that select. A thousand operations of forty terms on 250 values would keep a core busy for seconds; real
/// requests stay under a thousand pairs.
pub const MAX_COMPARISONS: usize = 100_000;

/// Bytes in one filter, path or attribute list. The longest that a client is known to send is a few hundred
/// bytes; 8 KiB is also what common HTTP servers allow for a whole request line.
pub const MAX_FILTER_LENGTH: usize = 8 * 1024;

/// Parentheses, `not` and brackets open at once in a filter: bounds the recursion of parser, printer and
/// evaluation.
pub const MAX_FILTER_DEPTH: usize = 32;

/// Values in one multi-valued attribute of a document. Without it a client could grow a document for ever by
/// small additions, each of them under the limit on bodies. Members are rows and are not counted here.
pub const MAX_VALUES: usize = 250;

/// Members in one JSON object. Names are compared without regard to case, pair by pair, so their number must stay
/// small; the largest schemas have some dozens.
pub const MAX_OBJECT_MEMBERS: usize = 500;

/// Bytes of a whole document as JSON: as much as one request may carry, so that no series of small changes makes a
/// document that a POST would have been refused for.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Names in `attributes` or `excludedAttributes`: they are looked up again for every resource of a page.
pub const MAX_PROJECTED: usize = 100;

/// Resources in one page; also announced in the service provider configuration.
pub const MAX_RESULTS: usize = 200;
