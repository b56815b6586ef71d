//! Every number of the CoAP specifications that this crate knows, each with its citation.

/// A method or a response code, class in the upper three bits. RFC 7252 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u8);

impl Code {
    /// 0.00, the empty message. RFC 7252 section 4.1.
    pub const EMPTY: Self = Self(0);
    /// 0.01. RFC 7252 section 12.1.1.
    pub const GET: Self = Self(1);
    /// 0.02. RFC 7252 section 12.1.1.
    pub const POST: Self = Self(2);
    /// 0.03. RFC 7252 section 12.1.1.
    pub const PUT: Self = Self(3);
    /// 0.04. RFC 7252 section 12.1.1.
    pub const DELETE: Self = Self(4);
    /// 0.05. RFC 8132 section 6.
    pub const FETCH: Self = Self(5);
    /// 0.06. RFC 8132 section 6.
    pub const PATCH: Self = Self(6);
    /// 0.07. RFC 8132 section 6.
    pub const IPATCH: Self = Self(7);

    /// 2.01. RFC 7252 section 5.9.1.1.
    pub const CREATED: Self = Self::of(2, 1);
    /// 2.02. RFC 7252 section 5.9.1.2.
    pub const DELETED: Self = Self::of(2, 2);
    /// 2.03. RFC 7252 section 5.9.1.3.
    pub const VALID: Self = Self::of(2, 3);
    /// 2.04. RFC 7252 section 5.9.1.4.
    pub const CHANGED: Self = Self::of(2, 4);
    /// 2.05. RFC 7252 section 5.9.1.5.
    pub const CONTENT: Self = Self::of(2, 5);
    /// 2.31. RFC 7959 section 2.9.1.
    pub const CONTINUE: Self = Self::of(2, 31);
    /// 4.00. RFC 7252 section 5.9.2.1.
    pub const BAD_REQUEST: Self = Self::of(4, 0);
    /// 4.01. RFC 7252 section 5.9.2.2.
    pub const UNAUTHORIZED: Self = Self::of(4, 1);
    /// 4.02. RFC 7252 section 5.9.2.3.
    pub const BAD_OPTION: Self = Self::of(4, 2);
    /// 4.03. RFC 7252 section 5.9.2.4.
    pub const FORBIDDEN: Self = Self::of(4, 3);
    /// 4.04. RFC 7252 section 5.9.2.5.
    pub const NOT_FOUND: Self = Self::of(4, 4);
    /// 4.05. RFC 7252 section 5.9.2.6.
    pub const METHOD_NOT_ALLOWED: Self = Self::of(4, 5);
    /// 4.06. RFC 7252 section 5.9.2.7.
    pub const NOT_ACCEPTABLE: Self = Self::of(4, 6);
    /// 4.08. RFC 7959 section 2.9.2.
    pub const REQUEST_ENTITY_INCOMPLETE: Self = Self::of(4, 8);
    /// 4.12. RFC 7252 section 5.9.2.8.
    pub const PRECONDITION_FAILED: Self = Self::of(4, 12);
    /// 4.13. RFC 7252 section 5.9.2.9, RFC 7959 section 2.9.3.
    pub const REQUEST_ENTITY_TOO_LARGE: Self = Self::of(4, 13);
    /// 4.15. RFC 7252 section 5.9.2.10.
    pub const UNSUPPORTED_CONTENT_FORMAT: Self = Self::of(4, 15);
    /// 5.00. RFC 7252 section 5.9.3.1.
    pub const INTERNAL_SERVER_ERROR: Self = Self::of(5, 0);
    /// 5.01. RFC 7252 section 5.9.3.2.
    pub const NOT_IMPLEMENTED: Self = Self::of(5, 1);
    /// 5.03. RFC 7252 section 5.9.3.4.
    pub const SERVICE_UNAVAILABLE: Self = Self::of(5, 3);
    /// 5.05. RFC 7252 section 5.9.3.6.
    pub const PROXYING_NOT_SUPPORTED: Self = Self::of(5, 5);

