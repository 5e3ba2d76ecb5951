//! What figures are told apart by.

/// A part of a statement's life that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// From text to an authorized plan.
    Analyze,
    /// Waiting for a place.
    Queue,
    /// From the plan to the first row, or to the end of a statement without rows.
    Execute,
    /// From the first row to the last.
    Stream,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Analyze, Self::Queue, Self::Execute, Self::Stream];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Queue => "queue",
            Self::Execute => "execute",
            Self::Stream => "stream",
        }
    }
}

/// What a statement does, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementKind {
    /// It reads.
    Query,
    /// It changes rows of a table.
    Write,
    /// It uploads rows.
    Ingest,
    /// Anything else: schemas, tags, grants, settings.
    Command,
}

impl StatementKind {
    pub(super) const ALL: [Self; 4] = [Self::Query, Self::Write, Self::Ingest, Self::Command];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Write => "write",
            Self::Ingest => "ingest",
            Self::Command => "command",
        }
    }
}

/// How a statement ended, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementOutcome {
    /// As it was meant to.
    Done,
    /// Policy refused it.
    Denied,
    /// It cannot be understood, or what it names is not there.
    Invalid,
    /// A limit was reached.
    Exhausted,
    /// Its caller gave it up.
    Cancelled,
    /// It needs what this version does not have.
    Unimplemented,
    /// Something that it needs is out of reach.
    Unavailable,
    /// A promise of ours does not hold.
    Bug,
}

impl StatementOutcome {
    pub(super) const ALL: [Self; 8] = [
        Self::Done,
        Self::Denied,
        Self::Invalid,
        Self::Exhausted,
        Self::Cancelled,
        Self::Unimplemented,
        Self::Unavailable,
        Self::Bug,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
            Self::Unimplemented => "unimplemented",
            Self::Unavailable => "unavailable",
            Self::Bug => "bug",
        }
    }
}

/// The code as gRPC's own texts write it.
pub(super) fn code_name(code: tonic::Code) -> &'static str {
    match code {
        tonic::Code::Ok => "OK",
        tonic::Code::Cancelled => "CANCELLED",
        tonic::Code::Unknown => "UNKNOWN",
        tonic::Code::InvalidArgument => "INVALID_ARGUMENT",
        tonic::Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        tonic::Code::NotFound => "NOT_FOUND",
        tonic::Code::AlreadyExists => "ALREADY_EXISTS",
        tonic::Code::PermissionDenied => "PERMISSION_DENIED",
        tonic::Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        tonic::Code::FailedPrecondition => "FAILED_PRECONDITION",
        tonic::Code::Aborted => "ABORTED",
        tonic::Code::OutOfRange => "OUT_OF_RANGE",
        tonic::Code::Unimplemented => "UNIMPLEMENTED",
        tonic::Code::Internal => "INTERNAL",
        tonic::Code::Unavailable => "UNAVAILABLE",
        tonic::Code::DataLoss => "DATA_LOSS",
        tonic::Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
