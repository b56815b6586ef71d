//! The numbers and strings of the specifications, each with its citation. TR-369 is cited by its 1.4.1, TR-181 by
//! its 2.19.1 for USP.

pub mod model;
mod project;
pub mod schema;
pub mod websocket;

pub use project::{
    Shown, boot_image, coarse, failure, fault_code, project, refused_activate, refused_available,
    refused_boot, refused_cancel, refused_download, words,
};

/// The version of a Record, and what GetSupportedProtocol answers: TR-369 1.4.
pub const VERSION: &str = "1.4";

/// MsgType of usp-msg-1-5.proto, Header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as in the schema")]
pub enum MsgType {
    Error = 0,
    Get = 1,
    GetResp = 2,
    Notify = 3,
    Set = 4,
    SetResp = 5,
    Operate = 6,
    OperateResp = 7,
    Add = 8,
    AddResp = 9,
    Delete = 10,
    DeleteResp = 11,
    GetSupportedDm = 12,
    GetSupportedDmResp = 13,
    GetInstances = 14,
    GetInstancesResp = 15,
    NotifyResp = 16,
    GetSupportedProto = 17,
    GetSupportedProtoResp = 18,
    Register = 19,
    RegisterResp = 20,
    Deregister = 21,
    DeregisterResp = 22,
}

/// Error codes of Messages. TR-369, "Error Codes"; 7033 to 7036 are those that TR-181 gives the results of
/// installations under SoftwareModules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nothing is wrong.
    Success = 0,
    /// Message not supported.
    NotSupported = 7001,
    /// Request denied.
    Denied = 7002,
    /// Internal error.
    Internal = 7003,
    /// Invalid arguments.
    InvalidArguments = 7004,
    /// Resources exceeded.
    Resources = 7005,
    /// Invalid path syntax.
    PathSyntax = 7008,
    /// Parameter action failed.
    ParamFailed = 7009,
    /// Unsupported parameter.
    UnsupportedParam = 7010,
    /// Invalid type.
    InvalidType = 7011,
    /// Invalid value.
    InvalidValue = 7012,
    /// The parameter cannot be written.
    NotWritable = 7013,
    /// The value is in conflict with another one.
    Conflict = 7014,
    /// Object does not exist.
    NoObject = 7016,
    /// It is not a table.
    NotATable = 7018,
    /// The object cannot be created.
    NotCreatable = 7019,
    /// A required parameter failed.
    RequiredFailed = 7021,
    /// Command failure.
    CommandFailure = 7022,
    /// Command cancelled.
    Cancelled = 7023,
    /// The object cannot be deleted.
    DeleteFailure = 7024,
    /// An object with the same unique key exists.
    Duplicate = 7025,
    /// Invalid path.
    InvalidPath = 7026,
    /// Invalid command arguments.
    CommandArguments = 7027,
    /// Server unreachable.
    ServerUnreachable = 7033,
    /// Server insecure.
    ServerInsecure = 7034,
    /// Corrupt data.
    CorruptData = 7035,
    /// Bad signature.
    BadSignature = 7036,
}

impl Code {
    /// What is said beside the number.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Success => "",
            Self::NotSupported => "Message not supported",
            Self::Denied => "Request denied",
            Self::Internal => "Internal error",
            Self::InvalidArguments => "Invalid arguments",
            Self::Resources => "Resources exceeded",
            Self::PathSyntax => "Invalid path syntax",
            Self::ParamFailed => "Parameter action failed",
            Self::UnsupportedParam => "Unsupported parameter",
            Self::InvalidType => "Invalid type",
            Self::InvalidValue => "Invalid value",
            Self::NotWritable => "Attempt to update non-writeable parameter",
            Self::Conflict => "Value conflict",
            Self::NoObject => "Object does not exist",
            Self::NotATable => "Not a table",
            Self::NotCreatable => "Attempt to create non-creatable object",
            Self::RequiredFailed => "Required parameter failed",
            Self::CommandFailure => "Command failure",
            Self::Cancelled => "Command canceled",
            Self::DeleteFailure => "Delete failure",
            Self::Duplicate => "Object exists with duplicate key",
            Self::InvalidPath => "Invalid path",
            Self::CommandArguments => "Invalid command arguments",
            Self::ServerUnreachable => "File server unreachable",
            Self::ServerInsecure => "File server insecure",
            Self::CorruptData => "Corrupt data",
            Self::BadSignature => "Bad signature",
        }
    }
}

/// Error codes of Records. TR-369, "Error Codes", USP Record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// A session was begun, and none is allowed.
    SessionNotAllowed = 7106,
}

impl RecordError {
    /// What is said beside the number.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SessionNotAllowed => "Session Context not allowed",
        }
    }
}