    /// The code `class.detail`, as in 4.04.
    pub const fn of(class: u8, detail: u8) -> Self {
        Self((class << 5) | (detail & 31))
    }

    /// 0..=7: 0 a request or empty, 2 success, 4 the client's fault, 5 the server's.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// 0..=31, below the class.
    pub const fn detail(self) -> u8 {
        self.0 & 31
    }

    /// Whether it is a method: 0.01 to 0.31.
    pub const fn is_request(self) -> bool {
        self.0 >= 1 && self.0 <= 31
    }

    /// Whether it is a response: classes 2 to 5. Class 3 has no codes yet; RFC 7252 section 4.2 reserves 1, 6
    /// and 7 only.
    pub const fn is_response(self) -> bool {
        self.class() >= 2 && self.class() <= 5
    }

    /// Whether it is a success: class 2.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether a request by this method changes nothing, and may be carried out twice. RFC 7252 section 5.1,
    /// RFC 8132 section 2.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::GET | Self::FETCH)
    }
}

/// Version in the first two bits of every message. RFC 7252 section 3.
pub const VERSION: u8 = 1;
/// The longest token, bytes. RFC 7252 section 3.
pub const TOKEN_MAX: usize = 8;
/// Precedes the payload. RFC 7252 section 3.
pub const PAYLOAD_MARKER: u8 = 0xFF;

/// Option numbers, as RFC 7252 section 5.10 and the others name them.
pub mod option {
    /// RFC 7252 section 5.10.8.1.
    pub const IF_MATCH: u16 = 1;
    /// RFC 7252 section 5.10.1.
    pub const URI_HOST: u16 = 3;
    /// RFC 7252 section 5.10.6.
    pub const ETAG: u16 = 4;
    /// RFC 7252 section 5.10.8.2.
    pub const IF_NONE_MATCH: u16 = 5;
    /// RFC 7641 section 2.
    pub const OBSERVE: u16 = 6;
    /// RFC 7252 section 5.10.1.
    pub const URI_PORT: u16 = 7;
    /// RFC 7252 section 5.10.7.
    pub const LOCATION_PATH: u16 = 8;
    /// RFC 7252 section 5.10.1.
    pub const URI_PATH: u16 = 11;
    /// RFC 7252 section 5.10.3.
    pub const CONTENT_FORMAT: u16 = 12;
    /// RFC 7252 section 5.10.5.
    pub const MAX_AGE: u16 = 14;
    /// RFC 7252 section 5.10.1.
    pub const URI_QUERY: u16 = 15;
    /// RFC 7252 section 5.10.4.
    pub const ACCEPT: u16 = 17;
    /// RFC 7252 section 5.10.7.
    pub const LOCATION_QUERY: u16 = 20;
    /// RFC 7959 section 2.1.
    pub const BLOCK2: u16 = 23;
    /// RFC 7959 section 2.1.
    pub const BLOCK1: u16 = 27;
    /// RFC 7959 section 4.
    pub const SIZE2: u16 = 28;
    /// RFC 7252 section 5.10.2.
    pub const PROXY_URI: u16 = 35;
    /// RFC 7252 section 5.10.2.
    pub const PROXY_SCHEME: u16 = 39;
    /// RFC 7252 section 5.10.9.
    pub const SIZE1: u16 = 60;
}

/// How an option's value reads. RFC 7252 section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Bytes.
    Opaque,
    /// An unsigned number, most significant byte first, leading zeros allowed.
    Uint,
    /// UTF-8.
    Text,
}

/// What the specification says about an option. RFC 7252 table 4, RFC 7641 table 1, RFC 7959 tables 1 and 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its number.
    pub number: u16,
    /// How its value reads.
    pub format: Format,
    /// Length of its value, bytes: at least and at most.
    pub length: (u8, u8),
    /// Whether it may stand more than once.
    pub repeatable: bool,
}

