// FASHN AI: one picture of garments put on a person, who is made up or stands in the user's own photo.
//
// What came back becomes what is known, and where that leaves a doubt whether a prediction exists, it is `lost`.
// Nothing here waits, tries again, or touches a file; the tables are `FashnModels` and `FashnAnswers`, and
// docs/PROVIDERS.md has the one of what came back. There is no call that cancels, none that finds a lost prediction,
// and no key that would make a second order the same as the first.

internal import Contract
internal import Transfer

/// FASHN AI.
package struct Fashn: Provider {
    static let service = Service(id: "fashn", displayName: "FASHN AI", portal: "app.fashn.ai/api")

    private let calls: ServiceCalls
    private let failures: ServiceFailures
    private let concurrent: Int
    private let clock: @Sendable () -> Int64

    package let traits: ProviderTraits

    /// - Parameters:
    ///   - key: `fashn.apiKey`.
    ///   - clock: monotonic nanoseconds.
    init(
        _ settings: ServiceSettings, key: String, transfer: any Transferring, clock: @escaping @Sendable () -> Int64
    ) {
        let calls = ServiceCalls(settings, key: key, header: "Authorization", prefix: "Bearer ", transfer: transfer)
        (self.calls, concurrent) = (calls, settings.concurrent)
        self.clock = clock
        failures = ServiceFailures(service: Fashn.service, quote: { calls.quote($0) })
        traits = ProviderTraits(
            id: Fashn.service.id, displayName: Fashn.service.displayName,
            models: FashnModel.all(first: settings.model).map(\.traits), isFree: false)
    }

    /// What an environment has where the configuration says nothing.
    package static var standard: ServiceSettings {
        ServiceSettings(baseURL: "https://api.fashn.ai", model: FashnModel.all[0].name, concurrent: 6)
    }

    /// The provider as the configuration has it, or what it lacks.
    package static func entry(_ environment: ProviderEnvironment) -> ProviderEntry {
        guard let key = environment.fashn.apiKey else {
            return .missing(id: service.id, displayName: service.displayName, setting: service.setting("apiKey"))
        }
        return .ready(
            Fashn(environment.fashn, key: key, transfer: environment.transfer, clock: environment.monotonicClock))
    }

    /// What `fashn.model` may be, the default first.
    package static var modelNames: [String] { FashnModel.all.map(\.name) }

    /// The most that this order can cost; what it did cost is told when it has ended.
    package func price(_ order: Order) -> Price { Price(fashnCredits: FashnModel.of(order).credits) }

    // MARK: - The order

    /// `POST /v1/run`, once.
    package func submit(_ order: Order) async -> Submission {
        let body = FashnOrder.body(order, FashnModel.of(order), fallbackSeed: UInt32(truncatingIfNeeded: clock()))
        let result: Result<TransferAnswer, TransferFailure>
        do throws(TransferFailure) { result = .success(try await calls.post("/v1/run", body)) } catch {
            result = .failure(error)
        }
        return failures.outcome(result, said: { FashnRefusal.words($0.body) }) { answer in
            FashnCreated.id(answer.body).map { .accepted(taskID: $0, estimate: nil) }
        }
    }

    // MARK: - The prediction

    /// `GET /v1/status/{id}`.
    package func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport {
        guard FashnCreated.isID(taskID) else { return Fashn.unknown }
        let answer = try await read("/v1/status/\(taskID)", "the state of a prediction")
        if answer.status == 404 { return Fashn.unknown }
        guard answer.isSuccess else { throw later("the state of a prediction", answer) }
        guard let state = FashnPrediction.state(answer, quote: calls.quote) else {
            throw failures.unreadable("the state of a prediction", answer)
        }
        return TaskReport(state)
    }

    private static let unknown = TaskReport(
        .gone(
            code: "TASK_GONE",
            message: "FASHN AI does not know the prediction any more: it is too old, or another account's. Check that "
                + "fashn.apiKey is the one that ordered it, then send the request again."))

    /// There is no such call.
    package func cancel(_ taskID: String) async throws(ProviderFailure) { throw failures.cannotCancel() }

    /// `GET /v1/credits`, and `fashn.concurrent`: no call tells how many an account may have.
    package func account() async throws(ProviderFailure) -> Account? {
        let answer = try await read("/v1/credits", "the account")
        guard answer.isSuccess else { throw later("the account", answer) }
        guard let total = AnswerJSON.root(answer.body)?["credits"]?["total"]?.amount else {
            throw failures.unreadable("the account", answer)
        }
        return Account(balance: total, models: FashnModel.allowances(concurrent))
    }

    // MARK: - Free calls

    private func read(_ path: String, _ what: String) async throws(ProviderFailure) -> TransferAnswer {
        do throws(TransferFailure) { return try await calls.read(path) } catch { throw failures.later(what, error) }
    }

    private func later(_ what: String, _ answer: TransferAnswer) -> ProviderFailure {
        failures.later(what, answer, FashnRefusal.words(answer.body))
    }
}
