// What a provider may answer, as values: to the one paid call, to a look at a task, to a question about the account.
//
// The difference that matters is made here and nowhere else: `refused` is certain that nothing was created, `lost` is
// not. Whoever reads a provider's answers errs towards `lost`.

package import Contract

/// A picture as the provider made it: a whole image file of any format that vizd reads.
package struct GeneratedPicture: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
}

/// What came of the paid call.
package enum Submission: Hashable, Sendable {
    /// The picture itself, and its final price where the answer tells it.
    case made(GeneratedPicture, price: Price?)
    /// It came to nothing that can be kept, and is charged for, or may be: its final price where that is told.
    case spoiled(TaskFailure, price: Price?)
    /// A task was created; the provider's own estimate where it gives one. `taskID` is what the task is asked for by
    /// from now on: its id, or the text of a `TaskHandle`.
    case accepted(taskID: String, estimate: Price?)
    /// It is certain that nothing was created and nothing is charged. `retry` of the failure says whether the same
    /// order may be sent again.
    case refused(ProviderFailure)
    /// Something may have been created.
    case lost(LostAnswer)
}

/// The answer to a paid call that may have been received did not come, or cannot be read.
package struct LostAnswer: Hashable, Sendable {
    /// A clause: what happened to the answer (`the connection broke before the answer came`).
    package let message: String
    /// The status of the answer, where one came.
    package let httpStatus: Int?

    package init(_ message: String, httpStatus: Int? = nil) { (self.message, self.httpStatus) = (message, httpStatus) }
}

/// How far a task is.
package struct TaskReport: Hashable, Sendable {
    package let state: TaskState

    package init(_ state: TaskState) { self.state = state }
}

/// The states of a task.
package enum TaskState: Hashable, Sendable {
    /// Accepted, not begun.
    case waiting(TaskWait)
    /// Begun; `progress` from 0 to 1 where the provider tells it.
    case running(progress: Double?)
    /// Finished: https addresses of the pictures, and the final price where it is told.
    case done(outputs: [String], price: Price?)
    /// It came to nothing; what it cost where that is told.
    case failed(TaskFailure, price: Price?)
    /// The provider does not know it (`TASK_GONE`), or somebody cancelled it (`CANCELLED`); what it cost where that is
    /// told.
    case gone(code: String, message: String, price: Price? = nil)
}

/// Why a task has not begun.
package enum TaskWait: Hashable, Sendable {
    /// In the provider's queue.
    case queued
    /// Held back by the provider's limit on tasks at once; it starts by itself.
    case throttled
    /// In a state that this version does not know, by the provider's word.
    case unknown(String)
}

/// Why a task failed.
package struct TaskFailure: Hashable, Sendable {
    /// `moderation`, `generation_failed`, or `download_too_large`.
    package let code: ResultCode
    /// The provider's own code, such as `INTERNAL.BAD_OUTPUT.01`; nil where it gives none.
    package let providerCode: String?
    /// What happened, to what, what to do next.
    package let message: String
    /// Whether the same order may go well when it is made again: vizd does so by itself where nothing was charged.
    package let retryable: Bool

    package init(code: ResultCode, providerCode: String?, message: String, retryable: Bool) {
        (self.code, self.providerCode, self.message, self.retryable) = (code, providerCode, message, retryable)
    }
}

/// A provider said no, or could not.
package struct ProviderFailure: Error, Hashable, Sendable {
    /// One of the codes for providers in the contract.
    package let code: ResultCode
    /// What happened, to what, what to do next.
    package let message: String
    /// Whether the same job may go well later: for the result.
    package let retryable: Bool
    /// Whether vizd itself may make the same call again.
    package let retry: RetryAdvice
    /// The status of the answer, where one came.
    package let httpStatus: Int?
    /// The provider's own code.
    package let providerCode: String?

    package init(
        code: ResultCode, message: String, retryable: Bool, retry: RetryAdvice = .never, httpStatus: Int? = nil,
        providerCode: String? = nil
    ) {
        (self.code, self.message, self.retryable, self.retry) = (code, message, retryable, retry)
        (self.httpStatus, self.providerCode) = (httpStatus, providerCode)
    }

    /// Whether no order of anybody can go well before a person has done something: the key, or the credit.
    package var holdsProvider: Bool { code == .providerAuth || code == .providerNoCredit }

    /// Whether it says that the provider is down, should it go on: not a limit, and nothing that no waiting mends.
    package var meansDown: Bool { code == .providerUnavailable && httpStatus != 429 && retry != .never }
}

/// Whether a call that failed may be made again.
package enum RetryAdvice: Hashable, Sendable {
    case never
    /// After a while; `seconds` where the provider says how long.
    case later(seconds: Double?)
}

/// What an account has and may do.
package struct Account: Hashable, Sendable {
    /// Credits left.
    package let balance: Double?
    /// By the model's name.
    package let models: [String: Allowance]

    package init(balance: Double?, models: [String: Allowance]) { (self.balance, self.models) = (balance, models) }
}

/// What an account may do with one model.
package struct Allowance: Hashable, Sendable {
    /// Tasks at once; nil for no limit.
    package let concurrent: Int?
    /// Tasks a day; nil for no limit.
    package let daily: Int?
    /// Tasks of the day so far, as the provider counts; nil where it does not.
    package let usedToday: Int?
    /// Tasks beyond `concurrent` that the provider keeps in a queue of its own, so that it never runs dry.
    package let ahead: Int
    /// Whether `concurrent` is for the tasks of all the account's models together.
    package let isShared: Bool

    package init(concurrent: Int?, daily: Int?, usedToday: Int?, ahead: Int = 2, isShared: Bool = false) {
        (self.concurrent, self.daily, self.usedToday) = (concurrent, daily, usedToday)
        (self.ahead, self.isShared) = (ahead, isShared)
    }

    /// So many tasks of all models together, none beyond them, and no day's count.
    package init(atOnce: Int) { self.init(concurrent: atOnce, daily: nil, usedToday: nil, ahead: 0, isShared: true) }
}