const fn def(number: u16, format: Format, min: u8, max: u8, repeatable: bool) -> Definition {
    Definition { number, format, length: (min, max), repeatable }
}

/// The critical options (odd numbers) that this crate can read. A value outside of these makes the option an
/// unknown one, RFC 7252 sections 5.4.3 and 5.4.5. An elective one that is malformed is as good as absent.
pub const CRITICAL: &[Definition] = &[
    def(option::IF_MATCH, Format::Opaque, 0, 8, true),
    def(option::URI_HOST, Format::Text, 1, 255, false),
    def(option::IF_NONE_MATCH, Format::Opaque, 0, 0, false),
    def(option::URI_PORT, Format::Uint, 0, 2, false),
    def(option::URI_PATH, Format::Text, 0, 255, true),
    def(option::URI_QUERY, Format::Text, 0, 255, true),
    def(option::ACCEPT, Format::Uint, 0, 2, false),
    def(option::BLOCK2, Format::Uint, 0, 3, false),
    def(option::BLOCK1, Format::Uint, 0, 3, false),
];

/// The longest entity tag, bytes; the shortest has one. RFC 7252 table 4.
pub const ETAG_MAX: usize = 8;
/// The longest segment of a path, argument of a query, or host name, bytes. RFC 7252 table 4.
pub const TEXT_MAX: usize = 255;

/// Content formats: the registry of RFC 7252 section 12.3.
pub mod format {
    /// `text/plain; charset=utf-8`. RFC 7252 section 12.3.
    pub const TEXT: u16 = 0;
    /// `application/link-format`. RFC 7252 section 12.3.
    pub const LINK: u16 = 40;
    /// `application/octet-stream`. RFC 7252 section 12.3.
    pub const OCTETS: u16 = 42;
    /// `application/cbor`. RFC 8949 section 9.4.
    pub const CBOR: u16 = 60;
}

/// First wait for an acknowledgement, milliseconds. RFC 7252 section 4.8.
pub const ACK_TIMEOUT: u32 = 2_000;
/// What the random factor of 1.5 adds to [`ACK_TIMEOUT`] at most, milliseconds. RFC 7252 section 4.8.
pub const ACK_RANDOM: u32 = 1_000;
/// How often a confirmable message is sent again. RFC 7252 section 4.8.
pub const MAX_RETRANSMIT: u8 = 4;
/// From the first sending of a confirmable message until nothing can come of it any more, milliseconds.
/// RFC 7252 section 4.8.2.
pub const MAX_TRANSMIT_WAIT: u32 = 93_000;
/// For how long a message identifier stands for one confirmable message, milliseconds. RFC 7252 section 4.8.2.
pub const EXCHANGE_LIFETIME: u32 = 247_000;
/// The same for a message that is not confirmable, milliseconds. RFC 7252 section 4.8.2.
pub const NON_LIFETIME: u32 = 145_000;

/// Observe in a request: register. RFC 7641 section 2.
pub const OBSERVE_REGISTER: u32 = 0;
/// Observe in a request: deregister. RFC 7641 section 2.
pub const OBSERVE_DEREGISTER: u32 = 1;
/// The sequence of notifications is of so many bits. RFC 7641 section 4.4.
pub const OBSERVE_BITS: u32 = 24;
/// After so long a notification is newer whatever its number, milliseconds. RFC 7641 section 3.4.
pub const OBSERVE_FRESH: u32 = 128_000;

/// Scheme of a resource over UDP. RFC 7252 section 6.1.
pub const COAP: &str = "coap";
/// Scheme of a resource over DTLS. RFC 7252 section 6.2.
pub const COAPS: &str = "coaps";
/// Port of `coap` where the URI names none. RFC 7252 section 6.1.
pub const COAP_PORT: u16 = 5683;
/// Port of `coaps` where the URI names none. RFC 7252 section 6.2.
pub const COAPS_PORT: u16 = 5684;
