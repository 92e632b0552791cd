// How far a job is: `processing/NAME.status.json`, replaced at every step.
//
// For pollers and progress bars. It is true when it is written and not kept after the job has ended; what counts is the
// result. Messages are redacted on the way out.

/// A job in progress.
package struct StatusDocument: Equatable, Sendable {
    /// The request's NAME.
    package var jobID: String
    /// Percent, 0 to 100.
    package var progress: Int
    /// What is being done.
    package var stage: Stage
    /// The same as a sentence for a person.
    package var message: String
    /// Seconds left, as far as one can tell.
    package var estimatedTime: Double
    /// 1 for the first attempt.
    package var attempt: Int
    /// Whose job it is.
    package var userID: String
    /// The outfit; nil for a batch, an outfit without an id and `set_profile`.
    package var outfitID: String?
    /// The provider's name as results spell it (`Runway ML`); nil before it is chosen.
    package var provider: String?
    /// What it waits for; nil while it is worked on.
    package var waiting: JobWait?
    /// When this was written.
    package var updatedAt: Timestamp

    /// A status with all that it says.
    package init(
        jobID: String, progress: Int, stage: Stage, message: String, estimatedTime: Double, attempt: Int,
        userID: String, outfitID: String?, provider: String?, waiting: JobWait? = nil, updatedAt: Timestamp
    ) {
        self.jobID = jobID
        self.progress = progress
        self.stage = stage
        self.message = message
        self.estimatedTime = estimatedTime
        self.attempt = attempt
        self.userID = userID
        self.outfitID = outfitID
        self.provider = provider
        self.waiting = waiting
        self.updatedAt = updatedAt
    }

    /// The file: one line.
    package func encode() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member(StatusKey.jobID, jobID)
        writer.member(StatusKey.status, StatusDocument.status)
        writer.member(StatusKey.progress, min(max(progress, 0), 100))
        writer.member(StatusKey.stage, stage.rawValue)
        writer.member(StatusKey.message, presentable(message))
        writer.member(StatusKey.estimatedTime, rounded(estimatedTime, to: 1))
        writer.member(StatusKey.attempt, attempt)
        writer.member(StatusKey.userID, userID)
        writer.member(StatusKey.outfitID, outfitID)
        writer.member(StatusKey.provider, provider)
        writer.key(StatusKey.waiting)
        if let waiting { waiting.write(to: &writer) } else { writer.null() }
        writer.member(StatusKey.updatedAt, updatedAt.rfc3339)
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }

    /// Reads a status file.
    ///
    /// - Throws: every problem, if it is not one.
    package static func decode(_ bytes: [UInt8]) throws(DocumentFault) -> StatusDocument {
        var reader = try DocumentReader(bytes)
        guard let root = reader.object(reader.root) else {
            try reader.finish()
            preconditionFailure("a document that is no object went unnoticed")
        }
        let status = reader.text(StatusKey.status, of: root)
        if status != Self.status { reader.add(StatusKey.status.rawValue, "is not \"\(Self.status)\"") }
        let document = StatusDocument(
            jobID: reader.text(StatusKey.jobID, of: root),
            progress: reader.count(StatusKey.progress, of: root, within: 0...100),
            stage: reader.field(StatusKey.stage, of: root).flatMap { reader.word($0, Stage.self) } ?? .prepare,
            message: reader.text(StatusKey.message, of: root),
            estimatedTime: reader.amount(StatusKey.estimatedTime, of: root),
            attempt: reader.count(StatusKey.attempt, of: root, within: 1...DocumentReader.largest),
            userID: reader.text(StatusKey.userID, of: root),
            outfitID: reader.textOrNull(StatusKey.outfitID, of: root),
            provider: reader.textOrNull(StatusKey.provider, of: root),
            waiting: reader.field(StatusKey.waiting, of: root).flatMap { JobWait.read($0, &reader) },
            updatedAt: reader.moment(StatusKey.updatedAt, of: root))
        try reader.finish()
        return document
    }

    /// The only value of `status` in this document; a result has others.
    package static let status = "processing"
}

/// A key of a status file.
enum StatusKey: String, CaseIterable {
    case jobID = "job_id"
    case status
    case progress
    case stage
    case message
    case estimatedTime = "estimated_time"
    case attempt
    case userID = "user_id"
    case outfitID = "outfit_id"
    case provider
    case waiting
    case updatedAt = "updated_at"
}

/// A duration or an amount as it is written: so many decimals, never negative, 0 where it is no number at all.
func rounded(_ value: Double, to decimals: Int) -> Double {
    guard value.isFinite, value > 0 else { return 0 }
    let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = (value * scale).rounded()
    return scaled.isFinite ? scaled / scale : value
}

extension JSONWriter {
    mutating func member(_ key: some RawRepresentable<String>, _ text: String?) { member(key.rawValue, text) }
    mutating func member(_ key: some RawRepresentable<String>, _ value: Double?) { member(key.rawValue, value) }
    mutating func member(_ key: some RawRepresentable<String>, _ value: Int?) { member(key.rawValue, value) }
    mutating func member(_ key: some RawRepresentable<String>, _ value: Bool?) { member(key.rawValue, value) }
    mutating func key(_ key: some RawRepresentable<String>) { self.key(key.rawValue) }
}
