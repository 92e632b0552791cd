// Runway (Gen-4 and the models beside it): pictures for money, made by tasks that are asked for until they are done.
//
// What came back becomes what is known, and where that leaves a doubt whether an order exists, it is `lost`. Nothing
// here waits, tries again, or touches a file; the tables are `RunwayModels` and `RunwayFailures`, and
// docs/PROVIDERS.md has the one of what came back.

internal import Contract
internal import Transfer

/// Runway ML.
package struct Runway: Provider {
    private let calls: RunwayCalls
    private let uploads: RunwayUploads

    package let traits: ProviderTraits

    /// - Parameters:
    ///   - key: `runway.apiKey`.
    ///   - clock: monotonic nanoseconds.
    init(
        _ settings: RunwaySettings, key: String, transfer: any Transferring, clock: @escaping @Sendable () -> Int64
    ) {
        calls = RunwayCalls(transfer: transfer, baseURL: settings.baseURL, key: key, stall: settings.stall)
        uploads = RunwayUploads(calls, clock: clock)
        traits = Runway.traits(settings)
    }

    /// The provider as the configuration has it, or what it lacks. `runway.model` comes first among the models and
    /// `runway.ratio` is its default size; the settings have refused a model that is not in the table.
    package static func entry(_ environment: ProviderEnvironment) -> ProviderEntry {
        guard let key = environment.runway.apiKey else {
            return .missing(id: "runway", displayName: "Runway ML", setting: "runway.apiKey")
        }
        return .ready(
            Runway(
                environment.runway, key: key, transfer: environment.transfer, clock: environment.monotonicClock))
    }

    /// What `runway.model` may be, the default first.
    package static var modelNames: [String] { RunwayModel.all.map(\.name) }

    /// Which sizes a model makes: what `runway.ratio` may be with it. Nil for a model that Runway does not have.
    package static func sizes(of model: String) -> SizeRule? { RunwayModel.all.first { $0.name == model }?.sizes }

    private static func traits(_ settings: RunwaySettings) -> ProviderTraits {
        let chosen = RunwayModel.all.filter { $0.name == settings.model }
        let others = RunwayModel.all.filter { $0.name != settings.model }
        return ProviderTraits(
            id: "runway", displayName: "Runway ML",
            models: (chosen + others).map { $0.traits(wanted: settings.ratio) } + videoModels(settings), isFree: false)
    }

    private static func videoModels(_ settings: RunwaySettings) -> [ModelTraits] {
        let chosen = RunwayVideoModel.all.filter { $0.name == settings.videoModel }
        let others = RunwayVideoModel.all.filter { $0.name != settings.videoModel }
        return (chosen + others).map { $0.traits(seconds: settings.videoSeconds) }
    }

    private static func model(_ order: Order) -> RunwayModel {
        guard let model = RunwayModel.all.first(where: { $0.name == order.model.name }) else {
            preconditionFailure("an order for \(order.model.name) came to Runway, which has no such model")
        }
        return model
    }

    private static func videoModel(_ order: Order) -> RunwayVideoModel {
        guard let model = RunwayVideoModel.all.first(where: { $0.name == order.model.name }) else {
            preconditionFailure("an order of a film by \(order.model.name) came to Runway, which has no such model")
        }
        return model
    }

    /// The highest price of this order; what it really was is in the task when it has ended.
    package func price(_ order: Order) -> Price {
        switch order.kind {
        case .image:
            return Price(runwayCredits: Runway.model(order).credits(order.size, references: order.references.count))
        case .video:
            guard let seconds = order.seconds else { preconditionFailure("a film without a length was ordered") }
            return Price(runwayCredits: Runway.videoModel(order).credits(seconds: seconds))
        }
    }

    // MARK: - Before the order

    /// A photo of more bytes than this is uploaded. Runway takes data URIs of 3.3 MB, but its gateway refuses large
    /// bodies before anybody looks at them.
    static let inlineLimit = 1_500_000
    /// The most bytes of photos that go along with one order; the largest ones beyond that are uploaded.
    static let inlineBudget = 3_000_000

    /// Uploads what is too large to go along. Every photo is looked at anew: a handle of an earlier call may have
    /// expired.
    package func stage(_ order: Order) async throws(ProviderFailure) -> Order {
        var staged = order
        for index in staged.references.indices { staged.references[index].handle = nil }
        for index in Runway.uploaded(order.references.map(\.image.count)) {
            let photo = order.references[index]
            staged.references[index].handle = try await uploads.handle(photo.digest, photo.image)
        }
        return staged
    }

    /// Which photos, by their sizes in bytes, are uploaded; in their order.
    static func uploaded(_ sizes: [Int]) -> [Int] {
        var left = sizes.reduce(0, +)
        var chosen: [Int] = []
        for index in sizes.indices.sorted(by: { sizes[$0] > sizes[$1] }) {
            guard sizes[index] > inlineLimit || left > inlineBudget else { break }
            left -= sizes[index]
            chosen.append(index)
        }
        return chosen.sorted()
    }

    // MARK: - The order

    /// `POST /v1/text_to_image`, or `/v1/image_to_video` for a film; once.
    package func submit(_ order: Order) async -> Submission {
        let (path, body) =
            switch order.kind {
            case .image: ("/v1/text_to_image", RunwayOrder.body(order, Runway.model(order)))
            case .video: ("/v1/image_to_video", RunwayOrder.body(film: order, Runway.videoModel(order)))
            }
        do throws(TransferFailure) {
            return outcome(try await calls.post(path, body), order)
        } catch {
            return outcome(error, order)
        }
    }

    private func outcome(_ answer: TransferAnswer, _ order: Order) -> Submission {
        if answer.isSuccess {
            guard let created = RunwayCreated(answer.body) else {
                return .lost(
                    LostAnswer("Runway's answer names no task that can be read", httpStatus: answer.status))
            }
            return .accepted(taskID: created.taskID, estimate: created.estimate)
        }
        guard ServiceFailures.isRefusal(answer.status) else {
            return .lost(LostAnswer("Runway answered with status \(answer.status)", httpStatus: answer.status))
        }
        let failure = RunwayFailures.refusal("the order", answer, quote: calls.quote)
        // One reason for a 400 is a handle that has expired or was never filled; Runway does not say so plainly.
        if answer.status == 400, failure.code == .providerRejected {
            uploads.forget(order.references.filter { $0.handle != nil }.map(\.digest))
        }
        return .refused(failure)
    }

    private func outcome(_ failure: TransferFailure, _ order: Order) -> Submission {
        // A status that came before the connection broke decides as it does with a whole answer.
        if let status = failure.status, ServiceFailures.isRefusal(status) {
            return outcome(TransferAnswer(status: status, headers: [], body: []), order)
        }
        let hasAnswered = failure.status.map { (200..<300).contains($0) } ?? false
        if failure.sent == .whole || hasAnswered {
            return .lost(LostAnswer(calls.quote(failure.message), httpStatus: failure.status))
        }
        return .refused(RunwayFailures.unsent("the order", failure, quote: calls.quote))
    }

    // MARK: - The task

    /// `GET /v1/tasks/{id}`.
    package func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport {
        guard RunwayCreated.isTaskID(taskID) else { return Runway.unknownTask }
        let answer = try await read(.get, "/v1/tasks/\(taskID)", "the state of a task")
        if answer.status == 404 { return Runway.unknownTask }
        guard answer.isSuccess else { throw Runway.later("the state of a task", answer, calls) }
        guard let state = RunwayTask.state(answer.body, quote: calls.quote) else {
            throw Runway.unreadable("the state of a task", answer)
        }
        return TaskReport(state)
    }

    private static let unknownTask = TaskReport(
        .gone(
            code: "TASK_GONE",
            message: "Runway does not know the task any more: somebody deleted it, or it is another account's. Check "
                + "that runway.apiKey is the one that ordered it, then send the request again."))

    /// By `DELETE`.
    package var canCancel: Bool { true }

    /// `DELETE /v1/tasks/{id}`: cancels what runs, and deletes what has ended.
    package func cancel(_ taskID: String) async throws(ProviderFailure) {
        guard RunwayCreated.isTaskID(taskID) else { return }
        let answer = try await read(.delete, "/v1/tasks/\(taskID)", "the end of a task")
        guard answer.isSuccess || answer.status == 404 else { throw Runway.later("the end of a task", answer, calls) }
    }

    /// `GET /v1/organization`.
    package func account() async throws(ProviderFailure) -> Account? {
        let answer = try await read(.get, "/v1/organization", "the account")
        guard answer.isSuccess else { throw Runway.later("the account", answer, calls) }
        guard let account = RunwayAccount.read(answer.body) else { throw Runway.unreadable("the account", answer) }
        return account
    }

    // MARK: - Free calls

    private func read(_ method: TransferMethod, _ path: String, _ what: String) async throws(ProviderFailure)
        -> TransferAnswer
    {
        do throws(TransferFailure) { return try await calls.read(method, path) } catch {
            let failure = RunwayFailures.unsent(what, error, quote: calls.quote)
            throw ProviderFailure(
                code: failure.code, message: failure.message, retryable: true, retry: .later(seconds: nil),
                httpStatus: failure.httpStatus)
        }
    }

    /// A free call may always be made again, whatever the answer was: it says nothing of a task that is paid for.
    private static func later(_ what: String, _ answer: TransferAnswer, _ calls: RunwayCalls) -> ProviderFailure {
        let failure = RunwayFailures.refusal(what, answer, quote: calls.quote)
        return ProviderFailure(
            code: failure.code == .providerAuth ? .providerAuth : .providerUnavailable, message: failure.message,
            retryable: true, retry: .later(seconds: RetryAfter.seconds(answer)), httpStatus: answer.status)
    }

    private static func unreadable(_ what: String, _ answer: TransferAnswer) -> ProviderFailure {
        ProviderFailure(
            code: .providerUnavailable,
            message: "Runway's answer about \(what) cannot be read. Check that runway.baseUrl is the API itself; if it "
                + "is, try again later.",
            retryable: true, retry: .later(seconds: nil), httpStatus: answer.status)
    }
}
