//! What WASI says of a failure, as an error of the system.

use std::io::{self, ErrorKind};

use crate::component::wasi::filesystem::types::{ErrorCode, filesystem_error_code};
use crate::component::wasi::io::streams::StreamError;

pub(in crate::component) fn error(code: ErrorCode) -> io::Error {
    let kind = match code {
        ErrorCode::NoEntry => ErrorKind::NotFound,
        ErrorCode::NotDirectory => ErrorKind::NotADirectory,
        ErrorCode::Exist => ErrorKind::AlreadyExists,
        ErrorCode::Access => ErrorKind::PermissionDenied,
        ErrorCode::NotPermitted => {
            let what = "the runtime does not allow it, check what it preopens";
            return io::Error::new(ErrorKind::PermissionDenied, what);
        }
        ErrorCode::ReadOnly => ErrorKind::ReadOnlyFilesystem,
        ErrorCode::InsufficientSpace => ErrorKind::StorageFull,
        ErrorCode::Quota => ErrorKind::QuotaExceeded,
        ErrorCode::FileTooLarge => ErrorKind::FileTooLarge,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, code.name())
}

pub(super) fn stream_error(cause: &StreamError) -> io::Error {
    let code = match cause {
        StreamError::LastOperationFailed(cause) => filesystem_error_code(cause),
        StreamError::Closed => None,
    };
    error(code.unwrap_or(ErrorCode::Io))
}
